"""EventIntegration: Podman's event stream onto the bus, and the live picture of every watched project."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

from containers.bus import EventBus
from containers.death_watch import DeathWatch
from containers.gap_watch import GapWatch
from containers.model.base import ContainerId, ProjectName
from containers.model.errors import EngineError
from containers.model.events import (
    ContainerEvent,
    EngineConnected,
    EngineDisconnected,
    EventBase,
    FileChanged,
    HealthChanged,
    Lifecycle,
    PartFailed,
    PartRecovered,
    Resynchronised,
    TransactionStarted,
    WorldChanged,
)
from containers.model.observed import EngineEvent, ObservedState
from containers.observation import event_translation
from containers.observation.ends_seen import EndsSeen
from containers.observation.world import WorldState, health_changes, moved
from containers.ports.engine import ContainerEngine
from containers.ports.machine import Clock, ProcessWatch, TaskOwner

log = logging.getLogger(__name__)

EngineProvider = Callable[[], Awaitable[ContainerEngine]]
"""The engine, connected at first use; raises `EngineError` each time while it can not be reached."""

FIRST_RETRY_S = 0.2
LONGEST_RETRY_S = 5.0
GATHER_S = 0.03
"""Events come in bursts; this long after the first of one, the project is looked at once."""
REMEMBERED = 8192
"""A rotated event log is delivered again, and what is asked for comes once more in the stream: events seen
before are dropped by their identity. Podman's log holds some 3,000 before it is rotated."""
OVERLAP_NS = 10_000_000_000
"""Podman's processes take an event's time before they wait for the log's lock, so that an older event may be
written after a newer one. Who asks again asks for this much more, and drops what it has seen."""
LOST_S = 3.0
"""Away for so long, another way to the engine is looked for: its socket may never come back."""
SHORT_S = 1.0
"""A stream that breaks sooner does not work, although Podman answers."""
STREAM = "event stream"
LONGEST_UNSEEN_S = 15.0
"""A watched project that no event told of for so long is looked at all the same, for what was lost."""
CHECKS_GATHER_S = 1.0
"""After a check that seems to have changed nothing. Below Podman 5 the event does not tell what it said."""


