"""The in-process event bus: blinker underneath, one bounded queue and one worker a subscriber on top.

blinker calls receivers one after another in the publisher's stack, and the first that raises skips the
rest. So receivers here only enqueue: what a handler does, how long it takes and how it fails is the
business of its own worker. Workers are woken in the order in which they subscribed.
"""

import asyncio
import inspect
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from enum import Enum
from typing import Any

from blinker import Signal
from ulid import ULID
from ulid.base32 import ENCODE

from containers.model.events import (
    EventBase,
    HandlerFailed,
    PartFailed,
    PartRecovered,
    SubscriberLagged,
    covers,
)
from containers.ports.machine import Clock, TaskOwner

log = logging.getLogger(__name__)

Handler = Callable[[Any], Awaitable[None] | None]
"""Takes an event; may be a coroutine function."""

HISTORY = 1000
"""Events kept for late subscribers."""
QUEUE = 1000
"""Events that may wait for one subscriber."""
DRAIN_S = 2.0
"""How long `close` lets subscribers finish what waits for them."""


_SUFFIX = 2
_SUFFIXES = tuple(a + b for a in ENCODE for b in ENCODE)


class Overflow(Enum):
    """What a full queue does."""

    DROP_OLDEST = "drop_oldest"
    """Lose the oldest, count it, and tell `bus.subscriber_lagged` once until it has caught up."""
    LATEST_ONLY = "latest_only"
    """Keep one waiting event: for views, which only want to know that something changed."""


class Identifiers:
    """ULIDs that grow: of two, the later is the greater, also within a millisecond.

    A ULID costs as much as telling an event to ten subscribers. So one is made for each millisecond, and its
    last characters count; they begin anew with each, which leaves the rest of its random part as it is.
    """

    def __init__(self) -> None:
        self._prefix = ""
        self._made_ms = -1
        self._count = 0

    def next(self) -> str:
        """The next one."""
        now_ms = time.time_ns() // 1_000_000
        if now_ms > self._made_ms or self._count >= len(_SUFFIXES):
            self._made_ms = max(now_ms, self._made_ms + (self._count >= len(_SUFFIXES)))
            self._prefix = str(ULID.from_timestamp(self._made_ms / 1000))[:-_SUFFIX]
            self._count = 0
        suffix = _SUFFIXES[self._count]
        self._count += 1
        return self._prefix + suffix


class Subscription:
    """One subscriber's queue and worker; made by `EventBus.subscribe`."""

    def __init__(
        self,
        name: str,
        topics: Sequence[str],
        relayed: Sequence[str],
        handler: Handler,
        size: int,
        overflow: Overflow,
    ) -> None:
        self.name = name
        self.dropped = 0
        self._topics = tuple(topics)
        self._relayed = tuple(relayed)
        self._wants: dict[str, bool] = {}
        """What was found for each kind so far; there are some dozens of kinds."""
        self._handler = handler
        self._size = 1 if overflow is Overflow.LATEST_ONLY else size
        self._overflow = overflow
        self._queue: deque[EventBase] = deque()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._is_lagging = False

    def wants(self, kind: str) -> bool:
        """Whether one of its topics covers `kind`."""
        wanted = self._wants.get(kind)
        if wanted is None:
            wanted = self._wants[kind] = covers(self._topics, kind)
        return wanted

    def wants_relayed(self, kind: str) -> bool:
        """Whether it wants `kind` also where another process told it."""
        return covers(self._relayed, kind)

    def enqueue(self, event: EventBase) -> bool:
        """Put an event in the queue; True when this is where the subscriber began to lag."""
        began_to_lag = False
        if len(self._queue) >= self._size:
            self._queue.popleft()
            if self._overflow is Overflow.DROP_OLDEST:
                self.dropped += 1
                began_to_lag = not self._is_lagging
                self._is_lagging = True
        if not self._queue:
            self._idle.clear()
            self._wake.set()
        self._queue.append(event)
        return began_to_lag

    async def drain(
        self, failed: Callable[[str, EventBase, Exception], None], caught_up: Callable[[str], None]
    ) -> None:
        """Hand events to the handler, in order, for ever."""
        while True:
            while self._queue:
                event = self._queue.popleft()
                try:
                    result = self._handler(event)
                    if result is not None and inspect.isawaitable(result):
                        await result
                except Exception as error:  # noqa: BLE001  (the bus drain: a handler must not end its worker)
                    failed(self.name, event, error)
            if self._is_lagging:
                self._is_lagging = False
                caught_up(self.name)
                continue  # telling that may have put something into this very queue
            self._idle.set()
            self._wake.clear()
            await self._wake.wait()

    async def settled(self) -> None:
        """Return when everything enqueued so far has been handled."""
        await self._idle.wait()


