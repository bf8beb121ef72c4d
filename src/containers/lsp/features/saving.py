"""Saved files: one revalidation a batch, what applying them would do, and applying them where asked to."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from containers.bus import EventBus
from containers.compose_manager import ComposeManager
from containers.file_batches import batches
from containers.lsp.client import EditorClient
from containers.model.errors import PodkeeperError
from containers.model.events import FileChanged, ImpactComputed, PartFailed, WatchingDegraded
from containers.model.files import WatchRoot
from containers.model.outcome import TaskResult
from containers.model.plan import Plan
from containers.planning.impact import effects_of, is_safe
from containers.ports.files import FileWatcher
from containers.ports.machine import Clock, TaskOwner
from containers.watching.meaning import Role, parts_of, roots_of

log = logging.getLogger(__name__)

ApplyOnSave = Literal["off", "prompt", "safe"]
QUIET_S = 0.1
"""A checkout writes its files within milliseconds of each other."""
APPLY = "Apply"


@dataclass(slots=True)
class _Folder:
    manager: ComposeManager
    read: Callable[[], Iterable[Path]]
    roots: tuple[WatchRoot, ...] = ()
    watched: frozenset[Path] = frozenset()
    task: "asyncio.Task[None] | None" = None
    generation: int = 0
    may_apply: bool = False
    """Whether something was saved that no preview has come to its end for."""
    effects: tuple[str, ...] = ()
    is_asking: bool = field(default=False)


class SavedFiles:
    """Watches the files of each folder's stack, open in the editor or not, and tells what they come to.

    Args:
        client: the editor, to ask a person.
        watcher: sees files change.
        bus: is told of what changed and of what applying it would do.
        clock: time.
        group: who owns the tasks.
        revalidate: has changed files of a folder read and checked again, once a batch.
        apply: brings a folder's stack to what its files say.
        redraw: has what is shown drawn again.
    """

    def __init__(
        self,
        *,
        client: EditorClient,
        watcher: FileWatcher,
        bus: EventBus,
        clock: Clock,
        group: TaskOwner,
        revalidate: Callable[[tuple[Path, ...]], None],
        apply: Callable[[Path], Awaitable[TaskResult]],
        redraw: Callable[[], None],
    ) -> None:
        self._client = client
        self._watcher = watcher
        self._bus = bus
        self._clock = clock
        self._group = group
        self._revalidate = revalidate
        self._apply = apply
        self._redraw = redraw
        self._folders: dict[Path, _Folder] = {}
        self.mode: ApplyOnSave = "off"
        """What happens when files were saved."""

    def follow(self, folder: Path, manager: ComposeManager, read: Callable[[], Iterable[Path]]) -> None:
        """Watch a folder's stack from now on; call it again when its project may be made of other files.

        Args:
            folder: the workspace folder.
            manager: its stack.
            read: further files that the last checks read, such as those of other environments.
        """
        state = self._folders.setdefault(folder, _Folder(manager, read))
        parts = parts_of(manager.project) if manager.project is not None else ()
        paths = {part.path for part in parts if part.role is not Role.BIND} | set(read())
        roots = tuple(
            dict.fromkeys(
                (
                    *roots_of(part for part in parts if part.role is not Role.BIND),
                    *(WatchRoot(path, is_recursive=False) for path in sorted(paths)),
                )
            )
        )
        if frozenset(roots) != frozenset(state.roots):
            state.roots = roots
            if state.task is not None:
                state.task.cancel()
            state.task = self._group.create_task(self._watch(folder, state), name=f"saved:{folder.name}")

    def is_watched(self, path: Path) -> bool:
        """Whether a change of a file is noticed here, so that nobody else has to tell of it."""
        return any(path in state.watched for state in self._folders.values())

    def impact_of(self, folder: Path) -> str:
        """What applying the folder's files would do; empty where nothing."""
        state = self._folders.get(folder)
        return ", ".join(state.effects) if state else ""

    def look_again(self) -> None:
        """Something was applied: what was to be said about the files may be so no more."""
        for folder, state in self._folders.items():
            if state.effects:
                self._preview(folder, state)

    async def _watch(self, folder: Path, state: _Folder) -> None:
        follow = batches(
            self._watcher, state.roots, self._clock, self._group, self._degraded, quiet_s=QUIET_S
        )
        try:
            async with aclosing(follow) as found:
                async for _, paths in found:
                    if not paths:
                        state.watched = frozenset(root.path for root in state.roots)
                        continue
                    self._changed(folder, state, paths)
            self._bus.publish(
                PartFailed(
                    at=self._clock.now(),
                    source="watching",
                    project=state.manager.project.name if state.manager.project else None,
                    part="file watcher",
                    reason="it broke; the log says why. The editor's own watching goes on",
                )
            )
        finally:
            state.watched = frozenset()

    def _changed(self, folder: Path, state: _Folder, paths: tuple[Path, ...]) -> None:
        project = state.manager.project
        self._bus.publish(
            FileChanged(
                at=self._clock.now(),
                source="watching",
                project=project.name if project else None,
                paths=tuple(str(path) for path in paths),
            )
        )
        self._revalidate(paths)
        state.may_apply = True
        self._preview(folder, state)

    def _preview(self, folder: Path, state: _Folder) -> None:
        state.generation += 1
        preview = self._show_impact(folder, state, state.generation)
        _ = self._group.create_task(preview, name=f"impact:{folder.name}")

    async def _show_impact(self, folder: Path, state: _Folder, generation: int) -> None:
        plan = await self._plan(state.manager)
        if generation != state.generation:
            return  # a newer one overtook it, which does what is left to do
        may_apply, state.may_apply = state.may_apply, False
        effects = effects_of(plan) if plan is not None else ()
        if effects != state.effects:
            state.effects = effects
            self._bus.publish(
                ImpactComputed(
                    at=self._clock.now(),
                    source="watching",
                    project=state.manager.project.name if state.manager.project else None,
                    changes=len(plan.changes) if plan else 0,
                    effects=effects,
                )
            )
            self._redraw()
        if plan is not None and effects and may_apply:
            await self._maybe_apply(folder, state, plan)

    async def _plan(self, manager: ComposeManager) -> Plan | None:
        """What applying would do; None where the files are wrong, nothing runs, or Podman can not be asked.

        A stack that is down stays down, whatever is saved.
        """
        try:
            statuses = await manager.get_service_status()
            if not any(status.container for status in statuses.values()):
                return None
            return await manager.plan()
        except PodkeeperError as error:
            log.debug("no impact can be told: %s", error)
            return None

    async def _maybe_apply(self, folder: Path, state: _Folder, plan: Plan) -> None:
        if self.mode == "off" or (self.mode == "safe" and not is_safe(plan)):
            return
        if self.mode == "prompt":
            if state.is_asking:
                return
            state.is_asking = True
            try:
                impact = ", ".join(state.effects)
                answer = await self._client.ask(f"Podkeeper: what you saved {impact}. Apply it?", APPLY)
            finally:
                state.is_asking = False
            if answer != APPLY:
                return
        result = await self._apply(folder)
        if not result.ok:
            log.info("what was saved could not be applied: %s", result.message)

    def _degraded(self, reason: str) -> None:
        self._bus.publish(WatchingDegraded(at=self._clock.now(), source="watching", reason=reason))
