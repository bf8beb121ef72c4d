"""What somebody who follows a service's log has been told, so that it goes on after a break."""

from collections import deque
from datetime import datetime, timedelta

from containers.model.base import ContainerId
from containers.model.observed import ContainerDetail, ContainerState
from containers.model.operations import LogQuery

_JUST_BEFORE = timedelta(microseconds=1)
"""Podman gives what is later than `since`, and its times are finer than ours."""


class FollowedLog:
    """A log over the lives of its container, and over containers: no line is lost, and none is told twice.

    Lines come with the engine's own times, so that no other clock has a say in where to go on.

    Args:
        lines: how much of what is there already is told.
        began_at: when somebody began to follow. The log of a container made later is told whole.
    """

    def __init__(self, lines: int, began_at: datetime) -> None:
        self._lines = lines
        self._began_at = began_at
        self._places: dict[ContainerId, _Place] = {}
        """By container: a change that is undone brings the one before back."""
        self._read: ContainerDetail | None = None
        self._place = _Place(lines, None)

    def query(self, container: ContainerDetail, created_at: datetime) -> LogQuery | None:
        """What to read next; None where that container has written nothing since it was read to its end."""
        known = self._places.get(container.id)
        if known is not None and known.life == container.started_at and not _writes(container):
            return None
        self._read = container
        if known is None:
            is_new = created_at > self._began_at
            since = self._began_at if not self._lines else None
            known = self._places[container.id] = _Place(None if is_new else self._lines, since)
        self._place = known
        return known.begin()

    def take(self, line: str) -> str | None:
        """The text of a line that was read; None where it was told before."""
        return self._place.take(line)

    def ended(self) -> None:
        """All was read that the container wrote in the life that it was in at `query`."""
        if self._read is not None:
            self._place.end(self._read.started_at)


def _writes(container: ContainerDetail) -> bool:
    return container.state in {ContainerState.RUNNING, ContainerState.RESTARTING}


class _Place:
    """A place in one container's log: what is before it was told, or is not wanted.

    Podman 4 gives times in whole seconds. So what was told of the last moment is remembered line by line.
    """

    def __init__(self, lines: int | None, since: datetime | None) -> None:
        self.life: datetime | None = None
        """When the life began whose lines were all read."""
        self._lines = lines
        self._since = since if lines is not None else None
        """From where to go on if the first reading gave no line."""
        self._at: datetime | None = None
        """Of the last line that was told."""
        self._told: list[str] = []
        """What was told of that moment."""
        self._again: deque[str] = deque()
        """What of that comes once more, since one can not ask for less."""
        self._passes_over = False
        self._cut_at: datetime | None = None
        """The moment in which the first reading began, maybe not with its first line."""

    def begin(self) -> LogQuery:
        self._again = deque(self._told)
        if self._at is not None:
            return LogQuery(follow=True, timestamps=True, since=self._at - _JUST_BEFORE)
        since = self._since if self._lines is None else None
        return LogQuery(follow=True, timestamps=True, lines=self._lines, since=since)

    def take(self, line: str) -> str | None:
        at, text = _parted(line)
        if at is None:  # the rest of one that is longer than the engine's lines may be
            return None if self._passes_over else text
        self._passes_over = self._was_told(at, text)
        if self._passes_over:
            return None
        if self._at is None and self._lines is not None:
            self._cut_at = at
        if self._at is None or at > self._at:
            self._at, self._told = at, []
        if at == self._at:
            self._told.append(text)
        return text

    def end(self, life: datetime | None) -> None:
        self.life = life
        self._lines = None

    def _was_told(self, at: datetime, text: str) -> bool:
        if not self._again or self._at is None:
            return False
        if at > self._at:
            self._again.clear()
            return False
        # of a moment that was cut, lines may come that were left out then: they stay so
        if at == self._at and (at != self._cut_at or text == self._again[0]):
            self._again.popleft()
        return True


def _parted(line: str) -> tuple[datetime | None, str]:
    stamp, _, text = line.partition(" ")
    try:
        at = datetime.fromisoformat(stamp)
    except ValueError:
        return None, line
    return (at, text) if at.tzinfo is not None else (None, line)
