"""Who ended a container, where Podman itself does not know yet."""

import asyncio
from datetime import UTC, datetime
from typing import cast

import pytest
from tests.fakes.fake_engine import FakeEngine
from tests.fakes.manual_clock import ManualClock
from tests.fakes.projects import BUSYBOX, project
from tests.fakes.stack import translation_of

from containers.event_integration import EventIntegration
from containers.health.machine import Hand
from containers.model.base import ContainerId, ServiceName
from containers.model.observed import EngineEvent
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


def told(container: str, text: str, project_name: str = "demo", one_off: str = "False") -> list[EngineEvent]:
    """`died@10 remove@10.1` as events of a container."""
    labels = {"com.docker.compose.project": project_name, "com.docker.compose.oneoff": one_off}
    pairs = (word.split("@") for word in text.split())
    return [
        EngineEvent(type="container", action=a, id=container, at_ns=int(float(at) * 1e9), attributes=labels)
        for a, at in pairs
    ]


OVERTAKEN = told("web", "start@1 died@100 cleanup@100.2 remove@100.22")
"""By force, or after a stop: on Podman 5 either looks like this."""


@pytest.mark.parametrize(
    ("version", "others", "ran"),
    [
        ("5.4.2", [], False),
        ("5.4.2", told("db", "died@100.5 remove@100.7"), True),
        ("5.4.2", told("db", "died@99 stop@99 remove@99.2"), True),
        ("5.4.2", told("db", "died@100.5 cleanup@100.6 remove@100.7"), False),
        ("5.4.2", told("db", "died@90 remove@90.2"), False),
        ("5.4.2", told("db", "died@101.8 remove@102"), False),
        ("5.4.2", told("db", "start@100.5"), False),
        ("5.4.2", told("tests", "died@100.5 remove@100.7", one_off="True"), False),
        ("5.4.2", told("db", "died@100.5 remove@100.7", "other"), False),
        ("4.3.1", [], True),
    ],
)
async def test_whether_it_was_stopped_before_its_removal_is_told_by_what_was_removed_with_it(
    dead: Dead,
    monkeypatch: pytest.MonkeyPatch,
    version: str,
    others: list[EngineEvent],
    ran: bool,  # noqa: FBT001
) -> None:
    """Of those that one command removes by force few are overtaken; who stops them cleans up after each."""
    everything = sorted([*OVERTAKEN, *others], key=lambda event: event.at_ns)

    async def past_events(
        since_ns: int, until_ns: int = 10**12, *, container: ContainerId | None = None
    ) -> tuple[EngineEvent, ...]:
        return tuple(e for e in everything if since_ns <= e.at_ns <= until_ns and container in {None, e.id})

    monkeypatch.setattr(dead.engine, "past_events", past_events)
    dead.engine.turn_into(version)
    async with asyncio.TaskGroup() as group:
        at = datetime.fromtimestamp(100.22, UTC)
        asking = group.create_task(dead.finder.ran_when_removed(ContainerId("web"), at))
        await dead.clock.advance(1)
    assert asking.result() is ran
