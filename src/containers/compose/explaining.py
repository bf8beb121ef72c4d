"""Why a value is what it is: where it was written, what it replaced, and which variables went into it."""

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from containers.compose import dotenv
from containers.compose.interpolation import InterpolationError, uses
from containers.compose.nodes import Spot
from containers.model.errors import ErrorCode, PodkeeperError
from containers.model.explanation import Entry, Explanation, Layer
from containers.model.project import KeyPath
from containers.model.source import Location, Range
from containers.model.variables import VariableOrigin

_INDEX: Final = re.compile(r"\[(\d+)\]")
_SUGGESTIONS: Final = 3
_OF_A_SERVICE: Final = 3
"""How long the path of a service's own key is."""

ReadText = Callable[[Path], str | None]
"""The text of a file that took part, or None when it cannot be read any more."""


def find_path(document: Mapping[str, Any], text: str) -> KeyPath:
    """The path that `services.api.ports[0].target` names; keys that contain dots are found, too.

    Raises:
        PodkeeperError: `not_found`; the remedy names what is there.
    """
    return _walk(document, _INDEX.sub(r".\1", text.strip().strip(".")), ())


def _walk(value: Any, rest: str, path: KeyPath) -> KeyPath:
    if not rest:
        return path
    parts = rest.split(".")
    if isinstance(value, Mapping):
        for count in range(len(parts), 0, -1):
            key = ".".join(parts[:count])
            if key in value:
                return _walk(value[key], ".".join(parts[count:]), (*path, key))
    elif isinstance(value, list) and parts[0].isdigit() and int(parts[0]) < len(value):
        index = int(parts[0])
        return _walk(value[index], ".".join(parts[1:]), (*path, index))
    raise _unknown(value, parts[0], path)


def _unknown(value: Any, word: str, path: KeyPath) -> PodkeeperError:
    where = as_text(path) or "the project"
    if isinstance(value, Mapping):
        keys = [str(key) for key in value]
        near = get_close_matches(word, keys, n=_SUGGESTIONS)
        remedy = f"did you mean {' or '.join(near)}?" if near else f"there is: {', '.join(keys) or 'nothing'}"
    elif isinstance(value, list):
        remedy = f"it has {len(value)} items, from 0 on"
    else:
        remedy = "it is a single value"
    return PodkeeperError(ErrorCode.NOT_FOUND, f"{where} has no `{word}`", remedy=remedy)


def as_text(path: KeyPath) -> str:
    """A path as people write it."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


class Explainer:
    """Explains the values of one loaded project."""

    def __init__(
        self,
        document: Mapping[str, Any],
        spots: Mapping[KeyPath, Spot],
        *,
        process: Mapping[str, str],
        variables: Mapping[str, Location],
        read: ReadText,
    ) -> None:
        """Args beside the project: the process environment, and where the environment's variables are set."""
        self._document = document
        self._spots = spots
        self._process = process
        self._variables = variables
        self._read = read
        self._lines: dict[Path, dict[str, int]] = {}

    def explain(self, text: str) -> Explanation:
        """Explain one path.

        Raises:
            PodkeeperError: `not_found`.
        """
        path = find_path(self._document, text)
        value: Any = self._document
        for part in path:
            value = value[part]
        return Explanation(
            path=as_text(path),
            key_path=path,
            value=_plain(value),
            layers=tuple(self._layers(self._spots.get(path))),
            entries=tuple(self._entries(value, path)) if isinstance(value, (dict, list)) else (),
        )

    def _entries(self, value: Any, path: KeyPath) -> list[Entry]:
        if isinstance(value, dict) and value:
            return [e for key, each in value.items() for e in self._entries(each, (*path, key))]
        if isinstance(value, list) and value:
            return [e for index, each in enumerate(value) for e in self._entries(each, (*path, index))]
        spot = self._spots.get(path) or self._short_form(path)
        location = spot.location() if spot is not None else None
        return [Entry(path=as_text(path), value=_plain(value), location=location)]

    def _short_form(self, path: KeyPath) -> Spot | None:
        """The one value that a value without a place was part of; None where it was filled in by default.

        Beside what was written key by key, a key that has no place was not written.
        """
        whole: Any = self._document
        for part in path[:-1]:
            whole = whole[part]
        keys = whole if isinstance(whole, dict) else range(len(whole))
        if len(path) <= _OF_A_SERVICE or any((*path[:-1], key) in self._spots for key in keys):
            return None
        return self._spots.get(path[:-1]) or self._short_form(path[:-1])

    def _layers(self, spot: Spot | None) -> list[Layer]:
        layers: list[Layer] = []
        while spot is not None:
            location = spot.location()
            written = self._written(location)
            layers.append(
                Layer(location=location, written=written, variables=tuple(self._named(written, spot)))
            )
            spot = spot.over
        return layers

    def _written(self, location: Location) -> str:
        text = self._read(location.path)
        if text is None:
            return ""
        start, end = location.range.start, location.range.end
        lines = text.splitlines()[start.line : end.line + 1]
        if not lines:
            return ""
        if end.line - start.line < len(lines):
            lines[-1] = lines[-1][: end.character]
        lines[0] = lines[0][start.character :]
        return " ".join(line.strip() for line in lines).strip()

    def _named(self, written: str, spot: Spot) -> list[VariableOrigin]:
        try:
            named = uses(written)
        except InterpolationError:
            return []
        found: dict[str, VariableOrigin] = {}
        for use in named:
            origin = self._origin(use.name, spot)
            if origin.value is None and use.operator.endswith("-"):
                instead = f"not set; `{use.operand}` is taken instead"
                origin = origin.model_copy(update={"source": instead})
            found.setdefault(use.name, origin)
        return list(found.values())

    def _origin(self, name: str, spot: Spot) -> VariableOrigin:
        value = spot.origin.environment.get(name)
        if value is None:
            return VariableOrigin(name=name, value=None, source="not set")
        if self._process.get(name) == value:
            return VariableOrigin(name=name, value=value, source="the process environment")
        place = self._variables.get(name)
        for file in reversed(spot.origin.env_files) if place is None else ():
            line = self._assignments(file).get(name)
            if line is not None:
                place = Location(path=file, range=Range.of(line, 0, line + 1, 0))
                break
        source = str(place) if place is not None else "the project's name"
        return VariableOrigin(name=name, value=value, source=source, location=place)

    def _assignments(self, file: Path) -> dict[str, int]:
        """The line of each name that an env file sets."""
        if file not in self._lines:
            lines: dict[str, int] = {}
            try:
                dotenv.parse(self._read(file) or "", self._process, lines=lines)
            except dotenv.DotenvError:
                lines = {}  # loading has said so
            self._lines[file] = lines
        return self._lines[file]


def _plain(value: Any) -> Any:
    """A value as containers get it: the canonical document writes each `$` twice."""
    if isinstance(value, str):
        return value.replace("$$", "$")
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value
