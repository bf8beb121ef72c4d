"""From compose files to a resolved project: the stages in their order."""

import os.path
from collections.abc import Mapping
from pathlib import Path

from containers.compose.building import build_project, escaped
from containers.compose.canonical import ServiceForm
from containers.compose.casting import fill_in
from containers.compose.checking import check_shape
from containers.compose.discovering import also_present, discover_files
from containers.compose.documents import PROJECT_RULES, Writer
from containers.compose.environment import resolve_build_arguments, resolve_environment
from containers.compose.extending import Extender
from containers.compose.including import Includer
from containers.compose.interpolation import InterpolationError, interpolate
from containers.compose.labels import add_label_files
from containers.compose.merging import merge_projects, settle
from containers.compose.nodes import Map, Origin, Spot
from containers.compose.normalising import (
    add_default_network,
    add_dependencies,
    add_empty_parts,
    drop_unused,
    enabled,
)
from containers.compose.reading import read_documents
from containers.compose.reporting import Report, start_of
from containers.compose.resources import SECTIONS, settle_resources
from containers.compose.schema import ComposeFile
from containers.compose.sources import Sources
from containers.compose.unicity import deduplicate
from containers.compose.validating import check_consistency
from containers.compose.variables import gather, normal_name, valid_name
from containers.model.base import Model
from containers.model.diagnostics import Diagnostic
from containers.model.errors import ErrorCode
from containers.model.project import ResolvedProject
from containers.ports import Files

__all__ = ["LoadRequest", "LoadResult", "discover_files", "load_project"]


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
    profiles: tuple[str, ...] = ()
    """Instead of those of `COMPOSE_PROFILES`; `*` enables everything."""
    env_files: tuple[Path, ...] = ()
    """Instead of `.env`."""
    environment: Mapping[str, str] = {}
    """The process environment."""
    variables: Mapping[str, str] = {}
    """Weaker than the process environment, stronger than `.env`."""
    check_consistency: bool = True
    """Whether undefined references and the like are errors."""


class LoadResult(Model):
    """What loading came to."""

    project: ResolvedProject | None
    """None when there is an error among the diagnostics."""
    diagnostics: tuple[Diagnostic, ...]
    files: tuple[Path, ...]
    """Every file that was read, in the order it was first read."""


def load_project(request: LoadRequest, files: Files) -> LoadResult:
    """Load, merge, interpolate, validate and normalise a project.

    Whatever is wrong with what people wrote is a diagnostic; nothing is raised for it.
    """
    report = Report()
    sources = Sources(files)
    project = _Loader(request, sources, report).load()
    return LoadResult.model_construct(
        project=None if report.failed else project,
        diagnostics=tuple(report.diagnostics),
        files=sources.read_so_far,
    )


