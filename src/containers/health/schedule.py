"""When a container's check is due."""

from containers.model.base import Model
from containers.model.health import HealthState
from containers.model.project import HealthCheck


class ProbeMemory(Model):
    """What is remembered of one container's checks; times are monotonic seconds."""

    first_seen_at: float
    recorded_at: float | None = None
    """When Podman last ran the check and wrote down what it said."""
    probed_at: float | None = None
    """When we last tried the check's command, to notice the moment it becomes ready."""


EAGER_S = 10.0
"""For so long a starting service is tried often."""
EAGER_EVERY_S = 0.25
PATIENT_EVERY_S = 1.0


def next_record_at(memory: ProbeMemory, check: HealthCheck) -> float:
    """When Podman should run the check next: at the declared interval, first one interval after start."""
    return (memory.first_seen_at if memory.recorded_at is None else memory.recorded_at) + check.interval_s


def next_probe_at(memory: ProbeMemory, check: HealthCheck, health: HealthState, now: float) -> float | None:
    """When to try a starting service; None for one that has started.

    Often at first, then every second, but never less often than `start_interval` or the interval asks.
    """
    if health is not HealthState.STARTING:
        return None
    is_eager = now - memory.first_seen_at < EAGER_S
    every = min(EAGER_EVERY_S if is_eager else PATIENT_EVERY_S, check.interval_s)
    if check.start_interval_s is not None:
        every = min(every, check.start_interval_s)
    return memory.first_seen_at if memory.probed_at is None else memory.probed_at + every
