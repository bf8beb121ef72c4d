"""When to restart a service: a pure state machine, stepped with each look at its container."""

from enum import StrEnum
from typing import NamedTuple

from containers.health.restart_policy import RestartLimits, backoff_s
from containers.model.base import Model
from containers.model.health import HealthState
from containers.model.observed import ContainerState

_ORDERLY_EXITS = frozenset({0, 130, 143})
"""Done, or ended by INT or TERM: somebody asked for it."""


class Seen(NamedTuple):
    """One look at a service's container."""

    state: ContainerState
    health: HealthState
    exit_code: int | None
    engine_restarts: bool
    """Podman itself restarts it (its restart policy), so that a dead one was stopped by somebody."""
    may_restart: bool
    """The compose file does not forbid it (`restart: "no"`), and it is no job that has run."""
    stopped_by_hand: bool


class ServiceMemory(Model):
    """What is remembered of one service between looks; times are monotonic seconds."""

    attempts: tuple[float, ...] = ()
    retry_at: float = 0.0
    given_up: bool = False


class Verdict(StrEnum):
    """What to do now."""

    NOTHING = "nothing"
    RESTART = "restart"
    GIVE_UP = "give_up"


class Step(NamedTuple):
    """The new memory, what to do, and why."""

    memory: ServiceMemory
    verdict: Verdict
    reason: str = ""


def step(memory: ServiceMemory, seen: Seen, now: float, limits: RestartLimits) -> Step:
    """Judge one look.

    The first restart is immediate, the next ones wait ever longer; after `max_attempts` within the window
    the service is given up, once, until it is seen well again.
    """
    reason = ailment(seen)
    if not reason:
        is_well = seen.state is ContainerState.RUNNING and seen.health is not HealthState.STARTING
        if is_well and memory.given_up:
            return Step(ServiceMemory(), Verdict.NOTHING)
        return Step(memory, Verdict.NOTHING)
    if memory.given_up or now < memory.retry_at:
        return Step(memory, Verdict.NOTHING, reason)
    recent = tuple(at for at in memory.attempts if now - at < limits.window_s)
    if len(recent) >= limits.max_attempts:
        given_up = memory.model_copy(update={"given_up": True})
        return Step(given_up, Verdict.GIVE_UP, f"{reason}; {len(recent)} restarts did not help")
    attempts = (*recent, now)
    after = ServiceMemory(attempts=attempts, retry_at=now + backoff_s(len(attempts), limits))
    return Step(after, Verdict.RESTART, reason)


def ailment(seen: Seen) -> str:
    """What is wrong with the service; empty when it is well, or not ours to mend."""
    if seen.state is ContainerState.RUNNING and seen.health is HealthState.UNHEALTHY:
        return "it is unhealthy"
    if seen.state is not ContainerState.EXITED or seen.exit_code in _ORDERLY_EXITS:
        return ""
    if seen.engine_restarts or not seen.may_restart or seen.stopped_by_hand:
        return ""
    return f"it exited with {seen.exit_code}"
