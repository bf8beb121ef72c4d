"""The one-line forms of ports, volumes and devices, taken apart."""

import ipaddress
import re
from typing import Any, Final

_PROPAGATION: Final = {"rprivate", "private", "rshared", "shared", "rslave", "slave"}
_PORT_LIMIT: Final = 65535
_RANGE: Final = re.compile(r"(\d{1,9})(?:-(\d{1,9}))?\Z", re.ASCII)


class ShortFormError(ValueError):
    """A one-line form that cannot be read."""


def parse_volume(spec: str) -> dict[str, Any]:
    """Read `[source:]target[:options]`.

    Raises:
        ShortFormError: a part is empty, or there are too many.
    """
    if not spec:
        raise ShortFormError("the volume is empty")
    if len(spec) <= 2:  # noqa: PLR2004  (too short for a source)
        return {"type": "volume", "target": spec}
    parts = _volume_parts(spec)
    if not all(parts):
        raise ShortFormError(f"`{spec}` has an empty part between its colons")
    if len(parts) > 3:  # noqa: PLR2004  (source, target, options)
        raise ShortFormError(f"`{spec}` has too many colons")
    volume: dict[str, Any] = {}
    if len(parts) == 1:
        volume["target"] = parts[0]
    else:
        volume["source"], volume["target"] = parts[:2]
    bind: dict[str, Any] = {}
    for option in parts[2].split(",") if len(parts) == 3 else ():  # noqa: PLR2004
        _add_option(option, volume, bind)
    if is_path(volume.get("source", "")):
        volume["type"] = "bind"
        volume["bind"] = {**bind, "create_host_path": True}
    else:
        volume["type"] = "volume"
        volume.setdefault("volume", {})
        if bind:
            volume["bind"] = bind
    return volume


def _add_option(option: str, volume: dict[str, Any], bind: dict[str, Any]) -> None:
    """Note one option of a volume; compose ignores those it does not know."""
    if option == "ro":
        volume["read_only"] = True
    elif option == "rw":
        volume.pop("read_only", None)
    elif option == "nocopy":
        volume["volume"] = {"nocopy": True}
    elif option in _PROPAGATION:
        bind["propagation"] = option
    elif option in {"z", "Z"}:
        bind["selinux"] = option


def _volume_parts(spec: str) -> list[str]:
    """Split at colons, but not at that of a Windows drive or inside a variable."""
    parts: list[str] = []
    current = ""
    nested = 0
    for index, char in enumerate(spec):
        if char == "$" and spec[index + 1 : index + 2] == "{":
            nested += 1
        elif char == "}" and nested:
            nested -= 1
        if char == ":" and not nested and not (len(current) == 1 and current.isalpha()):
            parts.append(current)
            current = ""
        else:
            current += char
    return [*parts, current]


def is_path(source: str) -> bool:
    """Whether a volume's source is a path on the host rather than a volume's name."""
    return source[:1] in {".", "/", "~"} or source.startswith("\\\\") or is_windows_drive(source)


def is_windows_drive(text: str) -> bool:
    """Whether text begins like `C:`."""
    return len(text) > 1 and text[0].isalpha() and text[1] == ":"


def parse_ports(spec: str) -> list[dict[str, Any]]:
    """Read `[[ip:]published:]target[/protocol]`, where ranges stand for several ports.

    Raises:
        ShortFormError: a part is missing or no port.
    """
    rest, slash, protocol = spec.rpartition("/")
    rest, protocol = (rest, protocol.lower()) if slash else (spec, "tcp")
    if protocol not in {"tcp", "udp", "sctp"}:
        raise ShortFormError(f"`{spec}` has the protocol `{protocol}`; it must be tcp, udp or sctp")
    before, _, container = rest.rpartition(":")
    ip, host = _host_part(before)
    if not container:
        raise ShortFormError(f"`{spec}` names no port of the container")
    if ip and not is_address(ip):
        raise ShortFormError(f"`{spec}` has the address `{ip}`, which is no IP address")
    first, last = _range(spec, container, "container's")
    if not host:
        return [_port(port, None, ip, protocol) for port in range(first, last + 1)]
    host_first, host_last = _range(spec, host, "host's")
    if last == first:
        published = host if host_first != host_last else str(host_first)
        return [_port(first, published, ip, protocol)]
    if host_last - host_first != last - first:
        raise ShortFormError(f"`{spec}` has two ranges of different length")
    return [_port(first + i, str(host_first + i), ip, protocol) for i in range(last - first + 1)]


def _host_part(text: str) -> tuple[str, str]:
    ip, colon, host = text.rpartition(":")
    return (ip.removeprefix("[").removesuffix("]"), host) if colon else ("", text)


def is_address(text: str) -> bool:
    """Whether text is an IPv4 or IPv6 address, without a zone."""
    if "%" in text:
        return False
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _range(spec: str, text: str, whose: str) -> tuple[int, int]:
    match = _RANGE.match(text)
    if not match:
        raise ShortFormError(f"`{spec}` has `{text}` as the {whose} port, which is no port or range of ports")
    first = int(match[1])
    last = int(match[2] or first)
    if last < first:
        raise ShortFormError(f"`{spec}` has the range `{text}`, which ends before it begins")
    if first == 0 and whose == "container's":
        raise ShortFormError(f"`{spec}` has 0 as the container's port; the lowest is 1")
    if last > _PORT_LIMIT:
        raise ShortFormError(f"`{spec}` has the port {last}; the highest is {_PORT_LIMIT}")
    return first, last


def _port(target: int, published: str | None, ip: str, protocol: str) -> dict[str, Any]:
    port: dict[str, Any] = {"mode": "ingress", "target": target, "protocol": protocol}
    if published is not None:
        port["published"] = published
    if ip:
        port["host_ip"] = ip
    return port


def parse_device(spec: str) -> dict[str, str]:
    """Read `source[:target[:permissions]]`.

    Raises:
        ShortFormError: there are too many parts.
    """
    parts = spec.split(":")
    if len(parts) > 3:  # noqa: PLR2004  (source, target, permissions)
        raise ShortFormError(f"`{spec}` has too many colons for a device")
    source, target, permissions = (*parts, "", "")[:3]
    return {"source": source, "target": target or source, "permissions": permissions or "rwm"}
