"""Who ended a container, where Podman itself does not know yet."""

import asyncio
from typing import cast

import pytest
from tests.fakes.fake_engine import FakeEngine
from tests.fakes.manual_clock import ManualClock
from tests.fakes.projects import BUSYBOX, project
from tests.fakes.stack import translation_of

from containers.event_integration import EventIntegration
from containers.health.machine import Hand
from containers.model.base import ContainerId, ServiceName
from containers.ports.engine import ContainerEngine
from containers.supervision.causes import CauseFinder

WEB = "demo_web_1"


class NothingHeard:
    """Events of which none told of a stop."""

    def was_stopped_by_hand(self, _container: ContainerId) -> bool:
        """No."""
        return False


class Dead:
    """A container that was killed, on an engine whose machine is too busy to clean up after it."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.engine = FakeEngine(self.clock, images=[BUSYBOX])
        heard = cast("EventIntegration", NothingHeard())
        self.finder = CauseFinder(engine=self._engine, events=heard, clock=self.clock)

    async def _engine(self) -> ContainerEngine:
        return self.engine

    async def ask(self, group: asyncio.TaskGroup) -> asyncio.Task[Hand]:
        """Who ended it."""
        recipe = translation_of(project(services={"web": {}})).containers[ServiceName("web")]
        made = await self.engine.create_container(WEB, recipe, {})
        await self.engine.start_container(made)
        self.engine.die(WEB, 137, cleaned=False)
        return group.create_task(self.finder.hand_of(made, 0.3))


@pytest.fixture
def dead() -> Dead:
    """One."""
    return Dead()


async def test_a_crash_is_known_as_one_also_where_the_machine_is_too_busy_to_tell(dead: Dead) -> None:
    """Podman cleans up by a command of its own, which may take it seconds."""
    async with asyncio.TaskGroup() as group:
        asking = await dead.ask(group)
        await dead.clock.advance(8)
        assert not asking.done()
        dead.engine.clean_up(WEB)
        await dead.clock.advance(1)
        assert asking.done()
    assert asking.result() is Hand.NO


async def test_a_stop_is_known_as_one_whenever_the_second_cleans_up(dead: Dead) -> None:
    """Who stopped it does, too."""
    async with asyncio.TaskGroup() as group:
        asking = await dead.ask(group)
        await dead.clock.advance(1)
        dead.engine.clean_up(WEB)
        await dead.clock.advance(0.2)
        dead.engine.clean_up(WEB)
        await dead.clock.advance(0.2)
    assert asking.result() is Hand.YES


async def test_what_nobody_ever_cleans_up_after_stays_unknown(dead: Dead) -> None:
    """It is left as it is."""
    async with asyncio.TaskGroup() as group:
        asking = await dead.ask(group)
        await dead.clock.advance(20)
        assert asking.done()
    assert asking.result() is Hand.UNKNOWN


async def test_what_podman_has_restarted_itself_is_not_waited_for(dead: Dead) -> None:
    """It does not clean up after it."""
    async with asyncio.TaskGroup() as group:
        asking = await dead.ask(group)
        await dead.engine.start_container(dead.engine.container(WEB).id)
        await dead.clock.advance(4)
        assert asking.done()
