"""What happened before anybody listened."""

from datetime import UTC, datetime, timedelta

from containers.model.base import ProjectName, TransactionId
from containers.model.events import ContainerEvent, TransactionFinished
from containers.model.journal import Phase, TransactionSummary
from containers.model.observed import EngineEvent
from containers.observation.past import told_before

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
DEMO = ProjectName("demo")


def noted(action: str, after_s: float, project: str = "demo") -> EngineEvent:
    """An event of Podman's log."""
    labels = {"com.docker.compose.project": project, "com.docker.compose.service": "web"}
    at_ns = int((BEGAN + timedelta(seconds=after_s)).timestamp()) * 1_000_000_000
    return EngineEvent(type="container", action=action, id="c", name="w", at_ns=at_ns, attributes=labels)


def tried(phase: Phase, began_s: float, ended_s: float | None) -> TransactionSummary:
    """A transaction of the journal."""
    return TransactionSummary(
        transaction=TransactionId("T"),
        project=DEMO,
        verb="up",
        phase=phase,
        started_at=BEGAN + timedelta(seconds=began_s),
        finished_at=None if ended_s is None else BEGAN + timedelta(seconds=ended_s),
        changes=3,
    )


def test_the_log_and_the_journal_are_told_in_the_order_of_time() -> None:
    """Only of the project, and only what is a change."""
    log = [noted("create", 2), noted("sync", 2), noted("start", 3), noted("died", 4, "other")]
    found = told_before(DEMO, log, [tried(Phase.COMMITTED, 1, 5)])
    assert [getattr(event, "kind", "") for event in found] == [
        "transaction.started",
        "container.created",
        "container.started",
        "transaction.finished",
    ]
    last = found[-1]
    assert isinstance(last, TransactionFinished)
    assert (last.outcome, last.duration_s, last.cause) == ("committed", 4.0, "T")


def test_a_window_leaves_out_what_is_before_and_after() -> None:
    """Its ends belong to it."""
    log = [noted("create", 1), noted("start", 2), noted("died", 3)]
    window = told_before(DEMO, log, [], BEGAN + timedelta(seconds=2), BEGAN + timedelta(seconds=3))
    kinds = [event.kind for event in window if isinstance(event, ContainerEvent)]
    assert kinds == ["container.started", "container.died"]


def test_a_transaction_that_nobody_ended_has_only_begun() -> None:
    """Its end comes with who recovers it."""
    found = told_before(DEMO, [], [tried(Phase.APPLYING, 1, None), tried(Phase.STUCK, 2, 3)])
    assert [getattr(event, "outcome", "began") for event in found] == ["began", "began", "stuck"]
