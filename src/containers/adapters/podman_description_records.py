"""What Podman answers about how a container and its image were made; lenient, as the other records are."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field

from containers.model.described import (
    Attachment,
    DescribedMount,
    EngineDefaults,
    ImageDefaults,
)
from containers.model.project import HealthCheck, PortMapping, RestartPolicy

_NotNullMap = BeforeValidator(lambda value: {} if value is None else value)
_NotNullList = BeforeValidator(lambda value: [] if value is None else value)
_Labels = Annotated[dict[str, str], _NotNullMap]


def _words(value: Any) -> Any:
    """A list that Podman may write as null, or, before its version 5, as one text."""
    if value is None or value == "":
        return ()
    return (value,) if isinstance(value, str) else value


_Words = Annotated[tuple[str, ...], BeforeValidator(_words)]
_NS: Final = 1_000_000_000
UNSEEN: Final = frozenset({"--sysctl", "--device-cgroup-rule", "--storage-opt"})
"""Options of the command line whose effect inspecting does not show."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True, defer_build=True)


class _Health(_Record):
    """A health check; times in nanoseconds, and what is not set is zero."""

    test: _Words = Field(default=(), alias="Test")
    interval_ns: int = Field(default=0, alias="Interval")
    timeout_ns: int = Field(default=0, alias="Timeout")
    start_period_ns: int = Field(default=0, alias="StartPeriod")
    retries: int = Field(default=0, alias="Retries")

    def to_check(self) -> HealthCheck | None:
        """The domain model; none where it is switched off."""
        if not self.test or self.test[0].upper() == "NONE":
            return None
        return HealthCheck(
            test=self.test,
            interval_s=self.interval_ns / _NS or 30.0,
            timeout_s=self.timeout_ns / _NS or 30.0,
            start_period_s=self.start_period_ns / _NS,
            retries=self.retries or 3,
        )


class _ImageConfig(_Record):
    """`Config` of an image."""

    env: _Words = Field(default=(), alias="Env")
    command: _Words = Field(default=(), alias="Cmd")
    entrypoint: _Words = Field(default=(), alias="Entrypoint")
    labels: _Labels = Field(default_factory=dict, alias="Labels")
    user: str = Field(default="", alias="User")
    working_dir: str = Field(default="", alias="WorkingDir")
    stop_signal: str = Field(default="", alias="StopSignal")
    volumes: Annotated[dict[str, Any], _NotNullMap] = Field(default_factory=dict, alias="Volumes")


class ImageRecord(_Record):
    """`GET images/{id}/json`."""

    config: Annotated[_ImageConfig, _NotNullMap] = Field(default=_ImageConfig(), alias="Config")
    labels: _Labels = Field(default_factory=dict, alias="Labels")
    health: Annotated[_Health, _NotNullMap] = Field(
        default=_Health(), validation_alias=AliasChoices("Healthcheck", "HealthCheck")
    )
    system: str = Field(default="", alias="Os")
    architecture: str = Field(default="", alias="Architecture")

    def to_defaults(self) -> ImageDefaults:
        """The domain model."""
        config = self.config
        return ImageDefaults(
            command=config.command,
            entrypoint=config.entrypoint,
            environment=assignments(config.env),
            labels={**config.labels, **self.labels},
            user=config.user,
            working_dir=config.working_dir,
            stop_signal=config.stop_signal,
            volumes=frozenset(config.volumes),
            health_check=self.health.to_check(),
            platform=f"{self.system}/{self.architecture}",
        )


class _Security(_Record):
    capabilities: str = ""


class _Runtime(_Record):
    name: str = ""


class _Host(_Record):
    log_driver: str = Field(default="", alias="logDriver")
    runtime: Annotated[_Runtime, _NotNullMap] = Field(default=_Runtime(), alias="ociRuntime")
    security: Annotated[_Security, _NotNullMap] = _Security()


class EngineRecord(_Record):
    """The part of `GET info` that says what containers have by default."""

    host: Annotated[_Host, _NotNullMap] = _Host()

    def to_defaults(self) -> EngineDefaults:
        """The domain model."""
        host = self.host
        return EngineDefaults(
            log_driver=host.log_driver,
            runtime=host.runtime.name,
            capabilities=frozenset(_capability(c) for c in host.security.capabilities.split(",") if c),
        )


class _Mount(_Record):
    type: str = Field(default="", alias="Type")
    name: str = Field(default="", alias="Name")
    source: str = Field(default="", alias="Source")
    target: str = Field(default="", alias="Destination")
    writable: bool = Field(default=True, alias="RW")
    propagation: str = Field(default="", alias="Propagation")


