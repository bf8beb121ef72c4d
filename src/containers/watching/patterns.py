"""The patterns of `.dockerignore`, `ignore` and `include`, as Docker reads them.

They look like those of `.gitignore`, and are not: one without a slash is only about the top folder, which is
why a library for those does not serve here.
"""

import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

IGNORE_FILES: Final = (".containerignore", ".dockerignore")
"""The first that is there counts, as for `podman build`."""


class PatternError(ValueError):
    """A pattern that can not be understood."""


class Patterns:
    """A list of patterns, of which the last that matches decides; one with `!` makes an exception."""

    def __init__(self, patterns: Iterable[str]) -> None:
        """Take the patterns in their order.

        Raises:
            PatternError: one of them is none.
        """
        self._rules = tuple(_compiled(patterns))

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self._rules)

    def match(self, path: str) -> bool:
        """Whether a relative path, or a folder that it is in, is matched."""
        matched = False
        names = [path, *_parents(path)] if path not in {"", "."} else ["."]
        for is_exception, rule in self._rules:
            if matched is is_exception and any(rule.fullmatch(name) for name in names):
                matched = not is_exception
        return matched


def ignore_lines(text: str) -> tuple[str, ...]:
    """The patterns of an ignore file."""
    lines = (line.strip() for line in text.removeprefix("\ufeff").splitlines())
    return tuple(line for line in lines if line and not line.startswith("#"))


def _compiled(patterns: Iterable[str]) -> Iterator[tuple[bool, re.Pattern[str]]]:
    for written in patterns:
        text = written.strip()
        is_exception = text.startswith("!")
        text = text[1:].strip() if is_exception else text
        if not text:
            continue
        text = posixpath.normpath(text).lstrip("/") or "."
        try:
            yield is_exception, re.compile("".join(_pieces(text)), re.DOTALL)
        except re.error as error:
            msg = f"`{written}` is no pattern: {error}"
            raise PatternError(msg) from error


def _pieces(text: str) -> Iterator[str]:
    """The regular expression of a pattern, piece by piece."""
    at = 0
    while at < len(text):
        sign = text[at]
        at += 1
        if sign == "*":
            stars = len(text[at - 1 :]) - len(text[at - 1 :].lstrip("*"))
            at += stars - 1
            if stars == 1:
                yield "[^/]*"
            elif at >= len(text):
                yield ".*"
            else:
                at += text[at] == "/"
                yield "(?:.*/)?"
        elif sign == "?":
            yield "[^/]"
        elif sign == "[" and (end := text.find("]", at + 1)) > 0:
            inside = text[at:end].replace("\\", "\\\\")
            yield f"[{'^' + inside[1:] if inside[0] in '^!' else inside}]"
            at = end + 1
        elif sign == "\\" and at < len(text):
            yield re.escape(text[at])
            at += 1
        else:
            yield re.escape(sign)


def _parents(path: str) -> Sequence[str]:
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]
