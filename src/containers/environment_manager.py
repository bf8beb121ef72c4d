"""EnvironmentManager: which files with which variables make the stack of an environment."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from containers.compose import dotenv
from containers.compose.building import Locations
from containers.compose.colliding import collisions
from containers.compose.environment_files import (
    FILE_NAMES,
    FOLDER,
    Convention,
    EnvironmentReader,
    by_convention,
    environment_file,
    seconds,
)
from containers.compose.event_hooks import event_hooks, project_file, read_project_file
from containers.compose.explaining import Explainer
from containers.compose.incremental import Incremental
from containers.compose.loading import LoadRequest, LoadResult, discover_files, find_variables, load_project
from containers.compose.nodes import Map, Seq, Spot
from containers.compose.reporting import Report
from containers.compose.sources import Sources
from containers.compose.variable_template import merged, variable_template
from containers.model.base import Model
from containers.model.diagnostics import Diagnostic, ValidationResult
from containers.model.environment import EnvironmentConfig
from containers.model.errors import EnvironmentConfigError, ErrorCode
from containers.model.explanation import Explanation
from containers.model.project import KeyPath, ResolvedProject
from containers.model.source import Location
from containers.model.variables import Variable
from containers.ports.files import Files
from containers.settings import MonitorSettings

DEFAULT = "development"

_USUAL_ORDER = (DEFAULT, "testing", "staging", "production")
_LIMITS = {"memory": "mem_limit", "cpus": "cpus", "pids": "pids_limit"}
"""Keys of an environment's `resource_limits` to those of a service."""


class Selection(Model):
    """What a person named on the command line or in the editor; empty means what docker compose takes."""

    folder: Path
    """Where the command was called, or the workspace folder; absolute."""
    files: tuple[Path, ...] = ()
    """`-f`; wins over every environment's files."""
    project_directory: Path | None = None
    project_name: str | None = None
    profiles: tuple[str, ...] = ()
    env_files: tuple[Path, ...] = ()


class _Found(NamedTuple):
    """An environment, and the tree it was written as."""

    config: EnvironmentConfig
    tree: Map
    files: tuple[Path, ...] = ()
    """Its own file and those it extends."""


