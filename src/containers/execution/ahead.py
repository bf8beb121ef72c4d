"""Work that is begun before it is known whether it is needed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from containers.model.errors import PodkeeperError

_T = TypeVar("_T")


@asynccontextmanager
async def ahead(work: Coroutine[Any, Any, _T]) -> AsyncIterator[Callable[[], Awaitable[_T]]]:
    """Have `work` done beside the block, which calls what it is given for the result, or its error.

    What nobody has asked for when the block ends is cancelled, and its error is nobody's.
    """

    async def outcome() -> tuple[_T, None] | tuple[None, PodkeeperError]:
        try:
            return await work, None
        except PodkeeperError as error:
            return None, error

    failure: BaseException | None = None
    try:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(outcome(), name="ahead")

            async def result() -> _T:
                match await task:
                    case (None, PodkeeperError() as error):
                        raise error
                    case (value, _):
                        return value

            try:
                yield result
            except BaseException as error:  # noqa: BLE001  (raised again, unwrapped, below)
                failure = error
            task.cancel()
    finally:
        work.close()  # one that is cancelled before its first step would otherwise be left unawaited
    if failure is not None:
        raise failure
