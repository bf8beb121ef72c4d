"""The engine's events to ours.

What Podman really sends (4.3 and 5.4, both without systemd): create, init, start, died, cleanup, remove.
`stop` comes for about half of all stops, so `died` is what counts. The word in a `health_status` event is
the *previous* one below Podman 5, so it only says that the container has to be looked at. Below 5, health
checks also send `exec_died`, and networks send nothing but connect and disconnect.
"""

from datetime import UTC, datetime
from typing import Literal, TypeAlias

from containers.model.base import ContainerId, ProjectName, ServiceName
from containers.model.events import ContainerEvent
from containers.model.observed import EngineEvent

ContainerKind: TypeAlias = Literal[
    "container.created",
    "container.started",
    "container.died",
    "container.removed",
    "container.paused",
    "container.unpaused",
    "container.restarted",
    "container.renamed",
]

_KINDS: dict[str, ContainerKind] = {
    "create": "container.created",
    "start": "container.started",
    "died": "container.died",
    "die": "container.died",
    "remove": "container.removed",
    "rm": "container.removed",
    "pause": "container.paused",
    "unpause": "container.unpaused",
    "restart": "container.restarted",
    "rename": "container.renamed",
}
_PROJECT = ("io.podman.compose.project", "com.docker.compose.project")
_SERVICE = ("io.podman.compose.service", "com.docker.compose.service")


def project_of(event: EngineEvent) -> ProjectName | None:
    """The Compose project that a container event is about."""
    return next((ProjectName(v) for k in _PROJECT if (v := event.attributes.get(k))), None)


def service_of(event: EngineEvent) -> ServiceName | None:
    """The service that a container event is about."""
    return next((ServiceName(v) for k in _SERVICE if (v := event.attributes.get(k))), None)


def is_health_check(event: EngineEvent) -> bool:
    """Whether a container's health was checked, so that it may have changed."""
    return event.type == "container" and event.action == "health_status"


def translate(event: EngineEvent) -> ContainerEvent | None:
    """Our event; None for what is not a change of a Compose container's life."""
    kind = _KINDS.get(event.action) if event.type == "container" else None
    project, service = project_of(event), service_of(event)
    if kind is None or project is None or service is None:
        return None
    exit_code = event.attributes.get("containerExitCode") or event.attributes.get("exitCode")
    return ContainerEvent(
        kind=kind,
        at=datetime.fromtimestamp(event.at_ns / 1e9, UTC),
        source="engine",
        project=project,
        service=service,
        container=ContainerId(event.id),
        name=event.name,
        exit_code=int(exit_code) if kind == "container.died" and exit_code else None,
    )
