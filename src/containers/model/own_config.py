"""What a service says under `x-podkeeper`, beyond the Compose Specification."""

from typing import Literal

from pydantic import Field

from containers.model.base import Model


class RestartRules(Model):
    """How a service that fails is brought back; what is None is as the environment has it."""

    enabled: bool | None = None
    after: int = 1
    """Failures in a row that it takes."""
    max_attempts: int | None = None
    window_s: float | None = None
    first_backoff_s: float | None = None
    longest_backoff_s: float | None = None


class OutsideProbe(Model):
    """A check from outside, for a service that has none of its own."""

    kind: Literal["tcp", "http"]
    port: int
    """The container's port."""
    path: str = "/"
    statuses: tuple[int, ...] = ()
    """The HTTP answers that are well; empty means 200 to 399."""
    interval_s: float = 10.0
    timeout_s: float = 3.0
    retries: int = 3
    """Failures in a row that make it unhealthy."""
    start_period_s: float = 0.0
    """For so long after its start failures do not count."""


class Reload(Model):
    """How a service takes up new files without a restart."""

    signal: str = ""
    """For its first process, such as `HUP`; empty where a command is run instead."""
    command: tuple[str, ...] = ()
    user: str = ""
    """Who runs the command; empty means the service's user."""


class OwnConfig(Model):
    """All that a service says under `x-podkeeper`."""

    essential: bool = False
    """Brought back first, from the last known good revision."""
    restart: RestartRules = Field(default_factory=RestartRules)
    probe: OutsideProbe | None = None
    reload: Reload | None = None
