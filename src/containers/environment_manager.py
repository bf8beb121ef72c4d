"""EnvironmentManager: which files with which variables make the stack of an environment."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ConfigDict, Field, ValidationError

from containers.compose.dotenv import DotenvError, parse
from containers.compose.loading import LoadRequest, LoadResult, discover_files, load_project
from containers.model.base import DESCRIBED, Model
from containers.model.diagnostics import Diagnostic, ValidationResult
from containers.model.environment import EnvironmentConfig
from containers.model.errors import EnvironmentConfigError, ErrorCode
from containers.model.source import Location, Range
from containers.ports import Files

DEFAULT = "development"
FOLDER = "environments"
FILE_NAMES = ("environment.yaml", "environment.yml")


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


class EnvironmentFile(Model):
    """`environments/<name>/environment.yaml`, as it is written. Paths are relative to its folder."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=DESCRIBED, defer_build=True
    )

    description: str = ""
    """For people; shown where environments are listed."""
    compose_files: tuple[str, ...] = Field(min_length=1)
    """The compose files, in merging order: the base first, overlays after it."""
    variables: Mapping[str, str | int | float | bool] = {}
    """For interpolation; stronger than the env files, weaker than the process environment."""
    env_files: tuple[str, ...] = ()
    """Files of variables; later ones win. `.env` of the project directory is not read beside them."""
    profiles: tuple[str, ...] = ()
    """Profiles that are active beside those asked for."""
    project_name: str | None = None
    """The Compose project's name."""
    project_directory: str | None = None
    """What relative paths in the compose files start from; the first file's folder if left out."""
    secrets_config: Mapping[str, Any] = {}
    """Secret to where its value comes from; never the value."""
    resource_limits: Mapping[str, Any] = {}
    """Limits for services that set none."""
    monitoring_config: Mapping[str, Any] = {}
    """How this environment is monitored."""


