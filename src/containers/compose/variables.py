"""The variables of a project: the process environment, then those of its environment, then `.env`."""

import os.path
from collections.abc import Mapping
from pathlib import Path

from containers.compose.environment import read_variables
from containers.compose.reporting import Report
from containers.compose.sources import Sources
from containers.model.errors import ErrorCode


def gather(
    strong: Mapping[str, str], folder: Path, env_files: tuple[Path, ...], sources: Sources, report: Report
) -> dict[str, str]:
    """What values may name: `strong`, and below it the env files, later ones before earlier ones.

    Without env files it is the folder's `.env`, if there is one.
    """
    found: dict[str, str] = {}
    for file in files_of_variables(strong, folder, env_files, sources):
        if not sources.has(file) and file.name not in sources.files.list_dir(file.parent):
            report.error(
                ErrorCode.FILE_NOT_FOUND, f"the env file {file} does not exist", hint="check the path"
            )
            continue
        found.update(read_variables(file, sources, report, {**found, **strong}) or {})
    return {**found, **strong}


def files_of_variables(
    strong: Mapping[str, str], folder: Path, env_files: tuple[Path, ...], sources: Sources
) -> tuple[Path, ...]:
    """The env files of a project, in the order they are read; named ones may be missing."""
    named = env_files or _named_in(strong, folder)
    if named:
        return tuple(Path(os.path.normpath(folder / path)) for path in named)
    implied = folder / ".env"
    return (implied,) if sources.has(implied) else ()


def _named_in(environment: Mapping[str, str], folder: Path) -> tuple[Path, ...]:
    listed = environment.get("COMPOSE_ENV_FILES", "")
    return tuple(folder / name.strip() for name in listed.split(",") if name.strip())
