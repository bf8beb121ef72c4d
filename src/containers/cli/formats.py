"""Rows for people and for programs: plain columns, JSON, and templates with fields."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from containers.model.errors import ErrorCode, PodkeeperError
from containers.model.text_columns import columns

_FIELD = re.compile(r"\{\{\s*(json\s+)?\.(\w*)\s*\}\}")
_ANY_ACTION = re.compile(r"\{\{.*?\}\}")

Row = Mapping[str, Any]


class ListFormat(StrEnum):
    """How a list is printed."""

    TABLE = "table"
    JSON = "json"


def compact(data: Any) -> str:
    """JSON in one line."""
    return json.dumps(data, separators=(",", ":"), default=str, ensure_ascii=False)


def templated(template: str, rows: Sequence[Row], headings: Mapping[str, str] | None = None) -> list[str]:
    r"""A line for each row: `{{.Name}}` is a field, `{{json .}}` all of them, `\t` a tab.

    `json` alone is `{{json .}}`. `table` before the template adds headings and lines the tabs up.

    Raises:
        PodkeeperError: `usage`: the template has something else, or a field that there is not.
    """
    if template == "json":
        return [compact(row) for row in rows]
    head, _, rest = template.partition(" ")
    as_table = head == "table"
    text = (rest if as_table else template).replace("\\t", "\t").replace("\\n", "\n")
    left = _ANY_ACTION.findall(_FIELD.sub("", text))
    if left:
        raise PodkeeperError(
            ErrorCode.USAGE,
            f"the template has {left[0]}, which is not understood",
            remedy="use {{.Field}}, {{json .}}, or --format json with a program of your own",
        )
    lines = [_filled(text, row) for row in rows]
    if not as_table:
        return lines
    names = {field: (headings or {}).get(field, field.upper()) for _, field in _FIELD.findall(text)}
    heading = _FIELD.sub(lambda m: names[m[2]], text)
    split = [line.split("\t") for line in (heading, *lines)]
    return columns(split[0], split[1:])


def _filled(text: str, row: Row) -> str:
    def value(match: re.Match[str]) -> str:
        as_json, field = match.groups()
        if field and field not in row:
            raise PodkeeperError(
                ErrorCode.USAGE, f"there is no field {field}", remedy=f"choose from: {', '.join(row)}"
            )
        found = row[field] if field else row
        return compact(found) if as_json or not isinstance(found, str | int) else str(found)

    return _FIELD.sub(value, text)


def filter_value(filters: Iterable[str], *known: str) -> dict[str, list[str]]:
    """`KEY=VALUE` filters by key.

    Raises:
        PodkeeperError: `usage`: it has no `=`, or the key is not one of `known`.
    """
    found: dict[str, list[str]] = {}
    for text in filters:
        key, equals, value = text.partition("=")
        if not equals or key not in known:
            raise PodkeeperError(
                ErrorCode.USAGE,
                f"unknown filter {text}",
                remedy=f"filter by: {', '.join(f'{k}=VALUE' for k in known)}",
            )
        found.setdefault(key, []).append(value)
    return found
