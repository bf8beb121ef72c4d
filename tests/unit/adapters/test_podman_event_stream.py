"""Podman's log of events, read while others write it."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from typing_extensions import override

from containers.adapters.podman_calls import PodmanCalls
from containers.adapters.podman_event_stream import past_events
from containers.adapters.podman_http import Answer

AMID_A_LINE = b'{"cause":"unexpected end of JSON input","response":500}'


def told(action: str, at_ns: int) -> bytes:
    """A line of Podman's."""
    event = {"Type": "container", "Action": action, "Actor": {"ID": "c", "Attributes": {}}, "timeNano": at_ns}
    return json.dumps(event).encode()


class Readings(PodmanCalls):
    """Answers with one text after the other, and then with the last one for ever."""

    def __init__(self, *answers: Sequence[bytes]) -> None:
        super().__init__("unix:///nowhere", 1.0)
        self.answers = [b"\n".join(lines) for lines in answers]
        self.asked = 0

    @override
    async def send(self, *_positional: Any, **_named: Any) -> Answer:
        self.asked += 1
        return Answer(200, self.answers[min(self.asked, len(self.answers)) - 1], {})


@pytest.mark.parametrize(("broken_off", "readings"), [(0, 1), (2, 3), (9, 4)])
async def test_a_log_that_was_broken_off_is_read_again(broken_off: int, readings: int) -> None:
    """A few times: a line that stays odd must not cost the rest."""
    start, died = told("start", 10), told("died", 20)
    calls = Readings(*[(start, AMID_A_LINE)] * broken_off, (start, died))
    found = await past_events(calls, 0, None, None)
    assert [event.action for event in found] == (["start", "died"] if readings < 4 else ["start"])
    assert calls.asked == readings
