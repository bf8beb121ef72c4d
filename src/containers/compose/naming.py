"""What a project is called."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from containers.compose.interpolation import InterpolationError, interpolate
from containers.compose.nodes import Map, Origin, Spot
from containers.compose.reporting import Report
from containers.compose.request import LoadRequest
from containers.model.errors import ErrorCode

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]*\Z")


def project_name(
    documents: list[tuple[Map, Origin]],
    folder: Path,
    variables: Mapping[str, str],
    request: LoadRequest,
    report: Report,
) -> str | None:
    """From the request, `COMPOSE_PROJECT_NAME`, the last file that has a `name`, or the folder's name.

    None where none of them is a name, which is reported.
    """
    explicit = request.project_name or variables.get("COMPOSE_PROJECT_NAME")
    suffix = "" if explicit else request.name_suffix
    place: Spot | None = None
    if not explicit:
        for document, _ in documents:
            if isinstance(document.get("name"), str):
                explicit, place = document["name"], document.spots["name"]
        if explicit:
            try:
                explicit = interpolate(explicit, variables, lambda _: None)
            except InterpolationError:
                return "invalid"  # filling in the tree says what is wrong with it, and where
            if explicit:
                explicit = normal_name(explicit) or explicit
    if not explicit:
        explicit = normal_name(folder.name)
        if not explicit:
            report.error(
                ErrorCode.INVALID_VALUE,
                "the project has no name",
                hint="set `name:` at the top of the file",
            )
            return None
    if not _NAME.match(explicit):
        report.error(
            ErrorCode.INVALID_VALUE,
            f"`{explicit}` is no project name: use lower-case letters, digits, `-` and `_`,"
            " and begin with a letter or digit",
            place,
            hint=f"such as `{normal_name(explicit)}`" if normal_name(explicit) else None,
        )
        return None
    return f"{explicit}{suffix}"


def normal_name(name: str) -> str:
    """The project name that a folder's name gives."""
    return re.sub(r"[^-_a-z0-9]", "", name.lower()).lstrip("_-")
