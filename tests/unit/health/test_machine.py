"""When a service is restarted, and when it is given up."""

from containers.health.machine import Seen, ServiceMemory, Verdict, ailment, step
from containers.health.restart_policy import RestartLimits, backoff_s
from containers.model.health import HealthState
from containers.model.observed import ContainerState

LIMITS = RestartLimits(first_backoff_s=1, longest_backoff_s=10, max_attempts=3, window_s=100)
WELL = Seen(
    state=ContainerState.RUNNING,
    health=HealthState.HEALTHY,
    exit_code=None,
    engine_restarts=False,
    may_restart=True,
    stopped_by_hand=False,
)
UNHEALTHY = WELL._replace(health=HealthState.UNHEALTHY)
DEAD = WELL._replace(state=ContainerState.EXITED, exit_code=137, health=HealthState.NONE)


def test_a_well_service_is_left_alone() -> None:
    """Healthy, starting, and without a check."""
    for health in (HealthState.HEALTHY, HealthState.STARTING, HealthState.NONE):
        assert ailment(WELL._replace(health=health)) == ""


def test_unhealthy_and_dead_services_are_restarted_at_once_the_first_time() -> None:
    """With the reason."""
    assert step(ServiceMemory(), UNHEALTHY, 0, LIMITS).verdict is Verdict.RESTART
    dead = step(ServiceMemory(), DEAD, 0, LIMITS)
    assert (dead.verdict, dead.reason) == (Verdict.RESTART, "it exited with 137")


def test_what_a_person_stopped_or_podman_restarts_is_never_touched() -> None:
    """An orderly exit, a stop by hand, an engine policy, `restart: "no"`."""
    assert ailment(DEAD._replace(exit_code=0)) == ""
    assert ailment(DEAD._replace(exit_code=143)) == ""
    assert ailment(DEAD._replace(stopped_by_hand=True)) == ""
    assert ailment(DEAD._replace(engine_restarts=True)) == ""
    assert ailment(DEAD._replace(may_restart=False)) == ""


def test_restarts_wait_ever_longer() -> None:
    """1, 2, 4, … seconds, up to the longest."""
    assert [backoff_s(n, LIMITS) for n in range(1, 7)] == [1, 2, 4, 8, 10, 10]
    first = step(ServiceMemory(), UNHEALTHY, 0, LIMITS)
    assert step(first.memory, UNHEALTHY, 0.5, LIMITS).verdict is Verdict.NOTHING
    assert step(first.memory, UNHEALTHY, 1.0, LIMITS).verdict is Verdict.RESTART


def test_after_too_many_attempts_it_is_given_up_once() -> None:
    """The breaker opens with one verdict, then silence."""
    memory = ServiceMemory()
    for now in (0, 10, 20):
        memory = step(memory, UNHEALTHY, now, LIMITS).memory
    opened = step(memory, UNHEALTHY, 30, LIMITS)
    assert opened.verdict is Verdict.GIVE_UP
    assert "3 restarts did not help" in opened.reason
    assert step(opened.memory, UNHEALTHY, 31, LIMITS).verdict is Verdict.NOTHING


def test_attempts_outside_the_window_are_forgotten() -> None:
    """A service that fails once a day is not given up."""
    memory = ServiceMemory()
    for now in (0, 200, 400, 600, 800):
        verdict = step(memory, UNHEALTHY, now, LIMITS)
        assert verdict.verdict is Verdict.RESTART
        memory = verdict.memory


def test_a_service_that_is_well_again_closes_the_breaker() -> None:
    """Starting is not yet well."""
    given_up = ServiceMemory(attempts=(0, 1, 2), given_up=True)
    starting = WELL._replace(health=HealthState.STARTING)
    assert step(given_up, starting, 5, LIMITS).memory.given_up
    assert not step(given_up, WELL, 5, LIMITS).memory.given_up
