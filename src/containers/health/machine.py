"""When to restart a service: a pure state machine, stepped with each look at its container."""

from enum import StrEnum
from typing import NamedTuple

from containers.health.restart_policy import RestartLimits, backoff_s
from containers.model.health import HealthState
from containers.model.observed import ContainerState
from containers.model.supervision import ServiceMemory

ORDERLY_EXITS = frozenset({0, 130, 143})
"""Done, or ended by INT or TERM: somebody asked for it."""


class Hand(StrEnum):
    """Whether a person ended a container."""

    NO = "no"
    YES = "yes"
    UNKNOWN = "unknown"
    """It has to be found out: nothing is done before."""


class Seen(NamedTuple):
    """One look at a service's container."""

    state: ContainerState
    health: HealthState
    exit_code: int | None
    engine_restarts: bool
    """Podman itself restarts it (its restart policy), so that a dead one was stopped by somebody."""
    may_restart: bool
    """The compose file does not forbid it (`restart: "no"`), and it is no job that has run."""
    hand: Hand = Hand.NO
    """Whether a person ended it."""
    failures: int = 1
    """Of an unhealthy one: how many checks have failed in a row since it is."""
    engine_loops: int = 0
    """How often Podman restarted it within the window."""
    is_held: bool = False
    """A person took it out of our hands."""
    is_settled: bool = True
    """Whether it has run for longer than what starts wrongly does."""
    ailment: str = ""
    """What is wrong beyond what Podman knows, such as a check that hangs."""


class Verdict(StrEnum):
    """What to do now."""

    NOTHING = "nothing"
    FIND_OUT = "find_out"
    """Whether a person ended it."""
    RESTART = "restart"
    GIVE_UP = "give_up"
    STOP = "stop"
    """Stop it, since Podman goes on restarting it, and give it up."""


class Step(NamedTuple):
    """The new memory, what to do, and why."""

    memory: ServiceMemory
    verdict: Verdict
    reason: str = ""


def step(memory: ServiceMemory, seen: Seen, now: float, limits: RestartLimits, jitter: float = 0.5) -> Step:
    """Judge one look.

    The first restart is immediate, the next ones wait ever longer; after `max_attempts` within the window
    the service is given up, once, until it is seen well again or somebody asks for another try.

    Args:
        memory: what is remembered of it.
        seen: the look.
        now: seconds, on the clock that `memory` counts on.
        limits: the bounds.
        jitter: a random number from 0 to 1.
    """
    if seen.is_held:
        return Step(memory, Verdict.NOTHING)
    reason = ailment(seen)
    if not reason:
        return _of_well_one(memory, seen, limits)
    if _must_wait(memory, seen, now, limits):
        return Step(memory, Verdict.NOTHING, reason)
    if seen.hand is Hand.UNKNOWN and seen.state is ContainerState.EXITED:
        return Step(memory, Verdict.FIND_OUT, reason)
    recent = tuple(at for at in memory.attempts if 0 <= now - at < limits.window_s)
    if len(recent) >= limits.max_attempts:
        told = f"{reason}; {_times(len(recent))} did not help"
        given_up = memory.model_copy(update={"given_up": True, "reason": told})
        return Step(given_up, Verdict.GIVE_UP, told)
    attempts = (*recent, now)
    retry_at = now + backoff_s(len(attempts), limits, jitter)
    return Step(ServiceMemory(attempts=attempts, retry_at=retry_at), Verdict.RESTART, reason)


def _must_wait(memory: ServiceMemory, seen: Seen, now: float, limits: RestartLimits) -> bool:
    """Whether nothing is to be done about what is wrong: not now, or not at all."""
    if memory.given_up or not limits.enabled:
        return True
    if is_ill(seen) and seen.failures < limits.after:
        return True
    # A clock that was set back must not make anybody wait for longer than the longest wait.
    return now < memory.retry_at <= now + limits.longest_backoff_s * 2


def ailment(seen: Seen) -> str:
    """What is wrong with the service; empty when it is well, or not ours to mend."""
    if not seen.may_restart:
        return ""
    if is_ill(seen):
        return seen.ailment or "it is unhealthy"
    if seen.state is not ContainerState.EXITED or seen.exit_code in ORDERLY_EXITS:
        return ""
    if seen.engine_restarts or seen.hand is Hand.YES:
        return ""
    return "its container is gone" if seen.exit_code is None else f"it exited with {seen.exit_code}"


def is_ill(seen: Seen) -> bool:
    """Whether it runs and is not well."""
    is_unhealthy = seen.health is HealthState.UNHEALTHY or bool(seen.ailment)
    return seen.state is ContainerState.RUNNING and is_unhealthy


def is_well(seen: Seen) -> bool:
    """Whether it runs, has done so for a moment, and nothing is wrong with it."""
    runs = seen.state is ContainerState.RUNNING and seen.is_settled
    return runs and not seen.ailment and seen.health in {HealthState.NONE, HealthState.HEALTHY}


def _of_well_one(memory: ServiceMemory, seen: Seen, limits: RestartLimits) -> Step:
    loops = seen.engine_restarts and seen.engine_loops > limits.max_attempts
    if loops and limits.enabled and seen.may_restart and not memory.given_up:
        told = f"it ends again and again; Podman has restarted it {seen.engine_loops} times"
        return Step(memory.model_copy(update={"given_up": True, "reason": told}), Verdict.STOP, told)
    if memory.given_up and is_well(seen):
        return Step(ServiceMemory(), Verdict.NOTHING)
    return Step(memory, Verdict.NOTHING)


def _times(count: int) -> str:
    return "1 restart" if count == 1 else f"{count} restarts"
