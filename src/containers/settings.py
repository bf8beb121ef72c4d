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
    limit_s: float | None = None
    """For every service, whatever its own deadline; None leaves each its own."""
    probe_s: float = 0.01
    """Between two probes of a service that has just started; a probe itself costs about 0.1 s."""
    eager_s: float = 5.0
    """For so long after its start a service is probed that often; then the waits grow."""
    slowest_probe_s: float = 1.0
    """The waits grow up to this, and never beyond the declared interval."""
    settle_s: float = 0.2
    """A service without a check must go on running this long. What is started wrongly ends within a tenth of
    a second; and every `up` lasts this much longer than its last start."""
    log_lines: int = 8
    """Lines of the service's log that a failure shows."""


class MonitorSettings(Model):
    """How unhealthy services are brought back."""

    enabled: bool = True
    """Whether anything is restarted; checks are driven all the same."""
    poll_s: float = 5.0
    """The longest pause between two looks at what is to be done, beside what events bring about."""
    first_backoff_s: float = 0.5
    """Before the second attempt; it doubles from there. The first attempt is immediate."""
    longest_backoff_s: float = 60.0
    max_attempts: int = 5
    """Within `window_s`; then the monitor gives up on the service until it is well again."""
    window_s: float = 600.0
    hand_settle_s: float = 0.5
    """After a death, for Podman to have told whether somebody stopped it: 4.3 took 0.23 s at most."""


class HistorySettings(Model):
    """What is measured of services, and for how long it is remembered.

    Twenty services make 173,000 samples a day; with the means of a month and a year that is about half a
    million rows of about 60 bytes, 35 MB.
    """

    every_s: float = 10.0
    """Between two samples. One call to Podman measures twenty containers in 22 ms of its processor time, so
    this is 0.2 % of a core; a leak or a busy loop shows within a minute."""
    raw_s: float = 86_400.0
    """Samples as they were taken: a day, for what happened last night."""
    short_span_s: int = 300
    """Of the first means: a screen is as wide as a day of them."""
    short_s: float = 30 * 86_400.0
    """They are kept for a month, for comparing weeks."""
    long_span_s: int = 3600
    """Of the second means."""
    long_s: float = 365 * 86_400.0
    """They, the incidents and the spans of well-being are kept for a year."""
    most_rows: int = 1_000_000
    """Of samples and means together, some 70 MB; then the oldest of the finest go, whatever their age."""
    most_entries: int = 100_000
    """Of spans, of incidents and of transitions each: a service that fails for ever makes some each time."""
    chunk: int = 500
    """Rows that are removed at once: a few milliseconds, so nobody waits long for the database."""


class Settings(Model):
    """Everything that can be set."""

    state_dir: Path
    """Ours alone, mode 0700, outside every workspace."""
    engine: EngineSettings = EngineSettings()
    gate: GateSettings = GateSettings()
    monitor: MonitorSettings = MonitorSettings()
    history: HistorySettings = HistorySettings()
    stop_timeout_s: float | None = None
    """Overrides every service's `stop_grace_period`; None leaves it to the service."""
