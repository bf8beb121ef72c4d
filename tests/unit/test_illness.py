"""When an incident ends that a person ended."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, cast

import pytest
from tests.fakes.clock import LoopClock

from containers.bus import EventBus
from containers.health.machine import Seen
from containers.model.base import ContainerId, ImageId, ProjectName, ServiceName
from containers.model.health import HealthState
from containers.model.observed import ContainerState, ObservedContainer
from containers.model.supervision import place_of
from containers.supervision.illness import Illness
from containers.supervision.incidents import IncidentBook

if TYPE_CHECKING:
    from containers.supervision.sight import Sight

STOPPED = ObservedContainer(
    id=ContainerId("c"),
    name="demo_web_1",
    project=ProjectName("demo"),
    service=ServiceName("web"),
    number=1,
    state=ContainerState.EXITED,
    exit_code=0,
    image="busybox",
    image_id=ImageId("i"),
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
)
PLACE = place_of(STOPPED.service, 1)
SEEN = Seen(ContainerState.EXITED, HealthState.NONE, 0, engine_restarts=False, may_restart=True)


class NobodysHands:
    """A sight in which nobody stopped anything."""

    hands: dict[ContainerId, object] = {}  # noqa: RUF012  (nothing is put into it)


def illness_of(incidents: IncidentBook, clock: LoopClock) -> Illness:
    """What nobody is finding out about."""
    sight = cast("Sight", NobodysHands())
    return Illness(
        incidents=incidents,
        sight=sight,
        clock=clock,
        is_attended=lambda _: False,
        is_given_up=lambda _: False,
    )


async def test_a_stop_counts_as_somebodys_once_no_removal_follows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A removal by force stops first: until it may be told, the incident stays open, and is then as old."""
    clock = LoopClock()
    incidents = IncidentBook(publisher=EventBus(clock), clock=clock)
    illness = illness_of(incidents, clock)
    incidents.open(STOPPED.project, STOPPED.service, 1, container=STOPPED.id, reason="it died")
    illness.note(PLACE, STOPPED, SEEN)
    stopped_at = clock.now()
    for seconds, is_open in ((2.5, True), (3.5, False)):
        monkeypatch.setattr(clock, "now", lambda s=seconds: stopped_at + timedelta(seconds=s))
        illness.note(PLACE, STOPPED, SEEN)
        assert (PLACE in incidents, illness.is_ending(PLACE)) == (is_open, is_open)


async def test_an_incident_that_ended_with_its_container_leaves_nothing_for_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Stopped, removed within a second, and there again: nothing is about to be closed."""
    monkeypatch.setattr("containers.supervision.illness.ABSENT_S", 0.05)
    clock = LoopClock()
    incidents = IncidentBook(publisher=EventBus(clock), clock=clock)
    illness = illness_of(incidents, clock)
    incidents.open(STOPPED.project, STOPPED.service, 1, container=STOPPED.id, reason="it died")
    illness.note(PLACE, STOPPED, SEEN)
    assert illness.is_ending(PLACE)
    illness.close_absent(())
    await clock.sleep(0.1)
    illness.close_absent(())
    assert PLACE not in incidents
    assert not illness.is_ending(PLACE)
