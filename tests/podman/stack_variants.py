"""Real projects made runnable on any machine: one small image, free ports, folders that exist.

What a project asks of the engine stays as it is. What needs the network, hardware or another project is
replaced where that changes nothing else, and each replacement is counted; where it can not be replaced the
whole project is skipped, with the reason.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.podman.stack_services import ServiceVariant, SkippedError, Variant


def make_variant(document: Mapping[str, Any], folder: Path, name: str) -> Variant:
    """Make a canonical document runnable in `folder`, as the project `name`.

    Raises:
        SkippedError: it can not be.
    """
    variant = Variant(json.loads(json.dumps(document)))
    whole = variant.document
    written_name = whole["name"]
    whole["name"] = name
    whole.pop("models", None)
    if not whole.get("services"):
        raise SkippedError("it has no services")
    for kind in ("network", "volume", "secret", "config"):
        for key, declared in (whole.get(f"{kind}s") or {}).items():
            _resource(variant, kind, key, declared or {}, folder, (written_name, name))
    awaited = dict(_awaited(whole["services"]))
    with ExitStack() as held:
        for key, service in whole["services"].items():
            ServiceVariant(variant, key, service, folder, name, awaited.get(key), held).adapt()
    return variant


def _awaited(services: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The strictest condition that some dependent waits for, by service."""
    for service in services.values():
        for name, dependency in (service.get("depends_on") or {}).items():
            if dependency["condition"] != "service_started":
                yield name, dependency["condition"]


def _resource(
    variant: Variant, kind: str, key: str, declared: dict[str, Any], folder: Path, names: tuple[str, str]
) -> None:
    written_name, name = names
    _refuse_driver(kind, declared)
    engine_name = declared.get("name", key)
    if engine_name == f"{written_name}_{key}":
        declared.pop("name", None)
    elif kind in {"network", "volume"} or declared.get("external"):
        declared["name"] = f"{name}-{engine_name}".replace("_", "-").lower()
    if declared.get("external") and kind != "config":
        variant.external.append((kind, declared["name"]))
    if declared.get("file"):
        path = Path(declared["file"])
        if not path.is_file():
            path = folder / "given" / f"{kind}-{key}"
            path.parent.mkdir(exist_ok=True)
            path.write_text("made for this run\n")
            declared["file"] = str(path)
            variant.changes["secret and config files created"] += 1
    if declared.get("environment"):
        variant.environ[declared["environment"]] = "made for this run"


def _refuse_driver(kind: str, declared: Mapping[str, Any]) -> None:
    driver = declared.get("driver")
    if kind in {"network", "volume"} and driver not in {None, "", "default", "bridge", "local"}:
        raise SkippedError(f"{kind} driver {driver}")
    ipam = declared.get("ipam") or {}
    if ipam.get("driver") not in {None, "default"}:
        raise SkippedError(f"address management driver {ipam['driver']}")
    if any("." not in pool["subnet"] and ":" not in pool["subnet"] for pool in ipam.get("config") or ()):
        raise SkippedError("a subnet that is none")
