"""`include`: other compose files, each with its own folder and variables, laid below the file that names them."""

import os.path
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from containers.compose.casting import fill_in
from containers.compose.environment import read_variables
from containers.compose.extending import ReadFile
from containers.compose.locating import absolute
from containers.compose.nodes import Map, Origin, Seq, Spot, kind_of
from containers.compose.reporting import Report
from containers.compose.sources import Sources
from containers.model.errors import ErrorCode

Layer = tuple[Map, Origin]


class Includer:
    """Unfolds the includes of one load."""

    def __init__(self, read: ReadFile, sources: Sources, report: Report) -> None:
        self._read = read
        self._sources = sources
        self._report = report

    def unfold(self, document: Map, origin: Origin, chain: tuple[Path, ...] = ()) -> Iterator[Layer]:
        """The layers that a document stands for: what it includes, depth first, and then itself."""
        includes = document.get("include")
        spot = document.spots.get("include")
        document.drop("include")
        chain = (*chain, origin.path)
        if isinstance(includes, Seq):
            fill_in(includes, self._report, {})
            for entry, place in includes.pairs():
                yield from self._entry(entry, place, origin, chain)
        elif includes is not None:
            self._report.error(
                ErrorCode.INVALID_TYPE, f"include must be a list, not {kind_of(includes)}", spot, hint="begin with `- `"
            )
        yield document, origin

    def _entry(self, entry: Any, spot: Spot | None, parent: Origin, chain: tuple[Path, ...]) -> Iterator[Layer]:
        settings = Map({"path": entry}) if isinstance(entry, str) else entry
        if not isinstance(settings, Map) or not settings.get("path"):
            self._report.error(ErrorCode.INVALID_TYPE, "an include must name a path", spot)
            return
        paths = [Path(absolute(p, parent.working_dir, parent.environment)) for p in _texts(settings["path"])]
        if not paths:
            return
        folder = settings.get("project_directory")
        if isinstance(folder, str) and folder:
            folder = absolute(folder, parent.working_dir, parent.environment)
        else:
            folder = os.path.dirname(paths[0])  # noqa: PTH120  (a string)
        environment = self._environment(settings, folder, parent, spot)
        for path in paths:
            if path in chain:
                names = " -> ".join(file.name for file in (*chain[chain.index(path) :], path))
                self._report.error(
                    ErrorCode.DEPENDENCY_CYCLE, f"files include each other in a circle: {names}", spot
                )
                continue
            origin = Origin(path, folder, environment, included=True)
            for document in self._read(path, origin, spot):
                yield from self.unfold(document, origin, chain)

    def _environment(
        self, settings: Map, folder: str, parent: Origin, spot: Spot | None
    ) -> Mapping[str, str]:
        named = _texts(settings.get("env_file"))
        if named:
            files = [
                Path(absolute(name, parent.working_dir, parent.environment)) for name in named if name != "/dev/null"
            ]
        else:
            implied = Path(folder, ".env")
            files = [implied] if self._sources.files.is_file(implied) else []
        found: dict[str, str] = {}
        for file in files:
            lookup = {**found, **parent.environment}
            found.update(read_variables(file, self._sources, self._report, lookup, place=spot) or {})
        return {**found, **parent.environment}


def _texts(value: Any) -> list[str]:
    items = value if isinstance(value, Seq) else [value]
    return [item for item in items if isinstance(item, str)]
