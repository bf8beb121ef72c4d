"""The environment of services: what their `env_file`s and the project's variables give them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from containers.compose import dotenv
from containers.compose.nodes import Map, Origin, Seq, Spot
from containers.compose.reporting import Report, start_of
from containers.compose.sources import Sources
from containers.model.errors import ErrorCode
from containers.model.source import Location, Range

_TEXT_VALUE: Final = 256
"""So many characters of an env file weigh as much as one value."""


def read_variables(
    path: Path,
    sources: Sources,
    report: Report,
    lookup: Mapping[str, str],
    *,
    place: Spot | None = None,
    raw: bool = False,
    earlier: Mapping[str, str] | None = None,
    lines: dict[str, int] | None = None,
) -> dict[str, str] | None:
    """The assignments of an env file, or None when it cannot be read, which is reported.

    `lines` is told the line of each name, from zero.
    """
    text = sources.read(path, report, place, what="the env file")
    if text is None or not report.spend(len(text) // _TEXT_VALUE, place or start_of(path)):
        return None
    unset: list[str] = []
    try:
        found = dotenv.parse(text, lookup, unset.append, raw=raw, earlier=earlier, lines=lines)
    except dotenv.DotenvError as error:
        report.error(
            ErrorCode.INVALID_VALUE,
            f"{path.name}: {error}",
            Location(path=path, range=Range.of(error.line, 0, error.line + 1, 0)),
            hint="write NAME=value, one a line",
        )
        return None
    if not report.spend(len(found), place or start_of(path)):
        return None
    for name in unset:
        report.warning(
            ErrorCode.VARIABLE_UNSET,
            f"the variable {name} is not set; a blank string is taken",
            start_of(path),
            hint=f"set it in the environment, or give a default: ${{{name}:-default}}",
        )
    return found


def resolve_environment(service: Map, sources: Sources, report: Report, name: str) -> None:
    """Give variables without a value that of the project, and fold the env files in below them."""
    own = service.get("environment")
    files = service.get("env_file")
    if not isinstance(own, Map) and not isinstance(files, Seq):
        return
    own = own if isinstance(own, Map) else Map()
    result = Map()
    for key, value in own.items():
        spot = own.spots.get(key)
        if value is None and spot is not None:
            value = spot.origin.environment.get(key)  # noqa: PLW2901  (None where nobody has set it)
        result.put(key, value, spot)
    if isinstance(files, Seq):
        below = _from_files(files, result, sources, report, name)
        for key, (value, spot) in below.items():
            if key not in result:
                result.put(key, value, spot)
            elif key in result.spots:
                result.spots[key] = result.spots[key].laid_over(spot)
    service.drop("env_file")
    service["environment"] = result


def resolve_build_arguments(service: Map) -> None:
    """Give build arguments without a value that of the project; those that nobody has set are left out."""
    build = service.get("build")
    arguments = build.get("args") if isinstance(build, Map) else None
    if not isinstance(arguments, Map):
        return
    for key in [key for key, value in arguments.items() if value is None]:
        spot = arguments.spots.get(key)
        value = spot.origin.environment.get(key) if spot is not None else None
        if value is None:
            arguments.drop(key)
        else:
            arguments[key] = value


def _from_files(
    files: Seq, own: Mapping[str, Any], sources: Sources, report: Report, name: str
) -> dict[str, tuple[str, Spot]]:
    found: dict[str, tuple[str, Spot]] = {}
    for entry, spot in files.pairs():
        path = Path(entry["path"])
        if not sources.has(path):
            if path.name in sources.files.list_dir(path.parent):
                sources.read(path, report, spot, what="the env file")  # it says what else it is
            elif entry.get("required", True):
                report.error(
                    ErrorCode.FILE_NOT_FOUND,
                    f"the env file {path} does not exist",
                    spot,
                    service=name,
                    hint="create it, or write `required: false`",
                )
            continue
        file_format = entry.get("format")
        if file_format not in {None, "", "raw"}:
            report.error(
                ErrorCode.INVALID_VALUE,
                f"services.{name}.env_file has the unknown format `{file_format}`",
                spot,
                service=name,
                hint="leave it out, or write `raw`",
            )
            continue
        project = spot.origin.environment if spot is not None else {}
        lookup = {**{k: v for k, v in own.items() if v is not None}, **project}
        earlier = {key: value for key, (value, _) in found.items()}
        lines: dict[str, int] = {}
        variables = read_variables(
            path,
            sources,
            report,
            lookup,
            place=spot,
            raw=file_format == "raw",
            earlier=earlier,
            lines=lines,
        )
        origin = Origin(path, str(path.parent), project, spot.origin.env_files if spot is not None else ())
        for key, value in (variables or {}).items():
            line = lines[key]
            below = found[key][1] if key in found else None
            found[key] = (value, Spot(origin, (line, 0, line + 1, 0)).laid_over(below))
    return found
