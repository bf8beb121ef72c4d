"""Reading files through the port, once each, and remembering which ones took part."""

from pathlib import Path

from containers.compose.nodes import Spot
from containers.compose.reporting import Report
from containers.model.errors import ErrorCode
from containers.ports import Files


class Sources:
    """What one load has read."""

    __slots__ = ("_texts", "files")

    def __init__(self, files: Files) -> None:
        self.files = files
        self._texts: dict[Path, str] = {}

    @property
    def read_so_far(self) -> tuple[Path, ...]:
        """Every file that was read, in the order it was first read."""
        return tuple(self._texts)

    def read(
        self, path: Path, report: Report, place: Spot | None = None, *, what: str = "the file"
    ) -> str | None:
        """The text of a file; None when it cannot be read, which is reported at `place`."""
        if path in self._texts:
            return self._texts[path]
        try:
            text = self.files.read_text(path)
        except FileNotFoundError:
            report.error(
                ErrorCode.FILE_NOT_FOUND, f"{what} {path} does not exist", place, hint="check the path"
            )
        except IsADirectoryError:
            report.error(
                ErrorCode.FILE_UNREADABLE, f"{what} {path} is a folder", place, hint="name a file in it"
            )
        except PermissionError:
            report.error(
                ErrorCode.FILE_UNREADABLE, f"{what} {path} may not be read", place, hint="change its mode"
            )
        except UnicodeDecodeError:
            report.error(
                ErrorCode.FILE_UNREADABLE, f"{what} {path} is not UTF-8", place, hint="save it as UTF-8"
            )
        except (OSError, ValueError) as error:
            report.error(ErrorCode.FILE_UNREADABLE, f"{what} {path} cannot be read: {error}", place)
        else:
            self._texts[path] = text
            return text
        return None
