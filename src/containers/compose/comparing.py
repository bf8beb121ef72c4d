"""What differs between two environments of a stack, service by service and key by key."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from containers.compose.measures import size_words
from containers.compose.secrecy import masked
from containers.model.comparison import Difference
from containers.model.project import ResolvedProject

_IDENTITY: Final[dict[str, tuple[str, ...]]] = {
    "ports": ("target", "protocol"),
    "volumes": ("target",),
    "secrets": ("source",),
    "configs": ("source",),
    "devices": ("target",),
}
"""Lists of mappings are compared by what their entries are about, not by their order."""
_SIZES: Final = frozenset({"mem_limit", "mem_reservation", "memswap_limit", "memory", "shm_size"})
_SECTIONS: Final = ("services", "networks", "volumes", "secrets", "configs")


def differences(before: ResolvedProject, after: ResolvedProject) -> tuple[Difference, ...]:
    """Every value that differs, by section and name; names that follow the project's are alike.

    Values that look like secrets are not shown: two different ones are told apart by a number.
    """
    found: list[Difference] = []
    if before.name != after.name:
        found.append(Difference(where="project", key="name", before=before.name, after=after.name))
    for section in _SECTIONS:
        ours, theirs = before.document.get(section) or {}, after.document.get(section) or {}
        for name in sorted({*ours, *theirs}):
            where = f"{section}.{name}"
            if name not in ours or name not in theirs:
                found.append(
                    Difference(
                        where=where,
                        key="",
                        before="present" if name in ours else None,
                        after="present" if name in theirs else None,
                    )
                )
                continue
            left = dict(_leaves(_neutral(ours[name], before.name), ""))
            right = dict(_leaves(_neutral(theirs[name], after.name), ""))
            found += [
                _difference(where, key, left.get(key), right.get(key))
                for key in sorted({*left, *right})
                if left.get(key) != right.get(key)
            ]
    return tuple(found)


def _difference(where: str, key: str, before: str | None, after: str | None) -> Difference:
    name = key.rpartition(".")[2]
    shown = [None if value is None else _shown(name, value) for value in (before, after)]
    if shown[0] == shown[1] and shown[0] is not None:
        shown = [f"{value} ({number})" for number, value in enumerate(shown, 1)]
    return Difference(where=where, key=key, before=shown[0], after=shown[1])


def _shown(name: str, value: str) -> str:
    return size_words(value) if name in _SIZES and value.isdigit() else masked(name, value)


def _neutral(value: Any, project: str) -> Any:
    """A resource without its project's name before its own."""
    if isinstance(value, dict) and str(value.get("name", "")).startswith(f"{project}_"):
        return {**value, "name": value["name"].removeprefix(f"{project}_")}
    return value


def _leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, entry in value.items():
            yield from _leaves(entry, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
        identity = _IDENTITY.get(path.rpartition(".")[2])
        for index, item in enumerate(value):
            parts = [str(item[key]) for key in identity or () if item.get(key)]
            name = "/".join(parts) or str(index)
            rest = {k: v for k, v in item.items() if k not in (identity or ()) or not parts}
            yield from _leaves(rest or "present", f"{path}[{name}]")
    elif value is not None:
        yield path, _text(value)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value.replace("$$", "$")
    if isinstance(value, list):
        return " ".join(json.dumps(i) if " " in str(i) else str(i) for i in value).replace("$$", "$")
    return json.dumps(value)
