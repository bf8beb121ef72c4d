"""Where in a compose file each service stands, found without parsing it."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from containers.model.source import Location

_SERVICES: Final = re.compile(r"services:[ \t]*(?:#.*)?\Z")
_NAME: Final = re.compile(r"( +)([A-Za-z0-9._-]+):(?:[ \t].*)?\Z")
_UNUSUAL: Final = ("---", "...", "%", "{", "[", '"', "'", "?", "<", "&", "*", "!", "|", ">")
_LINE_ENDS: Final = ("\x85", "\u2028", "\u2029")
"""What else YAML takes for the end of a line."""
_ANCHOR: Final = re.compile(r"(?:^|[\s\[{,:])&\w")


class Chunk(NamedTuple):
    """The lines of one service, from its name to the line before the next one."""

    start: int
    """The first line, from zero."""
    end: int
    """The line after the last one."""
    text: str

    def has(self, place: Location) -> bool:
        """Whether a place of the same file is in it."""
        return self.start <= place.range.start.line < self.end


class Chunks(NamedTuple):
    """A file, taken apart."""

    lines: tuple[str, ...]
    services: Mapping[str, Chunk]
    """In the order they are written."""

    def without(self, names: Iterable[str]) -> str:
        """The text with comments in place of some services, so that the rest stays where it is."""
        lines = list(self.lines)
        for name in names:
            chunk = self.services[name]
            # not blank: blank lines may belong to the text above them
            lines[chunk.start : chunk.end] = ["#"] * (chunk.end - chunk.start)
        if self.services and all(lines[chunk.start] == "#" for chunk in self.services.values()):
            head = next(iter(self.services.values())).start - 1
            while not _SERVICES.match(lines[head]):
                head -= 1
            lines[head] = "services: {}"
        return "\n".join(lines)


@lru_cache(maxsize=16)  # a text is looked at when it comes and again when the next one does
def split(text: str) -> Chunks | None:
    """Take a file apart; None where that is not safe, or services may depend on one another.

    That is where there are several documents, services in flow style, `extends`, `include`, anchors in
    services, or anything unusual on the level of the services' names.
    """
    if any(word in text for word in ("extends:", "include:", "\t", "\r", *_LINE_ENDS)):
        return None
    lines = text.split("\n")
    try:
        services = _Scanner(lines).services()
    except _UnusualError:
        return None
    if not services or any(_ANCHOR.search(chunk.text) for chunk in services.values()):
        return None
    return Chunks(tuple(lines), services)


class _UnusualError(Exception):
    """Something that only a parser can tell apart."""


class _Scanner:
    """Goes through the lines of a file once."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._begin = self._end = -1
        self._indent = ""
        self._starts: dict[str, int] = {}

    def services(self) -> dict[str, Chunk]:
        """The services by name."""
        for number, line in enumerate(self._lines):
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            if line[0] != " ":
                self._top(number, line)
            elif self._begin >= 0 and self._end < 0:
                self._inside(number, line)
        end = self._end if self._end >= 0 else len(self._lines)
        edges = [*self._starts.values(), end]
        return {
            name: Chunk(start, following, "\n".join(self._lines[start:following]))
            for (name, start), following in zip(self._starts.items(), edges[1:], strict=True)
        }

    def _top(self, number: int, line: str) -> None:
        if line.startswith(_UNUSUAL):
            raise _UnusualError
        if self._begin >= 0 and self._end < 0:
            self._end = number
        if line.startswith("services"):
            if self._begin >= 0 or not _SERVICES.match(line):
                raise _UnusualError
            self._begin = number

    def _inside(self, number: int, line: str) -> None:
        match = _NAME.match(line)
        if not self._indent and match is not None:
            self._indent = match[1]
        depth = len(line) - len(line.lstrip(" "))
        if depth > len(self._indent) > 0:
            return
        if match is None or match[1] != self._indent or match[2] in self._starts:
            raise _UnusualError
        self._starts[match[2]] = number


def around(chunks: Chunks) -> str:
    """Everything but the services, each line where it stands."""
    return chunks.without(chunks.services)
