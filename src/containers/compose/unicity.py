"""In lists that later files append to, a later entry replaces an earlier one that means the same."""

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from containers.compose.nodes import Map, Seq
from containers.compose.scalars import written
from containers.compose.short_forms import ShortFormError, parse_volume

_Identity: TypeAlias = Callable[[Any], str | None]


def deduplicate(project: Map) -> None:
    """Remove what is redefined in every list that has unique entries, in place."""
    services = project.get("services")
    if isinstance(services, Map):
        for service in services.values():
            _apply(service, _SERVICE)
    for section in ("networks", "volumes"):
        resources = project.get(section)
        if isinstance(resources, Map):
            for resource in resources.values():
                _apply(resource, _RESOURCE)


def _apply(value: Any, rules: dict[str, Any]) -> None:
    if not isinstance(value, Map):
        return
    for key, rule in rules.items():
        entry = value.get(key)
        if isinstance(rule, dict):
            below = value if key == "*" else None
            if below is not None:
                for child in below.values():
                    _apply(child, rule)
            else:
                _apply(entry, rule)
        elif isinstance(entry, Seq) and len(entry) > 1:
            dict.__setitem__(value, key, _unique(entry, rule))


def _unique(items: Seq, identity: _Identity) -> Seq:
    result = Seq()
    places: dict[str, int] = {}
    for item, spot in items.pairs():
        name = identity(item)
        if name is not None and name in places:
            place = places[name]
            below = result.spots[place]
            result[place], result.spots[place] = item, spot.laid_over(below) if spot is not None else None
            continue
        if name is not None:
            places[name] = len(result)
        result.add(item, spot)
    return result


def _assignment(item: Any) -> str | None:
    return item.partition("=")[0] if isinstance(item, str) else None


def _tmpfs(item: Any) -> str | None:
    return item.partition("=")[0] if isinstance(item, str) else None


def _itself(item: Any) -> str | None:
    return None if isinstance(item, (dict, list)) else written(item)


def _volume(item: Any) -> str | None:
    if isinstance(item, str):
        try:
            target = parse_volume(item).get("target")
        except ShortFormError:
            return None
        return target if isinstance(target, str) else None
    target = item.get("target") if isinstance(item, Map) else None
    return target if isinstance(target, str) else None


def _device(item: Any) -> str | None:
    if isinstance(item, str):
        parts = item.split(":")
        return parts[1] if len(parts) > 1 else parts[0]
    target = item.get("target") if isinstance(item, Map) else None
    return target if isinstance(target, str) else None


def _mounted_at(folder: str) -> _Identity:
    def identity(item: Any) -> str | None:
        if isinstance(item, str):
            return f"{folder}/{item}"
        if not isinstance(item, Map):
            return None
        target = item.get("target")
        return target if isinstance(target, str) else f"{folder}/{item.get('source')}"

    return identity


def _port(item: Any) -> str | None:
    if isinstance(item, (str, int)):
        return str(item)
    if not isinstance(item, Map) or item.get("target") is None:
        return None
    parts = (item.get("host_ip", "0.0.0.0"), item.get("published", ""), item["target"])  # noqa: S104  (as written)
    return ":".join(map(str, parts)) + f"/{item.get('protocol', 'tcp')}"


def _env_file(item: Any) -> str | None:
    if isinstance(item, Map):
        path = item.get("path")
        return path if isinstance(path, str) else None
    return item if isinstance(item, str) else None


_SERVICE: Final[dict[str, Any]] = {
    "annotations": _assignment,
    "build": {
        "additional_contexts": _assignment,
        "args": _assignment,
        "labels": _assignment,
        "platforms": _itself,
        "tags": _itself,
    },
    "cap_add": _itself,
    "cap_drop": _itself,
    "configs": _mounted_at(""),
    "deploy": {"labels": _assignment},
    "devices": _device,
    "dns": _itself,
    "dns_opt": _itself,
    "dns_search": _itself,
    "env_file": _env_file,
    "environment": _assignment,
    "expose": _itself,
    "external_links": _itself,
    "group_add": _itself,
    "labels": _assignment,
    "links": _assignment,
    "networks": {"*": {"aliases": _itself, "link_local_ips": _itself}},
    "ports": _port,
    "profiles": _itself,
    "secrets": _mounted_at("/run/secrets"),
    "sysctls": _assignment,
    "tmpfs": _tmpfs,
    "volumes": _volume,
}
_RESOURCE: Final[dict[str, Any]] = {"labels": _assignment, "ipam": {"options": _assignment}}