class EnvironmentManager:
    """Finds, reads and resolves environments.

    They are `environments/<name>/environment.yaml`; without any, overlays such as `compose.prod.yaml` beside
    the compose file. Where there is neither, there is one environment, `development`, made of the files
    that docker compose would take from the folder it is called in.
    """

    def __init__(self, *, selection: Selection, files: Files, environ: Mapping[str, str]) -> None:
        """`environ` is the process environment: it wins over every file."""
        self.selection = selection
        self._files = files
        self._environ = dict(environ)
        self._loads: dict[str, Incremental] = {}
        """Each environment's project, ready to be loaded again."""

    # what the design names

    def load_environment_config(self, env: str = DEFAULT) -> EnvironmentConfig:
        """Read one environment.

        Raises:
            EnvironmentConfigError: there is no such environment (`environment_unknown`), or its file is
                wrong (`environment_invalid`); the message names the file, line and key.
        """
        found, diagnostics = self._find(env)
        if found is None:
            first = diagnostics[0]
            place = f"{first.location}: " if first.location else ""
            is_there = self.file_of(env) is not None
            code = ErrorCode.ENVIRONMENT_INVALID if is_there else ErrorCode.ENVIRONMENT_UNKNOWN
            raise EnvironmentConfigError(code, f"{place}{first.message}", remedy=first.hint or "")
        return found.config

    def validate_config(self, config: EnvironmentConfig, *, as_written: bool = False) -> ValidationResult:
        """Read everything the environment names, and say all that is wrong with it.

        With `as_written` nothing is missed that another file or a variable could add.
        """
        found, _ = self._find(config.name)
        if found is None or found.config != config:
            found = _Found(config, Map())
        request = self._request(found).model_copy(update={"as_written": as_written})
        result = load_project(request, self._files)
        return ValidationResult(
            diagnostics=result.diagnostics, files=tuple(str(path) for path in result.files)
        )

    def get_compose_files(self, env: str = DEFAULT) -> list[Path]:
        """The environment's compose files, absolute, in merging order.

        Raises:
            EnvironmentConfigError: as `load_environment_config`.
        """
        return list(self.load_environment_config(env).compose_files)

    def resolve_environment_variables(self, env: str = DEFAULT) -> dict[str, str]:
        """Every variable that interpolation sees: env files, the environment's own, the process's.

        Raises:
            EnvironmentConfigError: as `load_environment_config`, or an env file can not be read.
        """
        config = self.load_environment_config(env)
        files = config.env_files or tuple(
            p for p in (self._project_directory(config) / ".env",) if self._files.is_file(p)
        )
        found: dict[str, str] = {}
        for path in files:
            try:
                text = self._files.read_text(path)
            except OSError as error:
                raise EnvironmentConfigError(
                    ErrorCode.FILE_NOT_FOUND, f"env file {path} can not be read: {error.strerror}"
                ) from error
            try:
                assigned = dotenv.parse(text, {**found, **self._environ})
            except dotenv.DotenvError as error:
                raise EnvironmentConfigError(
                    ErrorCode.INVALID_VALUE, f"{path}:{error.line + 1}:1: {error}"
                ) from error
            found.update({k: v for k, v in assigned.items() if v is not None})
        return {**found, **config.environment_variables, **self._environ}

    # more

    def list_environments(self) -> tuple[str, ...]:
        """The names of all environments, in the order that a change goes through them."""
        folder = self.selection.folder / FOLDER
        names = [n for n in self._files.list_dir(folder) if self.file_of(n) is not None]
        if not names:
            names = list(self._conventions())
        if DEFAULT not in names and (not names or self._discovered()):
            names.insert(0, DEFAULT)
        usual = {name: place for place, name in enumerate(_USUAL_ORDER)}
        return tuple(sorted(names, key=lambda n: (usual.get(n, len(usual)), n)))

    def file_of(self, env: str) -> Path | None:
        """The `environment.yaml` of an environment; None where there is none."""
        return environment_file(self.selection.folder, env, self._files)

    def config_without_hooks(self, env: str = DEFAULT) -> EnvironmentConfig | None:
        """One environment, also where hooks are wrong; None where its own file is, or there is none."""
        found, _ = self._environment(env)
        return found.config if found is not None else None

    @property
    def project_file(self) -> Path | None:
        """The `podkeeper.yaml` of the folder; None where there is none."""
        return project_file(self.selection.folder, self._files)

    def load_project(
        self,
        env: str = DEFAULT,
        *,
        check_consistency: bool = True,
        as_written: bool = False,
        all_profiles: bool = False,
    ) -> LoadResult:
        """Resolve the environment's project; what is wrong comes back as diagnostics, never raised.

        Where hooks are wrong there is no project; what else is wrong is said all the same.

        Args:
            env: which environment.
            check_consistency: whether undefined references and the like are errors.
            as_written: leave variables as they are; there is then a document, but no project.
            all_profiles: take every service, whatever profile it needs.
        """
        found, diagnostics = self._find(env)
        readable = found or self._environment(env)[0]
        if readable is None:
            source = self.file_of(env)
            files = (source,) if source is not None else ()
            return LoadResult(project=None, diagnostics=diagnostics, files=files)
        update: dict[str, Any] = {"check_consistency": check_consistency, "as_written": as_written}
        if all_profiles:
            update["profiles"] = ("*",)
        request = self._request(readable).model_copy(update=update)
        result = self._loads.setdefault(env, Incremental()).load(request, self._files)
        if found is None:
            hooks = () if self.project_file is None else (self.project_file,)
            files = (*readable.files, *hooks, *result.files)
            told = (*diagnostics, *result.diagnostics)
            return LoadResult(project=None, diagnostics=told, files=files, missing=result.missing)
        return result.model_copy(update={"files": (*found.files, *result.files)})

    def find_variables(self, env: str = DEFAULT) -> tuple[Variable, ...]:
        """Every variable that the environment's files name, by name, whether or not they are right."""
        found, _ = self._find(env)
        return find_variables(self._request(found), self._files) if found is not None else ()

    def variable_template(self) -> tuple[str, int]:
        """A `.env.example` for all environments together, and how many variables it has."""
        listed: list[tuple[Variable, ...]] = []
        set_by: dict[str, tuple[str, ...]] = {}
        for env in self.list_environments():
            found, _ = self._find(env)
            if found is None:
                continue
            listed.append(find_variables(self._request(found), self._files))
            for name in found.config.environment_variables:
                set_by[name] = (*set_by.get(name, ()), env)
        variables = merged(listed, self.selection.folder)
        return variable_template(variables, set_by), len(variables)

    def explain(self, path: str, env: str = DEFAULT) -> Explanation:
        """Why one value of the resolved project is what it is.

        Args:
            path: such as `services.api.environment.DB_URL` or `services.api.ports[0]`.
            env: which environment.

        Raises:
            PodkeeperError: the files are wrong, or there is no such value.
        """
        result = self.load_project(env)
        result.require()
        set_here = self.load_environment_config(env).locations
        explainer = Explainer(
            result.document,
            result.locations.spots if isinstance(result.locations, Locations) else {},
            process=self._environ,
            variables={str(p[1]): at for p, at in set_here.items() if p[0] == "variables" and len(p) > 1},
            read=lambda file: Sources(self._files).read(file, Report()),
        )
        return explainer.explain(path)

    def find_collisions(self, env: str, project: ResolvedProject) -> tuple[Diagnostic, ...]:
        """What this environment's project cannot have at the same time as another's on the same Podman."""
        config = self.load_environment_config(env)
        found: list[Diagnostic] = []
        for other in self.list_environments():
            if other == env:
                continue
            loaded, _ = self._find(other)
            if loaded is None or loaded.config.connection != config.connection:
                continue
            theirs = load_project(self._request(loaded), self._files).project
            if theirs is not None:
                found += collisions(project, theirs, other)
        return tuple(found)

    def monitor_settings(self, env: str, base: MonitorSettings) -> MonitorSettings:
        """The monitor's settings, as the environment has them; `base` where it says nothing or is wrong."""
        found, _ = self._find(env)
        if found is None:
            return base
        written = found.config.monitoring_config
        update: dict[str, Any] = {
            f"{key}_s": seconds(written[key])
            for key in ("poll", "window", "first_backoff", "longest_backoff")
            if key in written
        }
        update |= {key: written[key] for key in ("enabled", "max_attempts") if key in written}
        return MonitorSettings.model_validate({**base.model_dump(), **update})

    # how

    def _find(self, env: str) -> tuple[_Found | None, tuple[Diagnostic, ...]]:
        """An environment with the hooks of `podkeeper.yaml` and its own, or what is wrong with them."""
        found, diagnostics = self._environment(env)
        path = self.project_file
        if found is None or (path is None and "hooks" not in found.tree):
            return found, diagnostics
        report = Report()
        sources = Sources(self._files)
        own = read_project_file(path, sources, report) if path is not None else Map()
        hooks = () if report.failed else event_hooks((own, found.tree), report)
        diagnostics = (*diagnostics, *report.diagnostics)
        if report.failed:
            return None, diagnostics
        config = found.config.model_copy(update={"hooks": hooks})
        return _Found(config, found.tree, (*found.files, *sources.read_so_far)), diagnostics

    def _environment(self, env: str) -> tuple[_Found | None, tuple[Diagnostic, ...]]:
        """An environment without its hooks."""
        if self.file_of(env) is not None:
            return self._written(env)
        convention = None if self._names_files_itself(env) else self._conventions().get(env)
        if convention is None and env != DEFAULT:
            known = self.list_environments()
            unknown = Diagnostic(
                code=ErrorCode.ENVIRONMENT_UNKNOWN,
                message=f"there is no environment {env!r}",
                hint=f"choose one of: {', '.join(known)}; or write {FOLDER}/{env}/{FILE_NAMES[0]}",
            )
            return None, (unknown,)
        return _Found(self._conventional(env, convention), Map()), ()

    def _names_files_itself(self, env: str) -> bool:
        """Whether a person said which files make `development`."""
        return env == DEFAULT and bool(self._environ.get("COMPOSE_FILE") or self.selection.files)

    def _conventional(self, env: str, convention: Convention | None) -> EnvironmentConfig:
        selection = self.selection
        files = self._discovered()
        if convention is not None:
            # the override is for those who work on the stack
            files = (*(files if env == DEFAULT else files[:1]), convention.overlay)
        return EnvironmentConfig(
            name=env,
            compose_files=selection.files or files,
            env_files=selection.env_files or (convention.env_files if convention else ()),
            profiles=selection.profiles,
            project_name=selection.project_name,
            project_directory=selection.project_directory,
        )

    def _written(self, env: str) -> tuple[_Found | None, tuple[Diagnostic, ...]]:
        report = Report()
        sources = Sources(self._files)
        reader = EnvironmentReader(self.selection.folder, sources, report, self._environ)
        tree = reader.read(env) or Map()
        source = self.file_of(env)
        if not report.failed and not tree.get("compose_files") and not self.selection.files:
            report.error(
                ErrorCode.ENVIRONMENT_INVALID,
                f"the environment {env} names no compose files",
                tree.spots.get("compose_files") or (Location.start_of(source) if source else None),
                hint="add `compose_files:`",
            )
        if report.failed:
            return None, tuple(report.diagnostics)
        folder = tree.get("project_directory")
        config = EnvironmentConfig(
            name=env,
            description=tree.get("description") or "",
            compose_files=self.selection.files or tuple(Path(p) for p in tree.get("compose_files") or ()),
            environment_variables={k: _as_text(v) for k, v in (tree.get("variables") or {}).items()},
            required_variables=tuple(tree.get("required_variables") or ()),
            env_files=tuple(Path(p) for p in tree.get("env_files") or ()),
            profiles=tuple(tree.get("profiles") or ()),
            project_name=tree.get("project_name"),
            project_directory=Path(folder) if folder else None,
            secrets_config=tree.get("secrets_config") or {},
            resource_limits=tree.get("resource_limits") or {},
            monitoring_config=tree.get("monitoring_config") or {},
            policy_strictness=tree.get("policy_strictness") or "advise",
            access={verb: tuple(who) for verb, who in (tree.get("access") or {}).items()},
            connection=tree.get("connection"),
            source=source,
            locations=dict(_locations(tree, ())),
        )
        return _Found(config, tree, sources.read_so_far), tuple(report.diagnostics)

    def _request(self, found: _Found) -> LoadRequest:
        selection, config, tree = self.selection, found.config, found.tree
        by_name = config.source is None and config.compose_files == self._discovered()
        required = tree.get("required_variables")
        return LoadRequest(
            working_dir=selection.folder,
            # discovery, COMPOSE_FILE included, is the loader's where nobody named files
            files=() if by_name and not selection.files else config.compose_files,
            project_directory=selection.project_directory or config.project_directory,
            project_name=selection.project_name or config.project_name,
            name_suffix="" if config.name == DEFAULT else f"-{config.name}",
            profiles=tuple(dict.fromkeys((*config.profiles, *selection.profiles))),
            env_files=selection.env_files or config.env_files,
            environment=self._environ,
            variables=config.environment_variables,
            required_variables=dict(required.pairs()) if isinstance(required, Seq) else {},
            limits=_service_keys(tree.get("resource_limits")),
            secrets=tree.get("secrets_config"),
        )

    def _project_directory(self, config: EnvironmentConfig) -> Path:
        if config.project_directory is not None:
            return config.project_directory
        return config.compose_files[0].parent if config.compose_files else self.selection.folder

    def _discovered(self) -> tuple[Path, ...]:
        return discover_files(self.selection.folder, self._files)

    def _conventions(self) -> dict[str, Convention]:
        return by_convention(self.selection.folder, self._files)


def _service_keys(limits: Any) -> Map | None:
    """An environment's limits under the names that a service has for them."""
    if not isinstance(limits, Map) or not limits:
        return None
    result = Map()
    for key, value in limits.items():
        value = int(value) if key == "pids" else value  # noqa: PLW2901  (written as text, perhaps)
        result.put(_LIMITS[key], value, limits.spots.get(key))
    return result


def _as_text(value: str | float | bool) -> str:  # noqa: FBT001  (a YAML scalar)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _locations(tree: Map, path: KeyPath) -> list[tuple[KeyPath, Location]]:
    found: list[tuple[KeyPath, Location]] = []
    for key, value in tree.items():
        spot: Spot | None = tree.spots.get(key)
        if spot is not None:
            found.append(((*path, key), spot.location()))
        if isinstance(value, Map):
            found += _locations(value, (*path, key))
    return found
