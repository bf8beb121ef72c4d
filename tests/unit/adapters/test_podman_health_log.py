"""What of a health log counts for the life that a container is in."""

from containers.adapters.podman_health_log import HealthNow, health_now
from containers.adapters.podman_records import InspectedContainer
from containers.model.health import HealthState

UNHEALTHY, HEALTHY, STARTING = HealthState.UNHEALTHY, HealthState.HEALTHY, HealthState.STARTING


def inspected(
    status: str, streak: int, *checks: tuple[int, int], retries: int = 1, start_period_s: int = 0
) -> InspectedContainer:
    """One that was started in second 30; each check with the second in which it began, and its exit code."""
    log = [
        {"Start": f"2026-11-22T10:17:{second:02}Z", "End": "2026-11-22T10:17:59Z", "ExitCode": code}
        for second, code in checks
    ]
    health = {"Status": status, "FailingStreak": streak, "Log": log}
    return InspectedContainer.model_validate(
        {
            "Id": "a",
            "State": {"Status": "running", "StartedAt": "2026-11-22T10:17:30Z", "Health": health},
            "Config": {
                "Healthcheck": {
                    "Test": ["CMD", "false"],
                    "Retries": retries,
                    "StartPeriod": start_period_s * 1_000_000_000,
                }
            },
        }
    )


def test_a_check_of_the_life_before_is_no_word_on_this_one() -> None:
    """Symptom: a frozen service was restarted twice. Its check that hung was noted after the restart."""
    found = inspected("unhealthy", 1, (21, 0), (28, -1))
    assert found.to_detail().health is STARTING
    probe = found.to_probe(0.0)
    assert (probe.state, probe.failing_streak, probe.exit_code) == (STARTING, 0, None)


def test_a_check_of_the_life_before_that_is_noted_late_does_not_undo_one_that_passed() -> None:
    """Podman appends when a check ends."""
    probe = inspected("unhealthy", 1, (21, 0), (31, 0), (28, -1)).to_probe(0.0)
    assert (probe.state, probe.failing_streak, probe.exit_code) == (HEALTHY, 0, 0)


def test_what_failed_in_this_life_counts() -> None:
    """Whatever was noted beside it."""
    probe = inspected("unhealthy", 2, (28, 1), (31, 7)).to_probe(0.0)
    assert (probe.state, probe.failing_streak, probe.exit_code) == (UNHEALTHY, 1, 7)


def test_retries_begin_anew_with_each_life() -> None:
    """Symptom: a service that is slow to start was restarted at the first failure after a restart."""
    first = inspected("unhealthy", 4, (24, 1), (26, 1), (28, 1), (32, 1), retries=3)
    assert first.to_detail().health is STARTING
    third = inspected("unhealthy", 6, (26, 1), (28, 1), (32, 1), (34, 1), (36, 1), retries=3)
    assert third.to_detail().health is UNHEALTHY


def test_a_log_that_was_filled_in_this_life_is_taken_as_it_is() -> None:
    """Podman keeps the last five, and whoever made the container may ask for fewer."""
    assert health_now(UNHEALTHY, 9, [False] * 5, is_whole=True, retries=7) == HealthNow(UNHEALTHY, 9)
    assert inspected("unhealthy", 3, retries=3).to_detail().health is UNHEALTHY


def test_what_is_well_stays_so() -> None:
    """Only a verdict that was carried over is put right."""
    assert inspected("healthy", 0, (28, 1), (31, 0)).to_detail().health is HEALTHY
    assert inspected("starting", 3, (28, 1)).to_probe(0.0).failing_streak == 0


def test_a_failure_within_the_start_period_does_not_count() -> None:
    """Symptom: one that needs long was restarted at the first failure after its start period."""
    noted = [(32, 1), (34, 1), (36, 1), (38, 1), (42, 1)]
    first = inspected("unhealthy", 4, *noted, retries=3, start_period_s=10).to_probe(0.0)
    assert (first.state, first.failing_streak) == (STARTING, 1)
    later = [(36, 1), (38, 1), (42, 1), (44, 1), (46, 1)]
    third = inspected("unhealthy", 6, *later, retries=3, start_period_s=10).to_probe(0.0)
    assert (third.state, third.failing_streak) == (UNHEALTHY, 3)