class _Loader:
    """One load; holds what every stage needs."""

    def __init__(self, request: LoadRequest, sources: Sources, report: Report) -> None:
        self._request = request
        self._sources = sources
        self._report = report
        self._strong = {**request.variables, **request.environment}

    def load(self) -> ResolvedProject | None:
        """Run the stages; None as soon as the next one has nothing to stand on."""
        files = self._files()
        if not files:
            return None
        folder = self._folder(files)
        variables = self._variables(folder)
        documents = self._documents(files, str(folder), variables)
        if documents is None:
            return None
        name = self._name(documents, folder, variables)
        if name is None:
            return None
        variables["COMPOSE_PROJECT_NAME"] = name
        tree = self._merged(documents)
        if tree is None:
            return None
        fill_in(tree, self._report)
        check_shape(tree, ComposeFile, self._report)
        if not self._set_aside_what_is_broken(tree):
            return None
        return self._resolved(tree, name, files, folder, Origin(files[0], str(folder), variables))

    def _files(self) -> tuple[Path, ...]:
        request = self._request
        here = request.working_dir
        if request.files:
            return tuple(Path(os.path.normpath(here / file)) for file in request.files)
        before = gather(
            self._strong, request.project_directory or here, request.env_files, self._sources, Report()
        )
        if listed := before.get("COMPOSE_FILE"):
            separator = before.get("COMPOSE_PATH_SEPARATOR", os.pathsep)
            return tuple(Path(os.path.normpath(here / part)) for part in listed.split(separator) if part)
        found = discover_files(request.project_directory or here, self._sources.files)
        if not found:
            self._report.error(
                ErrorCode.FILE_NOT_FOUND,
                f"there is no compose file in {here} or a folder above it",
                hint="create compose.yaml, or name a file",
            )
        elif others := also_present(found[0].parent, found[0], self._sources.files):
            names = ", ".join(path.name for path in others)
            self._report.warning(
                ErrorCode.CONFLICT,
                f"there are several compose files; {found[0].name} is taken, {names} is not",
                start_of(found[0]),
                hint="remove what is not needed",
            )
        return found

    def _folder(self, files: tuple[Path, ...]) -> Path:
        chosen = self._request.project_directory
        if chosen is not None:
            return Path(os.path.normpath(self._request.working_dir / chosen))
        return files[0].parent

    def _variables(self, folder: Path) -> dict[str, str]:
        env_files = tuple(self._request.working_dir / file for file in self._request.env_files)
        return gather(self._strong, folder, env_files, self._sources, self._report)

    def _read(self, path: Path, origin: Origin, spot: Spot | None) -> list[Map]:
        text = self._sources.read(path, self._report, spot)
        return read_documents(text, origin, self._report) if text is not None else []

    def _documents(
        self, files: tuple[Path, ...], folder: str, variables: dict[str, str]
    ) -> list[tuple[Map, Origin]] | None:
        found: list[tuple[Map, Origin]] = []
        for file in files:
            origin = Origin(file, folder, variables)
            before = self._report.failed
            documents = self._read(file, origin, None)
            if not documents and before == self._report.failed:
                self._report.error(
                    ErrorCode.INVALID_COMPOSE,
                    f"{file.name} is empty",
                    start_of(file),
                    hint="begin with `services:`",
                )
            found += [(document, origin) for document in documents]
        return found or None

    def _name(
        self, documents: list[tuple[Map, Origin]], folder: Path, variables: dict[str, str]
    ) -> str | None:
        explicit = self._request.project_name or variables.get("COMPOSE_PROJECT_NAME")
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
        if not explicit:
            explicit = normal_name(folder.name)
            if not explicit:
                self._report.error(
                    ErrorCode.INVALID_VALUE,
                    "the project has no name",
                    hint="set `name:` at the top of the file",
                )
                return None
        if not valid_name(explicit):
            self._report.error(
                ErrorCode.INVALID_VALUE,
                f"`{explicit}` is no project name: use lower-case letters, digits, `-` and `_`,"
                " and begin with a letter or digit",
                place,
                hint=f"such as `{normal_name(explicit)}`" if normal_name(explicit) else None,
            )
            return None
        return explicit

    def _merged(self, documents: list[tuple[Map, Origin]]) -> Map | None:
        extender = Extender(self._read, self._report)
        includer = Includer(self._read, extender, self._sources, self._report)
        tree: Map | None = None
        for document, origin in documents:
            layer = includer.unfold(document, origin)
            if "version" in layer:
                self._report.warning(
                    ErrorCode.DEPRECATED,
                    "the key `version` is obsolete and ignored",
                    layer.spots.get("version"),
                    on_key=True,
                    hint="remove it",
                )
            tree = settle(layer) if tree is None else merge_projects(tree, layer)
        if tree is None or not tree.keys() - {"version"}:
            file = documents[-1][1].path
            self._report.error(
                ErrorCode.INVALID_COMPOSE,
                f"{file.name} is empty",
                start_of(file),
                hint="begin with `services:`",
            )
            return None
        deduplicate(tree)
        return tree

    def _set_aside_what_is_broken(self, tree: Map) -> bool:
        """Put something harmless in the place of what has the wrong shape, so that the rest can be looked at.

        False when the top level itself is wrong.
        """
        for path in self._report.broken:
            if len(path) < 2:  # noqa: PLR2004  (a section and a name)
                if path not in {(), ("version",)} and path[0] in {"services", *SECTIONS}:
                    return False
                continue
            section, key = path
            harmless = {"image": "unknown"} if section == "services" else {"external": True}
            holder = tree.get(section)
            if section in {"services", *SECTIONS} and isinstance(holder, Map) and key in holder:
                dict.__setitem__(holder, key, Map(harmless))
        return True

    def _resolved(
        self, tree: Map, name: str, files: tuple[Path, ...], folder: Path, root: Origin
    ) -> ResolvedProject | None:
        report = self._report
        services: Map = tree.get("services") or Map()
        for key, service in services.items():
            if service is None:
                service = Map()  # noqa: PLW2901
                dict.__setitem__(services, key, service)
            spot = services.spots.get(key)
            ServiceForm(key, service, spot.origin if spot else root, report).settle()
            add_dependencies(service)
        profiles = self._profiles(root.environment)
        active = Map()
        for key, service in services.items():
            if enabled(service, profiles):
                active.put(key, service, services.spots.get(key))
        for key, service in active.items():
            resolve_environment(service, self._sources, report, key)
            resolve_build_arguments(service)
            add_label_files(service, self._sources, report)
            add_empty_parts(service)
        add_default_network(tree, active)
        settle_resources(tree, name, root, report)
        if self._request.check_consistency:
            check_consistency(tree, active, services, report)
        drop_unused(tree, active)
        tree.put("services", active, tree.spots.get("services"))
        tree["name"] = name
        writer = Writer(report)
        document = writer.plain(tree, PROJECT_RULES, ())
        if report.failed:
            return None
        return build_project(
            escaped(document),
            writer.spots,
            files=files,
            sources=self._sources.read_so_far,
            working_dir=folder,
            disabled=[key for key in services if key not in active],
            profiles=profiles,
        )

    def _profiles(self, environment: Mapping[str, str]) -> tuple[str, ...]:
        if self._request.profiles:
            return tuple(dict.fromkeys(self._request.profiles))
        listed = (part.strip() for part in environment.get("COMPOSE_PROFILES", "").split(","))
        return tuple(dict.fromkeys(part for part in listed if part))
