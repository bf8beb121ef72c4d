"""Which files there were, so that what changed, and what is gone, can be told from what never counted."""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from containers.model.files import FileEntry


class Difference(NamedTuple):
    """What became of changed paths."""

    present: tuple[FileEntry, ...]
    """New or changed; of folders only the new ones."""
    vanished: tuple[Path, ...]
    """Gone, the topmost of what went together."""


class KnownFiles:
    """Every file and folder below what is watched, as last looked at."""

    def __init__(self) -> None:
        self._entries: dict[Path, FileEntry] = {}

    def learn(self, entries: Iterable[FileEntry | None]) -> None:
        """Take in what is there and was never looked at, as if it had always been."""
        for entry in entries:
            if entry is not None:
                self._entries.setdefault(entry.path, entry)

    def differ(
        self, asked: Iterable[Path], found: Mapping[Path, FileEntry | None], told: Collection[Path]
    ) -> Difference:
        """What changed since the last look.

        Args:
            asked: the paths that were looked at.
            found: what was found at them, and below those that are folders.
            told: the paths that changed for certain, also where nothing of it can be seen: two writes within
                the same tick of the clock look alike.
        """
        present = tuple(entry for entry in found.values() if entry is not None and self._is_new(entry, told))
        asked = tuple(asked)
        whole = {path for path in asked if (known := self._entries.get(path)) and known.kind == "folder"}
        gone = {path for path in asked if found.get(path) is None and path in self._entries}
        if whole:
            gone |= {
                path
                for path in self._entries
                if found.get(path) is None and not whole.isdisjoint(path.parents)
            }
        for path in gone:
            del self._entries[path]
        self._entries.update((path, entry) for path, entry in found.items() if entry is not None)
        return Difference(present, tuple(sorted(p for p in gone if gone.isdisjoint(p.parents))))

    def _is_new(self, entry: FileEntry, told: Collection[Path]) -> bool:
        known = self._entries.get(entry.path)
        if known is None or known.kind != entry.kind:
            return True
        return entry.kind != "folder" and (entry.path in told or known.stamp != entry.stamp)
