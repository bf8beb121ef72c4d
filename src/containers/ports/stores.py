"""What is kept: the journal, the history of health, revisions and choices."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Protocol

from containers.model.base import ProjectName, ServiceName, StepId, TransactionId
from containers.model.events import EventBase
from containers.model.journal import JournalRecord, OpenTransaction, Phase, StepTime, TransactionSummary
from containers.model.metrics import Incident, Notes, Sample, Span, Totals, Transition
from containers.model.outcome import StepOutcome
from containers.model.place import Place
from containers.model.revision import Revision, RevisionDamage, RevisionInfo


class Journal(Protocol):
    """What is written down about transactions, before and after each of their steps.

    Every method raises `StateError` (`state_unusable`, `no_space`) when it can not be written or read.
    """

    async def begin(self, record: JournalRecord) -> None:
        """Note a transaction before anything of it is done; it is on the disk when this returns."""
        ...

    async def step_begun(self, transaction: TransactionId, step: StepId) -> None:
        """Note that a step is about to be done."""
        ...

    def step_ended(self, transaction: TransactionId, outcome: StepOutcome) -> None:
        """Note what came of a step, with the next that is waited for; one whose end is lost is unknown."""
        ...

    async def enter(self, transaction: TransactionId, phase: Phase, revision: int | None = None) -> None:
        """Note that a transaction has come to another phase, and which revision it makes the current one."""
        ...

    async def held_by(self, transaction: TransactionId, pid: int) -> None:
        """Note which process is at work on a transaction, or `NOBODY`."""
        ...

    async def conclude(
        self, transaction: TransactionId, phase: Phase, message: str = "", *, recovered: bool = False
    ) -> None:
        """Note that a transaction has ended."""
        ...

    async def unfinished(self, project: ProjectName, store: str) -> tuple[OpenTransaction, ...]:
        """The transactions of a project that nobody has ended, oldest first."""
        ...

    async def history(
        self, project: ProjectName | None = None, store: str | None = None, *, limit: int = 100
    ) -> tuple[TransactionSummary, ...]:
        """Transactions of the past, newest first; of all projects where none is named."""
        ...

    async def step_times(self, transaction: TransactionId) -> tuple[StepTime, ...]:
        """The steps of a transaction, in the order in which they began."""
        ...

    async def ignored_drift(self, project: ProjectName, store: str) -> frozenset[str]:
        """The fingerprints of drift that somebody said is all right."""
        ...

    async def ignore_drift(self, project: ProjectName, store: str, fingerprints: Iterable[str]) -> None:
        """Note that drift is all right; none forgets what was noted."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


class EventLog(Protocol):
    """What processes told of projects that no other process can know; the oldest is forgotten.

    Every coroutine may raise `StateError` when it can not be written or read.
    """

    async def add(self, event: EventBase) -> None:
        """Note what this process told of a project."""
        ...

    async def newest(self) -> int:
        """The number of the newest; 0 where there is none."""
        ...

    def may_have_more(self) -> bool:
        """Whether something may have been noted since the last `after`: asked for often, and costs little."""
        ...

    async def after(self, number: int) -> tuple[int, tuple[EventBase, ...]]:
        """What other processes told after that number, oldest first, and the number of the last."""
        ...

    async def between(
        self, project: ProjectName, since: datetime | None, until: datetime | None
    ) -> tuple[EventBase, ...]:
        """What was told of a project between two moments, by any process, oldest first."""
        ...


class HealthNotes(Protocol):
    """What was measured of services, and how they were. May be lost: nothing is decided by it.

    Every method may raise `StateError` when the history can not be written or read.
    """

    async def note(self, notes: Notes) -> None:
        """Remember all of it or, where this raises, nothing."""
        ...

    async def give_up_open(self, place: Place, before: datetime) -> None:
        """End, as `unobserved`, the incidents that an earlier process opened and did not live to close."""
        ...

    async def tidy(self, now: datetime) -> bool:
        """Do a small part of what is due: make means of old samples, forget the oldest.

        Returns:
            Whether more is due.
        """
        ...


class HealthHistory(HealthNotes, Protocol):
    """The same, for who reads it."""

    async def latest(self, place: Place, since: datetime) -> tuple[Sample, ...]:
        """The last sample of each container that has one since then."""
        ...

    async def samples(
        self, place: Place, since: datetime, until: datetime, span_s: int = 0
    ) -> tuple[Sample, ...]:
        """The samples that were taken (0), or the means of `span_s`, oldest first."""
        ...

    async def totals(self, place: Place, since: datetime) -> Mapping[ServiceName, Totals]:
        """What each service came to since then, from whatever is still kept of that time."""
        ...

    async def spans(self, place: Place, since: datetime) -> tuple[Span, ...]:
        """The spans that had not ended before, oldest first."""
        ...

    async def incidents(self, place: Place, since: datetime) -> tuple[Incident, ...]:
        """The incidents that had not ended before, oldest first."""
        ...

    async def transitions(self, place: Place, since: datetime) -> tuple[Transition, ...]:
        """How health changed, oldest first."""
        ...

    async def rows(self) -> Mapping[str, int]:
        """How many rows each table has."""
        ...

    def close(self) -> None:
        """Let go of what is open."""
        ...


class RevisionStore(Protocol):
    """Revisions, each written whole or not at all, and checked when it is read.

    Every method raises `StateError`: `state_unusable` or `no_space` where nothing can be written,
    `revision_unknown`, `state_damaged` where the content is not what was written.
    """

    async def next_number(self, project: ProjectName, store: str) -> int:
        """The number of the revision that comes next."""
        ...

    async def latest(self, project: ProjectName, store: str) -> RevisionInfo | None:
        """The newest revision that can be read; None where there is none."""
        ...

    async def stage(self, revision: Revision) -> None:
        """Write a revision that does not count yet; one that was staged before gives way."""
        ...

    async def keep(self, project: ProjectName, store: str, number: int) -> None:
        """Let the staged revision count; no error when it does already. The oldest are dropped."""
        ...

    async def drop_staged(self, project: ProjectName, store: str) -> None:
        """Forget what is staged."""
        ...

    async def known(self, project: ProjectName, store: str) -> tuple[RevisionInfo, ...]:
        """The revisions that count, newest first; those that can not be read are left out."""
        ...

    async def project_of(self, working_dir: Path, store: str) -> ProjectName | None:
        """The project that was last applied from a folder; None where none was."""
        ...

    async def read(self, project: ProjectName, store: str, number: int) -> Revision:
        """One revision in full."""
        ...

    async def damages(self, project: ProjectName, store: str) -> tuple[RevisionDamage, ...]:
        """What is wrong with what is stored."""
        ...


class EnvironmentChoices(Protocol):
    """Which environment a person chose for a folder."""

    def get(self, folder: Path) -> str | None:
        """The environment that was chosen, or None."""
        ...

    def choose(self, folder: Path, name: str) -> None:
        """Note the choice."""
        ...
