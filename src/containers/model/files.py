"""Files on this machine, as who watches and copies them sees them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from containers.model.errors import PodkeeperError


@dataclass(frozen=True, slots=True)
class WatchRoot:
    """A file or folder to be watched; it need not be there yet."""

    path: Path
    is_recursive: bool = True
    """Of a folder: whether what is in its folders counts, too."""


@dataclass(frozen=True, slots=True)
class FileEntry:
    """What is at a path now."""

    path: Path
    kind: Literal["file", "folder", "link", "other"]
    link: str = ""
    """Where a link points, as it is written."""
    stamp: tuple[int, int, int] = (0, 0, 0)
    """Another one when it was written to, replaced, or given another mode: when, how large, and which."""


@dataclass(frozen=True, slots=True)
class FileCopy:
    """One file, link or folder that goes into a container."""

    source: Path
    base: Path
    """What is copied has to be in this folder, wherever links on the way to it lead."""
    kind: Literal["file", "folder", "link"]
    target: str
    """Absolute, in the container."""
    link: str = ""
    """Where a link is to point."""


@dataclass(frozen=True, slots=True)
class Packed:
    """Files in an archive."""

    archive: bytes
    count: int
    """How many files and links are in it."""
    refused: tuple[PodkeeperError, ...] = ()
    """Why some are not: `path_escapes`, `path_unreadable`."""
