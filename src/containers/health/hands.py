"""Whether a person ended a container, told by the engine's events of it.

Podman tells a stop by an event of its own only now and then, and one that needed KILL ends as a crash does.
What tells them apart (Podman 4.3; newer ones say it when inspected): whoever stops a container cleans up
after it, and so does its supervisor process. After a stop there are two `cleanup` events, after a crash one.
What removes a container by force keeps it locked from the end of its stop on: where it tells that stop,
nobody can clean up any more; where the supervisor was quicker, there is one `cleanup` event and no `stop`.
From Podman 5 on that is also what a stop and a removal right after it look like: what else was removed tells.
Podman's remote client looks at every container before it does anything, which is told as `sync`.
"""

from collections.abc import Sequence

from containers.health.machine import Hand
from containers.model.observed import SIGNAL_WORKS_NS, EngineEvent

BY_STOP = 2
_AT_ONCE_NS = 3_000_000_000
"""What removes a container by force ends and removes it in one go."""


def hand_in(events: Sequence[EngineEvent]) -> Hand:
    """Who brought about the last death that `events` of one container tell of; unknown where none does."""
    death = _last(events, {"died", "die"})
    if death is None:
        return Hand.UNKNOWN
    if {"stop", "kill"} & _led_to(events, death):
        return Hand.YES
    after = events[death + 1 :]
    if any(e.action == "stop" for e in after):
        return Hand.YES
    cleanups = sum(e.action == "cleanup" for e in after)
    return Hand.YES if cleanups >= BY_STOP else Hand.NO if cleanups else Hand.UNKNOWN


def ran_when_removed(events: Sequence[EngineEvent], by_stop: int = BY_STOP) -> bool | None:
    """Whether a container that was removed was running until then; None where the events do not tell.

    Args:
        events: of that container, in order.
        by_stop: how many `cleanup` events follow when it was stopped first: two on Podman 4.3, where a
            removal by force has one at most; one on Podman 5, where it has none.
    """
    removal = _last(events, {"remove", "rm"})
    if removal is None:
        return None
    death = _last(events[:removal], {"died", "die"})
    start = _last(events[:removal], {"start", "restart"})
    if death is None or (start is not None and start > death):
        return True if start is not None else None
    if events[removal].at_ns - events[death].at_ns > _AT_ONCE_NS:
        return False
    # also those that were written down after the removal
    after = [e.action for e in events[death + 1 :]]
    was_told = bool({"stop", "kill"} & {*_led_to(events, death), *after})
    was_looked_at = "cleanup" in after and "sync" in after[after.index("cleanup") :]
    return after.count("cleanup") < (1 if was_told or was_looked_at else by_stop)


def _led_to(events: Sequence[EngineEvent], death: int) -> set[str]:
    """What was told in the moments before a death, of the life that it ended."""
    before = [e for e in events[:death] if events[death].at_ns - e.at_ns <= SIGNAL_WORKS_NS]
    began = _last(before, {"start", "restart"})
    return {e.action for e in (before if began is None else before[began + 1 :])}


def _last(events: Sequence[EngineEvent], actions: set[str]) -> int | None:
    """Where the last event of one of these kinds is."""
    return next((i for i in range(len(events) - 1, -1, -1) if events[i].action in actions), None)
