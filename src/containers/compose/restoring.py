"""A canonical document back to the project it was written from."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from containers.compose.building import Locations, build_project, build_service
from containers.compose.hashing import digest
from containers.compose.hiding import unescaped
from containers.model.base import ServiceName
from containers.model.project import ResolvedProject, ServiceConfig


def restore(
    document: Mapping[str, Any],
    *,
    working_dir: Path,
    files: tuple[Path, ...] = (),
    disabled: Iterable[str] = (),
    profiles: tuple[str, ...] = (),
) -> ResolvedProject:
    """The project that a canonical document describes; where its values were written is not known any more.

    Args:
        document: in the form of `ResolvedProject.document`, each `$` doubled.
        working_dir: as in the project, and so are the others.
        files: the compose files.
        disabled: the services that no profile enabled.
        profiles: the active ones.
    """
    declared: Mapping[str, Any] = document.get("services") or {}
    rest = {key: _undoubled(part) for key, part in document.items() if key != "services"}

    def built(name: str, service: dict[str, Any]) -> tuple[dict[str, Any], ServiceConfig, str]:
        meant = build_service(ServiceName(name), _undoubled(service), rest["name"])
        return service, meant, digest(service)

    return build_project(
        rest,
        {name: built(name, service) for name, service in declared.items()},
        Locations(dict),
        files=files,
        sources=files,
        working_dir=working_dir,
        disabled=disabled,
        profiles=profiles,
    )


def _undoubled(value: Any) -> Any:
    if isinstance(value, str):
        return unescaped(value)
    if isinstance(value, dict):
        return {_undoubled(key): _undoubled(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_undoubled(entry) for entry in value]
    return value
