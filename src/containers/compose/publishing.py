"""Published ports in Podman's words; of a range, each replica has its own port."""

import re
from collections.abc import Mapping
from typing import Any, Final

from containers.model.base import ServiceName
from containers.model.errors import ErrorCode, TranslationError

_PORTS: Final = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9}))?")
_HIGHEST: Final = 65535


def short_port(port: Mapping[str, Any]) -> str:
    """A canonical port as `[address:][published:]target[/protocol]`."""
    host, published = port.get("host_ip") or "", str(port.get("published") or "")
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    before = [host, published] if host else filter(None, [published])
    protocol = port.get("protocol") or "tcp"
    return ":".join((*before, str(port["target"]))) + ("" if protocol == "tcp" else f"/{protocol}")


def chosen_from(port: Mapping[str, Any], service: str) -> range:
    """The ports that one target may be published on, where there are several; else nothing.

    Podman wants as many ports in the container as on the host. Docker takes the first free one.

    Raises:
        TranslationError: it is no port and no range of ports; docker compose, too, finds out only now.
    """
    published = str(port.get("published") or "0")
    match = _PORTS.fullmatch(published)
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
    if not first <= last <= _HIGHEST:
        raise TranslationError(
            ErrorCode.INVALID_VALUE,
            f"service {service}: {published[:20]} is no port of the host, and no range of ports",
            remedy=f"Publish a port up to {_HIGHEST}, or a range such as 8000-8010.",
            service=service,
        )
    return range(first, last + 1) if last != first else range(0)


def numbered_ports(
    service: Mapping[str, Any], name: ServiceName, replicas: int
) -> tuple[tuple[str, ...], ...]:
    """For each replica the options that publish its ports of ranges; empty without ranges.

    The first replica has a range's first port and so on, so a container that is made anew keeps its port.

    Raises:
        TranslationError: there are more replicas than ports.
    """
    ranged = [(port, chosen_from(port, name)) for port in service.get("ports") or ()]
    ranged = [(port, ports) for port, ports in ranged if ports]
    if not ranged:
        return ()
    for port, ports in ranged:
        if replicas > len(ports):
            raise TranslationError(
                ErrorCode.CONFLICT,
                f"service {name}: {replicas} replicas can not share the ports {port['published']}",
                remedy="Publish a wider range, or ask for fewer replicas.",
                service=name,
            )
    return tuple(
        tuple(
            part
            for port, ports in ranged
            for part in ("-p", short_port({**port, "published": str(ports[number])}))
        )
        for number in range(replicas)
    )
