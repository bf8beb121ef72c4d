"""Telling others what happened."""

from typing import Protocol

from containers.model.events import EventBase


class EventPublisher(Protocol):
    """The bus, seen by those who tell."""

    def publish(self, event: EventBase) -> None:
        """Tell an event. Never blocks, never raises."""
        ...