class EventIntegration:
    """Owns event order and the live state of every watched project.

    After `setup_event_subscriptions` it follows the engine's events for as long as it lives: when the
    stream breaks it says so (`server.engine_disconnected`), tries again with back-off, and after it is
    back looks at everything afresh (`server.resynchronised`). Each event is published at once; a snapshot
    of the project follows, since events tell neither ports nor, below Podman 5, the health.
    """

    def __init__(
        self,
        *,
        engine: EngineProvider,
        bus: EventBus,
        clock: Clock,
        processes: ProcessWatch | None = None,
        find_again: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Args beside the obvious.

        processes: tells of deaths sooner than the engine does; without it the engine's events suffice.
        find_again: has `engine` take another way to the same engine, if there is one; raises `EngineError`.
        """
        self._engine = engine
        self._find_again = find_again
        self._bus = bus
        self._clock = clock
        self._watched: set[ProjectName] = set()
        self._dirty: set[ProjectName] = set()
        self._soon: set[ProjectName] = set()
        self._looked_at: dict[ProjectName, float] = {}
        self._pictured_at: dict[ProjectName, datetime] = {}
        """When the last look at a project began: it has in it what is told late of the time before."""
        self._wake = asyncio.Event()
        self._looking = asyncio.Lock()
        self._seen: OrderedDict[int, None] = OrderedDict()
        self._ends = EndsSeen()
        self._group: TaskOwner | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._since_ns: int | None = None
        """The newest event's time; before the first, when we began."""
        self._began_ns = 0
        self._changing: set[ProjectName] = set()
        """Projects that a transaction of this process is changing: nobody waits for news of their deaths."""
        self._stream_is_broken = False
        self._gaps = GapWatch(catch_up=self.catch_up, announce=self._announce, clock=clock)
        self._deaths = (
            DeathWatch(
                processes=processes,
                engine=engine,
                catch_up=self.catch_up,
                knows_death=self._ends.is_dead,
                may_vanish=self.was_stopped_by_hand,
                is_urgent=lambda project: project not in self._changing,
                clock=clock,
            )
            if processes is not None
            else None
        )
        self.world = WorldState()
        """The live picture; replaced, never changed."""
        self.disconnected: str | None = "not connected yet"
        """Why the engine does not answer; None while it does."""

    def bind(self, group: TaskOwner) -> None:
        """Name the task group that the following tasks will run in."""
        self._group = group

    def watch(self, project: ProjectName) -> None:
        """Keep the live picture of `project`, from now on."""
        self._watched.add(project)
        self._mark(project)

    def unwatch(self, project: ProjectName) -> None:
        """Forget a project."""
        self._watched.discard(project)
        self._dirty.discard(project)
        self._looked_at.pop(project, None)
        self._pictured_at.pop(project, None)
        if self._deaths is not None:
            self._deaths.show(project, ())

    @property
    def processes_watched(self) -> int:
        """How many containers' ends the kernel tells us of."""
        return len(self._deaths) if self._deaths is not None else 0

    def was_stopped_by_hand(self, container: ContainerId) -> bool:
        """Whether the engine told of a `stop` since the container last started, or of a signal that ended it.

        A signal that it outlived, such as `kill -s HUP`, says nothing of a later death.
        """
        return self._ends.was_stopped_by_hand(container, int(self._clock.now().timestamp() * 1e9))

    async def setup_event_subscriptions(self) -> None:
        """Begin to follow the engine, from this moment on; safe to call again.

        Returns at once: whether the engine can be reached is told on the bus.
        """
        if self._tasks:
            return
        if self._group is None:
            msg = "bind() comes first: the tasks need an owner"
            raise RuntimeError(msg)
        _ = self._from_ns()  # what happens until the engine answers is asked for once it does
        self._tasks = [
            self._group.create_task(self._follow(), name="engine-events"),
            self._group.create_task(self._refresh(), name="engine-snapshots"),
        ]
        self._tasks.append(self._group.create_task(self._gaps.run(), name="event-gaps"))
        if self._deaths is not None:
            self._tasks.append(self._group.create_task(self._deaths.run(), name="deaths"))
        # what a transaction did is looked at even where the engine lost an event of it
        topics = ("transaction.started", "transaction.finished")
        self._bus.subscribe("engine-snapshots", self._look_after, topics=topics)

    def follow_anew(self) -> None:
        """Leave the stream, and the picture, of an engine that is not asked any more."""
        if not self._tasks:
            return
        assert self._group is not None  # noqa: S101  (only called once bound)
        self._tasks[0].cancel()
        self._tasks[0] = self._group.create_task(self._follow(), name="engine-events")
        self._since_ns = None
        _ = self._from_ns()
        self.world, self._pictured_at = WorldState(), {}
        self._tell_disconnected("another Podman was chosen")

    async def close(self) -> None:
        """Stop following."""
        for task in self._tasks:
            task.cancel()
        self._tasks = []
        if self._deaths is not None:
            self._deaths.close()

    async def catch_up(self) -> None:
        """Read what the engine has noted by now, ahead of its stream, and tell what is new.

        Raises:
            EngineError: the engine can not be asked.
        """
        engine = await self._engine()
        for event in await engine.past_events(self._from_ns()):
            await self.handle_container_event(event)

    async def handle_container_event(self, event: EngineEvent) -> None:
        """Publish what an engine event means, fold it into the world, and have the project looked at."""
        if event.identity in self._seen:
            return
        self._seen[event.identity] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        self._since_ns = max(self._since_ns or 0, event.at_ns)
        self._ends.note(event)
        project = event_translation.project_of(event)
        told = event_translation.translate(event)
        if told is not None:
            self._gaps.told(told.container)
            if self._deaths is not None:
                self._deaths.note(told)
            if not self._is_pictured(told):
                self.world = self.world.with_event(told)
            self._bus.publish(told)
        if project not in self._watched:
            return
        if told is not None or self._tells_new_health(event):
            self._mark(project)
        elif event_translation.is_health_check(event):
            self._mark_soon(project)

    async def handle_file_change_event(self, event: FileChanged) -> None:
        """Publish that files changed; who validates or shows them listens for it."""
        self._bus.publish(event)

    async def emit_container_lifecycle_event(self, event_type: str, data: Mapping[str, Any]) -> None:
        """Publish a life-cycle event that no engine told of, such as one of a hook or a test.

        Args:
            event_type: what happened, such as `reload`.
            data: JSON-like details. `container` and `project` are understood, if there.
        """
        if isinstance(data.get("event"), ContainerEvent):
            self._bus.publish(data["event"])
            return
        self._bus.publish(
            Lifecycle(
                at=self._clock.now(),
                source="server",
                project=data.get("project"),
                event_type=event_type,
                data=dict(data),
            )
        )

    async def refresh(self, project: ProjectName) -> None:
        """Look at a project now, and publish what is new.

        One look at a time: of two at once the older answer could come last, and would stay. None amid a stop
        of somebody: Podman 4.3 would leave that off.

        Raises:
            EngineError: the engine can not be asked.
        """
        async with self._looking:
            engine = await self._engine()
            if self._deaths is not None:
                await self._deaths.let_stops_end()
            began_at = self._clock.now()
            observed = ObservedState(project=project, containers=await engine.containers_of(project))
            self._looked_at[project], self._pictured_at[project] = self._clock.monotonic(), began_at
            before = self.world
            self.world = before.with_snapshot(observed)
        self._gaps.seen(moved(before, self.world, project))
        if self._deaths is not None and project in self._watched:
            self._deaths.show(project, observed.containers)
        if self.world.projects.get(project) != before.projects.get(project):
            for container, was in health_changes(before, self.world, project):
                self._bus.publish(
                    HealthChanged(
                        at=self._clock.now(),
                        source="health",
                        project=project,
                        service=container.service,
                        container=container.id,
                        before=was,
                        after=container.health,
                    )
                )
            self._bus.publish(WorldChanged(at=self._clock.now(), source="server", project=project))

    def _unseen(self) -> set[ProjectName]:
        """Projects that are to be looked at although nothing was told of them."""
        if self.disconnected is not None:
            return set()
        since = self._clock.monotonic() - LONGEST_UNSEEN_S
        return {project for project in self._watched if self._looked_at.get(project, since) <= since}

    def _is_pictured(self, event: ContainerEvent) -> bool:
        """Whether the live picture is of a later moment: an event that is told late must not turn it back."""
        pictured_at = self._pictured_at.get(event.project) if event.project is not None else None
        return pictured_at is not None and event.at <= pictured_at

    def _look_after(self, event: EventBase) -> None:
        if event.project is None:
            return
        if isinstance(event, TransactionStarted):
            self._changing.add(event.project)
            return
        self._changing.discard(event.project)
        if event.project in self._watched:
            self._mark(event.project)

    def _from_ns(self) -> int:
        """From when on to ask for events, so that none is missed; nothing from before we began."""
        if self._since_ns is None:
            self._since_ns = self._began_ns = int(self._clock.now().timestamp() * 1e9)
        return max(self._since_ns - OVERLAP_NS, self._began_ns)

    def _tells_new_health(self, event: EngineEvent) -> bool:
        """Whether a check's event names another health than is known; below Podman 5 it never does."""
        known = self.world.projects.get(ProjectName(event_translation.project_of(event) or ""), {})
        container = known.get(ContainerId(event.id))
        return container is not None and event.health not in {None, "", container.health.value}

    def _mark_soon(self, project: ProjectName | None) -> None:
        """Look within a second: twenty services that are checked at once and are well cost one look.

        Who ran a check himself knows what it said, and has the project looked at without this.
        """
        if project is None or project in self._soon or self._group is None:
            return
        self._soon.add(project)
        _ = self._group.create_task(self._mark_after_checks(project), name="checks-looked-at")

    async def _mark_after_checks(self, project: ProjectName) -> None:
        await self._clock.sleep(CHECKS_GATHER_S)
        self._soon.discard(project)
        if project in self._watched:
            self._mark(project)

    def _mark(self, project: ProjectName | None) -> None:
        if project is not None:
            self._dirty.add(project)
            self._wake.set()

    async def _follow(self) -> None:
        """The stream, for ever."""
        retry_s = FIRST_RETRY_S
        lost_at: float | None = None
        while True:
            began = self._clock.monotonic()
            try:
                if lost_at is not None and began - lost_at >= LOST_S and self._find_again is not None:
                    await self._find_again()
                engine = await self._engine()
                await self._stream(engine)
                if self._clock.monotonic() - began >= SHORT_S:
                    lost_at = None
                    continue  # Podman ends it when its log is read amid a line; what follows is asked for
                reason = "the event stream ended"
            except EngineError as error:
                reason = str(error)
            if self.disconnected is None:
                lost_at = None  # it answered: only its stream does not last
                self._note_stream(reason, self._clock.monotonic() - began)
            elif lost_at is None:
                lost_at = self._clock.monotonic()
            self._tell_disconnected(reason)
            if self._clock.monotonic() - began > LONGEST_RETRY_S:
                retry_s = FIRST_RETRY_S
            await self._clock.sleep(retry_s)
            retry_s = min(retry_s * 2, LONGEST_RETRY_S)

    async def _stream(self, engine: ContainerEngine) -> None:
        """One connection: announce it, look at everything, then hand on events until it breaks."""
        info = await engine.info()
        since_ns = self._from_ns()
        was_away = self.disconnected is not None
        containers = 0
        for project in tuple(self._watched):
            await self.refresh(project)
            containers += len(self.world.of_project(project))
        if not self._watched:
            await self.catch_up()  # what `info` knows says nothing of now
        self.disconnected = None
        self._gaps.forgive()
        if was_away:
            now = self._clock.now()
            self._bus.publish(EngineConnected(at=now, source="server", socket=info.socket))
            self._bus.publish(Resynchronised(at=now, source="server", containers=containers))
        async for event in engine.events(since_ns):
            if self._stream_is_broken:
                self._stream_is_broken = False
                self._bus.publish(PartRecovered(at=self._clock.now(), source="server", part=STREAM))
            await self.handle_container_event(event)

    def _announce(self) -> None:
        """The engine's own log has lost events; the picture was looked at, and is true."""
        containers = sum(len(self.world.of_project(project)) for project in self._watched)
        self._bus.publish(Resynchronised(at=self._clock.now(), source="server", containers=containers))

    def _tell_disconnected(self, reason: str) -> None:
        if self.disconnected is None:
            self._bus.publish(EngineDisconnected(at=self._clock.now(), source="server", reason=reason))
        self.disconnected = reason

    def _note_stream(self, reason: str, lasted_s: float) -> None:
        """Podman answered, and its stream broke at once: that part does not work, while others may."""
        if lasted_s < SHORT_S and not self._stream_is_broken:
            self._stream_is_broken = True
            self._bus.publish(PartFailed(at=self._clock.now(), source="server", part=STREAM, reason=reason))

    async def _refresh(self) -> None:
        """Look at what events, or a new watch, marked; bursts cost one look."""
        while True:
            try:
                async with asyncio.timeout(LONGEST_UNSEEN_S / 3):
                    await self._wake.wait()
                await self._clock.sleep(GATHER_S)
            except TimeoutError:
                if not (self._dirty or self._unseen()):
                    continue
            self._wake.clear()
            waiting, self._dirty = self._dirty | self._unseen(), set()
            again: set[ProjectName] = set()
            for project in waiting:
                try:
                    await self.refresh(project)
                except EngineError as error:
                    log.info("could not look at %s, trying again: %s", project, error)
                    again.add(project)
            if again and self.disconnected is None:  # else everything is looked at on reconnecting
                await self._clock.sleep(FIRST_RETRY_S)
                self._dirty |= again & self._watched
                self._wake.set()
