"""What is asked of the loader, and what it answers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from containers.model.base import Model
from containers.model.diagnostics import Diagnostic, Severity
from containers.model.errors import PodkeeperError
from containers.model.project import KeyPath, ResolvedProject
from containers.model.source import Location


class LoadRequest(Model):
    """What to load, and with which variables."""

    working_dir: Path
    """Absolute; relative paths of the request begin here."""
    files: tuple[Path, ...] = ()
    """In merging order; empty takes `COMPOSE_FILE`, or searches the folder and those above it."""
    project_directory: Path | None = None
    """Where relative paths in the files begin; None takes the first file's folder."""
    project_name: str | None = None
    """Before `COMPOSE_PROJECT_NAME`, the files' `name` and the folder's name."""
    name_suffix: str = ""
    """Added to the name where nothing but the files' `name` or the folder's name says what it is."""
    profiles: tuple[str, ...] = ()
    """Instead of those of `COMPOSE_PROFILES`; `*` enables everything."""
    env_files: tuple[Path, ...] = ()
    """Instead of `.env`."""
    environment: Mapping[str, str] = {}
    """The process environment."""
    variables: Mapping[str, str] = {}
    """Weaker than the process environment, stronger than `.env`."""
    required_variables: Mapping[str, Any] = {}
    """Variables that must have a value, each with the spot that asks for it."""
    limits: Any = None
    """A tree of service keys, such as `mem_limit`, for services that set none of their own; or None."""
    secrets: Any = None
    """A tree of top-level secrets that take the place of the files' own; or None."""
    check_consistency: bool = True
    """Whether undefined references and the like are errors."""
    as_written: bool = False
    """Whether variables are left as they are; there is then a document, but no project."""


class LoadResult(Model):
    """What loading came to."""

    project: ResolvedProject | None
    """None when there is an error among the diagnostics."""
    diagnostics: tuple[Diagnostic, ...]
    files: tuple[Path, ...]
    """Every file that was read, in the order it was first read."""
    missing: tuple[Path, ...] = ()
    """Every file that would have been read, and is not there."""
    document: Mapping[str, Any] = {}
    """The canonical document: the project's, or the one with its variables as they are written."""
    locations: Mapping[KeyPath, Location] = {}
    """Where each path of the document was written (`building.Locations`, which knows what was replaced)."""
    variables: Mapping[str, str] = {}
    """What the main files' variables are."""

    def require(self) -> ResolvedProject:
        """The project.

        Raises:
            PodkeeperError: there is none; the first error, which begins with its place.
        """
        if self.project is not None:
            return self.project
        first, *more = (d for d in self.diagnostics if d.severity is Severity.ERROR)
        place = f"{first.location}: " if first.location else ""
        message = f"{place}{first.message}"
        others = f"`podkeeper validate` shows all {len(more) + 1} errors" if more else ""
        remedy = "; ".join(filter(None, (first.hint, others)))
        raise PodkeeperError(first.code, message, remedy=remedy, service=first.service)
