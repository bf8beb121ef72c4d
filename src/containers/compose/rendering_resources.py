"""The top-level sections in the words that podman-compose knows."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, TypeAlias

from containers.compose.hiding import Hidden, unescaped

Origin: TypeAlias = Literal["file", "environment", "content"]

_DEFAULT_MODE = 0o444
_DRIVER_OPTIONS = {"com.docker.network.driver.mtu": "mtu"}
_IPAM_KEYS = frozenset({"subnet", "gateway", "ip_range"})


class Material(NamedTuple):
    """A secret or config that a container gets as a file."""

    section: str
    key: str
    origin: Origin
    value: str
    """The file's path, the variable's name, or the content itself."""
    mode: int
    """The file's permissions, where we write it; a container's user is seldom the one who runs Podman."""

    @property
    def name(self) -> str:
        """A name in the rendered document, apart from those of Podman's own secrets."""
        return f"{self.origin}-{self.key}-{self.mode:o}"


def granted(document: Mapping[str, Any], section: str, grant: Mapping[str, Any]) -> Material | None:
    """What a service's `secrets` or `configs` entry refers to; None where Podman itself holds it."""
    key = grant["source"]
    declared = (document.get(section) or {}).get(key) or {}
    mode = int(str(grant["mode"]), 8) if grant.get("mode") else _DEFAULT_MODE
    origins: tuple[Origin, ...] = ("file", "environment", "content")
    for origin in origins:
        if declared.get(origin) is not None:
            value = unescaped(str(declared[origin]))
            return Material(section, key, origin, value, _DEFAULT_MODE if origin == "file" else mode)
    return None


def render_networks(document: Mapping[str, Any], hidden: Hidden, warnings: list[str]) -> dict[str, Any]:
    """The networks, each with its name; external ones are bare."""
    rendered: dict[str, Any] = {}
    for key, network in (document.get("networks") or {}).items():
        declared = network or {}
        result: dict[str, Any] = {"name": declared.get("name", key)}
        rendered[key] = result
        if declared.get("external"):
            continue
        for name in ("driver", "internal", "enable_ipv6"):
            if declared.get(name):
                result[name] = declared[name]
        result |= {name: item for name, item in declared.items() if name.startswith("x-podman.")}
        result |= _labels(declared, hidden)
        options = {}
        for name, value in (declared.get("driver_opts") or {}).items():
            if name in _DRIVER_OPTIONS or not name.startswith("com.docker."):
                options[_DRIVER_OPTIONS.get(name, name)] = value
            else:
                warnings.append(f"network {key}: driver_opts.{name}: is known to Docker only")
        if options:
            result["driver_opts"] = options
        ipam = _ipam(key, declared.get("ipam") or {}, warnings)
        if ipam:
            result["ipam"] = ipam
        if declared.get("enable_ipv4") is False:
            warnings.append(f"network {key}: enable_ipv4: Podman's networks always have IPv4")
    return rendered


def _ipam(key: str, ipam: Mapping[str, Any], warnings: list[str]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    if ipam.get("driver"):
        result["driver"] = ipam["driver"]
    if ipam.get("options"):
        warnings.append(f"network {key}: ipam.options: Podman has none")
    pools = []
    for pool in ipam.get("config") or ():
        pools.append({name: item for name, item in pool.items() if name in _IPAM_KEYS})
        warnings.extend(
            f"network {key}: ipam.config.{name}: Podman has no such setting"
            for name in pool
            if name not in _IPAM_KEYS
        )
    if pools:
        result["config"] = pools
    return result


def render_volumes(document: Mapping[str, Any], hidden: Hidden, _warnings: list[str]) -> dict[str, Any]:
    """The volumes, each with its name; external ones are bare."""
    rendered: dict[str, Any] = {}
    for key, volume in (document.get("volumes") or {}).items():
        declared = volume or {}
        result: dict[str, Any] = {"name": declared.get("name", key)}
        rendered[key] = result
        if not declared.get("external"):
            result |= {name: declared[name] for name in ("driver", "driver_opts") if declared.get(name)}
            result |= _labels(declared, hidden)
    return rendered


def _labels(declared: Mapping[str, Any], hidden: Hidden) -> dict[str, Any]:
    labels = declared.get("labels") or {}
    assignments = [f"{key}={'' if value is None else value}" for key, value in labels.items()]
    return {"labels": [f"podkeeper={hidden.hide_list(assignments)}"]} if labels else {}
