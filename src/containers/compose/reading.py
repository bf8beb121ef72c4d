"""From YAML text to trees with positions: anchors, merge keys, tags, documents, and limits on all of it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import yaml
from yaml._yaml import CParser
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from containers.compose.nodes import Map, Origin, Seq, Span, Spot, copied, kind_of
from containers.compose.reporting import VALUE_LIMIT, Report, start_of
from containers.compose.scalars import moment, typed
from containers.compose.yaml_problems import describe
from containers.model.errors import ErrorCode
from containers.model.source import Location, Range

_TEXT_VALUE: Final = 256
"""So many characters of text weigh as much as one value."""
DEPTH_LIMIT: Final = 100
"""How deep values may be nested; the Compose Specification needs about ten levels."""


class Reset:
    """Stands for a value tagged `!reset`: it removes what it would be merged with."""

    __slots__ = ()


class Override:
    """Wraps a value tagged `!override`: it replaces what it would be merged with."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value: Final = value


class _TooComplexError(Exception):
    def __init__(self, message: str, span: Span) -> None:
        super().__init__(message)
        self.span = span


def read_documents(text: str, origin: Origin, report: Report) -> list[Map]:
    """Read every document of a file whose top level is a mapping; what is wrong goes into the report."""
    reader = None
    try:
        reader = _Reader(text, origin, report)
        return [document for document in reader.documents() if document is not None]
    except yaml.YAMLError as error:
        problem = describe(error, text)
        place = Location(path=origin.path, range=Range.of(*problem.span))
        report.error(ErrorCode.INVALID_YAML, problem.message, place, hint=problem.hint)
    except UnicodeEncodeError:
        report.error(
            ErrorCode.INVALID_YAML,
            "the file has characters that are not valid Unicode",
            start_of(origin.path),
            hint="save it as UTF-8",
        )
    except _TooComplexError as error:
        report.error(
            ErrorCode.TOO_COMPLEX,
            str(error),
            Location(path=origin.path, range=Range.of(*error.span)),
            hint="use fewer nested values and aliases",
        )
    finally:
        if reader is not None:
            report.values_left -= reader.count
    return []


