"""What is remembered of the services that are supervised, and what people said about them."""

from collections.abc import Mapping
from enum import StrEnum

from containers.model.base import Model, ServiceName


class ServiceMemory(Model):
    """What is remembered of one container's place between looks; times are seconds since the epoch.

    It is kept in the state folder, so that whoever supervises next goes on counting.
    """

    attempts: tuple[float, ...] = ()
    """When it was restarted, within the window."""
    retry_at: float = 0.0
    given_up: bool = False
    reason: str = ""
    """Why it was given up."""


class Standing(StrEnum):
    """What of a service is out of the ordinary."""

    HELD = "held"
    """A person took it out of the monitor's hands."""
    GIVEN_UP = "given up"
    """Restarts did not help, so the monitor does nothing more."""


class SupervisionNote(Model):
    """What the processes that look after a project tell one another."""

    held: frozenset[ServiceName] = frozenset()
    retried: Mapping[ServiceName, int] = {}
    """How often somebody asked for another try."""
    memories: Mapping[str, ServiceMemory] = {}
    """By place: `web/1`."""

    def standing_of(self, service: ServiceName) -> Standing | None:
        """What is out of the ordinary; None where nothing is."""
        if service in self.held:
            return Standing.HELD
        is_given_up = any(m.given_up and place_service(p) == service for p, m in self.memories.items())
        return Standing.GIVEN_UP if is_given_up else None

    def with_memory(self, place: str, memory: ServiceMemory) -> "SupervisionNote":
        """The note with another memory of one place; an empty one is forgotten."""
        rest = {key: value for key, value in self.memories.items() if key != place}
        if memory != ServiceMemory():
            rest[place] = memory
        return self.model_copy(update={"memories": rest})

    def without_memories(self, services: frozenset[ServiceName]) -> "SupervisionNote":
        """The note as if `services` had never failed."""
        rest = {p: m for p, m in self.memories.items() if place_service(p) not in services}
        return self.model_copy(update={"memories": rest})


def place_of(service: ServiceName, number: int) -> str:
    """The place of a service's replica, whichever container has it."""
    return f"{service}/{number}"


def place_service(place: str) -> ServiceName:
    """The service of a place."""
    return ServiceName(place.rpartition("/")[0])
