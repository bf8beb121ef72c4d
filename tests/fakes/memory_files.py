"""Files that exist only in memory."""

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

HERE = Path("/srv/demo")
"""Where relative paths of these files begin."""


class MemoryFiles:
    """The `Files` port over a dictionary; a value that is an exception is raised when it is read."""

    def __init__(self, texts: Mapping[str, str | Exception]) -> None:
        """Take texts by path, relative to the demo folder or absolute."""
        self._texts = {
            HERE / path: text if isinstance(text, Exception) else dedent(text) for path, text in texts.items()
        }

    def write(self, path: Path, text: str | None) -> None:
        """Put another text in a file's place; None removes the file."""
        self._texts.pop(HERE / path, None)
        if text is not None:
            self._texts[HERE / path] = text

    def read_text(self, path: Path) -> str:
        """The text, or the exception that stands for it."""
        text = self._texts.get(path)
        if text is None:
            raise FileNotFoundError(path)
        if isinstance(text, Exception):
            raise text
        return text

    def is_file(self, path: Path) -> bool:
        """Whether there is a text."""
        return path in self._texts

    def is_dir(self, path: Path) -> bool:
        """Whether a text lies below it."""
        return any(path in file.parents for file in self._texts)

    def list_dir(self, path: Path) -> tuple[str, ...]:
        """The names of the files and folders in a folder."""
        below = (file.relative_to(path) for file in self._texts if path in file.parents)
        return tuple(sorted({file.parts[0] for file in below}))
