"""OwnChanges: whether what happened to a container was our doing, in whichever of our processes."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from containers.model.base import StepId
from containers.model.journal import NOBODY, Phase, TransactionSummary
from containers.model.observed import ObservedContainer
from containers.model.place import Place
from containers.ports.stores import Journal

_AFTER = timedelta(seconds=0.5)
"""The end of a container that was brought about is told a little later."""
_ENDING = ("stop:", "restart:", "remove:", "replace:", "make-way:")
"""Steps that end or remove containers; the others only do while their transaction may still be undone."""
_LATEST = 5
"""Transactions that are looked at: one at a time changes a project."""


class OwnChanges:
    """Tells our own changes from accidents.

    Args:
        place: whose journal it is.
        journal: the transactions.
        lives: whether the process of a number lives: who was killed is not at work any more.
    """

    def __init__(
        self, *, place: Callable[[], Awaitable[Place]], journal: Journal, lives: Callable[[int], bool]
    ) -> None:
        self._place = place
        self._journal = journal
        self._lives = lives

    async def was_changing(self, container: ObservedContainer, at: datetime) -> bool:
        """Whether a transaction was at work on a container at a moment, or had just ended it.

        Raises:
            PodkeeperError: there is no engine, or the journal can not be read.
        """
        return bool(await self._steps_around(container, at))

    async def was_restarting(self, container: ObservedContainer, at: datetime) -> bool:
        """Whether a transaction restarted a container at a moment.

        Raises:
            PodkeeperError: as `was_changing`.
        """
        return any(step.startswith("restart:") for step in await self._steps_around(container, at))

    async def _steps_around(self, container: ObservedContainer, at: datetime) -> list[StepId]:
        """What transactions had begun to do to a container, as far as it may show at that moment."""
        place = await self._place()
        where = (f":{container.service}:{container.number}", f":{container.name}")
        found: list[StepId] = []
        for each in await self._journal.history(place.project, place.store, limit=_LATEST):
            if each.started_at <= at and (is_under_way := self._is_under_way(each, at)) is not None:
                steps = await self._journal.step_times(each.transaction)
                mine = (step.step for step in steps if step.step.endswith(where))
                was_there = container.created_at < each.started_at  # else that is what it made
                found += (s for s in mine if is_under_way or (was_there and s.startswith(_ENDING)))
        return found

    def _is_under_way(self, transaction: TransactionSummary, at: datetime) -> bool | None:
        """Whether one that had begun was at work at a moment; False: it had just ended, None: long ago."""
        if transaction.finished_at is None:
            return True if transaction.pid != NOBODY and self._lives(transaction.pid) else None
        if at <= transaction.finished_at:
            return True
        if at > transaction.finished_at + _AFTER:
            return None
        return transaction.phase is not Phase.COMMITTED  # what it had made may have been taken away again
