"""Top-level networks, volumes, secrets and configs in their long form."""

from typing import Any

from containers.compose.locating import absolute
from containers.compose.nodes import Map, Origin, Seq, Spot
from containers.compose.reporting import Report
from containers.compose.scalars import written
from containers.model.errors import ErrorCode

SECTIONS = ("networks", "volumes", "secrets", "configs")


def settle_external(project: Map, report: Report) -> None:
    """Write `external: {name: ...}` as `external: true` with a `name` beside it, in place."""
    for section in SECTIONS:
        resources = project.get(section)
        if not isinstance(resources, Map):
            continue
        for key, resource in resources.items():
            external = resource.get("external") if isinstance(resource, Map) else None
            if isinstance(external, Map):
                _nested_name(f"{section}.{key}", resource, external, resources.spots.get(key), report)


def settle_resources(project: Map, name: str, origin: Origin, report: Report) -> None:
    """Settle every resource of the project, in place; each gets a name."""
    settle_external(project, report)
    for section in SECTIONS:
        resources = project.get(section)
        if resources is None:
            continue
        for key, value in resources.items():
            resource = Map() if value is None else value
            dict.__setitem__(resources, key, resource)
            _settle(section, key, resource, resources.spots.get(key), name, origin, report)


def _settle(
    section: str, key: str, resource: Map, spot: Spot | None, project: str, origin: Origin, report: Report
) -> None:
    where = f"{section}.{key}"
    for inner in ("labels", "driver_opts"):
        if isinstance(resource.get(inner), (Map, Seq)):
            resource[inner] = _assignments(resource[inner])
    if section == "volumes" and resource.get("driver_opts"):
        _bind_device(resource, origin)
    if resource.get("file") is not None:
        resource["file"] = _absolute(resource["file"], resource.spots.get("file"), origin)
    if section in {"secrets", "configs"}:
        _one_source(section, where, resource, spot, report)
    if resource.get("external"):
        _no_settings_beside_external(section, where, resource, spot, report)
    if resource.get("name") is None:
        resource["name"] = key if resource.get("external") else f"{project}_{key}"
    if section == "networks":
        resource.setdefault("ipam", Map())


def _nested_name(where: str, resource: Map, external: Map, spot: Spot | None, report: Report) -> None:
    inner = external.get("name")
    if inner is not None:
        report.warning(
            ErrorCode.DEPRECATED,
            f"{where}: `external.name` is deprecated",
            external.spots.get("name"),
            on_key=True,
            hint="write `external: true`, and `name` beside it",
        )
        if resource.get("name") not in {None, inner}:
            report.error(
                ErrorCode.CONFLICT, f"{where} sets both `name` and `external.name`", spot, on_key=True
            )
        resource.put("name", inner, external.spots.get("name"))
    resource["external"] = True


def _no_settings_beside_external(
    section: str, where: str, resource: Map, spot: Spot | None, report: Report
) -> None:
    """What is made elsewhere cannot be described here; compose refuses that for volumes alone."""
    say = {"volumes": report.error, "networks": report.warning}.get(section)
    if say is None:
        return
    for key in resource:
        if key in {"name", "external"} or key.startswith("x-"):
            continue
        if section == "networks" and not resource[key]:
            continue
        say(
            ErrorCode.CONFLICT,
            f"{where} is external, so `{key}` has no meaning",
            resource.spots.get(key, spot),
            on_key=True,
            hint=f"remove `{key}` or `external`",
        )


def _one_source(section: str, where: str, resource: Map, spot: Spot | None, report: Report) -> None:
    sources = ("file", "environment") if section == "secrets" else ("file", "environment", "content")
    named = [key for key in sources if resource.get(key) is not None]
    if len(named) > 1:
        report.error(
            ErrorCode.CONFLICT,
            f"{where} has both `{named[0]}` and `{named[1]}`; one of them must go",
            resource.spots.get(named[1], spot),
            on_key=True,
        )
    elif section == "configs" and not named and "external" not in resource:
        report.error(
            ErrorCode.INVALID_COMPOSE,
            f"{where} says nowhere where its content comes from",
            spot,
            on_key=True,
            hint="set " + " or ".join(f"`{key}`" for key in sources) + ", or `external: true`",
        )


def _bind_device(volume: Map, origin: Origin) -> None:
    options: Any = volume["driver_opts"]
    if volume.get("driver") == "local" and options.get("o") == "bind" and "device" in options:
        options["device"] = _absolute(options["device"], options.spots.get("device"), origin)


def _absolute(path: str, spot: Spot | None, origin: Origin) -> str:
    home = spot.origin if spot is not None else origin
    return absolute(path, home.working_dir, home.environment)


def _assignments(value: Map | Seq) -> Map:
    result = Map()
    if isinstance(value, Map):
        for key, entry in value.items():
            result.put(key, written(entry), value.spots.get(key))
        return result
    for item, spot in value.pairs():
        key, _, entry = written(item).partition("=")
        result.put(key, entry, spot)
    return result
