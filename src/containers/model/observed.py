"""What one fresh look at the engine saw."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Literal

from typing_extensions import override

from containers.model.base import ContainerId, ImageId, Model, ProjectName, ServiceName
from containers.model.health import HealthState


class ContainerState(StrEnum):
    """A container's life, in docker compose's words."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    EXITED = "exited"
    REMOVING = "removing"
    UNKNOWN = "unknown"


class PublishedPort(Model):
    """A container port that the host answers on."""

    host_ip: str = ""
    """Empty means all interfaces."""
    host_port: int
    container_port: int
    protocol: str = "tcp"

    @override
    def __str__(self) -> str:
        """`127.0.0.1:8080->80/tcp`, as `docker compose ps` prints it."""
        return f"{self.host_ip or '0.0.0.0'}:{self.host_port}->{self.container_port}/{self.protocol}"  # noqa: S104


class ObservedContainer(Model):
    """One container that carries a project's label."""

    id: ContainerId
    name: str
    project: ProjectName
    service: ServiceName
    number: int = 1
    """The replica's number, from one."""
    image: str
    image_id: ImageId
    state: ContainerState
    health: HealthState = HealthState.NONE
    exit_code: int | None = None
    """Only where it has exited."""
    created_at: datetime
    started_at: datetime | None = None
    ports: tuple[PublishedPort, ...] = ()
    labels: Mapping[str, str] = {}

    @property
    def is_running(self) -> bool:
        """Whether its process lives (paused counts as running)."""
        return self.state in {ContainerState.RUNNING, ContainerState.PAUSED, ContainerState.RESTARTING}


class ObservedNetwork(Model):
    """A network on the engine."""

    name: str
    labels: Mapping[str, str] = {}


class ObservedVolume(Model):
    """A volume on the engine."""

    name: str
    labels: Mapping[str, str] = {}


class ObservedState(Model):
    """One snapshot of everything that belongs to a project."""

    project: ProjectName
    containers: tuple[ObservedContainer, ...] = ()
    networks: tuple[ObservedNetwork, ...] = ()
    """All networks of the engine, since a project may use external ones."""
    volumes: tuple[ObservedVolume, ...] = ()
    """All volumes of the engine."""
    images: Mapping[str, ImageId] = {}
    """The asked-for references that exist locally."""

    def of_service(self, service: ServiceName) -> tuple[ObservedContainer, ...]:
        """The service's containers, by replica number."""
        return tuple(sorted((c for c in self.containers if c.service == service), key=lambda c: c.number))


class EngineInfo(Model):
    """Which engine answers, and what it can do here."""

    version: str
    rootless: bool
    socket: str
    """The URL that was taken, such as `unix:///run/podman/podman.sock`."""
    chosen_because: str
    """Why this connection: which rule of the search order found it."""
    cgroup_version: str = "v2"
    """`v1` (hybrid counts as v1) or `v2`."""
    cgroup_manager: str = ""
    events_logger: str = ""
    network_backend: str = ""
    runtime: str = ""
    health_driver: Literal["systemd", "podkeeper"] = "podkeeper"
    """Who runs health checks: systemd's timers where there are any, else Podkeeper."""
    selinux: bool = False
    """Whether SELinux guards files, so that bind mounts need a label."""
    first_unprivileged_port: int = 1
    """The first port that this engine may publish: 1 for rootful ones, usually 1024 for others."""
    unenforced: tuple[str, ...] = ()
    """The cgroup controllers, such as `memory`, whose limits have no effect here."""
    limits: tuple[str, ...] = ()
    """What is limited here, one sentence each."""

    @property
    def version_tuple(self) -> tuple[int, ...]:
        """The version as numbers, for comparing."""
        return tuple(int(p) for p in self.version.split("-")[0].split(".") if p.isdigit())


class EngineEvent(Model):
    """One event of the engine, read but not yet interpreted."""

    type: str
    """`container`, `image`, `network`, `volume`, `pod` or `system`."""
    action: str
    id: str
    name: str = ""
    at_ns: int
    """Nanoseconds since the epoch, by the engine's clock."""
    attributes: Mapping[str, str] = {}
    health: str | None = None
    """The health word of a `health_status` event; below Podman 5 it is the previous one."""


class CommandResult(Model):
    """What a command run in a container came to."""

    exit_code: int
    """-1 when it did not end in time."""
    output: str = ""
    """Both streams, at most a few thousand characters."""


class ContainerDetail(Model):
    """What inspecting one container adds to a listing."""

    id: ContainerId
    name: str
    state: ContainerState
    pid: int = 0
    exit_code: int = 0
    oom_killed: bool = False
    error: str = ""
    """The engine's own words about a failed start; often empty on Podman 4."""
    health: HealthState = HealthState.NONE
    health_output: str = ""
    restart_count: int = 0
    """Restarts by the engine itself since the last start by hand."""
    restart_policy: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
