"""Podman's answers as they come over the wire, and how each becomes a domain model.

Records are lenient: fields that Podman adds later are ignored, and null stands for empty, as Go writes it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from containers.adapters.podman_health_log import HealthNow, health_now
from containers.model.base import ContainerId, ImageId, ProjectName, ServiceName
from containers.model.health import HealthState, ProbeResult
from containers.model.observed import (
    TRANSACTION_LABEL,
    ContainerDetail,
    ContainerState,
    EngineEvent,
    Neighbour,
    ObservedContainer,
    ObservedNetwork,
    ObservedVolume,
    PublishedPort,
)

PROJECT_LABEL = "com.docker.compose.project"
"""The one to filter by: docker compose writes it, and podman-compose writes it beside its own."""
_PROJECT_LABELS = (PROJECT_LABEL, "io.podman.compose.project")
_SERVICE_LABELS = ("com.docker.compose.service", "io.podman.compose.service")
_NUMBER_LABEL = "com.docker.compose.container-number"
_OUTPUT_CHARACTERS = 500
_USUAL_STOP_TIMEOUT_S = 10

NotNull = BeforeValidator(lambda value: {} if value is None else value)
"""Go writes null for an empty map, and for a structure that is not there."""
_Labels = Annotated[dict[str, str], NotNull]
NotNullList = BeforeValidator(lambda value: [] if value is None else value)
"""Go writes null for an empty list."""
_Words = Annotated[
    tuple[str, ...],
    BeforeValidator(lambda value: value.split() if isinstance(value, str) else value or ()),
]
"""Before Podman 5 an entry point is one string."""

_STATES = {
    "created": ContainerState.CREATED,
    "configured": ContainerState.CREATED,
    "initialized": ContainerState.CREATED,
    "running": ContainerState.RUNNING,
    "stopping": ContainerState.RUNNING,  # its process still lives
    "paused": ContainerState.PAUSED,
    "restarting": ContainerState.RESTARTING,
    "exited": ContainerState.EXITED,
    "stopped": ContainerState.EXITED,
    "removing": ContainerState.REMOVING,
}
_NOT_CLEANED_UP = "stopped"


class Record(BaseModel):
    """Lenient, as all of them are."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True, defer_build=True)


def state_of(word: str) -> ContainerState:
    """Podman's word for a container's state, in docker compose's words."""
    return _STATES.get(word.lower(), ContainerState.UNKNOWN)


def health_of(word: str | None) -> HealthState:
    """Podman's word for health; empty, and words we do not know, mean that there is no check."""
    try:
        return HealthState((word or "none").lower())
    except ValueError:
        return HealthState.NONE


