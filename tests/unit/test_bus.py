"""The bus: order, isolation, overflow, replay."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import pytest
from tests.fakes.clock import LoopClock
from tests.fakes.tasks import LoopTasks
from ulid import ULID

from containers.bus import EventBus, Overflow
from containers.model.events import (
    EngineDisconnected,
    EventBase,
    HandlerFailed,
    PartFailed,
    PartRecovered,
    PlanComputed,
    SubscriberLagged,
)


def told(changes: int = 0) -> PlanComputed:
    """Any event."""
    return PlanComputed(at=datetime.now(UTC), source="test", verb="up", changes=changes)


@pytest.fixture
async def bus() -> AsyncIterator[EventBus]:
    """A running bus, closed afterwards."""
    tasks = LoopTasks()
    running = EventBus(LoopClock())
    running.start(tasks)
    yield running
    await running.close()
    await tasks.cancel()


async def test_a_subscriber_gets_its_topics_in_order_and_numbered(bus: EventBus) -> None:
    """Prefix topics match; sequence numbers grow; every event has an id."""
    got: list[EventBase] = []
    subscription = bus.subscribe("test", got.append, topics=("plan.*",))
    for number in range(3):
        bus.publish(told(number))
        bus.publish(EngineDisconnected(at=datetime.now(UTC), source="test", reason="x"))
    await subscription.settled()
    assert [e.changes for e in got if isinstance(e, PlanComputed)] == [0, 1, 2]
    assert [e.sequence for e in got] == [1, 3, 5]
    assert len({e.id for e in got}) == 3


async def test_a_stuck_subscriber_delays_nobody(bus: EventBus) -> None:
    """Another subscriber is served while one never returns."""
    stuck = asyncio.Event()

    async def wait(_: EventBase) -> None:
        await stuck.wait()

    got: list[EventBase] = []
    bus.subscribe("stuck", wait)
    quick = bus.subscribe("quick", got.append)
    for _ in range(10):
        bus.publish(told())
    await quick.settled()
    assert len(got) == 10
    stuck.set()


async def test_a_failing_handler_becomes_an_event_and_goes_on(
    bus: EventBus, caplog: pytest.LogCaptureFixture
) -> None:
    """The others hear of it, the log does, and the handler gets the next event."""
    failures: list[HandlerFailed] = []
    calls: list[int] = []

    def fail(event: PlanComputed) -> None:
        calls.append(event.changes)
        msg = "broken"
        raise ValueError(msg)

    watching = bus.subscribe("watching", failures.append, topics=("bus.handler_failed",))
    failing = bus.subscribe("failing", fail, topics=("plan.computed",))
    bus.publish(told(1))
    bus.publish(told(2))
    await failing.settled()
    await watching.settled()
    assert calls == [1, 2]
    assert [(f.subscriber, f.error) for f in failures] == [("failing", "ValueError: broken")] * 2
    assert [record.getMessage() for record in caplog.records] == [
        "event handler failing failed on plan.computed"
    ] * 2
    caplog.clear()


async def test_a_subscriber_that_broke_is_a_part_that_does_not_work(
    bus: EventBus, caplog: pytest.LogCaptureFixture
) -> None:
    """Told once; one that fails now and then is no less broken."""
    told_of: list[PartFailed] = []

    def fail(event: PlanComputed) -> None:
        if event.changes % 2:
            msg = "odd"
            raise ValueError(msg)

    watching = bus.subscribe("watching", told_of.append, topics=("server.part_failed",))
    failing = bus.subscribe("failing", fail, topics=("plan.computed",))
    for number in range(4):
        bus.publish(told(number))
    await failing.settled()
    await watching.settled()
    assert [(each.part, each.reason) for each in told_of] == [
        ("subscriber failing", "it broke: ValueError: odd")
    ]
    caplog.clear()


async def test_subscribers_hear_of_an_event_in_the_order_in_which_they_subscribed(bus: EventBus) -> None:
    """Who keeps what is being done has noted it before who shows it looks."""
    heard: list[int] = []

    def hear(number: int) -> Callable[[EventBase], None]:
        return lambda _: heard.append(number)

    subscriptions = [bus.subscribe(f"s{number}", hear(number)) for number in range(40)]
    bus.publish(told())
    await subscriptions[-1].settled()
    assert heard == list(range(40))


async def test_a_full_queue_drops_the_oldest_counts_and_says_so_once(bus: EventBus) -> None:
    """The publisher is never blocked."""
    lags: list[SubscriberLagged] = []
    got: list[PlanComputed] = []
    watching = bus.subscribe("watching", lags.append, topics=("bus.subscriber_lagged",))
    slow = bus.subscribe("slow", got.append, topics=("plan.computed",), size=2)
    for number in range(5):
        bus.publish(told(number))
    await slow.settled()
    await watching.settled()
    assert [e.changes for e in got] == [3, 4]
    assert slow.dropped == 3
    assert [lag.subscriber for lag in lags] == ["slow"]


async def test_a_view_is_told_of_the_latest_only(bus: EventBus) -> None:
    """Many events in a burst are one redraw, without a complaint."""
    got: list[PlanComputed] = []
    view = bus.subscribe("view", got.append, overflow=Overflow.LATEST_ONLY)
    for number in range(50):
        bus.publish(told(number))
    await view.settled()
    assert [e.changes for e in got] == [49]


async def test_a_late_subscriber_can_have_the_past(bus: EventBus) -> None:
    """The last thousand are kept."""
    for number in range(1005):
        bus.publish(told(number))
    got: list[PlanComputed] = []
    late = bus.subscribe("late", got.append, replay=True, size=2000)
    await late.settled()
    assert len(got) == 1000
    assert got[-1].changes == 1004
    assert len(bus.history(("plan.*",))) == 1000


async def test_a_stream_ends_its_subscription_when_left(bus: EventBus) -> None:
    """Leaving the loop leaves nothing behind."""
    bus.publish(told(7))
    stream = bus.stream(("plan.*",), replay=True)
    async for event in stream:
        assert isinstance(event, PlanComputed)
        break
    await stream.aclose()  # type: ignore[attr-defined]
    assert not bus._subscriptions


async def test_ids_grow_and_are_never_given_twice(bus: EventBus) -> None:
    """Also of more events than a millisecond has room for."""
    got: list[EventBase] = []
    everything = bus.subscribe("test", got.append, size=20_000)
    for number in range(20_000):
        bus.publish(told(number))
    await everything.settled()
    ids = [event.id for event in got]
    assert len(set(ids)) == 20_000
    assert ids == sorted(ids)
    assert all(str(ULID.from_str(each)) == each for each in ids[::997])


async def test_a_stuck_subscriber_is_a_part_that_fails_until_it_has_caught_up(bus: EventBus) -> None:
    """Said once for each time, and to the others at once."""
    parts: list[EventBase] = []
    release = asyncio.Event()

    async def wait(_: EventBase) -> None:
        await release.wait()

    watching = bus.subscribe("watching", parts.append, topics=("server.*",))
    stuck = bus.subscribe("stuck", wait, topics=("plan.*",), size=2)
    bus.publish(told())
    await asyncio.sleep(0)
    for number in range(9):
        bus.publish(told(number))
    await watching.settled()
    assert [(p.kind, p.part) for p in parts if isinstance(p, PartFailed)] == [
        ("server.part_failed", "subscriber stuck")
    ]
    release.set()
    await stuck.settled()
    await watching.settled()
    assert [p.part for p in parts if isinstance(p, PartRecovered)] == ["subscriber stuck"]
