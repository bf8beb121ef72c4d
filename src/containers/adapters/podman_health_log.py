"""What Podman's health log says of the life that a container is in."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from containers.model.health import HealthState


class NotedCheck(NamedTuple):
    """One run in a container's health log, oldest first there."""

    began_at: datetime | None
    passed: bool


class HealthNow(NamedTuple):
    """Health of this life."""

    state: HealthState
    failing_streak: int


def health_now(
    state: HealthState,
    failing_streak: int,
    checks: Sequence[NotedCheck],
    *,
    started_at: datetime | None,
    retries: int,
) -> HealthNow:
    """What Podman says, without what it carries over from the life before.

    A restart leaves the streak as it was, so that one failure more makes the container unhealthy. And a check
    that hung when the container was restarted is noted in its next life, maybe after one that passed there.

    Args:
        state: as Podman says.
        failing_streak: as Podman says.
        checks: the last ones; Podman keeps five.
        started_at: when this life began.
        retries: how many failures in a row make it unhealthy.
    """
    mine = [c for c in checks if started_at is None or c.began_at is None or c.began_at >= started_at]
    if len(mine) == len(checks):
        return HealthNow(state, failing_streak)
    failed = next((n for n, check in enumerate(reversed(mine)) if check.passed), len(mine))
    streak = min(failing_streak, failed)
    if state is HealthState.UNHEALTHY and streak < retries:
        state = HealthState.HEALTHY if any(check.passed for check in mine) else HealthState.STARTING
    return HealthNow(state, streak)
