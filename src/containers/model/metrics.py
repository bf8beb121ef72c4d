"""What is measured and remembered of a service: samples, spans of well-being, incidents."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, TypeAlias

from containers.model.base import ContainerId, Model, ProjectName, ServiceName
from containers.model.health import HealthState
from containers.model.observed import ContainerState
from containers.model.place import Place

Wellness: TypeAlias = Literal["up", "down", "idle"]
"""`up` serves; `down` has failed; `idle` is neither: stopped by a person, done, or still starting."""


class Figures(Model):
    """What one container uses. A figure that the engine does not give is None, never 0."""

    cpu_percent: float | None = None
    """Of one processor, since the sample before."""
    memory_bytes: int | None = None
    memory_limit_bytes: int | None = None
    """Its own limit, or the machine's memory."""
    network_in_bytes: int | None = None
    """Since the sample before, as the next three."""
    network_out_bytes: int | None = None
    block_in_bytes: int | None = None
    block_out_bytes: int | None = None
    processes: int | None = None


class Sample(Model):
    """One container at one moment, or over the `span_s` that begin there."""

    service: ServiceName
    container: str
    """Its name: a service's container keeps it when it is made anew."""
    at: datetime
    span_s: int = 0
    """0 is a moment; else a mean, and the counts of so many seconds."""
    state: ContainerState
    health: HealthState = HealthState.NONE
    checked_at: datetime | None = None
    """When its last check ran."""
    response_s: float | None = None
    """How long that took."""
    restarts: int = 0
    """How often it was started again since the sample before."""
    uptime_s: float | None = None
    figures: Figures = Figures()


class Span(Model):
    """So long was a service well, or not. Nobody looked between two spans."""

    service: ServiceName
    wellness: Wellness
    began_at: datetime
    until: datetime


class Transition(Model):
    """The health of a service became another."""

    service: ServiceName
    at: datetime
    before: HealthState
    after: HealthState


class Incident(Model):
    """A service failed, and how that ended."""

    id: str
    service: ServiceName
    container: ContainerId
    opened_at: datetime
    reason: str
    exit_code: int | None = None
    closed_at: datetime | None = None
    duration_s: float | None = None
    restarts: int = 0
    how: Literal["restarted", "by_itself", "by_hand", "unobserved"] | None = None
    """None while it is open; `unobserved` when nobody was looking when it ended."""


class IncidentEnd(Model):
    """How an incident that was noted ended."""

    id: str
    at: datetime
    duration_s: float
    restarts: int
    how: Literal["restarted", "by_itself", "by_hand"]


class Notes(Model):
    """What is to be remembered together."""

    place: Place
    samples: tuple[Sample, ...] = ()
    spans: tuple[Span, ...] = ()
    transitions: tuple[Transition, ...] = ()
    opened: tuple[Incident, ...] = ()
    closed: tuple[IncidentEnd, ...] = ()


class Reliability(Model):
    """How well one service, or a whole project, did over a window."""

    up_s: float = 0.0
    down_s: float = 0.0
    idle_s: float = 0.0
    window_s: float
    incidents: int = 0
    mean_recovery_s: float | None = None
    """Of the incidents whose end was seen."""

    @property
    def observed_s(self) -> float:
        """For so much of the window somebody looked."""
        return self.up_s + self.down_s + self.idle_s

    @property
    def observed_percent(self) -> float:
        """Which part of the window that is."""
        return min(100.0 * self.observed_s / self.window_s, 100.0) if self.window_s else 0.0

    @property
    def availability_percent(self) -> float | None:
        """Of the time in which it should have served and somebody looked; None where there was none."""
        meant_s = self.up_s + self.down_s
        return 100.0 * (self.up_s / meant_s) if meant_s else None  # exactly 100 where none is lost


class Totals(Model):
    """What a service came to over a window."""

    restarts: int = 0
    mean_cpu_percent: float | None = None
    most_memory_bytes: int | None = None
    network_in_bytes: int | None = None
    network_out_bytes: int | None = None
    block_in_bytes: int | None = None
    block_out_bytes: int | None = None


class ServiceHealth(Model):
    """One service, as `podkeeper health` shows it."""

    service: ServiceName
    state: ContainerState | Literal["absent"]
    health: HealthState
    well: bool
    """Whether it is as it should be; one that still starts is."""
    last_check_at: datetime | None = None
    response_s: float | None = None
    figures: Figures = Figures()
    uptime_s: float | None = None
    totals: Totals = Totals()
    reliability: Reliability


class StackHealthReport(Model):
    """A whole stack's health now and over a window."""

    project: ProjectName
    since: datetime
    until: datetime
    services: Mapping[ServiceName, ServiceHealth]
    whole: Reliability
    """All services' time and incidents together."""
    history_problem: str = ""
    """Why there is nothing of the past; empty where there is."""

    @property
    def is_well(self) -> bool:
        """Whether no service is unhealthy or dead."""
        return all(s.well for s in self.services.values())
