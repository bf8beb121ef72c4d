"""A document for podman-compose in parts, which as many of its processes translate at once.

podman-compose takes 10 ms or more for each service, on one processor.
"""

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from containers.compose.writing import json_text

_FEWEST = 8
"""Services in a part: less is done sooner than another process is started."""


def parts_of(text: str, most: int) -> tuple[str, ...]:
    """Documents with the services of one, each in exactly one of them, with all that it refers to.

    Args:
        text: as `render` writes it.
        most: how many documents.
    """
    document = json.loads(text)
    services: Mapping[str, Mapping[str, Any]] = document.get("services") or {}
    count = min(most, len(services) // _FEWEST)
    if count <= 1:
        return (text,)
    tied = {name: None for key, service in services.items() for name in _tied(key, service)}
    order = iter((*tied, *(name for name in services if name not in tied)))
    size = -(-len(services) // count)
    first = max(size, len(tied))
    chosen = [set(islice(order, first))]
    while part := set(islice(order, size)):
        chosen.append(part)
    return tuple(json_text(_only(document, names), indent=1) for names in chosen)


def _tied(name: str, service: Mapping[str, Any]) -> Iterator[str]:
    """A service that refers to others, and those."""
    mode, _, host = str(service.get("network_mode") or "").partition(":")
    others = [link.partition(":")[0] for link in service.get("links") or ()]
    if mode == "service":
        others.append(host)
    if others:
        yield from (name, *others)


def _only(document: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    """With these services, and no network that none of them joins: podman-compose warns of such."""
    services = {name: service for name, service in document["services"].items() if name in names}
    joined = {key for service in services.values() for key in service.get("networks") or ()}
    networks = {key: value for key, value in (document.get("networks") or {}).items() if key in joined}
    changed = {"services": services, "networks": networks}
    return {key: part for key in document if (part := changed.get(key, document[key]))}
