"""Several things at once, with their results in order."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from containers.model.errors import PodkeeperError

_T = TypeVar("_T")


async def together(work: Iterable[Coroutine[Any, Any, _T]]) -> tuple[_T, ...]:
    """Run everything at once; the first `PodkeeperError` cancels the rest, and comes out bare."""
    async with bare_errors(), asyncio.TaskGroup() as group:
        tasks = [group.create_task(one) for one in work]
    return tuple(task.result() for task in tasks)


@asynccontextmanager
async def bare_errors() -> AsyncIterator[None]:
    """Around a TaskGroup: the first `PodkeeperError` in it comes out bare, as callers expect it."""
    try:
        yield
    except BaseExceptionGroup as failures:
        known, rest = failures.split(PodkeeperError)
        if rest is not None or known is None:
            raise
        first: BaseException = known
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        raise first from None
