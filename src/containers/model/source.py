"""Where in which file something was written."""

from pathlib import Path

from typing_extensions import override

from containers.model.base import Model


class Position(Model):
    """A place in a text, counted from zero as LSP counts."""

    line: int
    character: int
    """UTF-16 is the wire's business; here it is a code point offset in the line."""


class Range(Model):
    """From `start`, up to but not including `end`."""

    start: Position
    end: Position

    @classmethod
    def of(cls, start_line: int, start_character: int, end_line: int, end_character: int) -> "Range":
        """Build a range from four zero-based numbers."""
        return cls(
            start=Position(line=start_line, character=start_character),
            end=Position(line=end_line, character=end_character),
        )


class Location(Model):
    """A range in a file."""

    path: Path
    """Absolute."""
    range: Range

    @classmethod
    def start_of(cls, path: Path) -> "Location":
        """A file's first character, for what concerns it as a whole."""
        return cls(path=path, range=Range.of(0, 0, 0, 0))

    @override
    def __str__(self) -> str:
        """`path:line:column`, counted from one, as compilers and editors print it."""
        return f"{self.path}:{self.range.start.line + 1}:{self.range.start.character + 1}"
