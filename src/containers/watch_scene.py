"""What of a project is watched, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from containers.model.base import Model, ServiceName
from containers.model.errors import ErrorCode, PodkeeperError, unknown_service
from containers.model.files import WatchRoot
from containers.model.project import ResolvedProject, ServiceConfig
from containers.ports.files import Files
from containers.watching.meaning import Part, Role, parts_of, roots_of
from containers.watching.patterns import IGNORE_FILES, ignore_lines
from containers.watching.rules import SyncRule, rules_of


class WatchOptions(Model):
    """How a stack is watched."""

    services: tuple[str, ...] = ()
    """Empty means all that have something to watch."""
    prune: bool = False
    """Remove the image that a rebuild has replaced, although one can not go back to it any more."""
    trigger_file: Path | None = None
    """Reloads the services that it names, each on a line, when it is written; where it is empty, all."""


@dataclass(frozen=True, slots=True)
class WatchScene:
    """What is watched, and why."""

    project: ResolvedProject
    services: tuple[ServiceConfig, ...]
    rules: tuple[SyncRule, ...]
    parts: tuple[Part, ...]
    """What the project is made from, and the configuration of services that can reload."""
    roots: tuple[WatchRoot, ...]


def read_scene(project: ResolvedProject, options: WatchOptions, files: Files) -> WatchScene:
    """What is watched of a project.

    Raises:
        PodkeeperError: there is nothing to watch, a rule is wrong, a service is unknown, or the trigger file
            can not be one.
    """
    chosen = _chosen(project, options.services)
    rules = rules_of(chosen, {s.name: found for s in chosen if (found := _ignore_of(s, files))})
    reloading = {s.name for s in chosen if s.own.reload is not None}
    parts = tuple(
        part
        for part in parts_of(project)
        if part.role is Role.SOURCE
        or (part.role is not Role.CONTAINERFILE and not reloading.isdisjoint(part.services))
    )
    trigger = options.trigger_file
    if not rules and not reloading and trigger is None:
        raise PodkeeperError(
            ErrorCode.USAGE,
            "there is nothing to watch: no service has `develop.watch` or `x-podkeeper.reload`",
            remedy="write under a service: develop: {watch: [{path: ./src, action: sync, target: /app}]}",
        )
    if trigger is not None and (files.is_dir(trigger) or not files.is_dir(trigger.parent)):
        raise PodkeeperError(
            ErrorCode.FILE_NOT_FOUND,
            f"{trigger} can be no trigger file: it is a folder, or there is no folder that it could be in",
            remedy="name a file in a folder that exists; the file itself may come later",
        )
    roots = (
        *(WatchRoot(rule.path) for rule in rules),
        *roots_of(parts),
        *((WatchRoot(trigger, is_recursive=False),) if trigger else ()),
    )
    return WatchScene(project, chosen, rules, parts, tuple(dict.fromkeys(roots)))


def _ignore_of(service: ServiceConfig, files: Files) -> tuple[Path, Sequence[str]] | None:
    build = service.build
    if build is None or not build.context.startswith("/"):
        return None
    context = Path(build.context)
    file = context / build.dockerfile
    candidates = [file.with_name(file.name + name) for name in IGNORE_FILES]
    for path in (*candidates, *(context / name for name in IGNORE_FILES)):
        try:
            return context, ignore_lines(files.read_text(path))
        except (OSError, UnicodeDecodeError):
            continue
    return None


def _chosen(project: ResolvedProject, names: Sequence[str]) -> tuple[ServiceConfig, ...]:
    """The services that are watched.

    Raises:
        PodkeeperError: `service_unknown`; `usage` for a service that has nothing to watch.
    """
    for name in names:
        service = project.services.get(ServiceName(name))
        if service is None:
            raise unknown_service(name, project.services)
        if not service.watch and service.own.reload is None:
            raise PodkeeperError(
                ErrorCode.USAGE,
                f"{name} has neither `develop.watch` nor `x-podkeeper.reload`, so there is nothing to watch",
                remedy=f"write one of the two under services.{name}",
                service=name,
            )
    return tuple(s for s in project.services.values() if not names or s.name in names)