class _Reader:
    """Builds trees from parser events; one instance a file."""

    def __init__(self, text: str, origin: Origin, report: Report) -> None:
        parser = CParser(text.removeprefix("\ufeff"))
        self._next = parser.get_event
        self._origin = origin
        self._report = report
        self._anchors: dict[str, tuple[Any, int, Span]] = {}
        self._open: set[str] = set()
        self.count = 0
        self._budget: Final = report.values_left
        self._end = (0, 0)

    def documents(self) -> Iterator[Map | None]:
        """Each document as a tree; None for one whose top level is no mapping."""
        while not isinstance(event := self._next(), StreamEndEvent):
            if isinstance(event, DocumentStartEvent):
                self._anchors.clear()
                yield self._document()

    def _document(self) -> Map | None:
        value, span = self._value(self._next(), 0)
        if isinstance(value, Override):
            value = value.value
        if isinstance(value, Map):
            return value
        if value is None and span[:2] == span[2:]:
            return None
        self._report.error(
            ErrorCode.INVALID_COMPOSE,
            f"the top level of a compose file must be a mapping, not {kind_of(value)}",
            Location(path=self._origin.path, range=Range.of(*span)),
            hint="begin with `services:`",
        )
        return None

    def _value(self, event: Any, depth: int) -> tuple[Any, Span]:
        """Build one value; returns it with its span."""
        start: Any = event.start_mark
        self.count += 1
        if self.count > self._budget:
            here = (start.line, start.column, start.line, start.column + 1)
            raise _TooComplexError(f"there are more than {VALUE_LIMIT} values", here)
        if isinstance(event, AliasEvent):
            return self._alias(event)
        if isinstance(event, ScalarEvent):
            end: Any = event.end_mark
            span = (start.line, start.column, end.line, end.column)
            self.count += len(event.value) // _TEXT_VALUE
            self._end = (end.line, end.column)
            value = _scalar(event)
        else:
            value, span = self._collection(event, depth, start)
        if event.tag == "!reset":
            value = Reset()
        elif event.tag == "!override":
            value = Override(value)
        if event.anchor is not None and isinstance(event, ScalarEvent):
            self._anchors[event.anchor] = (value, 1 + len(event.value) // _TEXT_VALUE, span)
        return value, span

    def _collection(self, event: Any, depth: int, start: Any) -> tuple[Map | Seq, Span]:
        here = (start.line, start.column, start.line, start.column + 1)
        if depth >= DEPTH_LIMIT:
            raise _TooComplexError(f"values are nested deeper than {DEPTH_LIMIT} levels", here)
        anchor = event.anchor
        before = self.count
        if anchor is not None:
            self._open.add(anchor)
        value = self._mapping(depth) if isinstance(event, MappingStartEvent) else self._sequence(depth)
        span = (start.line, start.column, *self._end)
        if anchor is not None:
            self._open.discard(anchor)
            self._anchors[anchor] = (value, self.count - before + 1, span)
        return value, span

    def _sequence(self, depth: int) -> Seq:
        items = Seq()
        while not isinstance(event := self._next(), SequenceEndEvent):
            value, span = self._value(event, depth + 1)
            if isinstance(value, Reset):
                continue
            items.add(value.value if isinstance(value, Override) else value, Spot(self._origin, span))
        self._close(event)
        return items

    def _mapping(self, depth: int) -> Map:
        result = Map()
        merged: list[tuple[Any, Span]] = []
        while not isinstance(event := self._next(), MappingEndEvent):
            if isinstance(event, ScalarEvent) and event.value == "<<" and event.implicit[0]:
                merged.append(self._value(self._next(), depth + 1))
                continue
            key, key_span = self._key(event, depth)
            value, span = self._value(self._next(), depth + 1)
            if key is None:
                continue
            if key in result:
                first = result.spots[key].key_location()
                self._report.error(
                    ErrorCode.DUPLICATE_KEY,
                    f"the key `{key}` is already defined at line {first.range.start.line + 1}",
                    Location(path=self._origin.path, range=Range.of(*key_span)),
                    hint="remove one of the two",
                    related=[first],
                )
                continue
            result.put(key, value, Spot(self._origin, span, key_span))
        self._close(event)
        for value, span in merged:
            self._fold(result, value, span)
        return result

    def _close(self, event: Any) -> None:
        """A flow collection ends at its bracket; a block collection where its last value does."""
        start, end = event.start_mark, event.end_mark
        if (start.line, start.column) != (end.line, end.column):
            self._end = (end.line, end.column)

    def _key(self, event: Any, depth: int) -> tuple[str | None, Span]:
        value, span = self._value(event, depth + 1)
        if isinstance(value, str) and not (isinstance(event, ScalarEvent) and _is_timestamp(event)):
            return value, span
        shown = event.value if isinstance(event, ScalarEvent) else kind_of(value)
        self._report.error(
            ErrorCode.INVALID_YAML,
            f"the key `{shown}` is not a string",
            Location(path=self._origin.path, range=Range.of(*span)),
            hint=f'write it in quotes: "{shown}"'
            if isinstance(event, ScalarEvent)
            else "keys are plain words",
        )
        return None, span

    def _alias(self, event: Any) -> tuple[Any, Span]:
        start, end = event.start_mark, event.end_mark
        span = (start.line, start.column, end.line, end.column)
        self._end = (end.line, end.column)
        name = event.anchor
        if name in self._open:
            raise _TooComplexError(f"the alias `*{name}` refers to a value that contains it", span)
        if name not in self._anchors:
            self._report.error(
                ErrorCode.INVALID_YAML,
                f"the alias `*{name}` has no anchor `&{name}` before it",
                Location(path=self._origin.path, range=Range.of(*span)),
                hint="define the anchor above its first use",
            )
            return None, span
        value, size, _ = self._anchors[name]
        self.count += size
        if self.count > self._budget:
            raise _TooComplexError(
                f"with its aliases written out there are more than {VALUE_LIMIT} values", span
            )
        if isinstance(value, Override):
            return Override(copied(value.value)), span
        return copied(value), span

    def _fold(self, target: Map, value: Any, span: Span) -> None:
        """Fold the value of a merge key into a mapping; keys that are there already stay."""
        sources = value if isinstance(value, Seq) else [value]
        for source in sources:
            if isinstance(source, Map):
                for key, entry in source.items():
                    spot = source.spots.get(key)
                    if key not in target:
                        target.put(key, entry, spot)
                    elif not isinstance(target[key], (Map, Seq)):
                        target.spots[key] = target.spots[key].laid_over(spot)
                continue
            self._report.error(
                ErrorCode.INVALID_YAML,
                f"the merge key `<<` needs a mapping or a list of mappings, not {kind_of(source)}",
                Location(path=self._origin.path, range=Range.of(*span)),
            )


def _is_timestamp(event: ScalarEvent) -> bool:
    return bool(event.implicit[0]) and isinstance(typed(event.value), datetime)


def _scalar(event: ScalarEvent) -> Any:
    text = event.value
    tag = event.tag
    if (
        event.implicit[0]
        if tag is None
        else tag.startswith("tag:yaml.org,2002:") and not tag.endswith(":str")
    ):
        value = typed(text)
        return moment(value) if isinstance(value, datetime) else value
    return text
