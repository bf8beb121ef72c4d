"""EventIntegration: Podman's event stream onto the bus, and the live picture of every watched project."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from containers.bus import EventBus
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
    Resynchronised,
    WorldChanged,
)
from containers.model.observed import EngineEvent
from containers.observation import event_translation
from containers.observation.world import WorldState, health_changes
from containers.ports import Clock, ContainerEngine, TaskOwner

log = logging.getLogger(__name__)

EngineProvider = Callable[[], Awaitable[ContainerEngine]]
"""The engine, connected at first use; raises `EngineError` each time while it can not be reached."""

FIRST_RETRY_S = 0.2
LONGEST_RETRY_S = 5.0
GATHER_S = 0.03
"""Events come in bursts; this long after the first of one, the project is looked at once."""
REMEMBERED = 512
"""A rotated event log is delivered again: events seen before are dropped by time, container and action."""


class EventIntegration:
    """Owns event order and the live state of every watched project.

    After `setup_event_subscriptions` it follows the engine's events for as long as it lives: when the
    stream breaks it says so (`server.engine_disconnected`), tries again with back-off, and after it is
    back looks at everything afresh (`server.resynchronised`). Each event is published at once; a snapshot
    of the project follows, since events tell neither ports nor, below Podman 5, the health.
    """

    def __init__(self, *, engine: EngineProvider, bus: EventBus, clock: Clock) -> None:
        self._engine = engine
        self._bus = bus
        self._clock = clock
        self._watched: set[ProjectName] = set()
        self._dirty: set[ProjectName] = set()
        self._wake = asyncio.Event()
        self._looking = asyncio.Lock()
        self._seen: deque[tuple[int, str, str]] = deque(maxlen=REMEMBERED)
        self._stopped_by_hand: set[ContainerId] = set()
        self._group: TaskOwner | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._since_ns: int | None = None
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

    def was_stopped_by_hand(self, container: ContainerId) -> bool:
        """Whether the engine told of a `stop` or `kill` of the container since it last started."""
        return container in self._stopped_by_hand

    async def setup_event_subscriptions(self) -> None:
        """Begin to follow the engine; safe to call again.

        Returns at once: whether the engine can be reached is told on the bus.
        """
        if self._tasks:
            return
        if self._group is None:
            msg = "bind() comes first: the tasks need an owner"
            raise RuntimeError(msg)
        self._tasks = [
            self._group.create_task(self._follow(), name="engine-events"),
            self._group.create_task(self._refresh(), name="engine-snapshots"),
        ]
        # what a transaction did is looked at even where the engine lost an event of it
        self._bus.subscribe("engine-snapshots", self._look_after, topics=("transaction.finished",))

    async def close(self) -> None:
        """Stop following."""
        for task in self._tasks:
            task.cancel()
        self._tasks = []

    async def handle_container_event(self, event: EngineEvent) -> None:
        """Publish what an engine event means, fold it into the world, and have the project looked at."""
        key = (event.at_ns, event.id, event.action)
        if key in self._seen:
            return
        self._seen.append(key)
        self._since_ns = max(self._since_ns or 0, event.at_ns)
        self._note_hand(event)
        project = event_translation.project_of(event)
        told = event_translation.translate(event)
        if told is not None:
            self.world = self.world.with_event(told)
            self._bus.publish(told)
        if project in self._watched and (told is not None or event_translation.is_health_check(event)):
            self._mark(project)

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

        One look at a time: of two at once the older answer could come last, and would stay.

        Raises:
            EngineError: the engine can not be asked.
        """
        async with self._looking:
            engine = await self._engine()
            observed = await engine.snapshot(project)
            before = self.world
            self.world = before.with_snapshot(observed)
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

    def _note_hand(self, event: EngineEvent) -> None:
        if event.type != "container":
            return
        if event.action in {"stop", "kill"}:
            self._stopped_by_hand.add(ContainerId(event.id))
        elif event.action in {"start", "restart", "remove"}:
            self._stopped_by_hand.discard(ContainerId(event.id))

    def _look_after(self, event: EventBase) -> None:
        if event.project in self._watched:
            self._mark(event.project)

    def _mark(self, project: ProjectName | None) -> None:
        if project is not None:
            self._dirty.add(project)
            self._wake.set()

    async def _follow(self) -> None:
        """The stream, for ever."""
        retry_s = FIRST_RETRY_S
        while True:
            began = self._clock.monotonic()
            try:
                engine = await self._engine()
                await self._stream(engine)
                reason = "the event stream ended"
            except EngineError as error:
                reason = str(error)
            if self.disconnected is None:
                self._bus.publish(EngineDisconnected(at=self._clock.now(), source="server", reason=reason))
            self.disconnected = reason
            if self._clock.monotonic() - began > LONGEST_RETRY_S:
                retry_s = FIRST_RETRY_S
            await self._clock.sleep(retry_s)
            retry_s = min(retry_s * 2, LONGEST_RETRY_S)

    async def _stream(self, engine: ContainerEngine) -> None:
        """One connection: announce it, look at everything, then hand on events until it breaks."""
        info = await engine.info()
        if self._since_ns is None:
            self._since_ns = int(self._clock.now().timestamp() * 1e9)
        was_away = self.disconnected is not None
        containers = 0
        for project in tuple(self._watched):
            await self.refresh(project)
            containers += len(self.world.of_project(project))
        self.disconnected = None
        if was_away:
            now = self._clock.now()
            self._bus.publish(EngineConnected(at=now, source="server", socket=info.socket))
            self._bus.publish(Resynchronised(at=now, source="server", containers=containers))
        async for event in engine.events(self._since_ns):
            await self.handle_container_event(event)

    async def _refresh(self) -> None:
        """Look at what events, or a new watch, marked; bursts cost one look."""
        while True:
            await self._wake.wait()
            await self._clock.sleep(GATHER_S)
            self._wake.clear()
            waiting, self._dirty = self._dirty, set()
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
