"""What an event of a health check costs: a look only where it may tell something new."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.fakes.fake_engine import FakeEngine
from tests.fakes.manual_clock import ManualClock
from tests.fakes.projects import BUSYBOX, project
from tests.fakes.stack import translation_of
from tests.fakes.tasks import LoopTasks
from typing_extensions import override

from containers.bus import EventBus
from containers.event_integration import CHECKS_GATHER_S, GATHER_S, EventIntegration
from containers.model.base import ProjectName
from containers.model.observed import EngineEvent, ObservedContainer

SERVICES = [f"s{number}" for number in range(5)]


class CountedLooks(FakeEngine):
    """An engine that counts how often it is asked for a project's containers."""

    looks = 0

    @override
    async def containers_of(self, project: ProjectName) -> tuple[ObservedContainer, ...]:
        """Count it."""
        self.looks += 1
        return await super().containers_of(project)


class Followed:
    """A running stack whose events are handed on by the test."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.engine = CountedLooks(self.clock, images=[BUSYBOX])
        self.tasks = LoopTasks()
        self.bus = EventBus(self.clock)
        self.events = EventIntegration(engine=self.provide, bus=self.bus, clock=self.clock)
        self.stack = project("demo", {name: {"image": BUSYBOX} for name in SERVICES})

    async def provide(self) -> Any:
        """The engine."""
        return self.engine

    async def start(self) -> None:
        """Start the services, and look at them once."""
        recipes = translation_of(self.stack).containers
        for name in self.stack.services:
            made = await self.engine.create_container(f"demo_{name}_1", recipes[name], {})
            await self.engine.start_container(made)
        self.events.bind(self.tasks)
        self.events.watch(self.stack.name)
        await self.events.setup_event_subscriptions()
        await self.clock.advance(1)
        self.engine.looks = 0

    async def check(self, said: str) -> None:
        """Each service is checked at once, and the event of each says so."""
        for number, container in enumerate(self.events.world.of_project(self.stack.name)):
            await self.events.handle_container_event(
                EngineEvent(
                    type="container",
                    action="health_status",
                    id=container.id,
                    at_ns=int(self.clock.now().timestamp() * 1e9) + number,
                    attributes={"com.docker.compose.project": self.stack.name},
                    health=said,
                )
            )
            await self.clock.advance(2 * GATHER_S)


@pytest.fixture
async def followed() -> AsyncIterator[Followed]:
    """A stack that is followed."""
    made = Followed()
    await made.start()
    yield made
    await made.events.close()
    await made.tasks.cancel()


async def test_services_that_are_checked_at_once_and_are_as_they_were_cost_one_look(
    followed: Followed,
) -> None:
    """Symptom: watching twenty idle services took over 1 % of a core; each check had all of them listed."""
    await followed.check("none")
    await followed.clock.advance(CHECKS_GATHER_S + 1)
    assert followed.engine.looks == 1
    await followed.check("none")
    await followed.clock.advance(CHECKS_GATHER_S + 1)
    assert followed.engine.looks == 2


async def test_a_check_that_says_something_new_is_looked_at_at_once(followed: Followed) -> None:
    """Not a second later."""
    await followed.check("unhealthy")
    assert followed.engine.looks == len(SERVICES)


async def test_a_project_that_is_not_watched_any_more_is_not_looked_at_late(followed: Followed) -> None:
    """Its last check's look was still to come."""
    await followed.check("none")
    followed.events.unwatch(followed.stack.name)
    await followed.clock.advance(CHECKS_GATHER_S + 1)
    await asyncio.sleep(0)
    assert followed.engine.looks == 0
