"""The variables of a project: the process environment, then those of its environment, then `.env`."""

import os.path
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from containers.compose.environment import read_variables
from containers.compose.reporting import Report
from containers.compose.sources import Sources
from containers.model.errors import ErrorCode

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]*\Z")


def gather(
    strong: Mapping[str, str], folder: Path, env_files: tuple[Path, ...], sources: Sources, report: Report
) -> dict[str, str]:
    """What values may name: `strong`, and below it the env files, later ones before earlier ones.

    Without env files it is the folder's `.env`, if there is one.
    """
    found: dict[str, str] = {}
    named = env_files or _named_in(strong, folder)
    for path in named or (folder / ".env",):
        file = Path(os.path.normpath(folder / path))
        if not named and not sources.files.is_file(file):
            continue
        if named and not sources.files.is_file(file):
            report.error(
                ErrorCode.FILE_NOT_FOUND, f"the env file {file} does not exist", hint="check the path"
            )
            continue
        found.update(read_variables(file, sources, report, {**found, **strong}) or {})
    return {**found, **strong}


def _named_in(environment: Mapping[str, str], folder: Path) -> tuple[Path, ...]:
    listed = environment.get("COMPOSE_ENV_FILES", "")
    return tuple(folder / name.strip() for name in listed.split(",") if name.strip())


def valid_name(name: str) -> bool:
    """Whether a project may be called so."""
    return bool(_NAME.match(name))


def normal_name(name: str) -> str:
    """The project name that a folder's name gives."""
    return re.sub(r"[^-_a-z0-9]", "", name.lower()).lstrip("_-")
