"""A plain table."""

from collections.abc import Iterable, Sequence

_GAP = "   "


def columns(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a table, as wide as its texts, with its headings."""
    table = [tuple(headings), *(tuple(row) for row in rows)]
    widths = [max(len(row[i]) for row in table) for i in range(len(headings))]
    padded = ([f"{text:<{width}}" for text, width in zip(row, widths, strict=True)] for row in table)
    return [_GAP.join(cells).rstrip() for cells in padded]
