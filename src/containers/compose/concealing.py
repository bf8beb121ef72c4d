"""A document without the values that are secret, and with them again."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from containers.compose.secrecy import masked
from containers.model.project import KeyPath

CONCEALED: Final = "@podkeeper-concealed@"
"""Stands for a value; nobody writes such a thing by hand."""


def conceal(value: Any, name: str = "") -> Any:
    """The value without what looks like a secret, by its own name or as a login in an address."""
    if isinstance(value, dict):
        return {key: conceal(item, str(key)) for key, item in value.items()}
    if isinstance(value, list):
        return [conceal(item) for item in value]
    if isinstance(value, str) and masked(name, value) != value:
        return CONCEALED
    return value


def concealed_paths(value: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    """Where values are gone."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from concealed_paths(item, (*path, str(key)))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from concealed_paths(item, (*path, index))
    elif value == CONCEALED:
        yield path


def reveal(document: Mapping[str, Any], value_of: Callable[[KeyPath], str | None]) -> dict[str, Any]:
    """The document with values put back; those that `value_of` does not know stay away."""

    def revealed(value: Any, path: KeyPath) -> Any:
        if isinstance(value, dict):
            return {key: revealed(item, (*path, str(key))) for key, item in value.items()}
        if isinstance(value, list):
            return [revealed(item, (*path, index)) for index, item in enumerate(value)]
        if value == CONCEALED:
            found = value_of(path)
            return CONCEALED if found is None else found
        return value

    result: dict[str, Any] = revealed(dict(document), ())
    return result


def value_at(document: Any, path: KeyPath) -> Any:
    """What a document has at a path; None where there is nothing."""
    for key in path:
        try:
            document = document[key]
        except (KeyError, IndexError, TypeError):
            return None
    return document
