"""One container of the fake engine: what it was created with, how it behaves, and where it is in its life."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from containers.model.base import ContainerId, ImageId
from containers.model.errors import EngineError
from containers.model.health import HealthState
from containers.model.observed import ContainerState, PublishedPort
from containers.ports.translation import ContainerRecipe

_SHORT = {"-e": "--env", "-l": "--label", "-p": "--publish", "-v": "--volume", "--net": "--network"}
_WITHOUT_VALUE = frozenset(
    {"-d", "-i", "-t", "--detach", "--init", "--interactive", "--no-healthcheck"}
    | {"--privileged", "--read-only", "--rm", "--tty"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How the containers of a service, or of an image, act. Times count from the container's start."""

    healthy_after_s: float | None = 0.0
    """When its check begins to pass; None: never."""
    ill_after_s: float | None = None
    """When its check begins to fail again."""
    exits_after_s: float | None = None
    """When its process ends by itself; None: it runs until it is stopped."""
    exit_code: int = 0
    """What it ends with then."""
    start_error: EngineError | None = None
    """What starting it raises."""
    log: tuple[str, ...] = ()
    """What it writes when it starts."""
    stop_code: int = 143
    """What it ends with when it is stopped."""


@dataclass(slots=True)
class FakeContainer:
    """A container's state; the engine changes it."""

    id: ContainerId
    name: str
    recipe: ContainerRecipe
    labels: dict[str, str]
    image_id: ImageId
    created_at: datetime
    behaviour: Behaviour
    state: ContainerState = ContainerState.CREATED
    is_stopping: bool = False
    pid: int = 0
    started_at: datetime | None = None
    finished_at: datetime | None = None
    exit_code: int = 0
    error: str = ""
    restart_count: int = 0
    checks_failed: int = 0
    health: HealthState = HealthState.NONE
    health_output: str = ""
    is_ill_of_before: bool = False
    """Checks of the life before still count in lists: unhealthy, until one of this life decides."""
    log: list[str] = field(default_factory=list)
    logged_at: list[datetime] = field(default_factory=list)
    """When each line of the log was written."""
    files: dict[str, bytes] = field(default_factory=dict)
    """What was copied in."""

    @property
    def runs(self) -> bool:
        """Whether its process lives."""
        return self.state is ContainerState.RUNNING

    @property
    def has_check(self) -> bool:
        """Whether it was created with a health check."""
        return self.option("--health-cmd", "") not in {"", "none"}

    @property
    def restart_policy(self) -> str:
        """`no` where none was given; without `on-failure`'s number."""
        return self.option("--restart", "no").partition(":")[0]

    @property
    def retries(self) -> int:
        """Failed checks in a row that make it unhealthy."""
        return int(self.option("--health-retries", "3"))

    def write(self, lines: Sequence[str], at: datetime) -> None:
        """Its process writes."""
        self.log += lines
        self.logged_at += [at] * len(lines)

    def option(self, name: str, default: str) -> str:
        """The last value of an option."""
        return next(reversed(self.options(name)), default)

    def options(self, name: str) -> tuple[str, ...]:
        """Every value of an option, in order."""
        return tuple(value for key, value in parse_options(self.recipe.options) if key == name)

    @property
    def networks(self) -> tuple[str, ...]:
        """The networks it is in, by name."""
        names = (value.partition(":")[0] for value in self.options("--network"))
        return tuple(n for value in names for n in value.split(",") if n not in {"host", "none", "bridge"})

    @property
    def volumes(self) -> tuple[str, ...]:
        """The named volumes it mounts."""
        sources = [v.split(":")[0] for v in self.options("--volume") if ":" in v]
        for mount in self.options("--mount"):
            parts = dict(part.partition("=")[::2] for part in mount.split(","))
            if parts.get("type") == "volume":
                sources.append(parts.get("source") or parts.get("src") or "")
        return tuple(s for s in sources if s and not s.startswith(("/", ".")))

    @property
    def ports(self) -> tuple[PublishedPort, ...]:
        """Its published ports."""
        return tuple(_port(value) for value in self.options("--publish"))

    def passes_check(self, now: datetime) -> bool:
        """Whether its check would pass at this moment."""
        if self.started_at is None or self.behaviour.healthy_after_s is None:
            return False
        age_s = (now - self.started_at).total_seconds()
        ill_s = self.behaviour.ill_after_s
        return age_s >= self.behaviour.healthy_after_s and (ill_s is None or age_s < ill_s)


def parse_options(options: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Options of `podman create` as long names and values; a flag without a value has an empty one."""
    waiting = iter(options)
    for option in waiting:
        name, equals, value = option.partition("=")
        name = _SHORT.get(name, name)
        if not equals and option not in _WITHOUT_VALUE:
            value = next(waiting, "")
        yield name, value


def _port(text: str) -> PublishedPort:
    address, _, protocol = text.partition("/")
    *host, container = address.rsplit(":", 2)
    published = host[-1] if host else container
    return PublishedPort(
        host_ip=host[0] if len(host) > 1 else "",
        host_port=int(published or container),
        container_port=int(container),
        protocol=protocol or "tcp",
    )
