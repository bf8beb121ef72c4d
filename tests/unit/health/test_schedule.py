"""When checks are due."""

from containers.health.schedule import ProbeMemory, next_probe_at, next_record_at
from containers.model.health import HealthState
from containers.model.project import HealthCheck

CHECK = HealthCheck(test=("CMD", "true"), interval_s=30)


def test_podman_records_at_the_declared_interval() -> None:
    """First one interval after the container was seen, then one after each record."""
    assert next_record_at(ProbeMemory(first_seen_at=100), CHECK) == 130
    assert next_record_at(ProbeMemory(first_seen_at=100, recorded_at=130), CHECK) == 160


def test_a_starting_service_is_tried_at_once_and_often() -> None:
    """It is seen as healthy when it is, not at the next interval."""
    fresh = ProbeMemory(first_seen_at=100)
    assert next_probe_at(fresh, CHECK, HealthState.STARTING, 100) == 100
    tried = ProbeMemory(first_seen_at=100, probed_at=100)
    assert next_probe_at(tried, CHECK, HealthState.STARTING, 101) == 100.25
    assert next_probe_at(tried.model_copy(update={"probed_at": 120}), CHECK, HealthState.STARTING, 120) == 121


def test_start_interval_is_never_exceeded() -> None:
    """A shorter `start_interval` makes the tries more frequent."""
    quick = CHECK.model_copy(update={"start_interval_s": 0.1})
    tried = ProbeMemory(first_seen_at=0, probed_at=50)
    assert next_probe_at(tried, quick, HealthState.STARTING, 50) == 50.1


def test_a_service_that_has_started_is_not_tried_between_records() -> None:
    """Healthy and unhealthy ones go by the interval."""
    for health in (HealthState.HEALTHY, HealthState.UNHEALTHY):
        assert next_probe_at(ProbeMemory(first_seen_at=0), CHECK, health, 5) is None
