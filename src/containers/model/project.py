"""A resolved Compose project: what the files mean, after everything was merged and filled in."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, TypeAlias

from pydantic import Field

from containers.model.base import Model, ProjectName, ServiceName
from containers.model.own_config import OwnConfig
from containers.model.source import Location

KeyPath: TypeAlias = tuple[str | int, ...]
"""A path in the canonical document, such as `("services", "api", "ports", 0)`."""


class DependencyCondition(StrEnum):
    """What a dependent waits for (Compose Specification, `depends_on`)."""

    STARTED = "service_started"
    HEALTHY = "service_healthy"
    COMPLETED = "service_completed_successfully"


class Dependency(Model):
    """One `depends_on` entry."""

    condition: DependencyCondition = DependencyCondition.STARTED
    required: bool = True
    """When false, a dependency that is absent or fails is only warned about."""
    restart: bool = False
    """Whether the dependent restarts when this service is recreated or restarted."""


class PortMapping(Model):
    """One published port of the canonical form."""

    target: int
    published: str = ""
    """A port or a range; empty lets the engine choose."""
    host_ip: str = ""
    protocol: str = "tcp"


class Mount(Model):
    """One entry of a service's `volumes` or `tmpfs`, in long form."""

    type: str
    """`bind`, `volume`, `tmpfs`, `image`, `npipe` or `cluster`."""
    source: str = ""
    """An absolute path, a volume's key, or empty for an anonymous volume."""
    target: str
    read_only: bool = False


class HealthCheck(Model):
    """A service's `healthcheck`; times in seconds, with the Compose Specification's defaults."""

    test: tuple[str, ...]
    """Begins with `CMD` or `CMD-SHELL`; a disabled check is no check at all."""
    interval_s: float = 30.0
    timeout_s: float = 30.0
    retries: int = 3
    start_period_s: float = 0.0
    start_interval_s: float | None = None
    """How often to check within the start period; None where it is not set."""

    @property
    def command(self) -> tuple[str, ...]:
        """The check as a command line to run in the container."""
        if self.test[0] == "CMD-SHELL":
            return ("/bin/sh", "-c", " ".join(self.test[1:]))
        return self.test[1:]

    @property
    def deadline_s(self) -> float:
        """How long after its start Podman, checking at the interval, would call it unhealthy at last."""
        return self.start_period_s + self.retries * self.interval_s + self.timeout_s


class RestartPolicy(Model):
    """A service's `restart`."""

    name: str = "no"
    """`no`, `always`, `on-failure` or `unless-stopped`."""
    max_retries: int | None = None
    """Only for `on-failure`; None means without limit."""


class BuildConfig(Model):
    """What the planner and the engine need of `build`; the rest stays in the document."""

    context: str
    """Absolute path, or a URL."""
    dockerfile: str = "Dockerfile"
    """Relative to the context, or absolute."""
    dockerfile_inline: str | None = None
    args: Mapping[str, str | None] = {}
    target: str | None = None
    labels: Mapping[str, str] = {}
    network: str | None = None
    no_cache: bool = False
    pull: bool = False
    additional_contexts: Mapping[str, str] = {}
    tags: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    shm_size: str | None = None


class Hook(Model):
    """A command run in a container (Compose Specification, `post_start` and `pre_stop`)."""

    command: tuple[str, ...]
    user: str = ""
    """Empty takes the container's."""
    privileged: bool = False
    working_dir: str = ""
    environment: Mapping[str, str] = {}


class WatchRule(Model):
    """One entry of `develop.watch`: what to do when files change."""

    path: str
    """The file or folder to watch; absolute."""
    action: Literal["sync", "rebuild", "restart", "sync+restart", "sync+exec"]
    target: str = ""
    """Where in the container files are copied to; empty for an action that copies nothing."""
    ignore: tuple[str, ...] = ()
    """Patterns, relative to `path`, of files that do not count."""
    include: tuple[str, ...] = ()
    """Patterns of the only files that count; empty means all."""
    exec: Hook | None = None
    """What `sync+exec` runs."""
    initial_sync: bool = False
    """Whether everything is copied once at the beginning."""


