"""What Podman's health log says of the life that a container is in."""

from collections.abc import Sequence
from typing import NamedTuple

from containers.model.health import HealthState


class HealthNow(NamedTuple):
    """Health of this life."""

    state: HealthState
    failing_streak: int


def health_now(
    state: HealthState, failing_streak: int, passed: Sequence[bool], *, is_whole: bool, retries: int
) -> HealthNow:
    """What Podman says, without what it carries over from the life before.

    A restart leaves the streak as it was, so that one failure more makes the container unhealthy. And a check
    that hung when the container was restarted is noted in its next life, maybe after one that passed there.

    Args:
        state: as Podman says.
        failing_streak: as Podman says.
        passed: whether each check of this life that counts has, of the last ones that Podman keeps (five).
        is_whole: whether it keeps no other check, so that there is nothing to put right.
        retries: how many failures in a row make it unhealthy.
    """
    if is_whole:
        return HealthNow(state, failing_streak)
    failed = next((n for n, well in enumerate(reversed(passed)) if well), len(passed))
    streak = min(failing_streak, failed)
    if state is HealthState.UNHEALTHY and streak < max(retries, 1):
        state = HealthState.HEALTHY if any(passed) else HealthState.STARTING
    return HealthNow(state, streak)
