"""Settings: frozen, each with its unit, its default and why that is the default."""

from pathlib import Path

from containers.model.base import Model


class EngineSettings(Model):
    """How the engine is talked to."""

    url: str | None = None
    """An explicit connection, such as `unix:///run/podman/podman.sock`; None searches for one."""
    connection: str | None = None
    """What an environment asks for: a name of `podman system connection`, or a URL."""
    podman: str = "podman"
    """The Podman program, by name or path."""
    call_timeout_s: float = 30.0
    """For one call that should be quick. Listing takes tens of milliseconds; a busy disk, seconds."""
    pull_timeout_s: float = 900.0
    """For pulling or building one image."""
    max_parallel: int = 4
    """Creates and starts at once: on two cores more than four gained nothing (20 services, Podman 4.3)."""


class GateSettings(Model):
    """How long readiness is waited for."""

    timeout_s: float = 300.0
    """For one service without a computable deadline; the whole never waits for ever."""
    probe_s: float = 0.05
    """Between two probes of a service that has just started; a probe itself costs about 0.1 s."""
    eager_s: float = 5.0
    """For so long after its start a service is probed that often; then the waits grow."""
    slowest_probe_s: float = 1.0
    """The waits grow up to this, and never beyond the declared interval."""
    settle_s: float = 0.3
    """A service without a check must go on running this long."""
    log_lines: int = 8
    """Lines of the service's log that a failure shows."""


class MonitorSettings(Model):
    """How unhealthy services are brought back."""

    enabled: bool = True
    """Whether anything is restarted; checks are driven all the same."""
    poll_s: float = 5.0
    """A full look at the stack, beside the events, so that nothing missed stays missed."""
    first_backoff_s: float = 0.5
    """Before the second attempt; it doubles from there. The first attempt is immediate."""
    longest_backoff_s: float = 60.0
    max_attempts: int = 5
    """Within `window_s`; then the monitor gives up on the service until it is well again."""
    window_s: float = 600.0


class Settings(Model):
    """Everything that can be set."""

    state_dir: Path
    """Ours alone, mode 0700, outside every workspace."""
    engine: EngineSettings = EngineSettings()
    gate: GateSettings = GateSettings()
    monitor: MonitorSettings = MonitorSettings()
    stop_timeout_s: float | None = None
    """Overrides every service's `stop_grace_period`; None leaves it to the service."""
