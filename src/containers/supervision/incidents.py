"""IncidentBook: from a service's failure to its recovery, told on the bus."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from ulid import ULID

from containers.model.base import ContainerId, ProjectName, ServiceName
from containers.model.events import IncidentClosed, IncidentOpened
from containers.model.supervision import place_of
from containers.ports.events import EventPublisher
from containers.ports.machine import Clock

_LISTED = timedelta(seconds=1)
"""How exactly Podman lists when a container was started."""

How = Literal["restarted", "by_itself", "by_hand"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One that is open."""

    id: str
    project: ProjectName
    service: ServiceName
    container: ContainerId
    reason: str
    is_death: bool
    began_at: datetime
    restarts: int = 0


class IncidentBook:
    """At most one open incident for each place; opening an open one and closing a closed one do nothing."""

    def __init__(self, *, publisher: EventPublisher, clock: Clock) -> None:
        self._publisher = publisher
        self._clock = clock
        self._open: dict[str, Incident] = {}

    def __contains__(self, place: object) -> bool:
        """Whether a place has an open incident."""
        return place in self._open

    @property
    def places(self) -> tuple[str, ...]:
        """Where something is wrong."""
        return tuple(self._open)

    def is_of(self, place: str, container: ContainerId, reason: str) -> bool:
        """Whether the incident of a place was opened for this container and reason."""
        incident = self._open.get(place)
        return incident is not None and (incident.container, incident.reason) == (container, reason)

    def open(
        self,
        project: ProjectName,
        service: ServiceName,
        number: int,
        *,
        container: ContainerId,
        reason: str,
        exit_code: int | None = None,
        at: datetime | None = None,
    ) -> None:
        """Tell that a replica failed, at a moment that may have been before now."""
        place = place_of(service, number)
        if place in self._open:
            return
        began_at = at or self._clock.now()
        incident = Incident(
            id=str(ULID()),
            project=project,
            service=service,
            container=container,
            reason=reason,
            is_death=exit_code is not None,
            began_at=began_at,
        )
        self._open[place] = incident
        self._publisher.publish(
            IncidentOpened(
                at=began_at,
                source="health",
                project=project,
                incident=incident.id,
                service=service,
                container=container,
                reason=reason,
                exit_code=exit_code,
            )
        )

    def is_over(self, place: str, container: ContainerId, started_at: datetime | None) -> bool:
        """Whether what is well now has begun to run since: a picture may be older than a death."""
        incident = self._open[place]
        if not incident.is_death or container != incident.container:
            return True
        if incident.restarts:
            return True
        # Podman lists whole seconds
        return started_at is not None and started_at >= incident.began_at.replace(microsecond=0)

    def restarted(self, place: str) -> None:
        """Note that it was tried to bring it back."""
        if place in self._open:
            self._open[place] = replace(self._open[place], restarts=self._open[place].restarts + 1)

    def close_well(self, place: str, at: datetime | None = None) -> None:
        """Tell that a replica is well again, since `at`."""
        incident = self._open.get(place)
        if incident is not None:
            self.close(place, "restarted" if incident.restarts else "by_itself", at)

    def close(self, place: str, how: How, at: datetime | None = None) -> None:
        """Tell that it is over."""
        incident = self._open.pop(place, None)
        if incident is None:
            return
        now = self._clock.now()
        well_at = now if at is None else min(_latest(at), now)
        ended_at = well_at if well_at > incident.began_at else now
        self._publisher.publish(
            IncidentClosed(
                at=now,
                source="health",
                project=incident.project,
                incident=incident.id,
                service=incident.service,
                duration_s=(ended_at - incident.began_at).total_seconds(),
                restarts=incident.restarts,
                how=how,
            )
        )

    def forget(self) -> None:
        """Leave what is open to whoever supervises next."""
        self._open.clear()


def _latest(at: datetime) -> datetime:
    """When it was at the latest: Podman lists whole seconds, and no incident may look shorter than it was."""
    return at if at.microsecond else at + _LISTED
