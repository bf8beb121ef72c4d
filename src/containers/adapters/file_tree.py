"""Looking at files and packing them; no link is followed, not even one that appears while we look."""

import errno
import io
import os
import stat
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from containers.model.errors import ErrorCode, PodkeeperError
from containers.model.files import FileCopy, FileEntry, Packed

_LARGEST_BYTES = 1 << 30
"""Archives are made in memory."""


class LocalFileTree:
    """The port `FileTree`."""

    def look(self, paths: Iterable[Path]) -> Mapping[Path, FileEntry | None]:
        """What is at each path, and at everything below one that is a folder; None where nothing is."""
        found: dict[Path, FileEntry | None] = {}
        for path in paths:
            entry = _entry(path)
            found[path] = entry
            if entry is not None and entry.kind == "folder":
                found.update((below.path, below) for below in _below(path))
        return found

    def look_at(self, paths: Iterable[Path]) -> Mapping[Path, FileEntry | None]:
        """What is at each path, and nothing below it."""
        return {path: _entry(path) for path in paths}

    def pack(self, copies: Iterable[FileCopy]) -> Packed:
        """A tar archive whose paths begin at the root, with the modes and times that the files have."""
        buffer = io.BytesIO()
        bases: dict[Path, Path] = {}
        refused: list[PodkeeperError] = []
        count = 0
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for copy in sorted(copies, key=lambda c: c.target):
                base = bases.setdefault(copy.base, Path(os.path.realpath(copy.base)))
                try:
                    _add(archive, copy, base)
                except (FileNotFoundError, NotADirectoryError):
                    continue  # it is gone: that is the next change, and is told
                except PodkeeperError as error:
                    refused.append(error)
                    continue
                except OSError as error:
                    refused.append(_unreadable(copy, error))
                    continue
                count += copy.kind != "folder"
                if buffer.tell() > _LARGEST_BYTES:
                    raise PodkeeperError(
                        ErrorCode.TOO_COMPLEX,
                        "more than a gigabyte changed at once: it is not copied",
                        remedy="add what is large to `ignore`, or use a volume for it",
                    )
        return Packed(buffer.getvalue(), count, tuple(refused))


def _unreadable(copy: FileCopy, error: OSError) -> PodkeeperError:
    if error.errno == errno.ELOOP:  # it was no link when it was looked at
        return PodkeeperError(ErrorCode.PATH_ESCAPES, f"{copy.source} became a link: it is not copied")
    return PodkeeperError(
        ErrorCode.PATH_UNREADABLE,
        f"{copy.source} can not be read: {error.strerror}",
        remedy="correct its permissions, or add it to `ignore`",
    )


def _add(archive: tarfile.TarFile, copy: FileCopy, base: Path) -> None:
    # a path's own `resolve` raises something else than OSError where links became a loop
    if not Path(os.path.realpath(copy.source.parent, strict=True)).is_relative_to(base):
        raise PodkeeperError(
            ErrorCode.PATH_ESCAPES,
            f"{copy.source} is reached through a link that leads out of {copy.base}: it is not copied",
            remedy="add it to `ignore`",
        )
    about = tarfile.TarInfo(copy.target.lstrip("/"))
    if copy.kind == "link":
        about.type, about.linkname = tarfile.SYMTYPE, copy.link
        archive.addfile(about)
        return
    content = b""
    if copy.kind == "folder":
        facts = copy.source.lstat()
        about.type = tarfile.DIRTYPE
    else:
        # not blocking: what was a file a moment ago may be a pipe now
        descriptor = os.open(copy.source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            facts = os.fstat(descriptor)
            if not stat.S_ISREG(facts.st_mode):
                return
            content = file.read()
    about.mode = stat.S_IMODE(facts.st_mode)
    about.mtime = facts.st_mtime
    about.size = len(content)
    archive.addfile(about, io.BytesIO(content))


def _entry(path: Path) -> FileEntry | None:
    try:
        facts = path.lstat()
        stamp = facts.st_ctime_ns, facts.st_size, facts.st_ino
        if stat.S_ISLNK(facts.st_mode):
            return FileEntry(path, "link", str(path.readlink()), stamp)
    except OSError:
        return None
    if stat.S_ISREG(facts.st_mode):
        return FileEntry(path, "file", stamp=stamp)
    return FileEntry(path, "folder" if stat.S_ISDIR(facts.st_mode) else "other", stamp=stamp)


def _below(folder: Path) -> Iterator[FileEntry]:
    with suppress(OSError), os.scandir(folder) as entries:
        for each in entries:
            entry = _entry(Path(each.path))
            if entry is None:
                continue
            yield entry
            if entry.kind == "folder":
                yield from _below(entry.path)
