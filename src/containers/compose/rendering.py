"""The canonical document in the words that podman-compose knows.

Only what podman-compose turns into options is written, so nothing is left to its moods: no profiles, no
dependencies, no builds, one container a service. Names are explicit, external networks and volumes look
like others (what it would do about them is thrown away), and values are placeholders.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from containers.compose.hiding import Hidden
from containers.compose.podman_options import lost
from containers.compose.rendering_mounts import declare_secrets
from containers.compose.rendering_resources import Material, granted, render_networks, render_volumes
from containers.compose.rendering_scene import Scene
from containers.compose.rendering_service import render_service
from containers.compose.writing import json_text
from containers.model.base import ServiceName
from containers.model.project import ResolvedProject

_UNUSED = "podkeeper-unused"


class Rendered(NamedTuple):
    """A document for podman-compose."""

    text: str
    """JSON, which is YAML; the same text for the same structure, whatever the hidden values are."""
    hidden: Hidden
    warnings: tuple[str, ...]
    is_empty: bool = False
    """Whether there is nothing to create."""


def first_containers(project: ResolvedProject) -> dict[str, str]:
    """The name of every service's first container."""
    return {n: s.container_name or f"{project.name}_{n}_1" for n, s in project.services.items()}


def materials(project: ResolvedProject) -> tuple[Material, ...]:
    """The secrets and configs that must be files before a container can have them."""
    found: dict[Material, None] = {}
    for service in project.document.get("services", {}).values():
        for section in ("secrets", "configs"):
            for grant in service.get(section) or ():
                material = granted(project.document, section, grant)
                if material is not None:
                    found[material] = None
    return tuple(found)


def render(project: ResolvedProject, files: Mapping[Material, str], version: tuple[int, ...]) -> Rendered:
    """Write the document.

    Args:
        project: what to write.
        files: where each of `materials(project)` is on the host.
        version: the engine's, since some of the words depend on it.
    """
    hidden = Hidden()
    warnings: list[str] = []
    document = project.document
    services = document.get("services") or {}
    containers = first_containers(project)
    rendered: dict[str, Any] = {}
    for name, service in services.items():

        def warn(key: str, reason: str, name: str = name) -> None:
            warnings.append(f"service {name}: {key}: {reason}")

        for key, reason in lost(service):
            warn(key, reason)
        if service.get("provider"):
            continue
        scene = Scene(name, services, containers, hidden, files, document, version, warn)
        rendered[name] = render_service(service, project.services[ServiceName(name)], scene)
    networks = render_networks(document, hidden, warnings)
    volumes = render_volumes(document, hidden, warnings)
    unused = _unused(document, networks, volumes)
    if unused:
        rendered[_UNUSED] = unused
    whole = {
        "name": document["name"],
        "services": rendered,
        "networks": networks,
        "volumes": volumes,
        "secrets": dict(declare_secrets(document, files, hidden)),
    }
    text = json_text({key: part for key, part in whole.items() if part}, indent=1)
    return Rendered(text, hidden, tuple(warnings), is_empty=not rendered)


def _unused(
    document: Mapping[str, Any], networks: Mapping[str, Any], volumes: Mapping[str, Any]
) -> dict[str, Any]:
    """A service for the networks and volumes that no other uses, which podman-compose would not create."""
    services = [s for s in (document.get("services") or {}).values() if not s.get("provider")]
    joined = {key for service in services for key in service.get("networks") or ()}
    mounted = {v.get("source") for service in services for v in service.get("volumes") or ()}
    lonely = [key for key in networks if key not in joined]
    empty = [key for key in volumes if key not in mounted]
    if not lonely and not empty:
        return {}
    service: dict[str, Any] = {"image": "none"}
    service |= {"networks": lonely} if lonely else {"network_mode": "none"}
    service["volumes"] = [f"{key}:/{number}" for number, key in enumerate(empty)]
    return service
