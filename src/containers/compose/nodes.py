"""The tree a compose file becomes: plain values in containers that remember where each value was written."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

from containers.model.source import Location, Range

Span: TypeAlias = tuple[int, int, int, int]
"""Start line, start column, end line, end column; zero-based, the end exclusive."""


class Origin:
    """What a value inherits from the file it stands in."""

    __slots__ = ("env_files", "environment", "path", "working_dir")

    def __init__(
        self,
        path: Path,
        working_dir: str,
        environment: Mapping[str, str],
        env_files: tuple[Path, ...] = (),
    ) -> None:
        self.path: Final = path
        self.working_dir: Final = working_dir
        self.environment: Final = environment
        self.env_files: Final = env_files
        """Where those variables come from that no process has set, in the order they were read."""


class Spot:
    """Where one value, and the key it stands under, was written."""

    __slots__ = ("key", "origin", "over", "value")

    def __init__(
        self, origin: Origin, value: Span, key: Span | None = None, over: "Spot | None" = None
    ) -> None:
        self.origin: Final = origin
        self.value: Final = value
        self.key: Final = key
        self.over: Final = over
        """What this value was laid over, and thereby replaced."""

    def location(self) -> Location:
        """The value's place."""
        return Location(path=self.origin.path, range=Range.of(*self.value))

    def key_location(self) -> Location:
        """The key's place; the value's where there is no key."""
        return Location(path=self.origin.path, range=Range.of(*(self.key or self.value)))

    def laid_over(self, below: "Spot | None") -> "Spot":
        """The same place, whose value replaces what was written `below`."""
        if below is None or below is self or below is self.over:
            return self
        over = below if self.over is None else self.over.laid_over(below)
        return Spot(self.origin, self.value, self.key, over)


class Template(str):
    """A text whose variables are left as they are written, for who asks what the files say."""

    __slots__ = ()


class Map(dict[str, Any]):
    """A mapping that knows its entries' spots, and which of them replace or remove what they meet."""

    __slots__ = ("spots",)

    def __init__(self, entries: Mapping[str, Any] | None = None) -> None:
        super().__init__(entries or {})
        self.spots: dict[str, Spot] = {}

    def put(self, key: str, value: Any, spot: Spot | None = None) -> None:
        """Set an entry together with its spot; None keeps the spot that is there."""
        self[key] = value
        if spot is not None:
            self.spots[key] = spot

    def drop(self, key: str) -> None:
        """Forget an entry, if it is there."""
        self.pop(key, None)
        self.spots.pop(key, None)


class Seq(list[Any]):
    """A list that knows its items' spots; an item without one has None."""

    __slots__ = ("spots",)

    def __init__(self, items: Iterable[Any] = ()) -> None:
        super().__init__(items)
        self.spots: list[Spot | None] = [None] * len(self)

    def add(self, value: Any, spot: Spot | None) -> None:
        """Append an item together with its spot."""
        self.append(value)
        self.spots.append(spot)

    def pairs(self) -> Iterable[tuple[Any, Spot | None]]:
        """The items with their spots."""
        return zip(self, self.spots, strict=True)


def copied(value: Any) -> Any:
    """A deep copy that shares the spots, which never change."""
    if isinstance(value, Map):
        result = Map()
        for key, entry in value.items():
            dict.__setitem__(result, key, copied(entry) if isinstance(entry, (Map, Seq)) else entry)
        result.spots = dict(value.spots)
        return result
    if isinstance(value, Seq):
        items = Seq(copied(item) for item in value)
        items.spots = list(value.spots)
        return items
    return value


def weight(value: Any) -> int:
    """How many values a tree has, itself included."""
    if isinstance(value, Map):
        return 1 + sum(weight(entry) for entry in value.values())
    return 1 + sum(weight(item) for item in value) if isinstance(value, Seq) else 1


def kind_of(value: Any) -> str:
    """What a person would call the value's type."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "a mapping" if isinstance(value, dict) else "a list"
