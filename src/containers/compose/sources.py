"""Reading files through the port, once each, and remembering which ones took part."""

import errno
from pathlib import Path

from containers.compose.nodes import Spot
from containers.compose.reporting import Report, start_of
from containers.model.errors import ErrorCode
from containers.model.source import Location
from containers.ports.files import TEXT_LIMIT_BYTES, Files


class Sources:
    """What one load has read, and what it would have read."""

    __slots__ = ("_missing", "_texts", "files")

    def __init__(self, files: Files) -> None:
        self.files = files
        self._texts: dict[Path, str] = {}
        self._missing: dict[Path, None] = {}

    @property
    def read_so_far(self) -> tuple[Path, ...]:
        """Every file that was read, in the order it was first read."""
        return tuple(self._texts)

    @property
    def missing(self) -> tuple[Path, ...]:
        """Every file that was asked for and is not there."""
        return tuple(self._missing)

    def has(self, path: Path) -> bool:
        """Whether there is such a file."""
        is_there = self.files.is_file(path)
        if not is_there:
            self._missing[path] = None
        return is_there

    def read(
        self, path: Path, report: Report, place: Spot | None = None, *, what: str = "the file"
    ) -> str | None:
        """The text of a file; None when it cannot be read, which is reported at `place`."""
        if path in self._texts:
            return self._texts[path]
        here = place or start_of(path)
        try:
            text = self.files.read_text(path)
        except FileNotFoundError:
            self._missing[path] = None
            report.error(
                ErrorCode.FILE_NOT_FOUND, f"{what} {path} does not exist", place, hint="check the path"
            )
        except IsADirectoryError:
            report.error(
                ErrorCode.FILE_UNREADABLE, f"{what} {path} is a folder", here, hint="name a file in it"
            )
        except PermissionError:
            report.error(
                ErrorCode.FILE_UNREADABLE, f"{what} {path} may not be read", here, hint="change its mode"
            )
        except UnicodeDecodeError:
            report.error(
                ErrorCode.FILE_UNREADABLE, f"{what} {path} is not UTF-8", here, hint="save it as UTF-8"
            )
        except (OSError, ValueError) as error:
            if getattr(error, "errno", None) == errno.EFBIG:
                _refuse_length(f"{what} {path}", here, report)
                return None
            why = getattr(error, "strerror", None) or error
            report.error(ErrorCode.FILE_UNREADABLE, f"{what} {path} cannot be read: {why}", here)
        else:
            if len(text) > TEXT_LIMIT_BYTES:  # an unsaved document of an editor
                _refuse_length(f"{what} {path}", here, report)
                return None
            self._texts[path] = text
            return text
        return None


def _refuse_length(what: str, place: Spot | Location, report: Report) -> None:
    report.error(
        ErrorCode.TOO_COMPLEX,
        f"{what} is larger than {TEXT_LIMIT_BYTES >> 20} MiB",
        place,
        hint="split it, and keep data in files that are mounted",
    )
