"""Recreations: has services made again, those that are asked for meanwhile together."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Protocol

from containers.model.base import ServiceName
from containers.model.errors import ErrorCode, LockHeldError, PodkeeperError
from containers.model.outcome import ComposeResult

_FINAL = frozenset({ErrorCode.LOCK_HELD, ErrorCode.CANCELLED, ErrorCode.ROLLBACK_FAILED})

Results = dict[ServiceName, ComposeResult | None]
"""What came of each service; None where it was not part of what was last applied."""


class MakeAgain(Protocol):
    """Makes what is missing of services again, or (`anew`) all of them, in one change of the project."""

    async def __call__(self, services: Collection[ServiceName], *, anew: bool = False) -> Results:
        """Nothing is done where another change is under way: the results say so.

        They are in the order in which the services depend on one another.
        """


@dataclass(slots=True, eq=False)
class _Batch:
    services: set[ServiceName] = field(default_factory=set)
    results: Results | None = None
    error: PodkeeperError | None = None


class Recreations:
    """One change at a time, in which all take part that have come since the one before began.

    Where that fails they are made one by one.

    Args:
        make_again: changes the project.
    """

    def __init__(self, make_again: MakeAgain) -> None:
        self._make_again = make_again
        self._turn = asyncio.Lock()
        self._next = {False: _Batch(), True: _Batch()}
        """What waits; by whether it is made anew."""

    async def make(self, service: ServiceName, *, anew: bool = False) -> ComposeResult | None:
        """Have what is missing of a service made again, or (`anew`) all of it.

        Returns:
            What came of it; None where it was not part of what was last applied.

        Raises:
            LockHeldError: somebody changes the project.
            PodkeeperError: what was last applied can not be read.
        """
        batch = self._next[anew]
        batch.services.add(service)
        async with self._turn:
            if batch is self._next[anew]:
                self._next[anew] = _Batch()
            if batch.error is None and batch.results is None:
                try:
                    batch.results = await self._make_all(batch.services, anew=anew)
                except PodkeeperError as error:
                    batch.error = error
        if batch.results is None:
            assert batch.error is not None  # noqa: S101  (one of the two)
            raise batch.error
        result = batch.results[service]
        if result is not None and _is_locked(result):
            raise LockHeldError(ErrorCode.LOCK_HELD, result.problems[0].message)
        return result

    async def _make_all(self, services: Collection[ServiceName], *, anew: bool) -> Results:
        results = await self._make_again(services, anew=anew)
        if len(services) == 1 or not any(map(_has_failed, results.values())):
            return results
        # one that can not be made must not keep the others away
        return {name: (await self._make_again((name,), anew=anew))[name] for name in results}


def _is_locked(result: ComposeResult) -> bool:
    return any(problem.code is ErrorCode.LOCK_HELD for problem in result.problems)


def _has_failed(result: ComposeResult | None) -> bool:
    """Whether it is worth another try with fewer: not what was cancelled, or could not even be undone."""
    return result is not None and not result.ok and not _FINAL & {p.code for p in result.problems}
