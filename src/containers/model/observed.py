"""What one fresh look at the engine saw."""

import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import Field
from typing_extensions import override

from containers.model.base import ContainerId, ImageId, Model, ProjectName, ServiceName
from containers.model.described import ContainerDescription
from containers.model.health import HealthState

PROJECT_LABELS = ("com.docker.compose.project", "io.podman.compose.project")
"""Docker compose writes the first, podman-compose both."""
_MEANWHILE = re.compile(r"_(?:old|new)_[0-9a-hjkmnp-tv-z]{8}$")
ONE_OFF_LABEL = "com.docker.compose.oneoff"
TRANSACTION_LABEL = "io.podkeeper.transaction"
FIELDS_LABEL = "io.podkeeper.fields"
"""On a container, JSON: the fingerprint of each top-level key of its service when it was made."""


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

    @property
    def address(self) -> str:
        """`127.0.0.1:8080`, `[::1]:8080`: what to connect to."""
        host = self.host_ip or "0.0.0.0"  # noqa: S104  (it is printed)
        return f"[{host}]:{self.host_port}" if ":" in host else f"{host}:{self.host_port}"

    @override
    def __str__(self) -> str:
        """`127.0.0.1:8080->80/tcp`, as `docker compose ps` prints it."""
        return f"{self.address}->{self.container_port}/{self.protocol}"


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
    is_stopping: bool = False
    """Whether it was told to stop and has not yet: it still runs, and can not be started before it has."""
    health: HealthState = HealthState.NONE
    exit_code: int | None = None
    """Only where it has exited."""
    created_at: datetime
    started_at: datetime | None = None
    pid: int = Field(default=0, exclude=True, repr=False)
    """Of its first process, on the engine's machine; 0 where it does not run."""
    ports: tuple[PublishedPort, ...] = ()
    labels: Mapping[str, str] = {}

    @property
    def transaction(self) -> str:
        """The transaction that made it; empty where it was not made by Podkeeper."""
        return self.labels.get(TRANSACTION_LABEL, "")

    @property
    def is_one_off(self) -> bool:
        """Whether it is one of `run`, beside the service's own containers."""
        return self.labels.get(ONE_OFF_LABEL, "").lower() == "true"

    @property
    def is_foreign(self) -> bool:
        """Whether another program than Podkeeper made it."""
        return not self.transaction

    @property
    def is_left_over(self) -> bool:
        """Whether a change that nobody ended has left it under the name it had meanwhile."""
        return bool(self.transaction) and _MEANWHILE.search(self.name) is not None

    @property
    def is_running(self) -> bool:
        """Whether its process lives (paused counts as running)."""
        return self.state in {ContainerState.RUNNING, ContainerState.PAUSED, ContainerState.RESTARTING}


class Neighbour(Model):
    """One container of the engine, whoever made it: what it has that another one can not have, too."""

    id: ContainerId
    name: str
    is_running: bool = False
    """Whether its process lives, so that it holds its ports."""
    ports: tuple[PublishedPort, ...] = ()


class ObservedNetwork(Model):
    """A network on the engine."""

    name: str
    identity: str = ""
    """Another one of the same name has another."""
    labels: Mapping[str, str] = {}
    subnets: tuple[str, ...] = ()
    """In CIDR notation."""


class ObservedVolume(Model):
    """A volume on the engine."""

    name: str
    identity: str = ""
    """Another one of the same name has another."""
    labels: Mapping[str, str] = {}
    driver: str = "local"
    mount_point: str = ""
    """Where it is on the engine's machine."""
    scope: str = "local"

    @property
    def project(self) -> str:
        """The compose project that it belongs to; empty where it belongs to none."""
        return next((self.labels[name] for name in PROJECT_LABELS if self.labels.get(name)), "")


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
    foreign: Mapping[ContainerId, ContainerDescription] = Field(default={}, exclude=True, repr=False)
    """How the containers that another program made were made, where that was asked for. It may hold secrets,
    so it is never written down."""

    def of_service(self, service: ServiceName) -> tuple[ObservedContainer, ...]:
        """The service's containers, by replica number; those of `run` are none of them."""
        mine = (c for c in self.containers if c.service == service and not c.is_one_off)
        return tuple(sorted(mine, key=lambda c: c.number))


class EngineVersion(Model):
    """Which engine answers."""

    version: str

    @property
    def version_tuple(self) -> tuple[int, ...]:
        """The version as numbers, for comparing."""
        return tuple(int(p) for p in self.version.split("-")[0].split(".") if p.isdigit())

    @property
    def resolves_during_joins(self) -> bool:
        """Whether names are resolved while another container joins a network.

        They are from about Podman 5.1 on (aardvark-dns 1.11, its issue 389). Before, each that joins has the
        name server begin anew, and what others ask just then fails: 10 of 1,200 questions while 20 joined.
        """
        return self.version_tuple >= (5, 1)


class EngineInfo(EngineVersion):
    """Which engine answers, and what it can do here."""

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


SIGNAL_WORKS_NS = 10_000_000_000
"""A process that dies so soon after a signal died of it: as long as Podman waits before it kills."""


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

    @property
    def identity(self) -> int:
        """The same when it is delivered again, and another for any other event, as far as 64 bits go.

        A number, as thousands of them are remembered. It means nothing to another process.
        """
        return hash((self.at_ns, self.id, self.type, self.action))


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
    on_unhealthy: str = ""
    """What the engine itself does with it when it is unhealthy: `kill`, `restart` or `stop`; else empty."""
    stopped_by_user: bool = False
    """Whether it was told to stop; only newer engines say so."""
    is_cleaned_up: bool = True
    """Whether nothing is left to do after its end: until then the engine may start it again by itself."""
    addresses: tuple[str, ...] = ()
    """Its IP addresses in its networks."""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    command: tuple[str, ...] = ()
    """What it was created to run, with its entry point."""
    networks: tuple[str, ...] = ()
    mounts: tuple[str, ...] = ()
    """Names of volumes, and the host's paths of bind mounts."""
    volumes: int = 0
    """How many of the mounts are volumes."""
