"""What happened before anybody listened: what the engine, the journal and processes noted, in one row."""

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
    *,
    shared: Sequence[EventBase] = (),
) -> tuple[EventBase, ...]:
    """Everything of a project between two moments, in the order of time.

    Those that a process wrote down when it told them have their id. The others get none, and none has a
    sequence. A transaction that was told then is not told again from the journal, which remembers longer.
    """
    told = [translated for event in engine if (translated := translate(event)) is not None]
    found: list[EventBase] = [event for event in told if event.project == project]
    found += (event.model_copy(update={"sequence": 0}) for event in shared)
    known = {(getattr(event, "kind", ""), event.cause) for event in shared if event.cause is not None}
    for transaction in transactions:
        found += (e for e in _of_transaction(transaction) if (getattr(e, "kind", ""), e.cause) not in known)
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
