"""Podman's event stream as `EngineEvent`s."""

import json
import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

from pydantic import ValidationError

from containers.adapters.podman_calls import PodmanCalls
from containers.adapters.podman_records import EventRecord
from containers.adapters.podman_stream import ByteStream
from containers.model.base import ContainerId
from containers.model.observed import EngineEvent

_log = logging.getLogger(__name__)

_NS = 1_000_000_000
_EARLIER_NS = 1_000_000
"""Podman reads `since` into a float, some hundred nanoseconds off: ask for more, and drop it here."""
_READINGS = 4
"""Of Podman's log at most, until one of them is whole."""


async def stream_events(url: str, since_ns: int | None) -> AsyncGenerator[EngineEvent, None]:
    """Events from `since_ns` on (None: from now), until the connection ends or breaks.

    When Podman 5 rotates its event file the stream tells old events again. A line that is no event is logged
    and skipped: one odd event must not cost the rest.

    Raises:
        EngineError: the connection broke.
    """
    params = {"stream": "true"}
    if since_ns is not None:
        params["since"] = _moment(since_ns - _EARLIER_NS)
    stream = ByteStream(url, "events", params, "follow Podman's events")
    rest = b""
    async with aclosing(stream.chunks()) as chunks:
        async for chunk in chunks:
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                event = _parse(line) if line.strip() else None
                if event is not None and (since_ns is None or event.at_ns >= since_ns):
                    yield event


async def past_events(
    calls: PodmanCalls, since_ns: int, until_ns: int | None, container: ContainerId | None
) -> tuple[EngineEvent, ...]:
    """Events from one moment to another (None: now), oldest first, each once; of one container or of all.

    What Podman broke off, since another process was writing its log just then, is asked for again.

    Raises:
        EngineError: Podman can not be asked.
    """
    # no `until`: Podman 4.3 answers nothing at all when it is given one that has passed
    params = {"stream": "false", "since": _moment(max(since_ns - _EARLIER_NS, 0))}
    if container is not None:
        params["filters"] = json.dumps({"container": [container]})
    readings = 1
    while None in (events := await _read(calls, params)) and readings < _READINGS:
        readings += 1
    found: dict[int, EngineEvent] = {}
    for event in events:
        if event is None or event.at_ns < since_ns or (until_ns is not None and event.at_ns > until_ns):
            continue
        if container in {None, event.id}:
            found.setdefault(event.identity, event)
    return tuple(sorted(found.values(), key=lambda event: event.at_ns))


async def _read(calls: PodmanCalls, params: Mapping[str, str]) -> list[EngineEvent | None]:
    """One reading of Podman's log; None stands for what cannot be read."""
    answer = await calls.send("get", "events", params, doing="read Podman's past events")
    return [_parse(line) for line in answer.content.split(b"\n") if line.strip()]


def _moment(at_ns: int) -> str:
    return f"{at_ns // _NS}.{at_ns % _NS:09d}"


def _parse(line: bytes) -> EngineEvent | None:
    try:
        return EventRecord.model_validate_json(line).to_event()
    except ValidationError:
        # Podman itself says so when it read its log while another process was writing it, and ends the stream
        _log.info("an event that cannot be read was skipped: %.200r", line)
        return None
