"""A running stack on a fake engine, followed and monitored, for tests of what keeps it well."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import pytest
from tests.fakes.clock import LoopClock
from tests.fakes.fake_engine import FakeEngine
from tests.fakes.projects import BUSYBOX
from tests.fakes.stack import translation_of
from tests.fakes.supervision import Lease, MemoryNotes, Network
from tests.fakes.tasks import LoopTasks

from containers.bus import EventBus
from containers.event_integration import EventIntegration
from containers.health_monitor import HealthMonitor
from containers.model.base import ContainerId, ProjectName, ServiceName
from containers.model.errors import ErrorCode, LockHeldError, PodkeeperError
from containers.model.events import EventBase
from containers.model.observed import ObservedContainer
from containers.model.outcome import ComposeResult, Problem
from containers.model.project import ResolvedProject
from containers.settings import MonitorSettings
from containers.supervision.override import ManualOverride
from containers.supervision.recreations import Results

PATIENCE_S = 5.0


class Locks:
    """The port `ProjectLocks`; taken by somebody else while `holder` says who."""

    def __init__(self) -> None:
        self.holder = ""
        self.broken: PodkeeperError | None = None

    @asynccontextmanager
    async def hold(self, project: ProjectName, _purpose: str) -> AsyncIterator[None]:
        """Hold it, unless somebody does."""
        if self.broken is not None:
            raise self.broken
        if self.holder:
            raise LockHeldError(ErrorCode.LOCK_HELD, f"{project} is held by {self.holder}")
        yield


class Keeper:
    """A running stack on a fake engine, followed and monitored."""

    def __init__(self, stack: ResolvedProject) -> None:
        self.stack = stack
        self.clock = LoopClock()
        self.engine = FakeEngine(self.clock, images=[BUSYBOX])
        self.bus = EventBus(self.clock)
        self.tasks = LoopTasks()
        self.locks = Locks()
        self.settings = MonitorSettings(poll_s=0.05, first_backoff_s=0.01, max_attempts=3, hand_settle_s=0.02)
        self.lease = Lease("one")
        self.notes = MemoryNotes()
        self.network = Network()
        self.recreated: list[tuple[str, ...]] = []
        """The services of each change that was asked for."""
        self.undone = 0
        """So many of them are undone, after what they made was seen."""
        self.undone_for = ErrorCode.LOCK_HELD
        """What is said of those."""
        self.options: dict[str, tuple[str, ...]] = {}
        """Further options of a service's container."""
        self.is_changing = False
        self.is_restarting = False
        self.journal_fault: PodkeeperError | None = None
        """What reading the journal raises."""
        self.making_fault: PodkeeperError | None = None
        """What making something again raises."""
        self.seen: list[EventBase] = []
        self.changed = asyncio.Event()
        self.events = EventIntegration(engine=self.provide, bus=self.bus, clock=self.clock)
        self.override = ManualOverride(project=lambda: self.stack, notes=self.notes, leases=self.lease)
        self.monitor = HealthMonitor(
            project=lambda: self.stack,
            engine=self.provide,
            events=self.events,
            bus=self.bus,
            locks=self.locks,
            leases=self.lease,
            notes=self.notes,
            override=self.override,
            prober=self.network,
            make_again=self.make_again,
            was_changing=self.was_changing,
            was_restarting=self.was_restarting,
            jitter=lambda: 0.5,
            clock=self.clock,
            settings=lambda: self.settings,
            group=self.tasks,
        )

    async def provide(self) -> FakeEngine:
        """The engine."""
        return self.engine

    async def make_again(self, services: Collection[ServiceName], *, anew: bool = False) -> Results:
        """Create and start their first containers, as the manager would."""
        assert not anew
        asked = tuple(sorted(services))
        self.recreated.append(asked)
        if self.making_fault is not None:
            raise self.making_fault
        for service in asked:
            recipe = translation_of(self.stack).containers[service]
            made = await self.engine.create_container(f"demo_{service}_1", recipe, {})
            await self.engine.start_container(made)
            if self.undone:
                self.undone -= 1
                await self.until(lambda m=made: m in self.pictured(), "what is made")
                await self.clock.sleep(0.1)  # the monitor has looked at it
                await self.engine.remove_container(made)
                problem = Problem(code=self.undone_for, message="undone")
                return dict.fromkeys(
                    asked, ComposeResult(ok=False, project=self.stack.name, problems=(problem,))
                )
        return dict.fromkeys(asked, ComposeResult(ok=True, project=self.stack.name))

    async def was_restarting(self, _container: ObservedContainer, _at: datetime) -> bool:
        """Whether it restarts something."""
        return self.is_restarting

    async def was_changing(self, _container: ObservedContainer, _at: datetime) -> bool:
        """Whether a transaction is at work."""
        if self.journal_fault is not None:
            raise self.journal_fault
        return self.is_changing

    async def start(self, *, monitored: bool = True) -> None:
        """Create and start every service, and begin to watch."""
        recipes = translation_of(self.stack).containers
        for name in self.stack.services:
            recipe = recipes[name]
            policy = self.stack.services[name].restart_policy.name
            more = (*self.options.get(name, ()), "--restart", policy)
            recipe = recipe.model_copy(update={"options": (*recipe.options, *more)})
            made = await self.engine.create_container(f"demo_{name}_1", recipe, {})
            await self.engine.start_container(made)
        self.bus.start(self.tasks)
        self.bus.subscribe("test", self._note)
        self.events.bind(self.tasks)
        self.events.watch(self.stack.name)
        await self.events.setup_event_subscriptions()
        await self.until(lambda: "server.resynchronised" in self.kinds(), "the first look")
        if monitored:
            await self.monitor.start_monitoring()

    async def stop(self) -> None:
        """End everything; what broke is raised."""
        await self.monitor.stop_monitoring()
        await self.events.close()
        await self.bus.close()
        await self.tasks.cancel()

    def kinds(self) -> list[str]:
        """What was told, in order."""
        return [getattr(e, "kind", "") for e in self.seen]

    def pictured(self) -> set[ContainerId]:
        """The containers of the live picture."""
        return {c.id for c in self.events.world.of_project(self.stack.name)}

    def service(self, name: str) -> Any:
        """The live picture of a service's container."""
        return next(c for c in self.events.world.of_project(self.stack.name) if c.service == name)

    async def until(self, wanted: Any, what: str) -> None:
        """Wait until `wanted()`; looked at after each event and while time passes."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not wanted():
                    await self._next_event()
        except TimeoutError:
            pytest.fail(f"never saw {what}: {self.kinds()}")

    async def _next_event(self) -> None:
        """Return at the next event, or after a moment: not every change is told."""
        self.changed.clear()
        try:
            async with asyncio.timeout(0.02):
                await self.changed.wait()
        except TimeoutError:
            return

    def _note(self, event: EventBase) -> None:
        self.seen.append(event)
        self.changed.set()
