"""What changed of a service since it was applied, in words."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

_MOST = 3
"""Of each key; the rest is counted."""


class Described(NamedTuple):
    """How a service differs from what was applied last."""

    fingerprint: str
    """Of the service as it was applied: says nothing about containers made from another."""
    words: Mapping[str, tuple[str, ...]]
    """Top-level key to its differences, such as `environment.LOG_LEVEL info -> debug`."""


def in_words(fields: Iterable[str], described: Described | None, fingerprint: str) -> str:
    """The changed top-level keys of a service, each with its differences where they are known.

    Args:
        fields: the keys.
        described: what is known.
        fingerprint: of the service that the container was made from.
    """
    known = described.words if described is not None and described.fingerprint == fingerprint else {}
    parts: list[str] = []
    bare = []
    for field in fields:
        words = known.get(field, ())
        if not words:
            bare.append(field)
            continue
        parts += words[:_MOST]
        if len(words) > _MOST:
            parts.append(f"{len(words) - _MOST} more of {field}")
    if bare:
        parts.append(f"{', '.join(bare)} changed")
    return "; ".join(parts)
