"""A part of a canonical document: some services, with what they need."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from containers.model.errors import unknown_service

_SECTIONS: Final = ("networks", "volumes", "secrets", "configs")


def only(document: Mapping[str, Any], services: Iterable[str]) -> dict[str, Any]:
    """The document with the named services, those they depend on, and the resources that these use.

    Raises:
        PodkeeperError: `service_unknown`.
    """
    declared = document.get("services") or {}
    chosen: dict[str, Any] = {}
    waiting = list(services)
    while waiting:
        name = waiting.pop()
        if name in chosen:
            continue
        if name not in declared:
            raise unknown_service(name, declared)
        chosen[name] = declared[name]
        waiting += declared[name].get("depends_on") or ()
    result = {**document, "services": {name: declared[name] for name in declared if name in chosen}}
    for section in _SECTIONS:
        used = {name for service in chosen.values() for name in _named(service, section)}
        kept = {key: value for key, value in (document.get(section) or {}).items() if key in used}
        result.pop(section, None)
        if kept:
            result[section] = kept
    return result


def _named(service: Mapping[str, Any], section: str) -> Iterable[str]:
    entries = service.get(section) or ()
    if isinstance(entries, Mapping):
        return entries
    build = (service.get("build") or {}).get(section) or ()
    return [entry.get("source", "") for entry in (*entries, *build) if isinstance(entry, Mapping)]
