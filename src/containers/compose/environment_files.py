"""Reading environments: from `environments/<name>/environment.yaml`, or from the usual file names."""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Final, NamedTuple

from containers.compose.checking import check_shape
from containers.compose.discovering import FILE_NAMES as COMPOSE_NAMES
from containers.compose.discovering import OVERRIDE_NAMES
from containers.compose.event_hooks import FILE_NAMES as OWN_NAMES
from containers.compose.locating import absolute
from containers.compose.measures import NANOSECONDS, duration_ns, size_bytes
from containers.compose.merging import merge_environments, settle
from containers.compose.nodes import Map, Origin, Seq, Spot, copied
from containers.compose.reading import read_documents
from containers.compose.reporting import Report
from containers.compose.schema_environment import EnvironmentFile
from containers.compose.sources import Sources
from containers.model.errors import ErrorCode
from containers.ports.files import Files

FOLDER: Final = "environments"
FILE_NAMES: Final = ("environment.yaml", "environment.yml")

_OVERLAY: Final = re.compile(r"(?:docker-)?compose[.-](?P<suffix>[A-Za-z0-9_]+)\.ya?ml")
_OVERLAY_NAMES: Final = tuple(
    f"{stem}{mark}{{}}.{end}"
    for stem in ("compose", "docker-compose")
    for mark in ".-"
    for end in ("yaml", "yml")
)
_FULL_NAMES: Final = {
    "dev": "development",
    "prod": "production",
    "stage": "staging",
    "test": "testing",
}
_NO_ENVIRONMENT: Final = frozenset({"override"})
_TIMES: Final = ("poll", "window", "first_backoff", "longest_backoff")


class Convention(NamedTuple):
    """An environment that only file names tell of."""

    overlay: Path
    env_files: tuple[Path, ...]


def environment_file(folder: Path, name: str, files: Files) -> Path | None:
    """The file of an environment; None where there is none."""
    if not name or "/" in name or name.startswith("."):
        return None
    candidates = (folder / FOLDER / name / file for file in FILE_NAMES)
    return next((path for path in candidates if files.is_file(path)), None)


def by_convention(folder: Path, files: Files) -> dict[str, Convention]:
    """Environments that overlays such as `compose.prod.yaml` beside a compose file make, by full name.

    `.env` and `.env.<name>` beside them, where they exist, hold their variables.
    """
    names = files.list_dir(folder)
    found: dict[str, Convention] = {}
    if not any(name in names for name in COMPOSE_NAMES):
        return found
    for name in names:
        match = _OVERLAY.fullmatch(name)
        if match is None or match["suffix"] in _NO_ENVIRONMENT or name in COMPOSE_NAMES:
            continue
        suffix = match["suffix"]
        full = _FULL_NAMES.get(suffix, suffix)
        candidates = (".env", f".env.{suffix}", f".env.{full}")
        env_files = tuple(folder / file for file in dict.fromkeys(candidates) if file in names)
        found.setdefault(full, Convention(folder / name, env_files))
    return found


def candidate_files(folder: Path, env: str) -> tuple[Path, ...]:
    """What would be read of a folder for an environment, by its name alone, once it is there."""
    suffixes = (env, *(short for short, full in _FULL_NAMES.items() if full == env))
    overlays = (name.format(suffix) for suffix in suffixes for name in (*_OVERLAY_NAMES, ".env.{}"))
    names = (*COMPOSE_NAMES, *OVERRIDE_NAMES, *OWN_NAMES, ".env", *overlays)
    return (*(folder / FOLDER / env / name for name in FILE_NAMES), *(folder / name for name in names))


