"""`include`: other compose files, each with its own folder and variables, below the file that names them."""

import os.path
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from containers.compose.casting import fill_in
from containers.compose.environment import read_variables
from containers.compose.extending import Extender, ReadFile
from containers.compose.locating import absolute, is_remote_file
from containers.compose.merging import merge_projects, settle
from containers.compose.nodes import Map, Origin, Seq, Spot, kind_of
from containers.compose.reporting import Report
from containers.compose.sources import Sources
from containers.model.errors import ErrorCode

_DEPTH_LIMIT: Final = 30
_FILE_LIMIT: Final = 500
"""How many includes one load follows; files that include each other twice would otherwise never end."""
_PATH_LIMIT: Final = 100
"""How many files one include lays over each other; each is laid over all that is there already."""
_SECTIONS: Final = ("services", "networks", "volumes", "secrets", "configs", "models")


class Includer:
    """Unfolds the includes of one load, and what extends what in each file on the way."""

    def __init__(
        self,
        read: ReadFile,
        extender: Extender,
        sources: Sources,
        report: Report,
        *,
        check: Callable[[Map], None],
    ) -> None:
        """`check` is given each included file's tree, before anything is laid over it."""
        self._read = read
        self._extender = extender
        self._sources = sources
        self._report = report
        self._check = check
        self._left = _FILE_LIMIT

    def unfold(self, document: Map, origin: Origin, chain: tuple[Path, ...] = ()) -> Map:
        """The document laid over everything that it includes."""
        self._extender.apply(document, origin)
        includes = document.get("include")
        spot = document.spots.get("include")
        document.drop("include")
        if includes is None:
            return document
        if not isinstance(includes, Seq):
            message = f"include must be a list, not {kind_of(includes)}"
            self._report.error(ErrorCode.INVALID_TYPE, message, spot, hint="begin with `- `")
            return document
        fill_in(includes, self._report, {})
        below = Map()
        for entry, place in includes.pairs():
            tree = self._entry(entry, place, origin, (*chain, origin.path))
            if tree is not None:
                self._import(below, tree, place)
        return merge_projects(below, document, self._report)

    def _import(self, below: Map, tree: Map, place: Spot | None) -> None:
        """Add what an include brings; what an earlier one has brought stays."""
        for section in _SECTIONS:
            resources = tree.get(section)
            if not isinstance(resources, Map):
                continue
            if not isinstance(below.get(section), Map):
                below.put(section, Map(), tree.spots.get(section))
            for key, value in resources.items():
                if key not in below[section]:
                    below[section].put(key, value, resources.spots.get(key))
                elif below[section][key] != value:
                    self._report.warning(
                        ErrorCode.CONFLICT,
                        f"{section}.{key} is defined differently by two includes; the first one counts",
                        place,
                        related=[s.key_location() for s in (resources.spots.get(key),) if s is not None],
                    )

    def _entry(self, entry: Any, spot: Spot | None, parent: Origin, chain: tuple[Path, ...]) -> Map | None:
        settings = Map({"path": entry}) if isinstance(entry, str) else entry
        paths = _texts(settings.get("path")) if isinstance(settings, Map) else []
        if len(paths) > _PATH_LIMIT:
            message = f"this include lays more than {_PATH_LIMIT} files over each other"
            self._report.error(ErrorCode.TOO_COMPLEX, message, spot, hint="include fewer files")
            return None
        if not paths:
            self._report.warning(
                ErrorCode.INVALID_VALUE, "this include names no `path`", spot, hint="set `path:`"
            )
            return None
        remote = next((path for path in paths if is_remote_file(path)), None)
        if remote is not None:
            message = f"include: `{remote}` would have to be fetched first, which Podkeeper does not do"
            hint = "fetch it into the project, and include the copy"
            self._report.error(ErrorCode.UNSUPPORTED, message, spot, hint=hint)
            return None
        files = [Path(absolute(path, parent.working_dir, parent.environment)) for path in paths]
        folder = settings.get("project_directory")
        if isinstance(folder, str) and folder:
            folder = absolute(folder, parent.working_dir, parent.environment)
            if not self._sources.files.is_dir(Path(folder)):
                folder = os.path.dirname(folder)  # noqa: PTH120  (a string)
        else:
            folder = os.path.dirname(files[0])  # noqa: PTH120  (a string)
        env_files = self._env_files(settings, folder, parent)
        environment = self._environment(env_files, parent, spot)
        merged: Map | None = None
        for file in files:
            if file in chain:
                names = " -> ".join(path.name for path in (*chain[chain.index(file) :], file))
                message = f"files include each other in a circle: {names}"
                self._report.error(ErrorCode.DEPENDENCY_CYCLE, message, spot)
                continue
            if len(chain) > _DEPTH_LIMIT or self._left == 0:
                message = f"includes go deeper than {_DEPTH_LIMIT} levels, or are more than {_FILE_LIMIT}"
                self._report.error(ErrorCode.TOO_COMPLEX, message, spot, hint="include fewer files")
                break
            self._left -= 1
            origin = Origin(file, folder, environment, (*env_files, *parent.env_files))
            for document in self._read(file, origin, spot):
                tree = self.unfold(document, origin, chain)
                merged = settle(tree) if merged is None else merge_projects(merged, tree, self._report)
                self._check(merged)
        return merged

    def _env_files(self, settings: Map, folder: str, parent: Origin) -> tuple[Path, ...]:
        named = _texts(settings.get("env_file"))
        if named:
            return tuple(
                Path(absolute(name, parent.working_dir, parent.environment))
                for name in named
                if name != "/dev/null"
            )
        implied = Path(folder, ".env")
        return (implied,) if self._sources.has(implied) else ()

    def _environment(
        self, env_files: tuple[Path, ...], parent: Origin, spot: Spot | None
    ) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for file in env_files:
            lookup = {**found, **parent.environment}
            found.update(read_variables(file, self._sources, self._report, lookup, place=spot) or {})
        return {**found, **parent.environment}


def _texts(value: Any) -> list[str]:
    items = value if isinstance(value, Seq) else [value]
    return [item for item in items if isinstance(item, str)]
