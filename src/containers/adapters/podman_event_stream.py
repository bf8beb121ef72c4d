"""Podman's event stream as `EngineEvent`s."""

import logging
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import aclosing

from pydantic import ValidationError

from containers.adapters.podman_records import EventRecord
from containers.adapters.podman_stream import ByteStream
from containers.model.observed import EngineEvent

_log = logging.getLogger(__name__)

_REMEMBERED = 4096
"""Events that a repetition is recognised against."""
_NS = 1_000_000_000
_EARLIER_NS = 1_000_000
"""Podman reads `since` into a float, some hundred nanoseconds off: ask for more, and drop it here."""


async def stream_events(url: str, since_ns: int | None) -> AsyncGenerator[EngineEvent, None]:
    """Events from `since_ns` on (None: from now), until the connection ends or breaks.

    When Podman 5 rotates its event file the stream tells old events again; those are dropped here. A line
    that is no event is logged and skipped: one odd event must not cost the rest.

    Raises:
        EngineError: the connection broke.
    """
    params = {"stream": "true"}
    if since_ns is not None:
        early_ns = since_ns - _EARLIER_NS
        params["since"] = f"{early_ns // _NS}.{early_ns % _NS:09d}"
    seen: OrderedDict[tuple[int, str, str, str], None] = OrderedDict()
    stream = ByteStream(url, "events", params, "follow Podman's events")
    rest = b""
    async with aclosing(stream.chunks()) as chunks:
        async for chunk in chunks:
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                event = _parse(line)
                if event is None or (since_ns is not None and event.at_ns < since_ns):
                    continue
                key = (event.at_ns, event.id, event.type, event.action)
                if key in seen:
                    continue
                seen[key] = None
                if len(seen) > _REMEMBERED:
                    seen.popitem(last=False)
                yield event


def _parse(line: bytes) -> EngineEvent | None:
    if not line.strip():
        return None
    try:
        return EventRecord.model_validate_json(line).to_event()
    except ValidationError:
        _log.warning("an event that cannot be read was skipped: %.200r", line)
        return None
