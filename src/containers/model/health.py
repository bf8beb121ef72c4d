"""Health as people see it, and what one check said."""

from datetime import datetime
from enum import StrEnum
from typing import Literal

from containers.model.base import Model, ServiceName


class HealthState(StrEnum):
    """The state of a container's own health check."""

    NONE = "none"
    """It has no check."""
    STARTING = "starting"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"


class ProbeResult(Model):
    """What one run of a container's health check said."""

    state: HealthState
    failing_streak: int = 0
    exit_code: int | None = None
    output: str = ""
    """The last output of the check, at most a few hundred characters."""
    duration_s: float = 0.0


class HealthStatus(Model):
    """The health of one service, as the interface shows it."""

    service_name: ServiceName
    status: Literal["healthy", "unhealthy", "starting", "stopped"]
    """A running service without a check is `healthy`."""
    last_check: datetime | None = None
    response_time: float | None = None
    """Seconds that the last check took."""
    error_message: str | None = None
    restart_count: int = 0
    """Restarts by this monitor since it began."""
    uptime: float = 0.0
    """Seconds since the container started; 0 when it does not run."""


class RestartResult(Model):
    """One restart that the monitor did or refused."""

    service: ServiceName
    restarted: bool
    reason: str
    """Why it was restarted, or why not."""
    attempt: int = 0
