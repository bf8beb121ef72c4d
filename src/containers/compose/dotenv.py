"""The grammar of `.env` files and of a service's `env_file`."""

import re
from collections import ChainMap
from collections.abc import Callable, Mapping
from typing import Final

from containers.compose.interpolation import InterpolationError, interpolate

_BLANK: Final = " \t\v\f\r\u0085\u00a0"
_ESCAPE: Final = re.compile(r"\\([abfnrtv$\"\\]|0[0-7]{0,3})")
_UNESCAPED: Final = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "$": "$$",
    '"': '"',
    "\\": "\\",
}
_GROWTH_LIMIT: Final = 4 << 20
"""How much text the variables in one file's values may make; each value may double the one before."""
_EXPORT: Final = re.compile(r"export\s+")


class DotenvError(Exception):
    """A line that is no assignment.

    Attributes:
        line: zero-based.
    """

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


def parse(
    text: str,
    lookup: Mapping[str, str],
    unset: Callable[[str], None] | None = None,
    *,
    raw: bool = False,
    earlier: Mapping[str, str] | None = None,
    lines: dict[str, int] | None = None,
) -> dict[str, str]:
    """Read assignments; a name alone takes its value from `lookup`, and is left out where that has none.

    Args:
        text: the file.
        lookup: the variables that values may name, beside the ones assigned above them; they win.
        unset: told of each variable that a value names and nobody set.
        earlier: what files read before this one have assigned.
        raw: take everything after `=` as it is: no quotes, no comments, no variables.
        lines: is told the line that each name was last assigned in, from zero.

    Raises:
        DotenvError: a line cannot be read.
    """
    parser = _Parser(text.replace("\r\n", "\n"), lookup, unset or (lambda _: None), earlier or {}, raw=raw)
    found = parser.run()
    if lines is not None:
        lines.update(parser.lines)
    return found


class _Parser:
    def __init__(
        self,
        text: str,
        lookup: Mapping[str, str],
        unset: Callable[[str], None],
        earlier: Mapping[str, str],
        *,
        raw: bool,
    ) -> None:
        self._text = text
        self._lookup = lookup
        self._unset = unset
        self._raw = raw
        self._at = 0
        self._found: dict[str, str] = {}
        self._known = ChainMap({**lookup}, self._found, {**earlier})
        self._grown = 0
        self.lines: dict[str, int] = {}

    def run(self) -> dict[str, str]:
        line = before = 0
        while self._skip_to_statement():
            start = self._at
            line += self._text.count("\n", before, start)
            before = start
            name, inherited = self._raw_name() if self._raw else self._name()
            self.lines[name] = line
            if inherited:
                if name in self._lookup:
                    self._found[name] = self._lookup[name]
                continue
            try:
                self._found[name] = self._line() if self._raw else self._value()
            except InterpolationError as error:
                raise self._error(str(error), start) from error
        return self._found

    def _skip_to_statement(self) -> bool:
        text = self._text
        while self._at < len(text):
            if text[self._at].isspace():
                self._at += 1
            elif text[self._at] == "#":
                end = text.find("\n", self._at)
                self._at = len(text) if end < 0 else end
            else:
                return True
        return False

    def _line(self) -> str:
        """The rest of the line, after which the next one begins."""
        start = self._at
        end = self._text.find("\n", start)
        self._at = len(self._text) if end < 0 else end
        return self._text[start : self._at]

    def _raw_name(self) -> tuple[str, bool]:
        """A name in the raw format: whatever stands before `=`."""
        start = self._at
        name, equals, _ = self._line().partition("=")
        if not name:
            raise self._error("the variable name is missing", start)
        if any(char in _BLANK for char in name):
            raise self._error(f"the variable name {name!r} contains a space", start)
        if equals:
            self._at = start + len(name) + 1
        return name, not equals

    def _name(self) -> tuple[str, bool]:
        """A name, and whether it stands alone.

        Compose takes a lone word at the very end of a file for the value of a variable without a name.
        """
        text = self._text
        if export := _EXPORT.match(text, self._at):
            self._at = export.end()
        start = index = self._at
        while index < len(text) and text[index] not in "=:\n":
            char = text[index]
            if not (char.isalnum() or char in "_.-[]" or char in _BLANK):
                raise self._error(f"unexpected character {char!r} in the variable name", start)
            index += 1
        if index >= len(text):
            return "", False
        name = text[start:index].rstrip()
        if " " in name:
            raise self._error(f"the variable name {name!r} contains a space", start)
        self._at = index + 1
        return name, text[index] == "\n"

    def _value(self) -> str:
        text = self._text
        while self._at < len(text) and text[self._at] in _BLANK:
            self._at += 1
        quote = text[self._at : self._at + 1]
        if quote in {'"', "'"}:
            return self._quoted(quote)
        value, _, _ = self._line().partition(" #")
        return self._expand(value.rstrip())

    def _quoted(self, quote: str) -> str:
        text, start = self._text, self._at
        index = start + 1
        while index < len(text):
            if text[index] == "\\":
                index += 2
                continue
            if text[index] == quote:
                self._at = index + 1
                value = text[start + 1 : index].replace(f"\\{quote}", quote)
                return value if quote == "'" else self._expand(_ESCAPE.sub(_unescape, value))
            index += 1
        raise self._error(f"the quoted value is not closed: {text[start:].splitlines()[0]}", start)

    def _expand(self, value: str) -> str:
        if "$" not in value:
            return value
        value = interpolate(value, self._known, self._unset)
        self._grown += len(value)
        if self._grown > _GROWTH_LIMIT:
            raise InterpolationError(f"its variables make the file longer than {_GROWTH_LIMIT >> 20} MiB")
        return value

    def _error(self, message: str, at: int) -> DotenvError:
        return DotenvError(message, self._text.count("\n", 0, at))


def _unescape(match: re.Match[str]) -> str:
    sequence = match[1]
    if sequence.startswith("0"):
        return chr(int(sequence, 8))
    return _UNESCAPED[sequence]
