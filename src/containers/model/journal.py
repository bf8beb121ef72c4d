"""What is written down about a transaction, so that whoever comes after a crash knows what was going on."""

from datetime import datetime
from enum import StrEnum
from typing import Final

from containers.model.base import Model, ProjectName, StepId, TransactionId
from containers.model.observed import ObservedState
from containers.model.outcome import Done, Failed, NotRun, Problem, StepOutcome, Unknown
from containers.model.plan import Plan


class Phase(StrEnum):
    """How far a transaction has come."""

    APPLYING = "applying"
    """Steps are being done; everything can still be undone."""
    COMMITTING = "committing"
    """Every gate has passed; only what is not needed any more is being removed. There is no way back."""
    ROLLING_BACK = "rolling_back"
    COMMITTED = "committed"
    ROLLED_BACK = "rolled_back"
    STUCK = "stuck"

    @property
    def is_open(self) -> bool:
        """Whether somebody still has to see to it."""
        return self in {Phase.APPLYING, Phase.COMMITTING, Phase.ROLLING_BACK}


class JournalRecord(Model):
    """A transaction as it was begun."""

    transaction: TransactionId
    project: ProjectName
    store: str
    """Which engine's: `ContainerEngine.store`."""
    plan: Plan
    before: ObservedState
    """What there was when it was planned."""
    started_at: datetime
    pid: int
    environment: str = ""


class OpenTransaction(Model):
    """A transaction that nobody has ended: its process died."""

    record: JournalRecord
    phase: Phase
    revision: int | None = None
    """The revision that it makes the current one; None where it makes none, or has not come to that."""
    begun: frozenset[StepId]
    ended: tuple[StepOutcome, ...]

    @property
    def outcomes(self) -> tuple[StepOutcome, ...]:
        """Every step's outcome; that of one under way is unknown."""
        known = {outcome.step: outcome for outcome in self.ended}
        return tuple(known.get(step.id) or self._guess(step.id) for step in self.record.plan.steps)

    def _guess(self, step: StepId) -> StepOutcome:
        if step not in self.begun:
            return NotRun(step=step)
        problem = Problem.interrupted(f"{step} was under way when the process ended")
        return Unknown(step=step, duration_s=0.0, problem=problem)


NOBODY: Final = 0
"""In place of a process: none is at work on a transaction that was left open."""


class TransactionSummary(Model):
    """A transaction of the past, in a line."""

    transaction: TransactionId
    project: ProjectName
    verb: str
    environment: str = ""
    phase: Phase
    started_at: datetime
    finished_at: datetime | None = None
    pid: int = NOBODY
    """The process that began it, or is at ending it for one that was killed."""
    revision: int | None = None
    changes: int = 0
    """Steps that were to change something."""
    message: str = ""
    """Why it failed; empty where it did not."""
    recovery_s: float | None = None
    """From the first failed step to its end, where it was rolled back."""
    recovered: bool = False
    """Whether a later process ended it."""


class StepTime(Model):
    """How long one step of a past transaction took."""

    step: StepId
    outcome: str
    duration_s: float
    message: str = ""

    @classmethod
    def of(cls, outcome: StepOutcome) -> "StepTime":
        """What an outcome says of it."""
        match outcome:
            case Done():
                return cls(step=outcome.step, outcome="done", duration_s=outcome.duration_s)
            case Failed() | Unknown():
                message = outcome.problem.message
                return cls(
                    step=outcome.step, outcome=outcome.kind, duration_s=outcome.duration_s, message=message
                )
            case NotRun():
                return cls(step=outcome.step, outcome="not_run", duration_s=0.0)
