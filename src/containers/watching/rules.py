"""What the rules of `develop.watch` say about files: whether they count, and where they go."""

import os
import posixpath
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from typing_extensions import override

from containers.model.errors import ErrorCode, PodkeeperError
from containers.model.files import FileCopy, FileEntry
from containers.model.project import Mount, ServiceConfig, WatchRule
from containers.watching.noise import is_noise
from containers.watching.patterns import PatternError, Patterns


class SyncRule:
    """One rule of a service, ready to be asked.

    Args:
        service: whose it is.
        rule: as it was written.
        context: the folder that `context_ignore` is about.
        context_ignore: the patterns of the build context's ignore file.

    Raises:
        PodkeeperError: `path_escapes` for a target with `..`, `invalid_value` for what is no pattern.
    """

    def __init__(
        self,
        service: ServiceConfig,
        rule: WatchRule,
        context: Path | None = None,
        context_ignore: Sequence[str] = (),
    ) -> None:
        self.service = service.name
        self.rule = rule
        self.path = Path(rule.path)
        self._context = context
        try:
            self._ignored = Patterns(rule.ignore)
            self._included = Patterns(rule.include)
            self._ignored_context = Patterns(context_ignore)
        except PatternError as error:
            raise PodkeeperError(
                ErrorCode.INVALID_VALUE,
                f"services.{service.name}.develop.watch: {error}",
                remedy="correct the pattern",
                service=service.name,
            ) from error
        if ".." in rule.target.split("/"):
            raise PodkeeperError(
                ErrorCode.PATH_ESCAPES,
                f"services.{service.name}.develop.watch: the target `{rule.target}` leads out of itself",
                remedy="write where files go without `..`",
                service=service.name,
            )
        self._hash = hash((service.name, rule.path, rule.action, rule.target))
        self._target = posixpath.normpath(posixpath.join("/", rule.target))
        self._mounts = service.volumes
        self.is_mounted = self._is_there(self.path)
        """Whether all its files are in the container already, since the folder is mounted there."""

    @override
    def __eq__(self, other: object) -> bool:
        """Whether it is the same rule of the same service, also after the files were read again."""
        return isinstance(other, SyncRule) and (self.service, self.rule) == (other.service, other.rule)

    @override
    def __hash__(self) -> int:
        """Equal for what is equal."""
        return self._hash

    @property
    def copies(self) -> bool:
        """Whether files go into the container; mounted ones would go onto themselves, for ever."""
        return self.rule.action in {"sync", "sync+restart", "sync+exec"} and not self.is_mounted

    def counts(self, path: Path) -> bool:
        """Whether a change of a path is one that the rule is about."""
        if not path.is_relative_to(self.path):
            return False
        inside = path.relative_to(self.path)
        if is_noise(inside if inside.parts else Path(path.name)):
            return False
        name = inside.as_posix()
        if self._included and not self._included.match(name):
            return False
        if self._ignored.match(name):
            return False
        context = self._context
        if context is None or not path.is_relative_to(context):
            return True
        return not self._ignored_context.match(path.relative_to(context).as_posix())

    def copies_path(self, path: Path) -> bool:
        """Whether a path goes into the container when it changes."""
        return self.copies and not self._is_there(path)

    def _is_there(self, path: Path) -> bool:
        """Whether a path is in the container already, since it or a folder above is mounted there."""
        return _source_at(self.target_of(path), self._mounts) == path

    def target_of(self, path: Path) -> str:
        """Where in the container a path goes; the target itself where the rule is about one file."""
        inside = path.relative_to(self.path)
        return posixpath.join(self._target, inside.as_posix()) if inside.parts else self._target

    def copy_of(self, entry: FileEntry) -> FileCopy | None:
        """How an entry goes into the container; None for what can not, such as a socket.

        Raises:
            PodkeeperError: `path_escapes`: it is a link that leads out of the rule's folder.
        """
        match entry.kind:
            case "other":
                return None
            case "link":
                link = self._link_of(entry)
            case _:
                link = ""
        base = self.path if self.path != entry.path else self.path.parent
        return FileCopy(
            source=entry.path, base=base, kind=entry.kind, target=self.target_of(entry.path), link=link
        )

    def _link_of(self, entry: FileEntry) -> str:
        """Where the link is to point: inside as it is, also where it was written as an absolute path."""
        folder = entry.path.parent
        leads_to = Path(os.path.normpath(folder / entry.link))
        if not leads_to.is_relative_to(self.path) or entry.path == self.path:
            raise PodkeeperError(
                ErrorCode.PATH_ESCAPES,
                f"{entry.path} is a link to {entry.link}, which is outside of {self.path}: it is not copied",
                remedy="put what it points to into the folder, or add the link to `ignore`",
                service=self.service,
            )
        return os.path.relpath(leads_to, folder) if entry.link.startswith("/") else entry.link


def _source_at(target: str, mounts: Iterable[Mount]) -> Path | None:
    """What of this machine a path in the container is, by a bind mount; None where it is something else."""
    at = PurePosixPath(target)
    above = [m for m in mounts if at.is_relative_to(m.target)]
    nearest = max(above, key=lambda mount: len(PurePosixPath(mount.target).parts), default=None)
    if nearest is None or nearest.type != "bind":
        return None
    return Path(nearest.source) / at.relative_to(nearest.target)


def rules_of(
    services: Iterable[ServiceConfig], ignore_of: Mapping[str, tuple[Path, Sequence[str]]]
) -> tuple[SyncRule, ...]:
    """Every rule of the services.

    Args:
        services: whose rules.
        ignore_of: for a service that is built, its build context and what its ignore file says.

    Raises:
        PodkeeperError: as `SyncRule`.
    """
    return tuple(
        SyncRule(service, rule, *ignore_of.get(service.name, (None, ())))
        for service in services
        for rule in service.watch
    )