class EnvironmentReader:
    """Reads environments together with those they extend."""

    def __init__(self, folder: Path, sources: Sources, report: Report, environ: Mapping[str, str]) -> None:
        self._folder = folder
        self._sources = sources
        self._report = report
        self._environ = environ

    def read(self, name: str) -> Map | None:
        """One environment with absolute paths, laid over what it extends; None where there is no such file.

        What is wrong goes into the report.
        """
        return self._read(name, ())

    def _read(self, name: str, chain: tuple[tuple[str, Spot], ...]) -> Map | None:
        path = environment_file(self._folder, name, self._sources.files)
        if path is None:
            return None
        text = self._sources.read(path, self._report)
        if text is None:
            return Map()
        origin = Origin(path, str(path.parent), self._environ)
        documents = read_documents(text, origin, self._report)
        tree = settle(documents[0]) if documents else Map()
        before = len(self._report.diagnostics)
        check_shape(tree, EnvironmentFile, self._report)
        if len(self._report.diagnostics) > before:
            return Map()
        self._check_values(tree)
        _settle_paths(tree)
        below = self._below(name, tree, chain)
        return tree if below is None else merge_environments(copied(below), tree, self._report)

    def _below(self, name: str, tree: Map, chain: tuple[tuple[str, Spot], ...]) -> Map | None:
        """What this environment extends."""
        extended, spot = tree.get("extends"), tree.spots.get("extends")
        tree.drop("extends")
        if extended is None or spot is None:
            return None
        chain = (*chain, (name, spot))
        known = [each for each, _ in chain]
        if extended in known:
            circle = " -> ".join([*known[known.index(extended) :], extended])
            self._report.error(
                ErrorCode.DEPENDENCY_CYCLE,
                f"environments extend each other in a circle: {circle}",
                spot,
                hint="move what they share into an environment that extends nothing",
                related=[edge.location() for _, edge in chain[:-1]],
            )
            return None
        below = self._read(extended, chain)
        if below is None:
            others = [n for n in self._names() if n != name]
            near = get_close_matches(extended, others, n=1)
            listed = f"there is: {', '.join(others) or 'no other'}"
            self._report.error(
                ErrorCode.ENVIRONMENT_UNKNOWN,
                f"there is no environment `{extended}` to extend",
                spot,
                hint=f"did you mean `{near[0]}`? {listed}" if near else listed,
            )
        return below

    def _names(self) -> list[str]:
        files = self._sources.files
        folder = self._folder / FOLDER
        return [n for n in files.list_dir(folder) if environment_file(self._folder, n, files) is not None]

    def _check_values(self, tree: Map) -> None:
        """What the types alone do not say."""
        monitoring = tree.get("monitoring_config") or Map()
        for key in _TIMES:
            if key in monitoring and seconds(monitoring[key]) is None:
                where = f"monitoring_config.{key}"
                self._wrong(where, monitoring, key, "a duration", "such as `90s` or `1m30s`")
        limits = tree.get("resource_limits") or Map()
        if "memory" in limits and not _is_size(limits["memory"]):
            self._wrong("resource_limits.memory", limits, "memory", "a size", "such as `512m` or `1g`")
        for key in ("cpus", "pids"):
            if key in limits and not _is_number(limits[key]):
                self._wrong(f"resource_limits.{key}", limits, key, "a number above zero", "such as `2`")
        for key, source in (tree.get("secrets_config") or Map()).items():
            named = [k for k in ("file", "environment", "external") if source.get(k)]
            if len(named) != 1:
                said = " and ".join(f"`{k}`" for k in named) or "nothing"
                self._report.error(
                    ErrorCode.INVALID_VALUE,
                    f"secrets_config.{key} says {said} about where it comes from",
                    tree["secrets_config"].spots.get(key),
                    on_key=True,
                    hint="set one of `file`, `environment` and `external: true`",
                )

    def _wrong(self, where: str, holder: Map, key: str, wanted: str, hint: str) -> None:
        self._report.error(
            ErrorCode.INVALID_VALUE,
            f"{where}: `{holder[key]}` is not {wanted}",
            holder.spots.get(key),
            hint=hint,
        )


def seconds(text: str) -> float | None:
    """A duration in seconds; None for what is none."""
    try:
        return duration_ns(text) / NANOSECONDS
    except ValueError:
        return None


def _is_size(value: object) -> bool:
    if isinstance(value, (int, float)):
        return value > 0
    try:
        return size_bytes(str(value)) > 0
    except ValueError:
        return False


def _is_number(value: object) -> bool:
    try:
        return float(str(value)) > 0
    except ValueError:
        return False


def _settle_paths(tree: Map) -> None:
    for key in ("compose_files", "env_files"):
        paths = tree.get(key)
        if isinstance(paths, Seq):
            for index, (path, spot) in enumerate(list(paths.pairs())):
                paths[index] = _absolute(path, spot)
    if tree.get("project_directory"):
        tree["project_directory"] = _absolute(tree["project_directory"], tree.spots.get("project_directory"))


def _absolute(path: str, spot: Spot | None) -> str:
    return absolute(path, spot.origin.working_dir, spot.origin.environment) if spot is not None else path