class _Network(_Record):
    aliases: _Words = Field(default=(), alias="Aliases")
    ipv4_address: str = Field(default="", alias="IPAddress")
    ipv6_address: str = Field(default="", alias="GlobalIPv6Address")
    mac_address: str = Field(default="", alias="MacAddress")


class _NetworkSettings(_Record):
    networks: Annotated[dict[str, _Network], _NotNullMap] = Field(default_factory=dict, alias="Networks")


class _Config(_Record):
    """`Config` of a container."""

    hostname: str = Field(default="", alias="Hostname")
    user: str = Field(default="", alias="User")
    tty: bool = Field(default=False, alias="Tty")
    stdin_open: bool = Field(default=False, alias="OpenStdin")
    env: _Words = Field(default=(), alias="Env")
    command: _Words = Field(default=(), alias="Cmd")
    entrypoint: _Words = Field(default=(), alias="Entrypoint")
    working_dir: str = Field(default="", alias="WorkingDir")
    labels: _Labels = Field(default_factory=dict, alias="Labels")
    annotations: _Labels = Field(default_factory=dict, alias="Annotations")
    stop_signal: int | str = Field(default=0, alias="StopSignal")
    health: Annotated[_Health, _NotNullMap] = Field(default=_Health(), alias="Healthcheck")
    create_command: _Words = Field(default=(), alias="CreateCommand")
    umask: str = Field(default="", alias="Umask")
    secrets: Annotated[tuple[dict[str, Any], ...], _NotNullList] = Field(default=(), alias="Secrets")


class _HostPort(_Record):
    host_ip: str = Field(default="", alias="HostIp")
    host_port: str = Field(default="", alias="HostPort")


class _Restart(_Record):
    name: str = Field(default="", alias="Name")
    retries: int = Field(default=0, alias="MaximumRetryCount")


class _Log(_Record):
    driver: str = Field(default="", alias="Type")
    size: str = Field(default="", alias="Size")
    tag: str = Field(default="", alias="Tag")


class _Device(_Record):
    on_host: str = Field(default="", alias="PathOnHost")
    inside: str = Field(default="", alias="PathInContainer")


class _Ulimit(_Record):
    name: str = Field(default="", alias="Name")
    soft: int = Field(default=0, alias="Soft")
    hard: int = Field(default=0, alias="Hard")


_LIMITS: Final = {
    "blkio_weight": "BlkioWeight",
    "cpu_period": "CpuPeriod",
    "cpu_quota": "CpuQuota",
    "cpu_rt_period": "CpuRealtimePeriod",
    "cpu_rt_runtime": "CpuRealtimeRuntime",
    "cpu_shares": "CpuShares",
    "cpus": "NanoCpus",
    "cpuset": "CpusetCpus",
    "mem_limit": "Memory",
    "mem_reservation": "MemoryReservation",
    "mem_swappiness": "MemorySwappiness",
    "memswap_limit": "MemorySwap",
    "oom_score_adj": "OomScoreAdj",
    "pids_limit": "PidsLimit",
    "shm_size": "ShmSize",
}
"""Ours, and Podman's word; processors in billionths."""


class HostConfigRecord(_Record):
    """`HostConfig` of a container."""

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True)

    network_mode: str = Field(default="", alias="NetworkMode")
    ports: Annotated[dict[str, Annotated[tuple[_HostPort, ...], _NotNullList]], _NotNullMap] = Field(
        default_factory=dict, alias="PortBindings"
    )
    restart: Annotated[_Restart, _NotNullMap] = Field(default=_Restart(), alias="RestartPolicy")
    log: Annotated[_Log, _NotNullMap] = Field(default=_Log(), alias="LogConfig")
    dns: _Words = Field(default=(), alias="Dns")
    dns_options: _Words = Field(default=(), alias="DnsOptions")
    dns_search: _Words = Field(default=(), alias="DnsSearch")
    extra_hosts: _Words = Field(default=(), alias="ExtraHosts")
    groups: _Words = Field(default=(), alias="GroupAdd")
    ipc_mode: str = Field(default="", alias="IpcMode")
    pid_mode: str = Field(default="", alias="PidMode")
    uts_mode: str = Field(default="", alias="UTSMode")
    userns_mode: str = Field(default="", alias="UsernsMode")
    cgroup_mode: str = Field(default="", alias="CgroupMode")
    cgroup_parent: str = Field(default="", alias="CgroupParent")
    privileged: bool = Field(default=False, alias="Privileged")
    read_only: bool = Field(default=False, alias="ReadonlyRootfs")
    security_options: _Words = Field(default=(), alias="SecurityOpt")
    tmpfs: _Labels = Field(default_factory=dict, alias="Tmpfs")
    devices: Annotated[tuple[_Device, ...], _NotNullList] = Field(default=(), alias="Devices")
    init: bool = Field(default=False, alias="Init")
    ulimits: Annotated[tuple[_Ulimit, ...], _NotNullList] = Field(default=(), alias="Ulimits")

    @property
    def limits(self) -> dict[str, int | str]:
        """By our names."""
        found = self.model_extra or {}
        blank: dict[str, int | str] = {"cpuset": ""}
        return {ours: found.get(theirs) or blank.get(ours, 0) for ours, theirs in _LIMITS.items()}

    @property
    def published(self) -> Iterator[PortMapping]:
        """One for each host port; what is exposed alone has none."""
        for target, bindings in self.ports.items():
            port, _, protocol = target.partition("/")
            for binding in bindings:
                yield PortMapping(
                    target=int(port),
                    published=binding.host_port,
                    host_ip=binding.host_ip,
                    protocol=protocol or "tcp",
                )


