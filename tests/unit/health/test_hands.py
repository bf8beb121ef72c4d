"""Whether a person ended a container, as Podman's events tell it."""

import pytest

from containers.health.hands import hand_in, ran_when_removed
from containers.health.machine import Hand
from containers.model.observed import EngineEvent

STOPPED = "start@0 died@10 cleanup@10.06 cleanup@10.22"
CRASHED = "start@0 died@10 cleanup@10.08"


def events(text: str) -> list[EngineEvent]:
    """`died@10 cleanup@10.1` as events."""
    pairs = (word.split("@") for word in text.split())
    return [EngineEvent(type="container", action=a, id="c", at_ns=int(float(at) * 1e9)) for a, at in pairs]


@pytest.mark.parametrize(
    ("text", "hand"),
    [
        (CRASHED, Hand.NO),
        (STOPPED, Hand.YES),
        ("start@0 stop@9.98 died@10 cleanup@10.1", Hand.YES),
        ("start@0 died@10 stop@10.01 cleanup@10.1", Hand.YES),
        ("start@0 kill@9.96 died@10 cleanup@10.1", Hand.YES),
        ("start@0 kill@5 died@16 cleanup@16.1", Hand.NO),
        ("start@0 stop@5 died@5.1 cleanup@5.2 cleanup@5.3 start@6 died@7 cleanup@7.1", Hand.NO),
        ("start@0 died@10", Hand.UNKNOWN),
        ("start@0", Hand.UNKNOWN),
        ("", Hand.UNKNOWN),
    ],
)
def test_two_clean_ups_are_a_stop_and_one_is_a_crash(text: str, hand: Hand) -> None:
    """As Podman 4.3 was seen to tell; an earlier stop says nothing of a later death."""
    assert hand_in(events(text)) is hand


@pytest.mark.parametrize(
    ("text", "ran"),
    [
        ("start@0 died@10 remove@10.1", True),
        ("start@0 died@10 cleanup@10.08 remove@10.11", True),
        ("start@0 stop@9.95 died@10 remove@10.1", True),
        ("start@0 stop@9.95 died@10 cleanup@10.05 remove@10.2", False),
        ("start@0 kill@9.95 died@10 cleanup@10.05 remove@10.2", False),
        ("start@0 died@10 stop@10.01 cleanup@10.05 remove@10.2", False),
        ("start@0 died@10 cleanup@10.05 sync@10.08 remove@10.1", False),
        ("start@0 kill@9 died@10 remove@10.1", True),
        ("start@0 sync@9.9 died@10 cleanup@10.08 remove@10.11", True),
        ("start@0 remove@10.1", True),
        (f"{STOPPED} remove@10.3", False),
        (f"{STOPPED} remove@90", False),
        (f"{CRASHED} remove@90", False),
        ("create@0 remove@1", None),
        ("start@0 died@10", None),
        ("", None),
    ],
)
def test_what_was_removed_by_force_ran_until_then(text: str, ran: bool | None) -> None:  # noqa: FBT001
    """What had been stopped or killed, or had crashed a while before, did not."""
    assert ran_when_removed(events(text)) is ran