class EnvironmentManager:
    """Finds, reads and resolves environments.

    With no `environments/<name>/` folder there is one environment, `development`, made of the files that
    docker compose would take from the folder it is called in.
    """

    def __init__(self, *, selection: Selection, files: Files, environ: Mapping[str, str]) -> None:
        """`environ` is the process environment: it wins over every file."""
        self.selection = selection
        self._files = files
        self._environ = dict(environ)

    def list_environments(self) -> tuple[str, ...]:
        """The names of all environments, `development` first where it exists."""
        folder = self.selection.folder / FOLDER
        names = [n for n in self._files.list_dir(folder) if self._file_of(n) is not None]
        if DEFAULT not in names and (not names or self._discovered()):
            names.insert(0, DEFAULT)
        return tuple(sorted(names, key=lambda n: (n != DEFAULT, n)))

    def load_environment_config(self, env: str = DEFAULT) -> EnvironmentConfig:
        """Read one environment.

        Raises:
            EnvironmentConfigError: there is no such environment (`environment_unknown`), or its file is
                wrong (`environment_invalid`); the message names the file, line and key.
        """
        source = self._file_of(env)
        if source is None:
            if env != DEFAULT:
                known = ", ".join(self.list_environments())
                raise EnvironmentConfigError(
                    ErrorCode.ENVIRONMENT_UNKNOWN,
                    f"there is no environment {env!r}",
                    remedy=f"choose one of: {known}; or write {FOLDER}/{env}/{FILE_NAMES[0]}",
                )
            return EnvironmentConfig(
                name=env,
                compose_files=self.selection.files or self._discovered(),
                env_files=self.selection.env_files,
                profiles=self.selection.profiles,
                project_name=self.selection.project_name,
                project_directory=self.selection.project_directory,
            )
        return self._from_file(env, source)

    def validate_config(self, config: EnvironmentConfig) -> ValidationResult:
        """Read everything the environment names, and say all that is wrong with it."""
        result = self._load(config)
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
                assigned = parse(text, {**found, **self._environ})
            except DotenvError as error:
                raise EnvironmentConfigError(
                    ErrorCode.INVALID_VALUE, f"{path}:{error.line + 1}:1: {error}"
                ) from error
            found.update({k: v for k, v in assigned.items() if v is not None})
        return {**found, **config.environment_variables, **self._environ}

    def load_project(self, env: str = DEFAULT, *, check_consistency: bool = True) -> LoadResult:
        """Resolve the environment's project; what is wrong comes back as diagnostics, never raised."""
        try:
            config = self.load_environment_config(env)
        except EnvironmentConfigError as error:
            location = _location(error)
            diagnostic = Diagnostic(
                code=error.code, message=str(error), hint=error.remedy or None, location=location
            )
            return LoadResult(project=None, diagnostics=(diagnostic,), files=())
        return self._load(config, check_consistency=check_consistency)

    def _load(self, config: EnvironmentConfig, *, check_consistency: bool = True) -> LoadResult:
        selection = self.selection
        return load_project(
            LoadRequest(
                working_dir=selection.folder,
                # discovery, COMPOSE_FILE included, is the loader's where nobody named files
                files=config.compose_files if config.source or selection.files else (),
                project_directory=selection.project_directory or config.project_directory,
                project_name=selection.project_name or config.project_name,
                profiles=tuple(dict.fromkeys((*config.profiles, *selection.profiles))),
                env_files=selection.env_files or config.env_files,
                environment=self._environ,
                variables=config.environment_variables,
                check_consistency=check_consistency,
            ),
            self._files,
        )

    def _project_directory(self, config: EnvironmentConfig) -> Path:
        if config.project_directory is not None:
            return config.project_directory
        return config.compose_files[0].parent if config.compose_files else self.selection.folder

    def _discovered(self) -> tuple[Path, ...]:
        return discover_files(self.selection.folder, self._files)

    def _file_of(self, env: str) -> Path | None:
        if not env or "/" in env or env.startswith("."):
            return None
        candidates = (self.selection.folder / FOLDER / env / name for name in FILE_NAMES)
        return next((path for path in candidates if self._files.is_file(path)), None)

    def _from_file(self, env: str, source: Path) -> EnvironmentConfig:
        written = self._read(source)
        folder = source.parent
        return EnvironmentConfig(
            name=env,
            compose_files=self.selection.files or tuple(_under(folder, p) for p in written.compose_files),
            environment_variables={k: _as_text(v) for k, v in written.variables.items()},
            env_files=tuple(_under(folder, p) for p in written.env_files),
            profiles=written.profiles,
            project_name=written.project_name,
            project_directory=(
                _under(folder, written.project_directory) if written.project_directory else None
            ),
            secrets_config=written.secrets_config,
            resource_limits=written.resource_limits,
            monitoring_config=written.monitoring_config,
            source=source,
        )

    def _read(self, source: Path) -> EnvironmentFile:
        try:
            root = yaml.compose(self._files.read_text(source), Loader=yaml.CSafeLoader)
            data = yaml.load(self._files.read_text(source), Loader=yaml.CSafeLoader)
        except (OSError, UnicodeDecodeError) as error:
            raise EnvironmentConfigError(
                ErrorCode.FILE_UNREADABLE, f"{source} can not be read: {error}"
            ) from error
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            where = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
            raise EnvironmentConfigError(
                ErrorCode.ENVIRONMENT_INVALID,
                f"{source}{where}: not valid YAML: {getattr(error, 'problem', None) or error}",
            ) from error
        try:
            return EnvironmentFile.model_validate(data if data is not None else {})
        except ValidationError as error:
            first = error.errors()[0]
            line, column = _position(root, first["loc"])
            key = ".".join(str(p) for p in first["loc"]) or "the file"
            raise EnvironmentConfigError(
                ErrorCode.ENVIRONMENT_INVALID,
                f"{source}:{line + 1}:{column + 1}: {key}: {first['msg']}",
                remedy=f"known keys: {', '.join(EnvironmentFile.model_fields)}",
            ) from error


def _under(folder: Path, path: str) -> Path:
    """`path` from `folder`, with `..` taken out but links left alone."""
    joined = folder / Path(path).expanduser()
    parts: list[str] = []
    for part in joined.parts:
        if part == ".." and len(parts) > 1:
            parts.pop()
        elif part != "..":
            parts.append(part)
    return Path(*parts)


def _as_text(value: str | float | bool) -> str:  # noqa: FBT001  (a YAML scalar)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _position(node: yaml.Node | None, path: tuple[int | str, ...]) -> tuple[int, int]:
    """Line and column, from zero, of the deepest node on `path`."""
    where = (0, 0)
    for part in path:
        if isinstance(node, yaml.MappingNode):
            pair = next(((k, v) for k, v in node.value if k.value == str(part)), None)
            if pair is None:
                break
            where = (pair[0].start_mark.line, pair[0].start_mark.column)
            node = pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            where = (node.start_mark.line, node.start_mark.column)
        else:
            break
    return where


def _location(error: EnvironmentConfigError) -> Location | None:
    """The place that an error's message begins with, if it does."""
    path, _, rest = str(error).partition(":")
    line, _, rest = rest.partition(":")
    column = rest.partition(":")[0]
    if not (path.startswith("/") and line.isdigit() and column.isdigit()):
        return None
    at = int(line) - 1, int(column) - 1
    return Location(path=Path(path), range=Range.of(*at, at[0], at[1] + 1))
