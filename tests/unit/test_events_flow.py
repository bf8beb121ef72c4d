"""From the engine's events and the kernel's word to the bus: in order, each once, none lost unannounced."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from tests.fakes.clock import LoopClock
from tests.fakes.fake_engine import FakeEngine
from tests.fakes.fake_processes import FakeProcesses
from tests.fakes.projects import BUSYBOX, project
from tests.fakes.stack import translation_of
from tests.fakes.tasks import LoopTasks

from containers import event_integration
from containers.bus import EventBus
from containers.death_watch import LATE_AFTER, MOST_DEATHS, WAITS_S
from containers.event_integration import SHORT_S, EventIntegration
from containers.model.base import ContainerId, ProjectName
from containers.model.errors import EngineError, ErrorCode
from containers.model.events import (
    ContainerEvent,
    EventBase,
    PartFailed,
    PartRecovered,
    TransactionFinished,
    TransactionStarted,
)
from containers.model.observed import ContainerDetail, EngineEvent, ObservedContainer

STACK = project(services={"web": {}, "db": {}})
PATIENCE_S = 5.0


class Followed:
    """A running stack on a fake engine, followed with the kernel's help."""

    def __init__(self) -> None:
        self.clock = LoopClock()
        self.engine = FakeEngine(self.clock, images=[BUSYBOX])
        self.processes = FakeProcesses()
        self.bus = EventBus(self.clock)
        self.tasks = LoopTasks()
        self.told: list[EventBase] = []
        self.answers = asyncio.Event()
        self.answers.set()
        self.looked_for_ways = 0
        self.events = EventIntegration(
            engine=self.provide,
            bus=self.bus,
            clock=self.clock,
            processes=self.processes,
            find_again=self.look_for_ways,
        )

    async def provide(self) -> FakeEngine:
        """The engine, as soon as it answers."""
        await self.answers.wait()
        return self.engine

    async def look_for_ways(self) -> None:
        """There is no other way to it."""
        self.looked_for_ways += 1

    async def start(self) -> None:
        """Create and start every service, and follow."""
        recipes = translation_of(STACK).containers
        for name in STACK.services:
            made = await self.engine.create_container(f"demo_{name}_1", recipes[name], {})
            await self.engine.start_container(made)
        self.bus.start(self.tasks)
        self.bus.subscribe("test", self.told.append)
        self.events.bind(self.tasks)
        self.events.watch(STACK.name)
        await self.events.setup_event_subscriptions()
        await self.until(lambda: "server.resynchronised" in self.kinds(), "the first look")
        await self.clock.sleep(0.05)

    async def stop(self) -> None:
        """End everything; what broke is raised."""
        await self.events.close()
        await self.bus.close()
        await self.tasks.cancel()

    def kinds(self, prefix: str = "") -> list[str]:
        """What was told, in order."""
        kinds = [getattr(event, "kind", "") for event in self.told]
        return [kind for kind in kinds if kind.startswith(prefix)]

    def service(self, name: str) -> ObservedContainer:
        """The live picture of a service's container."""
        return next(c for c in self.events.world.of_project(STACK.name) if c.service == name)

    async def until(self, wanted: Callable[[], bool], what: str) -> None:
        """Wait until `wanted()`."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not wanted():
                    await self.clock.sleep(0.005)
        except TimeoutError:
            pytest.fail(f"never saw {what}: {self.kinds()}")


@pytest.fixture
async def followed() -> AsyncIterator[Followed]:
    """Started."""
    made = Followed()
    await made.start()
    yield made
    await made.stop()


async def test_a_death_is_told_before_the_stream_tells_it_and_then_not_again(followed: Followed) -> None:
    """The kernel's word makes us read Podman's account, with its exit code."""
    web = followed.service("web")
    followed.engine.hush()
    followed.engine.die("demo_web_1", 3)
    followed.processes.end(web.id)
    await followed.until(lambda: "container.died" in followed.kinds(), "the death")
    (died,) = [event for event in followed.told if isinstance(event, ContainerEvent)]
    assert (died.kind, died.exit_code, died.service) == ("container.died", 3, "web")
    followed.engine.speak()
    await followed.clock.sleep(0.1)
    assert followed.kinds("container.") == ["container.died"]


async def test_podman_is_not_made_to_look_amid_a_stop_of_somebody(
    followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Podman 4.3 would leave off that stop, and not tell that it was one; only where it is late it has to."""
    web = followed.service("web")
    readings = 0
    looks: list[tuple[str, int]] = []
    past_events, inspect = followed.engine.past_events, followed.engine.inspect_container
    list_all = followed.engine.containers_of

    async def read(since_ns: int) -> tuple[EngineEvent, ...]:
        nonlocal readings
        readings += 1
        return await past_events(since_ns)

    async def look(container: ContainerId) -> ContainerDetail:
        looks.append(("one", readings))
        return await inspect(container)

    async def look_at_all(project: ProjectName) -> tuple[ObservedContainer, ...]:
        looks.append(("all", readings))
        return await list_all(project)

    monkeypatch.setattr(followed.engine, "past_events", read)
    monkeypatch.setattr(followed.engine, "inspect_container", look)
    monkeypatch.setattr(followed.engine, "containers_of", look_at_all)
    followed.processes.end(web.id)
    await followed.events.refresh(STACK.name)
    await followed.until(lambda: readings == len(WAITS_S), "the last reading")
    assert {reading for _, reading in looks} == {LATE_AFTER, LATE_AFTER + 1}
    assert [what for what, _ in looks].count("all") == 1


