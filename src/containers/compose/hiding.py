"""Placeholders for what another program has to carry but need not read."""

import re
from collections.abc import Iterable, Sequence

_START = "@podkeeper-"
_ONE = re.compile(r"@podkeeper-(\d+)@")
_MANY = re.compile(r"@podkeepers-(\d+)@")


class Hidden:
    """Values that are out of sight: environment, commands, labels, and where files really are.

    podman-compose only passes them on, so it gets placeholders. Then no value is in its arguments, which
    everybody on the machine can read, nor in its log or our cache; and what looks like a variable or a
    home folder in a value stays what it is. A list is one placeholder: podman-compose takes half a
    millisecond to look for variables in a string, however short.
    """

    def __init__(self) -> None:
        self._values: list[str] = []
        self._lists: list[tuple[str, ...]] = []

    def hide(self, value: str) -> str:
        """A placeholder for a value."""
        self._values.append(value)
        return f"@podkeeper-{len(self._values) - 1}@"

    def hide_path(self, path: str) -> str:
        """A placeholder for a path of the host.

        It is relative: a program that makes folders of what is missing makes them where it runs.
        """
        return f"./{self.hide(path)}"

    def hide_list(self, values: Iterable[object]) -> str:
        """A placeholder for values of the canonical document, where `$` is written `$$`."""
        self._lists.append(tuple(unescaped(str(value)) for value in values))
        return f"@podkeepers-{len(self._lists) - 1}@"

    def reveal(self, text: str) -> str:
        """Put every single value back; what it then contains is not looked at again."""
        return _ONE.sub(lambda match: self._values[int(match[1])], text)

    def reveal_list(self, arguments: Iterable[str]) -> tuple[str, ...]:
        """Put all values back; an argument with a list's placeholder in it becomes the list."""
        found: list[str] = []
        for argument in arguments:
            match = _MANY.search(argument)
            found.extend(self._lists[int(match[1])] if match else (self.reveal(argument),))
        return tuple(found)


def unescaped(text: str) -> str:
    """Canonical text as it is meant: the document writes `$` as `$$`."""
    return text.replace("$$", "$")


def without_folder(argv: Sequence[str], folder: str) -> tuple[str, ...]:
    """Undo what a program made of relative placeholders: an absolute path below the folder it ran in."""
    return tuple(argument.replace(f"{folder}/{_START}", _START) for argument in argv)
