"""A history of health in memory, which can be full."""

from collections.abc import Mapping
from datetime import datetime

from containers.model.errors import ErrorCode, StateError
from containers.model.metrics import Incident, Notes, Sample, Span
from containers.model.place import Place


class MemoryHistory:
    """What a recorder needs of the port `HealthHistory`.

    Attributes:
        is_full: while true, nothing can be noted, as on a full disk.
    """

    def __init__(self) -> None:
        self.is_full = False
        self.notes: list[Notes] = []
        self.given_up: list[Place] = []

    @property
    def samples(self) -> list[Sample]:
        """All that were noted."""
        return [s for note in self.notes for s in note.samples]

    @property
    def opened(self) -> list[Incident]:
        """All that were noted."""
        return [i for note in self.notes for i in note.opened]

    @property
    def spans(self) -> Mapping[tuple[str, datetime], Span]:
        """As they were noted last, by service and beginning."""
        return {(s.service, s.began_at): s for note in self.notes for s in note.spans}

    async def note(self, notes: Notes) -> None:
        """Remember it."""
        if self.is_full:
            raise StateError(ErrorCode.NO_SPACE, "there is no room left")
        self.notes.append(notes)

    async def give_up_open(self, place: Place, before: datetime) -> None:
        """Remember that it was asked."""
        del before
        if self.is_full:
            raise StateError(ErrorCode.NO_SPACE, "there is no room left")
        self.given_up.append(place)

    async def tidy(self, now: datetime) -> bool:
        """Nothing is ever due."""
        del now
        return False
