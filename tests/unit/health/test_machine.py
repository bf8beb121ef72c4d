"""When a service is restarted, and when it is given up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.health.machine import Hand, Seen, Verdict, ailment, is_well, step
from containers.health.restart_policy import JITTER, RestartLimits, backoff_s, limits_of
from containers.model.health import HealthState
from containers.model.observed import ContainerState
from containers.model.own_config import RestartRules
from containers.model.supervision import ServiceMemory
from containers.settings import MonitorSettings

LIMITS = RestartLimits(first_backoff_s=1, longest_backoff_s=10, max_attempts=3, window_s=100)
WELL = Seen(
    state=ContainerState.RUNNING,
    health=HealthState.HEALTHY,
    exit_code=None,
    engine_restarts=False,
    may_restart=True,
)
UNHEALTHY = WELL._replace(health=HealthState.UNHEALTHY)
DEAD = WELL._replace(state=ContainerState.EXITED, exit_code=137, health=HealthState.NONE)
GONE = DEAD._replace(exit_code=None)
HUNG = WELL._replace(ailment="its check does not end within 3 s")
GIVEN_UP = ServiceMemory(attempts=(0, 1, 2), given_up=True, reason="why")


def test_a_well_service_is_left_alone() -> None:
    """Healthy, starting, and without a check."""
    for health in (HealthState.HEALTHY, HealthState.STARTING, HealthState.NONE):
        assert ailment(WELL._replace(health=health)) == ""
        assert step(ServiceMemory(), WELL._replace(health=health), 0, LIMITS).verdict is Verdict.NOTHING


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        (UNHEALTHY, "it is unhealthy"),
        (DEAD, "it exited with 137"),
        (GONE, "its container is gone"),
        (HUNG, "its check does not end within 3 s"),
    ],
)
def test_what_failed_is_restarted_at_once_the_first_time(seen: Seen, reason: str) -> None:
    """With the reason, and the attempt remembered."""
    found = step(ServiceMemory(), seen, 5, LIMITS)
    assert (found.verdict, found.reason) == (Verdict.RESTART, reason)
    assert found.memory == ServiceMemory(attempts=(5,), retry_at=6)


def test_what_a_person_stopped_or_podman_restarts_is_never_touched() -> None:
    """An orderly exit, a stop by hand, an engine policy, `restart: "no"`, a pause."""
    for exit_code in (0, 130, 143):
        assert ailment(DEAD._replace(exit_code=exit_code)) == ""
    assert ailment(DEAD._replace(hand=Hand.YES)) == ""
    assert ailment(DEAD._replace(engine_restarts=True)) == ""
    assert ailment(DEAD._replace(may_restart=False)) == ""
    assert ailment(UNHEALTHY._replace(may_restart=False)) == ""
    assert ailment(UNHEALTHY._replace(state=ContainerState.PAUSED)) == ""


def test_nothing_is_done_before_it_is_known_who_ended_it() -> None:
    """A stop that needed KILL looks like a crash at first."""
    found = step(ServiceMemory(), DEAD._replace(hand=Hand.UNKNOWN), 0, LIMITS)
    assert (found.verdict, found.memory) == (Verdict.FIND_OUT, ServiceMemory())


def test_a_held_service_is_left_alone_whatever_happens_to_it() -> None:
    """Nor is its breaker moved."""
    for seen in (UNHEALTHY, DEAD, GONE, HUNG, WELL):
        found = step(GIVEN_UP, seen._replace(is_held=True), 5, LIMITS)
        assert (found.verdict, found.memory, found.reason) == (Verdict.NOTHING, GIVEN_UP, "")


def test_nothing_is_restarted_where_that_is_switched_off() -> None:
    """What is wrong is said all the same."""
    off = LIMITS.model_copy(update={"enabled": False})
    assert step(ServiceMemory(), DEAD, 0, off) == (ServiceMemory(), Verdict.NOTHING, "it exited with 137")


def test_it_takes_as_many_failures_in_a_row_as_the_rules_say() -> None:
    """Of checks; a death is none that one could wait for."""
    thrice = LIMITS.model_copy(update={"after": 3})
    assert step(ServiceMemory(), UNHEALTHY._replace(failures=2), 0, thrice).verdict is Verdict.NOTHING
    assert step(ServiceMemory(), UNHEALTHY._replace(failures=3), 0, thrice).verdict is Verdict.RESTART
    assert step(ServiceMemory(), DEAD, 0, thrice).verdict is Verdict.RESTART


def test_restarts_wait_ever_longer() -> None:
    """1, 2, 4, … seconds, up to the longest."""
    assert [backoff_s(n, LIMITS) for n in range(1, 7)] == [1, 2, 4, 8, 10, 10]
    first = step(ServiceMemory(), UNHEALTHY, 0, LIMITS)
    assert step(first.memory, UNHEALTHY, 0.5, LIMITS).verdict is Verdict.NOTHING
    assert step(first.memory, UNHEALTHY, 1.0, LIMITS).verdict is Verdict.RESTART


@given(attempt=st.integers(1, 5000), jitter=st.floats(0, 1))
def test_jitter_moves_a_wait_by_its_share_and_no_more(attempt: int, jitter: float) -> None:
    """And never overflows."""
    exact_s = backoff_s(attempt, LIMITS)
    assert (
        exact_s * (1 - JITTER) - 1e-9 <= backoff_s(attempt, LIMITS, jitter) <= exact_s * (1 + JITTER) + 1e-9
    )


def test_a_clock_that_was_set_back_keeps_nobody_waiting() -> None:
    """What lies too far in the future was written by another clock."""
    memory = ServiceMemory(attempts=(10_000,), retry_at=10_001)
    assert step(memory, DEAD, 5, LIMITS).verdict is Verdict.RESTART


def test_after_too_many_attempts_it_is_given_up_once() -> None:
    """The breaker opens with one verdict, then silence."""
    memory = ServiceMemory()
    for now in (0, 10, 20):
        memory = step(memory, UNHEALTHY, now, LIMITS).memory
    opened = step(memory, UNHEALTHY, 30, LIMITS)
    assert opened.verdict is Verdict.GIVE_UP
    assert opened.reason == "it is unhealthy; 3 restarts did not help"
    assert opened.memory.given_up
    assert step(opened.memory, UNHEALTHY, 31, LIMITS).verdict is Verdict.NOTHING


def test_attempts_outside_the_window_are_forgotten() -> None:
    """A service that fails once a day is not given up."""
    memory = ServiceMemory()
    for now in (0, 200, 400, 600, 800):
        verdict = step(memory, UNHEALTHY, now, LIMITS)
        assert verdict.verdict is Verdict.RESTART
        memory = verdict.memory


def test_a_service_that_is_well_again_closes_the_breaker() -> None:
    """Starting is not yet well, nor is what has run for no moment yet."""
    starting = WELL._replace(health=HealthState.STARTING)
    assert step(GIVEN_UP, starting, 5, LIMITS).memory.given_up
    assert step(GIVEN_UP, WELL._replace(is_settled=False), 5, LIMITS).memory.given_up
    assert step(GIVEN_UP, WELL, 5, LIMITS).memory == ServiceMemory()


def test_a_loop_of_podmans_own_is_stopped_once_it_goes_beyond_the_limit() -> None:
    """`restart: always` knows no pause: whether it runs or has just died is chance."""
    for state in (WELL._replace(health=HealthState.NONE), DEAD):
        looping = state._replace(engine_restarts=True, engine_loops=3)
        assert step(ServiceMemory(), looping, 0, LIMITS).verdict is Verdict.NOTHING
        found = step(ServiceMemory(), looping._replace(engine_loops=4), 0, LIMITS)
        assert (found.verdict, found.memory.given_up) == (Verdict.STOP, True)
        assert "Podman has restarted it 4 times" in found.reason
        again = step(found.memory, looping._replace(engine_loops=5, is_settled=False), 1, LIMITS)
        assert again.verdict is Verdict.NOTHING


def test_well_is_running_for_a_moment_with_nothing_wrong() -> None:
    """Each of what is wrong counts."""
    assert is_well(WELL)
    for seen in (UNHEALTHY, DEAD, HUNG, WELL._replace(is_settled=False)):
        assert not is_well(seen)


def test_a_service_says_more_than_its_environment() -> None:
    """Key by key."""
    settings = MonitorSettings(max_attempts=5, window_s=60, first_backoff_s=1, longest_backoff_s=8)
    assert limits_of(settings, RestartRules()) == RestartLimits(
        max_attempts=5, window_s=60, first_backoff_s=1, longest_backoff_s=8
    )
    own = RestartRules(
        enabled=False, after=2, max_attempts=0, window_s=1, first_backoff_s=0, longest_backoff_s=2
    )
    assert limits_of(settings, own) == RestartLimits(
        enabled=False, after=2, max_attempts=0, window_s=1, first_backoff_s=0, longest_backoff_s=2
    )


@given(
    looks=st.lists(
        st.tuples(st.sampled_from([WELL, UNHEALTHY, DEAD, GONE, HUNG]), st.floats(0, 50)), max_size=60
    )
)
def test_there_are_never_more_restarts_in_a_window_than_allowed(looks: list[tuple[Seen, float]]) -> None:
    """Whatever is seen, and whenever; unless it was seen well after it had been given up."""
    memory, now, restarts = ServiceMemory(), 0.0, list[float]()
    for seen, passed in looks:
        now += passed
        found = step(memory, seen, now, LIMITS)
        if memory.given_up and not found.memory.given_up:
            restarts.clear()
        if found.verdict is Verdict.RESTART:
            restarts.append(now)
        memory = found.memory
        assert sum(now - at < LIMITS.window_s for at in restarts) <= LIMITS.max_attempts
