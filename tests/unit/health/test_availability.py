"""Availability and mean time to recover: only of the time in which somebody looked."""

from datetime import UTC, datetime, timedelta

import pytest

from containers.health.availability import reliability
from containers.health.spans import SpanKeeper, wellness_of
from containers.model.base import ContainerId, ImageId, ProjectName, ServiceName
from containers.model.health import HealthState
from containers.model.metrics import Incident, Span, Wellness
from containers.model.observed import ContainerState, ObservedContainer

API, WEB = ServiceName("api"), ServiceName("web")
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """So long after noon."""
    return NOON + timedelta(seconds=seconds)


def span(begin: float, end: float, wellness: Wellness = "up", service: ServiceName = API) -> Span:
    """A service was so between two moments."""
    return Span(service=service, wellness=wellness, began_at=at(begin), until=at(end))


def incident(opened: float, lasted: float | None, how: str | None = "restarted") -> Incident:
    """One incident of `api`."""
    return Incident.model_validate(
        {
            "id": f"i{opened}",
            "service": API,
            "container": ContainerId("c"),
            "opened_at": at(opened),
            "reason": "it died",
            "closed_at": at(opened + lasted) if lasted is not None else None,
            "duration_s": lasted if how != "unobserved" else None,
            "how": how if lasted is not None else None,
        }
    )


def container(
    state: ContainerState = ContainerState.RUNNING,
    health: HealthState = HealthState.HEALTHY,
    service: ServiceName = API,
) -> ObservedContainer:
    """One container of a service."""
    return ObservedContainer(
        id=ContainerId(f"id-{service}"),
        name=f"{service}-1",
        project=ProjectName("demo"),
        service=service,
        image="x",
        image_id=ImageId("x"),
        state=state,
        health=health,
        created_at=NOON,
    )


def test_time_that_nobody_observed_counts_neither_way() -> None:
    """Of a window of 1,000 s, 100 s were seen, 10 of them down: 90 % available, 10 % observed."""
    found = reliability([span(0, 45), span(45, 55, "down"), span(955, 1000)], [], at(0), at(1000))
    assert found.availability_percent == pytest.approx(90.0)
    assert found.observed_percent == pytest.approx(10.0)


def test_nothing_observed_is_no_availability_rather_than_none_or_all_of_it() -> None:
    """As while monitoring was off for the whole window."""
    found = reliability([span(-100, -10)], [], at(0), at(1000))
    assert found.availability_percent is None
    assert found.observed_s == 0.0


def test_what_a_person_stopped_is_observed_but_is_no_failure() -> None:
    """Idle time is part of neither up nor down."""
    found = reliability([span(0, 50), span(50, 100, "idle")], [], at(0), at(100))
    assert (found.availability_percent, found.observed_percent) == (100.0, 100.0)


def test_spans_are_cut_at_the_window_and_an_overlap_of_two_processes_counts_once() -> None:
    """During a takeover two monitors may both have written."""
    found = reliability([span(-50, 60), span(40, 150, "down")], [], at(0), at(100))
    assert (found.up_s, found.down_s) == (60.0, 40.0)


def test_a_project_adds_up_its_services() -> None:
    """One of two down for the whole window is 50 %, all of it observed."""
    found = reliability([span(0, 100), span(0, 100, "down", WEB)], [], at(0), at(100))
    assert (found.availability_percent, found.observed_percent) == (50.0, 100.0)


def test_the_mean_time_to_recover_is_of_the_incidents_whose_end_was_seen_in_the_window() -> None:
    """Open ones, and those that ended while nobody looked, count as incidents alone."""
    past = [incident(-500, 100), incident(10, 4), incident(20, 8), incident(30, 99, "unobserved")]
    found = reliability([], [*past, incident(90, None)], at(0), at(100))
    assert (found.incidents, found.mean_recovery_s) == (4, 6.0)


def test_an_incident_before_the_window_counts_where_it_was_open_in_it() -> None:
    """It ended within; its whole length is its time to recover."""
    found = reliability([], [incident(-10, 30)], at(0), at(100))
    assert (found.incidents, found.mean_recovery_s) == (1, 30.0)


@pytest.mark.parametrize(
    ("containers", "has_incident", "expected"),
    [
        ([container()], False, "up"),
        ([container(health=HealthState.NONE)], False, "up"),
        ([container(health=HealthState.UNHEALTHY)], False, "down"),
        ([container()], True, "down"),
        ([], True, "down"),
        ([container(health=HealthState.STARTING)], False, "idle"),
        ([container(ContainerState.EXITED, HealthState.NONE)], False, "idle"),
        ([], False, "idle"),
    ],
)
def test_a_service_is_down_with_an_incident_or_unhealthy_and_idle_where_it_is_not_meant_to_serve(
    containers: list[ObservedContainer],
    has_incident: bool,  # noqa: FBT001  (a parameter of the test)
    expected: Wellness,
) -> None:
    """Stopped without an incident is what a person wanted."""
    assert wellness_of(containers, has_incident=has_incident) == expected


def test_looks_grow_one_span_and_a_change_begins_another() -> None:
    """Without a gap or an overlap between them."""
    keeper = SpanKeeper(30)
    for second in (0, 10, 20):
        keeper.look([container()], (), at(second))
    keeper.note(API, "down", at(23))
    keeper.look([container()], {API}, at(30))
    keeper.look([container()], (), at(40))
    assert keeper.take() == (span(0, 23), span(23, 40, "down"), span(40, 40))
    assert keeper.take() == (span(40, 40),)


def test_a_gap_between_two_looks_is_observed_by_nobody() -> None:
    """The machine slept, or the engine was away."""
    keeper = SpanKeeper(30)
    for second in (0, 10, 1000):
        keeper.look([container()], (), at(second))
    assert keeper.take() == (span(0, 10), span(1000, 1000))


def test_what_is_told_late_does_not_change_what_was_seen() -> None:
    """An event of a moment that a look has covered begins its span where the look ended."""
    keeper = SpanKeeper(30)
    keeper.look([container()], (), at(0))
    keeper.look([container()], (), at(10))
    keeper.note(API, "down", at(9))
    assert keeper.take() == (span(0, 10), span(10, 10, "down"))


def test_a_service_whose_containers_are_gone_without_an_incident_is_seen_no_more() -> None:
    """It was taken down; its span ends with the last look at it."""
    keeper = SpanKeeper(30)
    keeper.look([container()], (), at(0))
    keeper.look([container()], (), at(10))
    keeper.look([], (), at(20))
    assert keeper.take() == (span(0, 10),)
    assert not keeper.current


def test_a_gone_container_with_an_incident_is_down() -> None:
    """It was deleted, not taken down."""
    keeper = SpanKeeper(30)
    keeper.look([container()], (), at(0))
    keeper.look([], {API}, at(10))
    keeper.look([], {API}, at(20))
    assert keeper.take() == (span(0, 10), span(10, 20, "down"))


def test_nobody_looking_ends_the_spans_where_they_were_seen_last() -> None:
    """Podman went away."""
    keeper = SpanKeeper(30)
    keeper.look([container()], (), at(0))
    keeper.forget()
    keeper.look([container()], (), at(10))
    assert keeper.take() == (span(0, 0), span(10, 10))
