"""Which projects a file is checked with: those of its folder's environments, or itself alone."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from containers.compose.podman_view import podman_view
from containers.environment_manager import DEFAULT, EnvironmentManager
from containers.lsp.features.checking import Scope
from containers.model.diagnostics import ValidationResult
from containers.model.environment import EnvironmentConfig
from containers.model.observed import EngineInfo


class _Environment(NamedTuple):
    """One environment of a workspace folder."""

    folder: Path
    manager: EnvironmentManager
    name: str
    config: EnvironmentConfig | None
    """As its file has it, or had it when it could last be read; None where it never could."""


class Scopes:
    """The environments of the workspace's folders, as sets of files to check.

    Args:
        folders: the environments of each folder.
        alone: makes a manager for named files only, in a folder.
        is_file: whether a file is there, saved or not.
        engine_info: what is known of the engine by now, without asking it.
    """

    def __init__(
        self,
        *,
        folders: Callable[[], Mapping[Path, EnvironmentManager]],
        alone: Callable[[Path, tuple[Path, ...]], EnvironmentManager],
        is_file: Callable[[Path], bool],
        engine_info: Callable[[], EngineInfo | None],
    ) -> None:
        self._folders = folders
        self._make_alone = alone
        self._is_file = is_file
        self._engine_info = engine_info
        self._known: dict[tuple[Path, str], EnvironmentConfig] = {}
        """Each environment, as it was when its file could last be read."""
        self._read: dict[tuple[Path, str], frozenset[Path]] = {}
        """What the last check of each environment read: included and extended files, too."""

    def of(self, path: Path) -> tuple[Scope, ...]:
        """The projects that a file is part of, or else the file alone."""
        scopes: list[Scope] = []
        is_part = False
        for environment in self._around(path):
            if self._has(environment, path):
                is_part = True
            elif environment.config is not None or not _is_compose(path):
                continue  # one whose file is wrong may be made of any compose file: it is to be seen why
            scopes.append(self._whole(environment, path))
        if not is_part and _is_compose(path) and self._is_file(path):
            scopes.append(self._alone(path))
        return tuple(scopes)

    def read_of(self, folder: Path) -> frozenset[Path]:
        """What the checks of all of a folder's environments read."""
        read = tuple(self._read.items())  # at once: a check in a thread may add to it
        return frozenset[Path]().union(*(files for (of, _), files in read if of == folder))

    def _around(self, path: Path) -> Iterable[_Environment]:
        """The environments of the folders that a file is in."""
        for folder, manager in self._folders().items():
            if folder not in path.parents:
                continue
            for name in manager.list_environments():
                config = manager.config_without_hooks(name)
                if config is not None:
                    self._known[folder, name] = config
                yield _Environment(folder, manager, name, self._known.get((folder, name)))

    def _has(self, environment: _Environment, path: Path) -> bool:
        folder, manager, name, config = environment
        parts = {manager.file_of(name), manager.project_file, *self._read.get((folder, name), ())}
        if config is not None:
            parts.update((*config.compose_files, *config.env_files))
        return path in parts or path.name == ".env"

    def _whole(self, environment: _Environment, path: Path) -> Scope:
        """The project that an environment makes."""
        folder, manager, name, config = environment
        main = config.compose_files[0] if config is not None and config.compose_files else None
        return Scope(
            key=f"{folder}:{name}",
            main=main or manager.file_of(name) or path,
            validate=partial(self._validate, environment),
            is_there=lambda: name in manager.list_environments(),
            environment=name,
        )

    def _validate(self, environment: _Environment) -> ValidationResult:
        folder, manager, name, config = environment
        loaded = manager.load_project(name)
        engine = self._engine_info()
        found, files = loaded.diagnostics, tuple(str(file) for file in loaded.files)
        if loaded.project is not None and engine is not None:
            found = (*found, *podman_view(loaded.project, engine))
        if loaded.project is None and config is not None and manager.config_without_hooks(name) is None:
            # its file is being written, perhaps: what it was made of is not out of sight meanwhile
            before = manager.validate_config(config)
            found, files = (*found, *before.diagnostics), (*files, *before.files)
        self._read[folder, name] = frozenset(Path(file) for file in files)
        return ValidationResult(diagnostics=found, files=files)

    def _alone(self, path: Path) -> Scope:
        """A compose file that no environment names."""
        manager = self._make_alone(path.parent, (path,))

        def validate() -> ValidationResult:
            loaded = manager.load_project()
            found, files = loaded.diagnostics, tuple(str(file) for file in loaded.files)
            is_broken = manager.config_without_hooks() is None
            if not is_broken and all(each.config is not None for each in self._around(path)):
                return ValidationResult(diagnostics=found, files=files)
            # what an environment that can not be read lays over it, and sets for it, is not known
            config = EnvironmentConfig(name=DEFAULT, compose_files=(path,))
            rest = manager.validate_config(config, as_written=True)
            found, files = (found, files) if is_broken else ((), ())
            return ValidationResult(diagnostics=(*found, *rest.diagnostics), files=(*files, *rest.files))

        return Scope(key=str(path), main=path, validate=validate, is_there=lambda: self._is_file(path))


def _is_compose(path: Path) -> bool:
    return path.suffix in {".yaml", ".yml"} and "compose" in path.name