class ServiceConfig(Model):
    """One service that is to run."""

    name: ServiceName
    image: str
    """The reference to run; for a built service without one, `<project>-<service>`."""
    ports: tuple[PortMapping, ...] = ()
    environment: Mapping[str, str | None] = {}
    volumes: tuple[Mount, ...] = ()
    depends_on: Mapping[ServiceName, Dependency] = {}
    health_check: HealthCheck | None = None
    restart_policy: RestartPolicy = RestartPolicy()
    build: BuildConfig | None = None
    pull_policy: str = "missing"
    """`always`, `never`, `missing`, `build`, `daily`, `weekly` or `every_<duration>`."""
    container_name: str | None = None
    replicas: int = 1
    networks: tuple[str, ...] = ()
    """Keys of the project's networks; empty when `network_mode` is set."""
    network_mode: str | None = None
    secrets: tuple[str, ...] = ()
    """Keys of the project's secrets."""
    configs: tuple[str, ...] = ()
    """Keys of the project's configs."""
    stop_grace_period_s: float | None = None
    """None leaves the engine's 10 seconds."""
    stop_signal: str | None = None
    post_start: tuple[Hook, ...] = ()
    """Run one after the other when a container has started; one that fails fails the start."""
    pre_stop: tuple[Hook, ...] = ()
    """Run before a container is stopped by us."""
    profiles: tuple[str, ...] = ()
    labels: Mapping[str, str] = {}
    watch: tuple[WatchRule, ...] = ()
    """What happens when files change while the service is developed."""
    own: OwnConfig = Field(default_factory=OwnConfig)
    """What it says under `x-podkeeper`."""
    config_hash: str
    """SHA-256, in hexadecimal, of everything in the canonical service that shapes its container."""
    field_hashes: Mapping[str, str] = {}
    """Top-level canonical key to the first 12 hexadecimal digits of its value's SHA-256: says which
    fields changed without keeping their values, which may be secret."""


class ResourceConfig(Model):
    """A top-level network, volume, secret or config."""

    key: str
    name: str
    """The name on the engine: `<project>_<key>` unless it is external or named."""
    external: bool = False
    file: str | None = None
    """Secrets and configs from a file: its absolute path."""
    environment: str | None = None
    """Secrets and configs from the environment: the variable's name (never its value)."""
    content: str | None = None
    """Configs with inline content."""
    config_hash: str = ""


class ResolvedProject(Model):
    """A whole project: validated, merged, interpolated, normalised, and filtered by profile."""

    name: ProjectName
    working_dir: Path
    files: tuple[Path, ...]
    """The compose files that were named or discovered, in merging order."""
    sources: tuple[Path, ...] = ()
    """Every file that took part: the above, extends and include targets, env files, `.env`."""
    services: Mapping[ServiceName, ServiceConfig]
    networks: Mapping[str, ResourceConfig] = {}
    volumes: Mapping[str, ResourceConfig] = {}
    secrets: Mapping[str, ResourceConfig] = {}
    configs: Mapping[str, ResourceConfig] = {}
    disabled_services: tuple[ServiceName, ...] = ()
    """Services that no active profile enables."""
    profiles: tuple[str, ...] = ()
    """The active profiles."""
    document: dict[str, Any]
    """The canonical document, in the shape of `docker compose config --format json`."""
    locations: Mapping[KeyPath, Location] = {}
    """Where each path of the document was last set; a path that is missing was filled in by default."""
    config_hash: str = ""

    def is_job(self, service: ServiceName) -> bool:
        """Whether some service waits for this one to complete."""
        return any(
            service in s.depends_on and s.depends_on[service].condition is DependencyCondition.COMPLETED
            for s in self.services.values()
        )

    def container_name(self, service: ServiceConfig, number: int) -> str:
        """`container_name`, or that by which podman-compose finds it: `<project>_<service>_<number>`."""
        return service.container_name or f"{self.name}_{service.name}_{number}"

    def location_of(self, *path: str | int) -> Location | None:
        """Where `path` was written, or the nearest thing above it that was."""
        for end in range(len(path), 0, -1):
            found = self.locations.get(path[:end])
            if found is not None:
                return found
        return None