class ContainerRecord(_Record):
    """`GET containers/{id}/json`, for how it was made."""

    id: str = Field(alias="Id")
    name: str = Field(default="", alias="Name")
    image: str = Field(default="", alias="Image")
    path: str = Field(default="", alias="Path")
    args: _Words = Field(default=(), alias="Args")
    pod: str = Field(default="", alias="Pod")
    runtime: str = Field(default="", alias="OCIRuntime")
    bounding: _Words = Field(default=(), alias="BoundingCaps")
    needs: _Words = Field(default=(), alias="Dependencies")
    mounts: Annotated[tuple[_Mount, ...], _NotNullList] = Field(default=(), alias="Mounts")
    state: Annotated[dict[str, Any], _NotNullMap] = Field(default_factory=dict, alias="State")
    network: Annotated[_NetworkSettings, _NotNullMap] = Field(
        default=_NetworkSettings(), alias="NetworkSettings"
    )
    config: Annotated[_Config, _NotNullMap] = Field(default=_Config(), alias="Config")
    host: Annotated[HostConfigRecord, _NotNullMap] = Field(default=HostConfigRecord(), alias="HostConfig")

    @property
    def entrypoint(self) -> tuple[str, ...]:
        """What comes before the command; `Config.Entrypoint` is one text, in which words can not be told."""
        if self.args == (self.path,):  # how Podman shows a single word, too
            return (self.path,) if self.config.entrypoint else ()
        words = (self.path, *self.args)
        if self.host.init and words[1:2] == ("--",):
            words = words[2:]
        command = self.config.command
        return words[: len(words) - len(command)] if command and words[-len(command) :] == command else words

    @property
    def capabilities(self) -> frozenset[str]:
        """All that it may have."""
        return frozenset(_capability(c) for c in self.bounding)

    @property
    def restart_policy(self) -> RestartPolicy:
        """The domain model."""
        found = self.host.restart
        return RestartPolicy(name=found.name or "no", max_retries=found.retries or None)

    @property
    def attachments(self) -> dict[str, Attachment]:
        """Its networks."""
        return {
            name: Attachment(
                aliases=frozenset(found.aliases),
                ipv4_address=found.ipv4_address,
                ipv6_address=found.ipv6_address,
                mac_address=found.mac_address,
            )
            for name, found in self.network.networks.items()
        }

    @property
    def described_mounts(self) -> tuple[DescribedMount, ...]:
        """Volumes by name, everything else by path."""
        return tuple(
            DescribedMount(
                type=found.type,
                source=found.name if found.type == "volume" else found.source,
                target=found.target,
                read_only=not found.writable,
                propagation=found.propagation,
            )
            for found in self.mounts
        )

    @property
    def options(self) -> dict[str, tuple[str, ...]] | None:
        """What the command line was told and inspecting does not show; None where there was none."""
        words = self.config.create_command
        if len(words) < 2 or not {"create", "run"}.intersection(words[1:3]):  # noqa: PLR2004
            return None
        found: dict[str, tuple[str, ...]] = {}
        for word, following in zip(words, (*words[1:], ""), strict=True):
            option, equals, value = word.partition("=")
            if option in UNSEEN:
                found[option] = (*found.get(option, ()), value if equals else following)
        return found


def assignments(env: tuple[str, ...]) -> dict[str, str]:
    """`A=1` as a mapping."""
    return {name: value for name, _, value in (each.partition("=") for each in env)}


def _capability(name: str) -> str:
    return name.strip().upper().removeprefix("CAP_")


def names_of(secrets: tuple[Mapping[str, Any], ...]) -> frozenset[str]:
    """The names of secrets."""
    return frozenset(str(secret.get("Name", "")) for secret in secrets)
