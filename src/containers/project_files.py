"""ProjectFiles: a project is read anew as soon as a file that it is made from changes."""

from collections.abc import Callable
from contextlib import aclosing
from typing import Final

from containers.bus import EventBus
from containers.compose.environment_files import candidate_files
from containers.compose.request import LoadResult
from containers.compose_manager import ComposeManager
from containers.file_batches import batches
from containers.model.base import ProjectName
from containers.model.events import FileChanged, PartFailed, WatchingDegraded
from containers.model.files import WatchRoot
from containers.ports.files import FileWatcher
from containers.ports.machine import Clock, TaskOwner
from containers.watching.meaning import Role, parts_of

PART = "file watcher"
_QUIET_S: Final = 0.1
"""A checkout writes its files within milliseconds of each other."""
_MOST_NAMED: Final = 100
"""An event names so many files at most."""


class ProjectFiles:
    """Follows the files of a manager's project where no editor does.

    Args:
        manager: reads the files; what is wrong leaves its project and hooks as they were.
        watcher: sees files change.
        bus: is told of what changed, and of what keeps that from being seen.
        clock: time.
        group: who owns the watching.
        told: is given what each reading came to.
    """

    def __init__(
        self,
        *,
        manager: ComposeManager,
        watcher: FileWatcher,
        bus: EventBus,
        clock: Clock,
        group: TaskOwner,
        told: Callable[[LoadResult], None],
    ) -> None:
        self._manager = manager
        self._watcher = watcher
        self._bus = bus
        self._clock = clock
        self._group = group
        self._told = told

    async def run(self) -> None:
        """Until it is cancelled, or the watching breaks, which is told (`server.part_failed`)."""
        roots: frozenset[WatchRoot] | None = self._roots(
            self._manager.environments.load_project(self._manager.environment)
        )
        while roots is not None:
            roots = await self._watch(roots)
        reason = "it broke; the log says why. Changed files count from the next start on"
        self._bus.publish(
            PartFailed(
                at=self._clock.now(), source="watching", project=self._name(), part=PART, reason=reason
            )
        )

    async def _watch(self, roots: frozenset[WatchRoot]) -> frozenset[WatchRoot] | None:
        """Until the project is made of other files: which. None where the watching ended."""
        ordered = tuple(sorted(roots, key=lambda root: root.path))
        follow = batches(self._watcher, ordered, self._clock, self._group, self._degraded, quiet_s=_QUIET_S)
        async with aclosing(follow) as found:
            async for _, paths in found:
                if paths:
                    self._bus.publish(
                        FileChanged(
                            at=self._clock.now(),
                            source="watching",
                            project=self._name(),
                            paths=tuple(str(path) for path in paths[:_MOST_NAMED]),
                        )
                    )
                # what changed before the watching began is seen by reading as well
                loaded = self._manager.load()
                self._told(loaded)
                if (now := self._roots(loaded)) != roots:
                    return now
        return None

    def _roots(self, loaded: LoadResult) -> frozenset[WatchRoot]:
        """What was read, what the project is made from, and what would be read if it were there."""
        environments, project = self._manager.environments, self._manager.project
        folders = {environments.selection.folder} | ({project.working_dir} if project is not None else set())
        candidates = (path for each in folders for path in candidate_files(each, self._manager.environment))
        parts = parts_of(project) if project is not None else ()
        made_from = (part.path for part in parts if part.role is not Role.BIND)
        paths = (*candidates, *loaded.files, *loaded.missing, *made_from)
        return frozenset(WatchRoot(path, is_recursive=False) for path in paths)

    def _degraded(self, reason: str) -> None:
        self._bus.publish(
            WatchingDegraded(at=self._clock.now(), source="watching", project=self._name(), reason=reason)
        )

    def _name(self) -> ProjectName | None:
        return self._manager.project.name if self._manager.project else None