async def killed_in_silence(followed: Followed) -> ContainerId:
    """A container that a person killed, of which the kernel tells before Podman's stream does."""
    web = followed.service("web")
    followed.engine.hush()
    await followed.engine.kill_container(web.id)
    followed.processes.end(web.id)
    await followed.until(lambda: "container.died" in followed.kinds(), "the death")
    return web.id


async def test_a_removal_by_force_is_told_before_the_stream_tells_it(followed: Followed) -> None:
    """It begins with what ends it, so that the death alone does not show what it is."""
    await followed.engine.remove_container(await killed_in_silence(followed))
    await followed.until(lambda: "container.removed" in followed.kinds(), "the removal")


async def test_after_a_removal_or_a_new_start_nothing_is_asked_about_the_death(
    followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Symptom: Podman's log was read six times for each, and a list waited for it."""
    web, db = followed.service("web"), followed.service("db")
    readings = 0
    past_events = followed.engine.past_events

    async def read(since_ns: int) -> tuple[EngineEvent, ...]:
        nonlocal readings
        readings += 1
        return await past_events(since_ns)

    monkeypatch.setattr(followed.engine, "past_events", read)
    followed.engine.hush()
    followed.processes.end(web.id)
    followed.processes.end(db.id)
    await followed.engine.remove_container(web.id)
    await followed.engine.restart_container(db.id)
    await followed.clock.sleep(2 * sum(WAITS_S))
    assert {"container.removed", "container.started"} <= set(followed.kinds())
    assert readings == 1


async def test_what_came_before_a_death_is_told_before_it(followed: Followed) -> None:
    """Such as the signal of a person, so that nobody takes it for a crash."""
    assert followed.events.was_stopped_by_hand(await killed_in_silence(followed))


async def test_every_container_that_runs_is_watched_and_no_other(followed: Followed) -> None:
    """Also after it was started again, as another process; descriptors of what is gone are let go."""
    web = followed.service("web")
    assert followed.events.processes_watched == 2
    first, _ = followed.processes.watched[web.id]
    await followed.engine.restart_container(web.id)
    await followed.until(lambda: followed.processes.watched.get(web.id, (first,))[0] != first, "the new one")
    await followed.engine.remove_container(web.id)
    await followed.until(lambda: set(followed.processes.watched) == {followed.service("db").id}, "it let go")
    followed.events.unwatch(STACK.name)
    assert followed.processes.watched == {}


async def test_where_nothing_can_be_watched_the_stream_is_enough(followed: Followed) -> None:
    """An engine on another machine, or a system without pidfd."""
    followed.processes.is_blind = True
    await followed.engine.restart_container(followed.service("web").id)
    await followed.clock.sleep(0.1)
    followed.engine.die("demo_web_1", 1)
    await followed.until(lambda: followed.kinds().count("container.died") == 2, "the death")


async def test_a_death_that_podman_does_not_note_ends_the_asking(followed: Followed) -> None:
    """No busy loop: after some tries it is left to the stream."""
    web = followed.service("web")
    followed.processes.end(web.id)
    await followed.clock.sleep(0.6)
    assert "container.died" not in followed.kinds()
    followed.engine.die("demo_web_1", 1)
    await followed.until(lambda: "container.died" in followed.kinds(), "the death by the stream")


async def test_deaths_of_an_own_transaction_are_left_to_the_stream(followed: Followed) -> None:
    """What takes a stack down is not slowed by asking about each end."""
    now = followed.clock.now()
    followed.bus.publish(
        TransactionStarted(at=now, source="transaction", project=STACK.name, verb="down", steps=2)
    )
    await followed.clock.sleep(0.05)
    followed.engine.hush()
    followed.engine.die("demo_web_1", 0)
    followed.processes.end(followed.service("web").id)
    await followed.clock.sleep(0.2)
    assert "container.died" not in followed.kinds()
    followed.bus.publish(
        TransactionFinished(
            at=now,
            source="transaction",
            project=STACK.name,
            verb="down",
            outcome="committed",
            duration_s=0.1,
        )
    )
    followed.engine.speak()
    await followed.until(lambda: "container.died" in followed.kinds(), "the death")


async def test_after_a_gap_what_happened_is_told_once_and_the_look_afresh_too(followed: Followed) -> None:
    """Reconnecting asks for more than is missing; what is known is dropped."""
    await followed.engine.restart_container(followed.service("db").id)
    await followed.until(lambda: "container.restarted" in followed.kinds(), "the restart")
    before = followed.kinds("container.")
    followed.engine.vanish()
    await followed.until(lambda: "server.engine_disconnected" in followed.kinds(), "the break")
    followed.engine.die("demo_web_1", 9)
    followed.engine.come_back()
    await followed.until(lambda: followed.kinds().count("server.resynchronised") == 2, "the second look")
    await followed.until(lambda: "container.died" in followed.kinds()[-3:], "the death")
    assert followed.kinds("container.") == [*before, "container.died"]


async def test_an_event_that_is_noted_late_is_not_lost_in_a_gap(followed: Followed) -> None:
    """Podman's processes take the time first and the log's lock then: the order of the log is another."""
    web = followed.service("web")
    labels = {"com.docker.compose.project": "demo", "com.docker.compose.service": "web"}
    now_ns = int(followed.clock.now().timestamp() * 1e9)

    def paused(at_ns: int, action: str) -> EngineEvent:
        return EngineEvent(
            type="container", action=action, id=web.id, name="demo_web_1", at_ns=at_ns, attributes=labels
        )

    followed.engine.tell(paused(now_ns + 1000, "unpause"))
    await followed.until(lambda: "container.unpaused" in followed.kinds(), "the newer one")
    followed.engine.vanish()
    await followed.until(lambda: "server.engine_disconnected" in followed.kinds(), "the break")
    followed.engine.tell(paused(now_ns, "pause"))
    followed.engine.come_back()
    await followed.until(lambda: "container.paused" in followed.kinds(), "the older one")
    assert followed.kinds().count("container.unpaused") == 1


async def test_a_log_that_is_delivered_again_tells_nothing_again(followed: Followed) -> None:
    """Podman 5 does so when it rotates its log: here a thousand events twice over."""
    web = followed.service("web")
    labels = {"com.docker.compose.project": "demo", "com.docker.compose.service": "web"}
    now_ns = int(followed.clock.now().timestamp() * 1e9)
    noted = [
        EngineEvent(
            type="container",
            action="pause" if number % 2 else "unpause",
            id=web.id,
            name="demo_web_1",
            at_ns=now_ns + number,
            attributes=labels,
        )
        for number in range(1000)
    ]
    for event in (*noted, *noted):
        await followed.events.handle_container_event(event)
    await followed.until(lambda: len(followed.kinds("container.")) >= 1000, "all of them")
    await followed.clock.sleep(0.05)
    assert len(followed.kinds("container.")) == 1000


async def test_a_stream_that_podman_ends_is_asked_for_again_without_a_word(followed: Followed) -> None:
    """Podman is there, and nothing is lost: a death of that moment is told once."""
    await followed.clock.sleep(SHORT_S)
    followed.engine.end_streams()
    followed.engine.die("demo_web_1", 1)
    await followed.until(lambda: "container.died" in followed.kinds(), "the death")
    await followed.clock.sleep(0.05)
    assert followed.kinds().count("container.died") == 1
    assert followed.kinds("server.engine_") == ["server.engine_connected"]


async def test_a_stream_that_breaks_at_once_is_a_part_that_fails(followed: Followed) -> None:
    """Podman answers, its stream does not last; said once, and taken back with the first event."""
    followed.engine.vanish()
    await followed.until(lambda: "server.engine_disconnected" in followed.kinds(), "the break")
    assert [event.part for event in followed.told if isinstance(event, PartFailed)] == ["event stream"]
    followed.engine.come_back()
    await followed.until(lambda: followed.kinds().count("server.resynchronised") == 2, "the second look")
    followed.engine.die("demo_web_1", 1)
    await followed.until(lambda: any(isinstance(e, PartRecovered) for e in followed.told), "its recovery")


async def test_another_way_to_podman_is_looked_for_while_it_is_away_and_not_otherwise(
    followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change that is under way talks to the engine that is there."""
    monkeypatch.setattr(event_integration, "LOST_S", 0.3)
    monkeypatch.setattr(event_integration, "SHORT_S", 0.0)
    followed.engine.vanish()
    await followed.until(lambda: followed.looked_for_ways > 0, "looking for another way")
    followed.engine.come_back()
    await followed.until(lambda: followed.kinds().count("server.resynchronised") == 2, "the second look")
    looked = followed.looked_for_ways
    for _ in range(3):  # as Podman ends them, in order
        await followed.clock.sleep(0.2)
        followed.engine.end_streams()
    await followed.clock.sleep(0.1)
    assert followed.looked_for_ways == looked


async def test_no_other_way_is_looked_for_to_a_podman_that_answers_and_whose_stream_breaks(
    followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would break there as well."""

    async def broken(since_ns: int | None = None) -> AsyncIterator[EngineEvent]:
        if since_ns is not None:
            raise EngineError(ErrorCode.ENGINE_ERROR, "the log can not be read")
        yield EngineEvent(type="container", action="start", id="", at_ns=0)

    monkeypatch.setattr(event_integration, "LOST_S", 0.1)
    monkeypatch.setattr(followed.engine, "events", broken)
    followed.engine.end_streams()
    await followed.until(lambda: followed.kinds().count("server.engine_disconnected") >= 3, "it breaking")
    assert not followed.looked_for_ways


async def test_a_death_while_podman_does_not_answer_is_found_when_it_does(followed: Followed) -> None:
    """The kernel's word alone tells nothing: neither why, nor that nobody wanted it."""
    web = followed.service("web")
    followed.engine.fail_next("past_events", EngineError(ErrorCode.DAEMON_UNREACHABLE, "gone"))
    followed.engine.hush()
    followed.engine.die("demo_web_1", 5)
    followed.processes.end(web.id)
    await followed.clock.sleep(0.1)
    assert "container.died" not in followed.kinds()
    followed.engine.speak()
    await followed.until(lambda: "container.died" in followed.kinds(), "the death")


async def test_what_happens_before_the_engine_answers_for_the_first_time_is_told_once_it_does() -> None:
    """A stack that is started while the editor is still opening has its hooks run, too."""
    followed = Followed()
    followed.answers.clear()
    async with asyncio.TaskGroup() as group:
        _ = group.create_task(followed.start())
        await followed.clock.sleep(0.05)
        followed.engine.die("demo_web_1", 5)
        followed.answers.set()
    await followed.until(lambda: "container.died" in followed.kinds(), "the death")
    await followed.stop()


async def test_another_podman_is_followed_alone_as_soon_as_it_is_chosen(followed: Followed) -> None:
    """What the earlier one goes on telling is not about the stack that is shown."""
    earlier, later = followed.engine, FakeEngine(followed.clock, images=[BUSYBOX])
    made = await later.create_container(
        "demo_web_1", translation_of(STACK).containers[followed.service("web").service], {}
    )
    await later.start_container(made)
    followed.engine = later
    followed.told.clear()
    followed.events.follow_anew()
    await followed.until(lambda: "server.resynchronised" in followed.kinds(), "the first look")
    assert followed.kinds("server.engine") == ["server.engine_disconnected", "server.engine_connected"]
    assert [c.id for c in followed.events.world.of_project(STACK.name)] == [made]
    earlier.die("demo_db_1", 1)
    later.die("demo_web_1", 2)
    await followed.until(lambda: "container.died" in followed.kinds(), "the death")
    await followed.clock.sleep(0.05)
    assert [e.service for e in followed.told if isinstance(e, ContainerEvent)] == ["web"]


async def test_a_change_that_podman_lost_is_announced(followed: Followed) -> None:
    """A look sees it, neither the stream nor the log tells it: said once, and the picture is true."""
    web = followed.service("web")
    followed.engine.mute()
    followed.engine.die("demo_web_1", 1)
    await followed.events.refresh(STACK.name)
    await followed.until(lambda: followed.kinds().count("server.resynchronised") == 2, "the announcement")
    assert followed.service("web").state == "exited"
    assert followed.service("web").id == web.id
    await followed.events.refresh(STACK.name)
    await followed.clock.sleep(0.05)
    assert followed.kinds().count("server.resynchronised") == 2


async def test_what_is_told_late_does_not_turn_the_picture_back(followed: Followed) -> None:
    """A crash loop that has been stopped would seem to run again, and be taken for well."""
    web = followed.service("web")
    started_ns = int(followed.clock.now().timestamp() * 1e9)
    await followed.clock.sleep(0.01)
    followed.engine.hush()
    followed.engine.die("demo_web_1", 3)
    await followed.events.refresh(STACK.name)
    late = EngineEvent(
        type="container",
        action="start",
        id=web.id,
        name="demo_web_1",
        at_ns=started_ns,
        attributes={"com.docker.compose.project": "demo", "com.docker.compose.service": "web"},
    )
    await followed.events.handle_container_event(late)
    assert followed.service("web").state == "exited"
    await followed.until(lambda: "container.started" in followed.kinds(), "it told all the same")


async def test_what_nothing_tells_of_is_seen_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the engine nor the kernel says a word: a look that comes by itself finds it."""
    monkeypatch.setattr("containers.event_integration.LONGEST_UNSEEN_S", 0.2)
    followed = Followed()
    await followed.start()
    followed.engine.mute()
    followed.engine.die("demo_web_1", 1)
    await followed.until(lambda: followed.service("web").state == "exited", "the death")
    await followed.stop()


async def test_a_look_that_is_ahead_of_the_stream_announces_nothing(followed: Followed) -> None:
    """The event comes a little later, or is in Podman's log."""
    followed.engine.hush()
    followed.engine.die("demo_web_1", 1)
    await followed.events.refresh(STACK.name)
    await followed.until(lambda: "container.died" in followed.kinds(), "the death, from the log")
    await followed.clock.sleep(0.05)
    assert followed.kinds().count("server.resynchronised") == 1


async def test_a_container_that_dies_over_and_over_is_left_to_the_stream(followed: Followed) -> None:
    """A crash loop must not make Podman read its whole log at each turn; others are asked about as ever."""
    web, db = followed.service("web"), followed.service("db")
    for number in range(MOST_DEATHS + 1):
        followed.engine.hush()
        followed.engine.die("demo_web_1", 1)
        followed.processes.end(web.id)
        await followed.clock.sleep(0.2)
        told = followed.kinds().count("container.died")
        assert told == min(number + 1, MOST_DEATHS)
        followed.engine.speak()
        await followed.engine.start_container(web.id)
        await followed.until(lambda: web.id in followed.processes.watched, "it watched again")
    followed.engine.hush()
    followed.engine.die("demo_db_1", 1)
    followed.processes.end(db.id)
    await followed.until(lambda: followed.kinds().count("container.died") == MOST_DEATHS + 2, "the other one")
