"""Builds resolved projects from canonical services, without reading a file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from containers.compose.building import Locations, build_project, build_service
from containers.compose.hashing import digest
from containers.model.base import ServiceName
from containers.model.project import ResolvedProject

BUSYBOX = "localhost/tb/busybox:latest"
"""What a service runs that names no image."""

SOMEWHERE = Path("/srv/demo")
"""The working folder of projects that do not care."""

Canonical = Mapping[str, Any]


def project(
    name: str = "demo",
    services: Mapping[str, Canonical] | None = None,
    *,
    networks: Mapping[str, Canonical] | None = None,
    volumes: Mapping[str, Canonical] | None = None,
    secrets: Mapping[str, Canonical] | None = None,
    configs: Mapping[str, Canonical] | None = None,
    working_dir: Path = SOMEWHERE,
) -> ResolvedProject:
    """A project of canonical services; what they use and nobody declares is declared for them.

    A service without `image` runs busybox, one without `networks` and `network_mode` joins `default`, and
    networks and named volumes that services mention need not be listed.
    """
    full = {key: _filled(service) for key, service in (services or {"app": {}}).items()}
    document: dict[str, Any] = {"name": name, "services": full}
    used_networks: dict[str, Canonical] = {n: {} for s in full.values() for n in s.get("networks") or {}}
    used_volumes: dict[str, Canonical] = {
        v["source"]: {}
        for s in full.values()
        for v in s.get("volumes") or []
        if v["type"] == "volume" and v.get("source")
    }
    sections = {
        "networks": {**used_networks, **(networks or {})},
        "volumes": {**used_volumes, **(volumes or {})},
        "secrets": dict(secrets or {}),
        "configs": dict(configs or {}),
    }
    for section, entries in sections.items():
        if entries:
            document[section] = {
                key: {"name": key if entry.get("external") else f"{name}_{key}", **entry}
                for key, entry in entries.items()
            }
    return _build(document, working_dir)


def from_document(document: Mapping[str, Any], working_dir: Path = SOMEWHERE) -> ResolvedProject:
    """The project that a canonical document describes, with each `$` doubled as docker compose prints it."""
    return _build(_undoubled(document), working_dir)


def _build(document: dict[str, Any], working_dir: Path) -> ResolvedProject:
    name = document["name"]
    services = {
        key: (service, build_service(ServiceName(key), _undoubled(service), name), digest(service))
        for key, service in document["services"].items()
    }
    return build_project(
        {key: part for key, part in document.items() if key != "services"},
        services,
        Locations(dict),
        files=(working_dir / "compose.yaml",),
        sources=(working_dir / "compose.yaml",),
        working_dir=working_dir,
        disabled=(),
        profiles=(),
    )


def _undoubled(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("$$", "$")
    if isinstance(value, dict):
        return {_undoubled(key): _undoubled(entry) for key, entry in value.items()}
    return [_undoubled(entry) for entry in value] if isinstance(value, list) else value


def _filled(service: Canonical) -> dict[str, Any]:
    filled: dict[str, Any] = {"command": None, "entrypoint": None, **service}
    if "build" not in filled:
        filled.setdefault("image", BUSYBOX)
    if "network_mode" not in filled:
        filled.setdefault("networks", {"default": None})
    return filled
