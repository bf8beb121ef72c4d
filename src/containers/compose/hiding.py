"""Placeholders for what another program has to carry but need not read."""

import re
from collections.abc import Sequence

_START = "@podkeeper-"
_PLACEHOLDER = re.compile(r"@podkeeper-(\d+)@")


class Hidden:
    """Values that are out of sight: environment, commands, labels, and where files really are.

    podman-compose only passes them on, so it gets placeholders. Then no value is in its arguments, which
    everybody on the machine can read, nor in its log or our cache; and what looks like a variable or a
    home folder in a value stays what it is.
    """

    def __init__(self) -> None:
        self._values: list[str] = []

    def hide(self, value: object) -> str:
        """A placeholder for a value of the canonical document, where `$` is written `$$`."""
        return self.hide_literal(str(value).replace("$$", "$"))

    def hide_literal(self, value: str) -> str:
        """A placeholder for a value that is taken as it is."""
        self._values.append(value)
        return f"@podkeeper-{len(self._values) - 1}@"

    def hide_path(self, path: str) -> str:
        """A placeholder for a path of the host.

        It is relative: a program that makes folders of what is missing makes them where it runs.
        """
        return f"./{self.hide_literal(path)}"

    def reveal(self, text: str) -> str:
        """Put every value back; what it then contains is not looked at again."""
        return _PLACEHOLDER.sub(lambda match: self._values[int(match[1])], text)


def without_folder(argv: Sequence[str], folder: str) -> tuple[str, ...]:
    """Undo what a program made of relative placeholders: an absolute path below the folder it ran in."""
    return tuple(argument.replace(f"{folder}/{_START}", _START) for argument in argv)
