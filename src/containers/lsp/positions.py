"""Our positions to the wire's: code points in a line to UTF-16 units."""

from lsprotocol import types

from containers.model.source import Location, Position, Range


def to_wire_position(position: Position, lines: list[str]) -> types.Position:
    """A position, given the lines of its text; one beyond the text stays as it is."""
    if position.line >= len(lines):
        return types.Position(line=position.line, character=position.character)
    before = lines[position.line][: position.character]
    return types.Position(line=position.line, character=len(before.encode("utf-16-le")) // 2)


def to_wire_range(value: Range, lines: list[str]) -> types.Range:
    """A range, given the lines of its text."""
    return types.Range(start=to_wire_position(value.start, lines), end=to_wire_position(value.end, lines))


def to_wire_location(location: Location, lines: list[str]) -> types.Location:
    """A location, given the lines of its text."""
    return types.Location(uri=location.path.as_uri(), range=to_wire_range(location.range, lines))
