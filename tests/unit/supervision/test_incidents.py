"""How long an incident was."""

from datetime import datetime, timedelta

import pytest
from tests.fakes.manual_clock import ManualClock
from typing_extensions import override

from containers.bus import EventBus
from containers.model.base import ContainerId, ProjectName, ServiceName
from containers.model.events import EventBase, IncidentClosed
from containers.supervision.incidents import IncidentBook

BEGAN = datetime.fromisoformat("2026-01-02T03:04:05.900+00:00")


class Told(EventBus):
    """Keeps what is published."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.events: list[EventBase] = []

    @override
    def publish(self, event: EventBase) -> None:
        """Note it."""
        self.events.append(event)


@pytest.mark.parametrize(
    ("well_since_s", "closed_after_s", "duration_s"),
    [
        pytest.param(None, 1.2, 1.2, id="nothing says when it was well"),
        pytest.param(0.5, 1.2, 0.5, id="it was well before that was seen"),
        pytest.param(1.1, 1.3, 1.3, id="it was started in the second that ends later"),
        pytest.param(1.1, 9.0, 2.1, id="in a second that is over"),
        pytest.param(0.1, 0.4, 0.4, id="in the second that follows"),
        pytest.param(-0.9, 0.05, 0.05, id="in the second in which it failed"),
        pytest.param(-3.0, 0.2, 0.2, id="it had been started before"),
    ],
)
async def test_an_incident_never_looks_shorter_than_it_was(
    well_since_s: float | None, closed_after_s: float, duration_s: float
) -> None:
    """Symptom: 0.07 s to recover for what took a second, since Podman lists whole seconds."""
    clock = ManualClock()
    told = Told(clock)
    book = IncidentBook(publisher=told, clock=clock)
    await clock.advance((BEGAN - clock.now()).total_seconds() + closed_after_s)
    web = ServiceName("web")
    book.open(ProjectName("demo"), web, 1, container=ContainerId("abc"), reason="it died", at=BEGAN)
    book.close_well("web/1", None if well_since_s is None else BEGAN + timedelta(seconds=well_since_s))
    closed = told.events[-1]
    assert isinstance(closed, IncidentClosed)
    assert closed.duration_s == pytest.approx(duration_s)
