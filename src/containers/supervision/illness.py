"""Illness: opens the incidents of what runs and is not well, and closes those that are over."""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from containers.health.machine import ORDERLY_EXITS, Hand, Seen, is_ill, is_well
from containers.model.base import ContainerId
from containers.model.health import HealthState
from containers.model.observed import ContainerState, ObservedContainer
from containers.ports.machine import Clock
from containers.supervision.incidents import IncidentBook
from containers.supervision.sight import Sight

ABSENT_S = 3.0
_REMOVAL = timedelta(seconds=3)
"""One that is removed by force is stopped just before; on a busy machine its removal takes a while."""


class Illness:
    """What a look at a container means for the incident of its place."""

    def __init__(
        self,
        *,
        incidents: IncidentBook,
        sight: Sight,
        clock: Clock,
        is_attended: Callable[[ContainerId], bool],
        is_given_up: Callable[[str], bool],
    ) -> None:
        """Args beside the obvious.

        is_attended: whether it is being found out who ended a container.
        is_given_up: whether nothing more is tried at a place. What loops is stopped for that.
        """
        self._incidents = incidents
        self._sight = sight
        self._clock = clock
        self._is_attended = is_attended
        self._is_given_up = is_given_up
        self._absent_since: dict[str, float] = {}
        self._ended_since: dict[str, datetime] = {}

    def is_ending(self, place: str) -> bool:
        """Whether an incident is about to be closed, since somebody stopped the container."""
        return place in self._ended_since

    def note(self, place: str, container: ObservedContainer, seen: Seen) -> None:
        """Open the incident of one that runs and is not well; close that of one that is."""
        if is_ill(seen) and seen.may_restart:
            self._ended_since.pop(place, None)
            if place not in self._incidents:
                self._incidents.open(
                    container.project,
                    container.service,
                    container.number,
                    container=container.id,
                    reason=seen.ailment or "it is unhealthy",
                )
        elif place in self._incidents:
            is_over = self._incidents.is_over(place, container.id, container.started_at)
            if is_well(seen) and is_over and not self._is_attended(container.id):
                at = container.started_at if seen.health is HealthState.NONE else None
                self._incidents.close_well(place, at)
            if self._is_given_up(place) or not self._is_by_hand(container):
                self._ended_since.pop(place, None)
            elif self._clock.now() - self._ended_since.setdefault(place, self._clock.now()) > _REMOVAL:
                self._incidents.close(place, "by_hand", self._ended_since.pop(place))
        else:
            self._ended_since.pop(place, None)

    def close_absent(self, present: Collection[str]) -> None:
        """Close the incidents of what is gone and stays so; that it was removed is told a little later.

        Args:
            present: the places that have a container, or about to.
        """
        now = self._clock.monotonic()
        for place in self._incidents.places:
            if place in present:
                self._absent_since.pop(place, None)
            elif now - self._absent_since.setdefault(place, now) > ABSENT_S:
                del self._absent_since[place]
                self._ended_since.pop(place, None)
                self._incidents.close(place, "by_hand")

    def _is_by_hand(self, container: ObservedContainer) -> bool:
        if container.state is ContainerState.PAUSED:
            return True
        is_stopped = container.exit_code in ORDERLY_EXITS or self._sight.hands.get(container.id) is Hand.YES
        return container.state is ContainerState.EXITED and is_stopped
