"""The bus: order, isolation, overflow, replay."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from tests.fakes.clock import LoopClock
from tests.fakes.tasks import LoopTasks

from containers.bus import EventBus, Overflow
from containers.model.events import (
    EngineDisconnected,
    EventBase,
    HandlerFailed,
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


async def test_a_failing_handler_becomes_an_event_and_goes_on(bus: EventBus) -> None:
    """The others hear of it, and the handler gets the next event."""
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
