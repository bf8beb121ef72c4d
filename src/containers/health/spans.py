"""Since when a service has been well, or not: spans that grow while somebody looks."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

from containers.model.base import ServiceName
from containers.model.health import HealthState
from containers.model.metrics import Span, Wellness
from containers.model.observed import ContainerState, ObservedContainer


def wellness_of(containers: Iterable[ObservedContainer], *, has_incident: bool) -> Wellness:
    """How a service with these containers is.

    One that does not run without an incident was stopped by a person, or is done: neither up nor down.
    """
    running = [c for c in containers if c.state is ContainerState.RUNNING]
    if has_incident or any(c.health is HealthState.UNHEALTHY for c in running):
        return "down"
    return "up" if any(c.health is not HealthState.STARTING for c in running) else "idle"


class SpanKeeper:
    """The spans of one project's services, from looks at it; what is looked at rarely is not made up.

    Args:
        longest_gap_s: between two looks; what is longer was observed by nobody.
    """

    def __init__(self, longest_gap_s: float) -> None:
        self._longest_gap = timedelta(seconds=longest_gap_s)
        self._current: dict[ServiceName, Span] = {}
        self._ended: list[Span] = []

    def look(
        self,
        containers: Collection[ObservedContainer],
        failed: Collection[ServiceName],
        now: datetime,
    ) -> None:
        """Take up how every service is now: `failed` are those with an open incident."""
        by_service: dict[ServiceName, list[ObservedContainer]] = {name: [] for name in failed}
        for container in containers:
            if not container.is_one_off:
                by_service.setdefault(container.service, []).append(container)
        for service, mine in by_service.items():
            self.note(service, wellness_of(mine, has_incident=service in failed), now)
        for service in self._current.keys() - by_service.keys():
            self._ended.append(self._current.pop(service))

    def note(self, service: ServiceName, wellness: Wellness, at: datetime) -> None:
        """From `at` on a service is so; a moment that has been told of already is not changed."""
        current = self._current.get(service)
        if current is None or at - current.until > self._longest_gap:
            if current is not None:
                self._ended.append(current)
            self._current[service] = Span(service=service, wellness=wellness, began_at=at, until=at)
            return
        until = max(at, current.until)
        grown = current.model_copy(update={"until": until})
        if wellness == current.wellness:
            self._current[service] = grown
            return
        if until > current.began_at:
            self._ended.append(grown)
        self._current[service] = Span(service=service, wellness=wellness, began_at=until, until=until)

    def forget(self) -> None:
        """Nobody looks any more; the next look begins anew."""
        self._ended += self._current.values()
        self._current = {}

    def take(self) -> tuple[Span, ...]:
        """What is to be written: those that ended since the last time, and all that go on."""
        ended, self._ended = self._ended, []
        return (*ended, *self._current.values())

    @property
    def current(self) -> Mapping[ServiceName, Span]:
        """The span that each service is in."""
        return self._current
