"""What of a health log counts for the life that a container is in."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from containers.adapters.podman_health_log import HealthNow, NotedCheck, health_now
from containers.model.health import HealthState

STARTED = datetime(2026, 11, 22, 10, 17, 39, tzinfo=UTC)
UNHEALTHY, HEALTHY, STARTING = HealthState.UNHEALTHY, HealthState.HEALTHY, HealthState.STARTING


def failed(after_s: float) -> NotedCheck:
    """One that failed, begun so long after the start."""
    return NotedCheck(STARTED + timedelta(seconds=after_s), passed=False)


def passed(after_s: float) -> NotedCheck:
    """One that passed."""
    return NotedCheck(STARTED + timedelta(seconds=after_s), passed=True)


def now(checks: Sequence[NotedCheck], streak: int, *, retries: int = 1) -> HealthNow:
    """What a container that Podman calls unhealthy is."""
    return health_now(UNHEALTHY, streak, checks, started_at=STARTED, retries=retries)


def test_a_check_of_the_life_before_is_no_word_on_this_one() -> None:
    """Symptom: a frozen service was restarted twice. Its check that hung was noted after the restart."""
    assert now([passed(-9), failed(-2)], 1) == HealthNow(STARTING, 0)


def test_a_check_of_the_life_before_that_is_noted_late_does_not_undo_one_that_passed() -> None:
    """Podman appends when a check ends."""
    assert now([passed(-9), passed(0.1), failed(-2)], 1) == HealthNow(HEALTHY, 0)


def test_what_failed_in_this_life_counts() -> None:
    """Whatever was noted beside it."""
    assert now([failed(-2), failed(1)], 2) == HealthNow(UNHEALTHY, 1)


def test_retries_begin_anew_with_each_life() -> None:
    """Symptom: a service that is slow to start was restarted at the first failure after a restart."""
    before = [failed(-6), failed(-4), failed(-2)]
    assert now([*before, failed(2)], 4, retries=3) == HealthNow(STARTING, 1)
    assert now([*before[1:], failed(2), failed(4), failed(6)], 6, retries=3) == HealthNow(UNHEALTHY, 3)


def test_a_log_that_was_filled_in_this_life_is_taken_as_it_is() -> None:
    """Podman keeps the last five, and whoever made the container may ask for fewer."""
    assert now([failed(n) for n in range(5)], 9, retries=7) == HealthNow(UNHEALTHY, 9)
    assert now([failed(9)], 3, retries=3) == HealthNow(UNHEALTHY, 3)
    assert now([], 3, retries=3) == HealthNow(UNHEALTHY, 3)


def test_what_is_well_stays_so() -> None:
    """Only a verdict that was carried over is put right."""
    assert health_now(HEALTHY, 0, [failed(-2), passed(1)], started_at=STARTED, retries=1) == (HEALTHY, 0)
    assert health_now(STARTING, 3, [failed(-2)], started_at=STARTED, retries=1) == (STARTING, 0)
