"""From compose files to a resolved project: the stages in their order."""

import os.path
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

from containers.compose.casting import Filler
from containers.compose.checking import check_shape
from containers.compose.discovering import also_present, discover_files
from containers.compose.environment_parts import check_required, place_secrets
from containers.compose.extending import Extender
from containers.compose.including import Includer
from containers.compose.merging import merge_projects, settle
from containers.compose.naming import project_name
from containers.compose.nodes import Map, Origin, Spot
from containers.compose.reading import read_documents
from containers.compose.reporting import VALUE_LIMIT, Report, start_of
from containers.compose.request import LoadRequest, LoadResult
from containers.compose.resolving import Kept, Merged, Resolved, Resolver
from containers.compose.resources import SECTIONS, settle_external
from containers.compose.schema import ComposeFile
from containers.compose.sources import Sources
from containers.compose.templates import used_variables
from containers.compose.unicity import deduplicate
from containers.compose.variables import files_of_variables, gather
from containers.model.errors import ErrorCode
from containers.model.variables import Variable
from containers.ports.files import Files

__all__ = ["LoadRequest", "LoadResult", "discover_files", "find_variables", "load_project"]

_DOCUMENT_LIMIT: Final = 100
"""How many documents are laid over each other, each over all that is there already."""
_CHECK_LIMIT: Final = 3 * VALUE_LIMIT
"""How many values are looked at before something is laid over them; in the end all of them are."""


def load_project(request: LoadRequest, files: Files) -> LoadResult:
    """Load, merge, interpolate, validate and normalise a project.

    Whatever is wrong with what people wrote is a diagnostic; nothing is raised for it.
    """
    return Loader(request, Sources(files), Report()).run().result


def find_variables(request: LoadRequest, files: Files) -> tuple[Variable, ...]:
    """Every variable that the project's files name, by name; empty where they cannot be read."""
    return Loader(request, Sources(files), Report()).variables_used()


class Loaded(NamedTuple):
    """A result, with what an incremental load builds upon."""

    result: LoadResult
    files: tuple[Path, ...] = ()
    """The compose files that were named or discovered."""
    services: Map = Map()
    """All services, as far as they got."""
    built: Mapping[str, Kept] = {}
    """The services that profiles enable, where there is a project."""
    unset: tuple[Spot, ...] = ()
    """Every value that names a variable that nobody has set."""


class Loader:
    """One load; holds what every stage needs."""

    def __init__(
        self,
        request: LoadRequest,
        sources: Sources,
        report: Report,
        kept: Mapping[str, Kept | None] = MappingProxyType({}),
    ) -> None:
        """`kept` names all services in their order, with those that the files leave out; or is empty."""
        self._request = request
        self._sources = sources
        self._report = report
        self._kept = kept
        self._strong = {**request.variables, **request.environment}
        self._checks_left = _CHECK_LIMIT
        self._filler: Filler | None = Filler(report, as_written=request.as_written)
        """None leaves values just as they are."""

    def run(self) -> Loaded:
        """Run the stages, up to where the next one has nothing to stand on."""
        read = self._read_all()
        loaded = self._resolve(read) if read is not None else None
        result = LoadResult.model_construct(
            project=loaded.project if loaded else None,
            diagnostics=tuple(self._report.diagnostics),
            files=self._sources.read_so_far,
            missing=self._sources.missing,
            document=loaded.document if loaded else {},
            locations=loaded.locations if loaded else {},
            variables=read.root.environment if read else {},
        )
        if read is None or loaded is None:
            return Loaded(result)
        unset = tuple(self._filler.unset) if self._filler is not None else ()
        return Loaded(result, read.files, loaded.services, loaded.built, unset)

    def variables_used(self) -> tuple[Variable, ...]:
        """What the merged files name."""
        self._filler = None
        read = self._read_all()
        return used_variables(read.tree) if read is not None else ()

    def _read_all(self) -> Merged | None:
        """Find, read and merge the files."""
        files = self._files()
        if not files:
            return None
        folder = self._folder(files)
        variables = self._variables(folder)
        env_files = files_of_variables(self._strong, folder, self._env_files(), self._sources)
        root = Origin(files[0], str(folder), variables, env_files)
        documents = self._documents(files, root)
        if documents is None:
            return None
        name = project_name(documents, folder, variables, self._request, self._report)
        if name is None:
            return None
        variables["COMPOSE_PROJECT_NAME"] = name
        tree = self._merged(documents)
        return Merged(tree, name, files, root) if tree is not None else None

    def _resolve(self, read: Merged) -> Resolved | None:
        tree, request = read.tree, self._request
        unfilled = Loader(request, self._sources, Report())
        variables = read.root.environment
        asked = request.required_variables
        told = check_required(asked, unfilled.variables_used, variables, self._report)
        if self._filler is not None:
            self._filler.cast(tree)
            self._filler.report_missing(told)
        if request.secrets is not None:
            place_secrets(tree, request.secrets)
        check_shape(tree, ComposeFile, self._report)
        if not self._set_aside_what_is_broken(tree):
            return None
        return Resolver(request, self._sources, self._report, self._kept).resolve(read)

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

    def _env_files(self) -> tuple[Path, ...]:
        return tuple(self._request.working_dir / file for file in self._request.env_files)

    def _variables(self, folder: Path) -> dict[str, str]:
        return gather(self._strong, folder, self._env_files(), self._sources, self._report)

    def _read(self, path: Path, origin: Origin, spot: Spot | None) -> list[Map]:
        text = self._sources.read(path, self._report, spot)
        return read_documents(text, origin, self._report) if text is not None else []

    def _read_filled(self, path: Path, origin: Origin, spot: Spot | None) -> list[Map]:
        documents = self._read(path, origin, spot)
        for document in documents:
            self._fill(document)
        return documents

    def _fill(self, document: Map) -> None:
        """Each file is filled in before anything is laid over it: what is wrong in it stays wrong."""
        if self._filler is not None:
            self._filler.fill(document)

    def _check_alone(self, tree: Map) -> None:
        """What is laid over a tree does not mend its shape; where that would take long, it does."""
        self._checks_left -= VALUE_LIMIT - self._report.values_left
        if self._filler is not None and self._checks_left > 0:
            deduplicate(tree)
            check_shape(tree, ComposeFile, self._report)
            settle_external(tree, self._report)

    def _documents(self, files: tuple[Path, ...], root: Origin) -> list[tuple[Map, Origin]] | None:
        found: list[tuple[Map, Origin]] = []
        for file in files:
            if len(found) > _DOCUMENT_LIMIT:
                break
            origin = Origin(file, root.working_dir, root.environment, root.env_files)
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
        if len(found) > _DOCUMENT_LIMIT:
            self._report.error(
                ErrorCode.TOO_COMPLEX,
                f"there are more than {_DOCUMENT_LIMIT} documents",
                start_of(found[-1][1].path),
                hint="lay fewer files and documents over each other",
            )
            return None
        return found or None

    def _merged(self, documents: list[tuple[Map, Origin]]) -> Map | None:
        extender = Extender(self._read_filled, self._report)
        includer = Includer(self._read_filled, extender, self._sources, self._report, check=self._check_alone)
        tree: Map | None = None
        for document, origin in documents:
            self._fill(document)
            if tree is not None:
                self._check_alone(tree)
            layer = includer.unfold(document, origin)
            if "version" in layer:
                self._report.warning(
                    ErrorCode.DEPRECATED,
                    "the key `version` is obsolete and ignored",
                    layer.spots.get("version"),
                    on_key=True,
                    hint="remove it",
                )
            tree = settle(layer) if tree is None else merge_projects(tree, layer, self._report)
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
