"""What happened before anybody listened: the engine's log and the journal, as one row of events."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from containers.model.base import ProjectName
from containers.model.events import EventBase, TransactionFinished, TransactionStarted
from containers.model.journal import Phase, TransactionSummary
from containers.model.observed import EngineEvent
from containers.observation.event_translation import translate


def told_before(
    project: ProjectName,
    engine: Iterable[EngineEvent],
    transactions: Iterable[TransactionSummary],
    since: datetime | None = None,
    until: datetime | None = None,
) -> tuple[EventBase, ...]:
    """Everything of a project between two moments, in the order of time.

    Events of the past have neither id nor sequence: those are given when an event is told.
    """
    told = [translated for event in engine if (translated := translate(event)) is not None]
    found: list[EventBase] = [event for event in told if event.project == project]
    for transaction in transactions:
        found += _of_transaction(transaction)
    wanted = (e for e in found if (since is None or e.at >= since) and (until is None or e.at <= until))
    return tuple(sorted(wanted, key=lambda e: e.at))


def _of_transaction(summary: TransactionSummary) -> Sequence[EventBase]:
    """Its beginning, and its end if somebody ended it."""
    began = TransactionStarted(
        at=summary.started_at,
        source="transaction",
        project=summary.project,
        cause=summary.transaction,
        verb=summary.verb,
        steps=summary.changes,
    )
    if summary.finished_at is None or summary.phase.is_open:
        return (began,)
    outcome = {Phase.COMMITTED: "committed", Phase.ROLLED_BACK: "rolled_back"}.get(summary.phase, "stuck")
    ended = TransactionFinished.model_validate(
        {
            "at": summary.finished_at,
            "source": "transaction",
            "project": summary.project,
            "cause": summary.transaction,
            "verb": summary.verb,
            "outcome": outcome,
            "duration_s": (summary.finished_at - summary.started_at).total_seconds(),
            "message": summary.message,
        }
    )
    return (began, ended)