def _first(labels: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((labels[name] for name in names if labels.get(name)), "")


def project_of(labels: Mapping[str, str]) -> ProjectName | None:
    """The compose project that labels name."""
    name = _first(labels, _PROJECT_LABELS)
    return ProjectName(name) if name else None


def _moment(value: datetime | None) -> datetime | None:
    """An aware time; Go's zero time, the year 1, stands for never."""
    if value is None or value.year <= 1:
        return None
    return value if value.tzinfo else value.replace(tzinfo=UTC)


_R = TypeVar("_R", bound=Record)


class PortRecord(Record):
    """A published port or range of ports."""

    host_ip: str = ""
    container_port: int = 0
    host_port: int = 0
    range: int = 1
    protocol: str = "tcp"

    def to_ports(self) -> tuple[PublishedPort, ...]:
        """One published port for each of the range and each protocol."""
        return tuple(
            PublishedPort(
                host_ip="" if self.host_ip == "0.0.0.0" else self.host_ip,  # noqa: S104  (read, not bound)
                host_port=self.host_port + i,
                container_port=self.container_port + i,
                protocol=protocol,
            )
            for protocol in self.protocol.split(",")
            for i in range(max(self.range, 1))
        )


class ListedContainer(Record):
    """An entry of `GET containers/json`."""

    id: str = Field(alias="Id")
    names: Annotated[tuple[str, ...], NotNullList] = Field(default=(), alias="Names")
    image: str = Field(default="", alias="Image")
    image_id: str = Field(default="", alias="ImageID")
    state: str = Field(default="", alias="State")
    status: str = Field(default="", alias="Status")
    """The health word; empty without a check. The command line's "Up 3 minutes" is made by the client."""
    exit_code: int = Field(default=0, alias="ExitCode")
    created: datetime = Field(alias="Created")
    started_at: int = Field(default=0, alias="StartedAt")
    pid: int = Field(default=0, alias="Pid")
    labels: _Labels = Field(default_factory=dict, alias="Labels")
    ports: Annotated[tuple[PortRecord, ...], NotNullList] = Field(default=(), alias="Ports")
    pod: str = Field(default="", alias="PodName")

    def to_neighbour(self) -> Neighbour:
        """What it has that another one can not have."""
        state = state_of(self.state)
        return Neighbour(
            id=ContainerId(self.id),
            name=self.names[0] if self.names else self.id[:12],
            is_running=state in {ContainerState.RUNNING, ContainerState.PAUSED, ContainerState.RESTARTING},
            ports=tuple(p for record in self.ports for p in record.to_ports()),
        )

    def to_observed(self) -> ObservedContainer | None:
        """The domain model; None for a container that belongs to no service."""
        project, service = project_of(self.labels), _first(self.labels, _SERVICE_LABELS)
        if project is None or not service:
            return None
        number = self.labels.get(_NUMBER_LABEL, "")
        state = state_of(self.state)
        return ObservedContainer(
            id=ContainerId(self.id),
            name=self.names[0] if self.names else self.id[:12],
            project=project,
            service=ServiceName(service),
            number=int(number) if number.isdigit() else 1,
            image=self.image,
            image_id=ImageId(self.image_id),
            state=state,
            is_stopping=self.state.lower() == "stopping",
            health=health_of(self.status),
            exit_code=self.exit_code if state is ContainerState.EXITED else None,
            created_at=_moment(self.created) or datetime.fromtimestamp(0, UTC),
            started_at=datetime.fromtimestamp(self.started_at, UTC) if self.started_at > 0 else None,
            pid=self.pid,
            ports=tuple(p for record in self.ports for p in record.to_ports()),
            labels=self.labels,
        )


class SubnetRecord(Record):
    """An entry of a network's `subnets`."""

    subnet: str = ""


class NetworkRecord(Record):
    """An entry of `GET networks/json`."""

    name: str
    created: str = ""
    labels: _Labels = {}
    subnets: Annotated[tuple[SubnetRecord, ...], NotNullList] = ()

    def to_observed(self) -> ObservedNetwork:
        """The domain model. The id is made of the name, so the time tells two of one name apart."""
        subnets = tuple(s.subnet for s in self.subnets if s.subnet)
        return ObservedNetwork(name=self.name, identity=self.created, labels=self.labels, subnets=subnets)


class VolumeRecord(Record):
    """An entry of `GET volumes/json`."""

    name: str = Field(alias="Name")
    created: str = Field(default="", alias="CreatedAt")
    labels: _Labels = Field(default_factory=dict, alias="Labels")
    driver: str = Field(default="local", alias="Driver")
    mount_point: str = Field(default="", alias="Mountpoint")
    scope: str = Field(default="local", alias="Scope")
    anonymous: bool = Field(default=False, alias="Anonymous")

    def to_observed(self) -> ObservedVolume:
        """The domain model."""
        return ObservedVolume(
            name=self.name,
            identity=self.created,
            labels=self.labels,
            driver=self.driver,
            mount_point=self.mount_point,
            scope=self.scope,
        )


class CheckRecord(Record):
    """One run in a container's health log."""

    start: datetime | None = Field(default=None, alias="Start")
    end: datetime | None = Field(default=None, alias="End")
    exit_code: int = Field(default=0, alias="ExitCode")
    output: str = Field(default="", alias="Output")


class HealthRecord(Record):
    """`State.Health` of an inspected container."""

    status: str = Field(default="", alias="Status")
    failing_streak: int = Field(default=0, alias="FailingStreak")
    log: Annotated[tuple[CheckRecord, ...], NotNullList] = Field(default=(), alias="Log")


class StateRecord(Record):
    """`State` of an inspected container."""

    status: str = Field(default="", alias="Status")
    pid: int = Field(default=0, alias="Pid")
    exit_code: int = Field(default=0, alias="ExitCode")
    oom_killed: bool = Field(default=False, alias="OOMKilled")
    error: str = Field(default="", alias="Error")
    started_at: datetime | None = Field(default=None, alias="StartedAt")
    finished_at: datetime | None = Field(default=None, alias="FinishedAt")
    stopped_by_user: bool = Field(default=False, alias="StoppedByUser")
    health: Annotated[HealthRecord, NotNull] = Field(default=HealthRecord(), alias="Health")


class HealthcheckConfig(Record):
    """`Config.Healthcheck`; times in nanoseconds."""

    test: Annotated[tuple[str, ...], NotNullList] = Field(default=(), alias="Test")
    timeout_ns: int = Field(default=0, alias="Timeout")
    retries: int = Field(default=0, alias="Retries")
    start_period_ns: int = Field(default=0, alias="StartPeriod")


class ConfigRecord(Record):
    """`Config` of an inspected container."""

    labels: _Labels = Field(default_factory=dict, alias="Labels")

    healthcheck: Annotated[HealthcheckConfig, NotNull] = Field(
        default=HealthcheckConfig(), alias="Healthcheck"
    )
    on_unhealthy: str = Field(default="", alias="HealthcheckOnFailureAction")
    stop_timeout_s: int = Field(default=10, alias="StopTimeout")
    entrypoint: _Words = Field(default=(), alias="Entrypoint")
    command: Annotated[tuple[str, ...], NotNullList] = Field(default=(), alias="Cmd")
    env: Annotated[tuple[str, ...], NotNullList] = Field(default=(), alias="Env")

    @property
    def environment(self) -> dict[str, str]:
        """The variables, by name."""
        return {name: value for name, _, value in (entry.partition("=") for entry in self.env)}

    @property
    def patience_s(self) -> int:
        """How long it may take to stop; docker compose leaves a zero that it does not mean."""
        return self.stop_timeout_s or (0 if TRANSACTION_LABEL in self.labels else _USUAL_STOP_TIMEOUT_S)


class MountRecord(Record):
    """An entry of `Mounts`."""

    type: str = Field(default="", alias="Type")
    name: str = Field(default="", alias="Name")
    source: str = Field(default="", alias="Source")
    destination: str = Field(default="", alias="Destination")


class NetworkSettingsRecord(Record):
    """`NetworkSettings` of an inspected container."""

    networks: Annotated[dict[str, Any], NotNull] = Field(default_factory=dict, alias="Networks")

    @property
    def addresses(self) -> tuple[str, ...]:
        """The container's IPv4 addresses, one a network that gave it one."""
        found = (network.get("IPAddress") for network in self.networks.values() if network)
        return tuple(address for address in found if address)


class RestartPolicyRecord(Record):
    """`HostConfig.RestartPolicy`."""

    name: str = Field(default="", alias="Name")


class HostConfigRecord(Record):
    """`HostConfig` of an inspected container."""

    restart_policy: Annotated[RestartPolicyRecord, NotNull] = Field(
        default=RestartPolicyRecord(), alias="RestartPolicy"
    )


class InspectedContainer(Record):
    """`GET containers/{id}/json`."""

    id: str = Field(alias="Id")
    name: str = Field(default="", alias="Name")
    state: StateRecord = Field(alias="State")
    restart_count: int = Field(default=0, alias="RestartCount")
    config: Annotated[ConfigRecord, NotNull] = Field(default=ConfigRecord(), alias="Config")
    host_config: Annotated[HostConfigRecord, NotNull] = Field(default=HostConfigRecord(), alias="HostConfig")
    mounts: Annotated[tuple[MountRecord, ...], NotNullList] = Field(default=(), alias="Mounts")
    network_settings: Annotated[NetworkSettingsRecord, NotNull] = Field(
        default=NetworkSettingsRecord(), alias="NetworkSettings"
    )

    @property
    def volumes(self) -> dict[str, str]:
        """The volumes that it mounts, by where."""
        return {mount.destination: mount.name for mount in self.mounts if mount.type == "volume"}

    @property
    def _checks(self) -> tuple[CheckRecord, ...]:
        """Those that began in this life: Podman notes one that hung at a restart in the next."""
        began = self.state.started_at
        return tuple(c for c in self.state.health.log if began is None or c.start is None or c.start >= began)

    @property
    def _health(self) -> HealthNow:
        noted, began = self.state.health, self.state.started_at
        counts_from = began and began + timedelta(microseconds=self.config.healthcheck.start_period_ns / 1e3)
        counted = [  # a failure within the start period is noted, and does not count
            c
            for c in self._checks
            if c.exit_code == 0 or not (c.start and counts_from) or c.start >= counts_from
        ]
        return health_now(
            health_of(noted.status),
            noted.failing_streak,
            [check.exit_code == 0 for check in counted],
            is_whole=len(counted) == len(noted.log),
            retries=self.config.healthcheck.retries,
        )

    def to_detail(self) -> ContainerDetail:
        """The domain model."""
        state, checks = self.state, self._checks
        return ContainerDetail(
            id=ContainerId(self.id),
            name=self.name,
            state=state_of(state.status),
            pid=state.pid,
            exit_code=state.exit_code,
            oom_killed=state.oom_killed,
            error=state.error,
            health=self._health.state,
            health_output=checks[-1].output[-_OUTPUT_CHARACTERS:] if checks else "",
            restart_count=self.restart_count,
            restart_policy=self.host_config.restart_policy.name,
            on_unhealthy="" if self.config.on_unhealthy == "none" else self.config.on_unhealthy,
            stopped_by_user=state.stopped_by_user,
            is_cleaned_up=state.status != _NOT_CLEANED_UP,
            addresses=self.network_settings.addresses,
            started_at=_moment(state.started_at),
            finished_at=_moment(state.finished_at),
            command=(*self.config.entrypoint, *self.config.command),
            networks=tuple(sorted(self.network_settings.networks)),
            mounts=tuple(m.name or m.source for m in self.mounts),
            volumes=sum(m.type == "volume" for m in self.mounts),
        )

    def to_probe(self, measured_s: float) -> ProbeResult:
        """What the last check said; `measured_s` stands in where Podman noted no times."""
        checks, health = self._checks, self._health
        last = checks[-1] if checks else CheckRecord()
        took_s = (last.end - last.start).total_seconds() if last.start and last.end else measured_s
        return ProbeResult(
            state=health.state,
            failing_streak=health.failing_streak,
            exit_code=last.exit_code if checks else None,
            output=last.output.strip()[-_OUTPUT_CHARACTERS:],
            duration_s=max(took_s, 0.0),
        )


class ExecRecord(Record):
    """`GET exec/{id}/json`."""

    exit_code: int = Field(default=0, alias="ExitCode")
    running: bool = Field(default=False, alias="Running")
    pid: int = Field(default=0, alias="Pid")


class ActorRecord(Record):
    """What an event is about."""

    id: str = Field(default="", alias="ID")
    attributes: _Labels = Field(default_factory=dict, alias="Attributes")


class EventRecord(Record):
    """One line of `GET events`."""

    type: str = Field(alias="Type")
    action: str = Field(alias="Action")
    actor: Annotated[ActorRecord, NotNull] = Field(default=ActorRecord(), alias="Actor")
    time_nano: int = Field(default=0, alias="timeNano")
    health_status: str | None = Field(default=None, alias="HealthStatus")

    def to_event(self) -> EngineEvent:
        """The domain model."""
        return EngineEvent(
            type=self.type,
            action=self.action,
            id=self.actor.id,
            name=self.actor.attributes.get("name", ""),
            at_ns=self.time_nano,
            attributes=self.actor.attributes,
            health=self.health_status or None,
        )


def parse_list(record: type[_R], payload: Any) -> tuple[_R, ...]:
    """Every entry of a JSON list that Podman may also write as null."""
    return tuple(record.model_validate(item) for item in payload or ())
