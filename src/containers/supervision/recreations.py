"""Recreations: has services made again, those that are asked for meanwhile together."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Protocol

from containers.model.base import ServiceName
from containers.model.errors import ErrorCode, LockHeldError
from containers.model.outcome import ComposeResult

Results = dict[ServiceName, ComposeResult | None]
"""What came of each service; None where it was not part of what was last applied."""


class MakeAgain(Protocol):
    """Makes what is missing of services again, or (`anew`) all of them, in one change of the project."""

    async def __call__(self, services: Collection[ServiceName], *, anew: bool = False) -> Results:
        """Nothing is done where another change is under way: the results say so."""


@dataclass(slots=True, eq=False)
class _Batch:
    services: set[ServiceName] = field(default_factory=set)
    results: Results | None = None


class Recreations:
    """One change at a time, in which all take part that have come since the one before began.

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
            if batch.results is None:
                batch.results = await self._make_all(batch.services, anew=anew)
        result = batch.results[service]
        if result is not None and _is_locked(result):
            raise LockHeldError(ErrorCode.LOCK_HELD, result.problems[0].message)
        return result

    async def _make_all(self, services: Collection[ServiceName], *, anew: bool) -> Results:
        results = await self._make_again(services, anew=anew)
        has_failed = any(r is not None and not r.ok and not _is_locked(r) for r in results.values())
        if not has_failed or len(services) == 1:
            return results
        # one that can not be made must not keep the others away
        return {name: (await self._make_again((name,), anew=anew))[name] for name in sorted(services)}


def _is_locked(result: ComposeResult) -> bool:
    return any(problem.code is ErrorCode.LOCK_HELD for problem in result.problems)
