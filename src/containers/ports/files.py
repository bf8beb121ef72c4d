"""Files: reading them, watching them, packing them, and telling whether they have changed."""

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from pathlib import Path
from typing import Final, Protocol

from containers.model.base import ServiceName
from containers.model.files import FileCopy, FileEntry, Packed, WatchRoot
from containers.model.project import ResolvedProject

TEXT_LIMIT_BYTES: Final = 1 << 20
"""What people write is some kilobytes; whatever is larger was not written for this, and would take long."""


class Files(Protocol):
    """Reading what people wrote. Open editors' unsaved texts come before the disk."""

    def read_text(self, path: Path) -> str:
        """The file's text, decoded as UTF-8 with an optional byte-order mark.

        Raises:
            FileNotFoundError: there is no such file.
            IsADirectoryError: it is a folder.
            PermissionError: it may not be read.
            UnicodeDecodeError: it is not UTF-8.
            OSError: anything else: a loop of links, what is no regular file, more than `TEXT_LIMIT_BYTES`.
        """
        ...

    def is_file(self, path: Path) -> bool:
        """Whether a regular file (or a link to one) is there."""
        ...

    def is_dir(self, path: Path) -> bool:
        """Whether a folder is there."""
        ...

    def list_dir(self, path: Path) -> tuple[str, ...]:
        """The names in a folder, sorted; empty where there is no such folder, or it may not be read."""
        ...


class Fingerprints(Protocol):
    """What contents are, without keeping them."""

    async def inputs(self, project: ResolvedProject) -> Mapping[ServiceName, Mapping[str, str]]:
        """For each service what it is given, by `config NAME` or `secret NAME`, as a fingerprint."""
        ...

    async def files(self, paths: Iterable[Path]) -> Mapping[str, str]:
        """The SHA-256 of each file that can be read."""
        ...


class FileWatcher(Protocol):
    """Sees files change, also where they were not there when it began."""

    def changes(
        self, roots: Iterable[WatchRoot], degraded: Callable[[str], None]
    ) -> AsyncGenerator[tuple[Path, ...], None]:
        """Paths that changed, soon after they did; the first, empty answer says that watching has begun.

        A folder stands for everything in it, known or not. No change is lost: what is in a folder when it is
        first seen is told, too. A root that is replaced or removed is taken up again when it is back.

        Args:
            roots: what to watch; nothing else is told.
            degraded: is told in a sentence when files can only be polled, or not be watched at all.
        """
        ...


class FileTree(Protocol):
    """Files as they are now, for who copies them. No link is followed."""

    def look(self, paths: Iterable[Path]) -> Mapping[Path, FileEntry | None]:
        """What is at each path, and at everything below one that is a folder; None where nothing is."""
        ...

    def look_at(self, paths: Iterable[Path]) -> Mapping[Path, FileEntry | None]:
        """What is at each path, and nothing below it."""
        ...

    def pack(self, copies: Iterable[FileCopy]) -> Packed:
        """A tar archive whose paths begin at the root, with the modes and times that the files have.

        One that has vanished meanwhile is left out.

        Raises:
            PodkeeperError: `too_complex`: it is too much to be copied.
        """
        ...
