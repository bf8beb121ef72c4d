"""ServiceWatch: while somebody develops, what they save is in the containers a moment later."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from containers.bus import EventBus
from containers.compose_manager import ComposeManager
from containers.event_integration import EngineProvider
from containers.execution.together import bare_errors
from containers.file_batches import batches
from containers.model.base import ServiceName
from containers.model.errors import PodkeeperError
from containers.model.events import ContainerEvent, FileChanged, FilesSynced, WatchingDegraded
from containers.model.observed import ObservedContainer
from containers.model.project import ServiceConfig
from containers.planning.options import UpOptions
from containers.ports.files import Files, FileTree, FileWatcher
from containers.ports.machine import Clock
from containers.project_changes import ChangeOptions
from containers.service_reloads import reload_service
from containers.service_sync import Delivery, ServiceSync
from containers.watch_scene import WatchOptions, WatchScene, read_scene
from containers.watching.known import Difference, KnownFiles
from containers.watching.ledger import Ledger
from containers.watching.meaning import Part, Role, services_to_reload, touched
from containers.watching.work import Work, caught_up, work_of

_STARTS: Final = frozenset({"container.started", "container.unpaused", "container.restarted"})
_MOST_NAMED: Final = 100
"""An event names so many files at most."""
RETRY_S: Final = 1.0
"""Between two looks at whether a container that lacks files runs again; usually its start is told sooner."""


class ServiceWatch:
    """Carries out `develop.watch` and reloads, until it is cancelled.

    Args:
        manager: whose project it is.
        engine: the engine, connected at first use.
        watcher: sees files change.
        tree: the files.
        files: reads ignore files.
        bus: is told of every batch, and tells of containers that start.
        clock: time.
    """

    def __init__(
        self,
        *,
        manager: ComposeManager,
        engine: EngineProvider,
        watcher: FileWatcher,
        tree: FileTree,
        files: Files,
        bus: EventBus,
        clock: Clock,
    ) -> None:
        self._manager = manager
        self._engine = engine
        self._watcher = watcher
        self._tree = tree
        self._files = files
        self._bus = bus
        self._clock = clock
        self._ledger = Ledger()
        self._known = KnownFiles()
        self._sync = ServiceSync(engine=engine, tree=tree, ledger=self._ledger)
        self._one_change = asyncio.Lock()
        self._waiting: dict[ServiceName, Work] = {}
        self._wakes: dict[ServiceName, asyncio.Event] = {}
        self._options = WatchOptions()
        self._scene: WatchScene | None = None

    async def run(
        self, options: WatchOptions | None = None, begun: Callable[[Sequence[str]], None] | None = None
    ) -> None:
        """Watch until cancelled.

        Args:
            options: what, and how.
            begun: is called with the watched paths when everything that changes from now on is seen.

        Raises:
            PodkeeperError: the files are wrong, or there is nothing to watch.
        """
        self._options = options or WatchOptions()
        scene = await self._read()
        subscription = self._bus.subscribe("watch", self._on_container, topics=("container.*",))
        try:
            async with bare_errors(), asyncio.TaskGroup() as group:
                while True:
                    scene = await self._watch(scene, group, begun)
                    begun = None
        finally:
            self._bus.unsubscribe(subscription)

    def reload(self, services: Sequence[str] = ()) -> None:
        """Have services reload soon; none named: all that say how."""
        if self._scene is None:
            return
        now = self._clock.monotonic()
        for service in self._scene.project.services.values():
            if service.own.reload is not None and (not services or service.name in services):
                self._add(service.name, Work(reload=True, began_at=now))

    # what is watched

    async def _read(self) -> WatchScene:
        project = await asyncio.to_thread(self._manager.require_project)
        return read_scene(project, self._options, self._files)

    async def _watch(
        self,
        scene: WatchScene,
        group: asyncio.TaskGroup,
        begun: Callable[[Sequence[str]], None] | None,
    ) -> WatchScene:
        """Follow one scene, until the project's files say another one."""
        before = self._scene if self._scene is not scene else None
        self._scene = scene
        self._ledger.revise(scene.rules)
        for service in scene.services:
            if service.name not in self._wakes:
                self._wakes[service.name] = asyncio.Event()
                _ = group.create_task(self._work(service.name), name=f"watch:{service.name}")
        follow = batches(self._watcher, scene.roots, self._clock, group, self._degraded)
        async with aclosing(follow) as found:
            async for began_at, paths in found:
                if not paths:  # watching has begun; what changes from here on is told
                    await self._begin(scene, before)
                    if begun is not None:
                        begun([str(rule.path) for rule in scene.rules])
                        begun = None
                    continue
                again = await self._batch(scene, paths, began_at)
                if again is not None:
                    return again
        return scene

    async def _begin(self, scene: WatchScene, before: WatchScene | None) -> None:
        """Learn what is there; what changed since the scene before was watched is acted upon."""
        roots = tuple(dict.fromkeys(rule.path for rule in scene.rules))
        found = await asyncio.to_thread(self._tree.look, roots)
        fresh = [rule for rule in scene.rules if before is None or rule not in before.rules]
        told = {rule for rule in before.rules if rule.is_mounted} if before else set()
        for rule in scene.rules:
            if rule.is_mounted and rule not in told:
                where = f"services.{rule.service}.develop.watch"
                self._degraded(f"{where}: {rule.path} is mounted at {rule.rule.target}: nothing is copied")
        for rule in fresh:
            mine = [e for p, e in found.items() if e is not None and p.is_relative_to(rule.path)]
            self._known.learn(mine)
            if rule.rule.initial_sync and rule.copies:
                brought = (e.path for e in mine if rule.counts(e.path) and rule.copies_path(e.path))
                self._ledger.note((rule, path) for path in brought)
                self._add(rule.service, Work(sync=True, began_at=self._clock.monotonic()))
        if before is not None:
            self._act_upon(scene, self._known.differ(roots, found, ()), (), self._clock.monotonic())

    async def _batch(self, scene: WatchScene, paths: Sequence[Path], began_at: float) -> WatchScene | None:
        """Have a batch acted upon; another scene where the project's own files changed."""
        parts = touched(scene.parts, paths)
        found = await asyncio.to_thread(self._tree.look, _outermost(paths))
        self._act_upon(scene, self._known.differ(paths, found, frozenset(paths)), parts, began_at)
        trigger = self._options.trigger_file
        if trigger is not None and trigger in paths and self._files.is_file(trigger):
            self._reload_by(trigger)
        if any(part.role is Role.SOURCE for part in parts):
            return await self._read_again()
        return None

    def _act_upon(
        self, scene: WatchScene, difference: Difference, parts: Sequence[Part], began_at: float
    ) -> None:
        batch = work_of(scene.rules, difference, services_to_reload(parts, scene.services), began_at)
        self._ledger.note(batch.changed)
        for service, work in batch.work.items():
            self._add(service, work)
        if batch.work or parts:
            named = dict.fromkeys(str(p) for p in (*(p for _, p in batch.changed), *(x.path for x in parts)))
            self._bus.publish(
                FileChanged(
                    at=self._clock.now(),
                    source="watching",
                    project=scene.project.name,
                    paths=tuple(named)[:_MOST_NAMED],
                )
            )

    async def _read_again(self) -> WatchScene | None:
        """The project as its files are now; None where they are wrong, which is told."""
        try:
            return await self._read()
        except PodkeeperError as error:
            self._degraded(f"it is watched as before, since the files are wrong: {error}")
            return None

    def _reload_by(self, trigger: Path) -> None:
        """Reload what a trigger file names; what it can not name is told."""
        try:
            names = self._files.read_text(trigger).replace(",", " ").split()
        except (OSError, UnicodeDecodeError) as error:
            self._degraded(f"{trigger} can not be read, so nothing is reloaded: {error}")
            return
        services = self._scene.services if self._scene else ()
        able = {service.name for service in services if service.own.reload is not None}
        known = [name for name in names if name in able]
        for name in names:
            if name not in able:
                self._degraded(
                    f"{trigger.name} names {name}, which is not watched, or has no `x-podkeeper.reload`"
                )
        if known or not names:
            self.reload(known)

    def _degraded(self, reason: str) -> None:
        project = self._scene.project.name if self._scene else None
        self._bus.publish(
            WatchingDegraded(at=self._clock.now(), source="watching", project=project, reason=reason)
        )

    # what is done

    def _on_container(self, event: ContainerEvent) -> None:
        """A container that starts may lack what changed while it was not there."""
        if self._scene is None or event.project != self._scene.project.name:
            return
        if event.kind in _STARTS and event.service in self._wakes:
            self._add(event.service, self._catching_up())

    def _catching_up(self) -> Work:
        return Work(sync=True, catches_up=True, began_at=self._clock.monotonic())

    def _add(self, service: ServiceName, work: Work) -> None:
        if service in self._wakes:
            before = self._waiting.get(service)
            self._waiting[service] = before.joined(work) if before else work
            self._wakes[service].set()

    async def _work(self, service: ServiceName) -> None:
        """Do what is to be done to one service, one thing after the other, for ever."""
        wake = self._wakes[service]
        told: tuple[str, ...] = ()
        is_behind = False
        if self._scene is not None:
            with suppress(PodkeeperError):
                await self._sync.meet(self._scene.project.name, service)
        while True:
            try:
                async with asyncio.timeout(RETRY_S if is_behind else None):
                    await wake.wait()
            except TimeoutError:
                pass
            wake.clear()
            work = self._waiting.pop(service, None) or self._catching_up()
            try:
                work, delivery = await self._act(service, work)
            except PodkeeperError as error:
                if error.is_transient:  # it is done when Podman answers again, with what comes meanwhile
                    self._waiting[service] = work.joined(self._waiting.get(service, work))
                delivery = Delivery(problems=(str(error),), is_complete=not error.is_transient)
            is_behind = not delivery.is_complete
            is_news = delivery.problems != told or not is_behind
            told = delivery.problems if is_behind else ()
            if is_news and (delivery.containers or delivery.problems):
                self._tell(service, work, delivery)

    async def _act(self, service: ServiceName, work: Work) -> tuple[Work, Delivery]:
        """Do it; what was done, and what came of it.

        Raises:
            PodkeeperError: Podman can not be asked; nothing was done.
        """
        scene = self._scene
        if scene is None or service not in scene.project.services:
            return work, Delivery()
        project = scene.project.name
        problems = await self._rebuild(service) if work.rebuild else ()
        containers = await self._sync.containers(project, service)
        delivery = await self._sync.deliver(containers, service)
        if work.catches_up and delivery.caught_up and not work.rebuild:
            work = work.joined(caught_up(delivery.caught_up, work.began_at))
        running = tuple(c for c in containers if c.is_running)
        if not work.rebuild and running:
            problems += await self._follow_up(scene.project.services[service], work, delivery, running)
        return work, replace(
            delivery,
            containers=delivery.containers if work.action == "sync" else running,
            problems=(*delivery.problems, *problems),
        )

    async def _follow_up(
        self, service: ServiceConfig, work: Work, delivery: Delivery, running: Sequence[ObservedContainer]
    ) -> tuple[str, ...]:
        """What comes after the files are in; what went wrong. What does not run is not started."""
        problems: tuple[str, ...] = ()
        for hook in work.mounted_hooks:
            problems += await self._sync.execute(running, hook)
        for hook in work.hooks:
            if hook not in work.mounted_hooks:
                problems += await self._sync.execute(delivery.containers, hook)
        if work.restart:
            async with self._one_change:
                result = await self._manager.restart_services((service.name,))
            return (*problems, *(p.message for p in result.problems))
        if work.reload:
            try:
                _ = await reload_service(await self._engine(), service, running)
            except PodkeeperError as error:
                return (*problems, str(error))
        return problems

    async def _rebuild(self, service: ServiceName) -> tuple[str, ...]:
        """Build and recreate one service, as `up --build SERVICE` does; what went wrong."""
        options = UpOptions(services=(service,), build=True, with_dependencies=False)
        project = self._scene.project.name if self._scene else None
        before = await self._sync.containers(project, service) if project else ()
        async with self._one_change:
            result = await self._manager.start_services(
                self._manager.environment, options, ChangeOptions(has_consent=False)
            )
        if result.ok and self._options.prune and project:
            engine = await self._engine()
            used = {c.image_id for c in await self._sync.containers(project, service)}
            for image in {c.image_id for c in before} - used:
                await engine.remove_image(image)
        return tuple(p.message for p in result.problems)

    def _tell(self, service: ServiceName, work: Work, delivery: Delivery) -> None:
        self._bus.publish(
            FilesSynced(
                at=self._clock.now(),
                source="watching",
                project=self._scene.project.name if self._scene else None,
                service=service,
                action=work.action,
                copied=delivery.copied,
                removed=delivery.removed,
                duration_s=max(self._clock.monotonic() - work.began_at, 0.0),
                message="; ".join(delivery.problems),
            )
        )


def _outermost(paths: Sequence[Path]) -> list[Path]:
    """Without those that are in a folder which is among them; that is looked through anyhow."""
    all_of_them = set(paths)
    return [path for path in paths if all_of_them.isdisjoint(path.parents)]
