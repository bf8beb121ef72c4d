"""The disk, with the unsaved texts of open editors in front of it."""

import errno
import os
import stat
from pathlib import Path

from containers.ports.files import TEXT_LIMIT_BYTES


class LocalFiles:
    """Reads files; a document that is open in an editor is what it says there, saved or not."""

    def __init__(self) -> None:
        self._open: dict[Path, str] = {}

    def open_document(self, path: Path, text: str) -> None:
        """Let `text` stand for the file, until it is given again or the document is closed."""
        self._open[_plain(path)] = text

    def close_document(self, path: Path) -> None:
        """Let the disk speak for the file again; no error when it was not open."""
        self._open.pop(_plain(path), None)

    def read_text(self, path: Path) -> str:
        """The text, from the editor or from the disk; a byte-order mark is left out, line ends are kept.

        Raises:
            FileNotFoundError: there is no such file.
            IsADirectoryError: it is a folder.
            PermissionError: it may not be read.
            UnicodeDecodeError: it is not UTF-8.
            OSError: anything else: a loop of links, what is no regular file, more than `TEXT_LIMIT_BYTES`.
        """
        text = self._open.get(_plain(path))
        return _content(path).decode("utf-8-sig") if text is None else text

    def is_file(self, path: Path) -> bool:
        """Whether a regular file (or a link to one) is there, or a document that is not saved yet."""
        return _plain(path) in self._open or os.path.isfile(path)  # noqa: PTH113  (Path's may raise)

    def is_dir(self, path: Path) -> bool:
        """Whether a folder is there."""
        return os.path.isdir(path)  # noqa: PTH112  (Path's may raise)

    def list_dir(self, path: Path) -> tuple[str, ...]:
        """The names in a folder, unsaved documents among them, sorted; empty where none can be read."""
        folder = _plain(path)
        unsaved = {document.name for document in self._open if document.parent == folder}
        try:
            return tuple(sorted(unsaved | {entry.name for entry in path.iterdir()}))
        except (OSError, ValueError):
            return tuple(sorted(unsaved))


def _content(path: Path) -> bytes:
    """What a regular file holds. Others are not read: a pipe has nobody at its other end, a device no end."""
    with open(path, "rb", opener=_opened_at_once) as file:
        mode = os.fstat(file.fileno()).st_mode
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "it is no regular file", str(path))
        content = file.read(TEXT_LIMIT_BYTES + 1)
    if len(content) > TEXT_LIMIT_BYTES:
        raise OSError(errno.EFBIG, f"it is larger than {TEXT_LIMIT_BYTES >> 20} MiB", str(path))
    return content


def _opened_at_once(path: str, flags: int) -> int:
    """Open a file without waiting for a writer."""
    return os.open(path, flags | os.O_NONBLOCK)


def _plain(path: Path) -> Path:
    """The same name for one place, without asking the disk; links keep their own names, as in editors."""
    return Path(os.path.abspath(path))  # noqa: PTH100  (resolve() follows links)