class EventBus:
    """Publish and subscribe, for one event loop.

    `publish` never blocks and never raises. Every event gets a ULID and the next sequence number; the
    last 1,000 are kept. Subscribe before or after `start`; workers run from `start` on.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._signal = Signal("podkeeper")
        self._signal.connect(self._hand_out, weak=False)
        self._history: deque[EventBase] = deque(maxlen=HISTORY)
        self._sequence = 0
        self._identifiers = Identifiers()
        self._subscriptions: dict[Subscription, None] = {}
        """In the order in which they were made: who keeps a state listens before those who show it."""
        self._broken: set[str] = set()
        """Subscribers of which a handler has failed; told once."""
        self._tasks: dict[Subscription, asyncio.Task[None]] = {}
        self._group: TaskOwner | None = None

    def start(self, group: TaskOwner) -> None:
        """Let the workers run in `group`."""
        self._group = group
        for subscription in self._subscriptions:
            self._spawn(subscription)

    async def close(self) -> None:
        """Let the subscribers finish what waits for them, for two seconds, then end their workers."""
        try:
            async with asyncio.timeout(DRAIN_S):
                for subscription in tuple(self._tasks):
                    await subscription.settled()
        except TimeoutError:
            log.warning("event subscribers did not finish within %s s", DRAIN_S)
        for subscription in tuple(self._subscriptions):
            self.unsubscribe(subscription)

    def publish(self, event: EventBase) -> None:
        """Number the event, keep it, and put it in the queue of everybody who wants it."""
        self._sequence += 1
        numbered = event.model_copy(update={"id": self._identifiers.next(), "sequence": self._sequence})
        self._history.append(numbered)
        self._signal.send(self, event=numbered)

    def relay(self, event: EventBase) -> None:
        """Hand on what another process told, to those who want that as well.

        It keeps its identifier, and gets the next sequence number. Nobody takes it for something that this
        process did, and it is not kept for late subscribers.
        """
        self._sequence += 1
        self._signal.send(self, event=event.model_copy(update={"sequence": self._sequence}), is_relayed=True)

    def subscribe(
        self,
        name: str,
        handler: Handler,
        *,
        topics: Sequence[str] = ("*",),
        relayed: Sequence[str] = (),
        size: int = QUEUE,
        overflow: Overflow = Overflow.DROP_OLDEST,
        replay: bool = False,
    ) -> Subscription:
        """Have `handler` called with each event of `topics`, one at a time and in order.

        Args:
            name: shown when the handler fails or lags.
            handler: a function or coroutine function; what it raises becomes `bus.handler_failed`.
            topics: kinds, prefixes such as `container.*`, or `*`.
            relayed: those that it also wants where another process told them (`relay`).
            size: how many events may wait.
            overflow: what happens when more would.
            replay: first hand over what is kept of the past.
        """
        subscription = Subscription(name, topics, relayed, handler, size, overflow)
        if replay:
            for event in self.history(topics):
                self._enqueue(subscription, event)
        self._subscriptions[subscription] = None
        if self._group is not None:
            self._spawn(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """End a subscription; what waits for it is dropped."""
        self._subscriptions.pop(subscription, None)
        task = self._tasks.pop(subscription, None)
        if task is not None:
            task.cancel()

    def history(self, topics: Sequence[str] = ("*",)) -> tuple[EventBase, ...]:
        """What is kept of the past, oldest first."""
        return tuple(e for e in self._history if covers(topics, getattr(e, "kind", "")))

    async def stream(
        self,
        topics: Sequence[str] = ("*",),
        *,
        relayed: Sequence[str] = (),
        replay: bool = False,
        size: int = QUEUE,
    ) -> AsyncIterator[EventBase]:
        """Events as they come; leaving the loop ends the subscription."""
        waiting: asyncio.Queue[EventBase] = asyncio.Queue(maxsize=size)
        subscription = self.subscribe(
            "stream", waiting.put, topics=topics, relayed=relayed, size=size, replay=replay
        )
        try:
            while True:
                yield await waiting.get()
        finally:
            self.unsubscribe(subscription)

    def _hand_out(self, _sender: object, *, event: EventBase, is_relayed: bool = False) -> None:
        """Blinker's one receiver: of several it would call whichever comes first in a set."""
        kind = getattr(event, "kind", "")
        for subscription in tuple(self._subscriptions):
            if subscription.wants_relayed(kind) if is_relayed else subscription.wants(kind):
                self._enqueue(subscription, event)

    def _enqueue(self, subscription: Subscription, event: EventBase) -> None:
        if subscription.enqueue(event):
            self._lagged(subscription)

    def _spawn(self, subscription: Subscription) -> None:
        assert self._group is not None  # noqa: S101  (only called once started)
        self._tasks[subscription] = self._group.create_task(
            subscription.drain(self._handler_failed, self._caught_up), name=f"bus:{subscription.name}"
        )

    def _lagged(self, subscription: Subscription) -> None:
        """Told to those who count events, and to those who show which parts do not work."""
        now = self._clock.now()
        self.publish(
            SubscriberLagged(at=now, source="bus", subscriber=subscription.name, dropped=subscription.dropped)
        )
        part = _part(subscription.name)
        self.publish(PartFailed(at=now, source="bus", part=part, reason="it is slow, and misses events"))

    def _caught_up(self, subscriber: str) -> None:
        if subscriber in self._broken:
            return
        self.publish(PartRecovered(at=self._clock.now(), source="bus", part=_part(subscriber)))

    def _handler_failed(self, subscriber: str, event: EventBase, error: Exception) -> None:
        log.error("event handler %s failed on %s", subscriber, getattr(event, "kind", ""), exc_info=error)
        if isinstance(event, HandlerFailed):
            return  # a handler that fails on being told of failures would never end
        self.publish(
            HandlerFailed(
                at=self._clock.now(),
                source="bus",
                subscriber=subscriber,
                event_id=event.id,
                error=f"{type(error).__name__}: {error}",
            )
        )
        if subscriber not in self._broken:
            # never taken back: what failed once will fail again, and is better seen than searched for
            self._broken.add(subscriber)
            reason = f"it broke: {type(error).__name__}: {error}"
            self.publish(
                PartFailed(at=self._clock.now(), source="bus", part=_part(subscriber), reason=reason)
            )


def _part(subscriber: str) -> str:
    return f"subscriber {subscriber}"
