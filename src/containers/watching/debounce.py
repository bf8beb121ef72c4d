"""When changes are one batch: until nothing has happened for a moment, but not for ever."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

FEW: Final = 8
"""Saving touches so many paths at most, with all that editors make and rename on the way."""


class Debounce:
    """Gathers changed paths; who uses it says what time it is.

    Args:
        quiet_s: a batch ends when nothing has changed for so long.
        many_quiet_s: the same for one of many paths: who writes hundreds of files has longer pauses than an
            editor that saves one, and nobody is waiting for a single one of them.
        longest_s: and, where something always changes, so long after its first change.
    """

    def __init__(self, quiet_s: float, many_quiet_s: float, longest_s: float) -> None:
        self._quiet_s = quiet_s
        self._many_quiet_s = many_quiet_s
        self._longest_s = longest_s
        self._paths: dict[Path, None] = {}
        self.began_at = 0.0
        """When the batch that is gathered began."""
        self._last_at = 0.0

    def note(self, paths: Iterable[Path], now: float) -> None:
        """Take changes in."""
        before = len(self._paths)
        self._paths.update(dict.fromkeys(paths))
        if not self._paths:
            return
        if not before:
            self.began_at = now
        self._last_at = now

    @property
    def due_at(self) -> float | None:
        """When the batch ends, if nothing else happens; None where there is none."""
        if not self._paths:
            return None
        quiet_s = self._many_quiet_s if len(self._paths) > FEW else self._quiet_s
        return min(self._last_at + quiet_s, self.began_at + self._longest_s)

    def take(self, now: float) -> tuple[Path, ...]:
        """The batch, in the order of its changes, if it has ended; else nothing."""
        due_at = self.due_at
        if due_at is None or now < due_at:
            return ()
        paths, self._paths = tuple(self._paths), {}
        return paths
