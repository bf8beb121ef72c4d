"""What the interface shows. The server owns it; TypeScript only draws it."""

from typing import Literal, TypeAlias

from containers.model.base import Model, ProjectName, ServiceName

ServicePhase: TypeAlias = Literal[
    "absent",
    "created",
    "starting",
    "running",
    "healthy",
    "unhealthy",
    "completed",
    "exited",
    "paused",
    "unknown",
]


class ServiceView(Model):
    """One line of the tree."""

    service: ServiceName
    phase: ServicePhase
    """State and health in one word; it picks the icon and the colour."""
    description: str = ""
    """The short grey text behind the name, such as `healthy · 127.0.0.1:8080->80/tcp`."""
    tooltip: str = ""
    """Markdown."""
    image: str = ""
    container: str = ""
    ports: tuple[str, ...] = ()
    busy: str = ""
    """What is being done to it right now, such as `creating`; empty when nothing is."""


class ProjectView(Model):
    """One stack."""

    project: ProjectName
    folder: str
    """The workspace folder's path."""
    environment: str
    services: tuple[ServiceView, ...] = ()
    summary: str = ""
    """For the status bar: `phoenix: 5/6 healthy`."""
    level: Literal["ok", "busy", "warning", "error", "off"] = "off"
    impact: str = ""
    """What applying the files, as they are saved, would do, such as "recreates `api`"; empty when nothing."""
    problem: str = ""
    """Why nothing can be shown, with what to do; empty when all is well."""


class EngineView(Model):
    """Whether Podman answers."""

    connected: bool = False
    text: str = ""
    """One line: version and socket, or what is wrong and what to do."""


class ViewState(Model):
    """Everything the editor shows."""

    revision: int = 0
    engine: EngineView = EngineView()
    projects: tuple[ProjectView, ...] = ()


class ViewPatch(Model):
    """What changed since the revision before; a reader that missed one asks for the whole state."""

    revision: int
    """One more than that of the state it applies to."""
    engine: EngineView | None = None
    projects: tuple[ProjectView, ...] = ()
    """Projects that changed, whole."""
    removed: tuple[ProjectName, ...] = ()
