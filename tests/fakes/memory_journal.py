"""A journal in memory, for tests that own their processes' ends."""

from collections.abc import Iterable
from datetime import UTC, datetime

from containers.model.base import ProjectName, StepId, TransactionId
from containers.model.errors import ErrorCode, StateError
from containers.model.journal import JournalRecord, OpenTransaction, Phase, StepTime, TransactionSummary
from containers.model.outcome import StepOutcome


class MemoryJournal:
    """The port `Journal`.

    Attributes:
        is_full: while true, nothing more can be noted, as on a full disk.
    """

    def __init__(self) -> None:
        self.is_full = False
        self._records: dict[TransactionId, JournalRecord] = {}
        self._summaries: dict[TransactionId, TransactionSummary] = {}
        self._ignored: dict[tuple[ProjectName, str], set[str]] = {}
        self._steps: dict[TransactionId, dict[StepId, StepOutcome | None]] = {}

    async def begin(self, record: JournalRecord) -> None:
        """Remember it."""
        self._refuse_when_full()
        self._records[record.transaction] = record
        self._steps[record.transaction] = {}
        self._summaries[record.transaction] = TransactionSummary(
            transaction=record.transaction,
            project=record.project,
            verb=record.plan.verb,
            environment=record.environment,
            phase=Phase.APPLYING,
            started_at=record.started_at,
            pid=record.pid,
            changes=len(record.plan.changes),
        )

    async def step_begun(self, transaction: TransactionId, step: StepId) -> None:
        """Remember it; a transaction that was never begun is a test's own."""
        self._refuse_when_full()
        self._steps.setdefault(transaction, {}).setdefault(step, None)

    def step_ended(self, transaction: TransactionId, outcome: StepOutcome) -> None:
        """Remember it."""
        self._steps.setdefault(transaction, {})[outcome.step] = outcome

    async def enter(self, transaction: TransactionId, phase: Phase, revision: int | None = None) -> None:
        """Remember it, if it is known."""
        self._refuse_when_full()
        if transaction not in self._summaries:
            raise StateError(
                ErrorCode.STATE_DAMAGED, f"the account of {transaction} is lost", remedy="(fake)"
            )
        known = self._summaries[transaction].revision
        self._update(transaction, phase=phase, revision=known if revision is None else revision)

    async def held_by(self, transaction: TransactionId, pid: int) -> None:
        """Remember it."""
        self._refuse_when_full()
        self._update(transaction, pid=pid)

    async def conclude(
        self, transaction: TransactionId, phase: Phase, message: str = "", *, recovered: bool = False
    ) -> None:
        """Remember it."""
        self._refuse_when_full()
        self._update(
            transaction, phase=phase, message=message, recovered=recovered, finished_at=datetime.now(UTC)
        )

    async def unfinished(self, project: ProjectName, store: str) -> tuple[OpenTransaction, ...]:
        """Those that were begun and not ended."""
        return tuple(
            OpenTransaction(
                record=record,
                phase=self._summaries[name].phase,
                revision=self._summaries[name].revision,
                begun=frozenset(self._steps[name]),
                ended=tuple(o for o in self._steps[name].values() if o is not None),
            )
            for name, record in self._records.items()
            if record.project == project and record.store == store and self._summaries[name].phase.is_open
        )

    async def history(
        self, project: ProjectName | None = None, store: str | None = None, *, limit: int = 100
    ) -> tuple[TransactionSummary, ...]:
        """Newest first."""
        found = [
            summary
            for name, summary in self._summaries.items()
            if project in {None, summary.project} and store in {None, self._records[name].store}
        ]
        return tuple(reversed(found))[:limit]

    async def step_times(self, transaction: TransactionId) -> tuple[StepTime, ...]:
        """In the order in which they began."""
        steps = self._steps.get(transaction, {})
        return tuple(
            StepTime.of(outcome)
            if outcome is not None
            else StepTime(step=step, outcome="unknown", duration_s=0.0)
            for step, outcome in steps.items()
        )

    async def ignored_drift(self, project: ProjectName, store: str) -> frozenset[str]:
        """What was ignored."""
        return frozenset(self._ignored.get((project, store), ()))

    async def ignore_drift(self, project: ProjectName, store: str, fingerprints: Iterable[str]) -> None:
        """None forgets all."""
        given = set(fingerprints)
        self._ignored[project, store] = self._ignored.get((project, store), set()) | given if given else set()

    def close(self) -> None:
        """Nothing is held."""

    def _update(self, transaction: TransactionId, **fields: object) -> None:
        summary = self._summaries.get(transaction)
        if summary is not None:
            self._summaries[transaction] = summary.model_copy(update=fields)

    def _refuse_when_full(self) -> None:
        if self.is_full:
            raise StateError(ErrorCode.NO_SPACE, "there is no room left", remedy="(fake)")
