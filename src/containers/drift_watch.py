"""DriftWatch: notices, while a stack is monitored, that it left what was applied."""

import asyncio
import logging

from containers.bus import EventBus, Subscription
from containers.compose_manager import ComposeManager
from containers.model.drift import DriftReport
from containers.model.errors import PodkeeperError
from containers.model.events import DriftChanged, EventBase, SelfTestFailed
from containers.ports.machine import Clock, TaskOwner

log = logging.getLogger(__name__)

EVERY_S = 30.0
"""What no event tells (a tag that moved, a network that was made anew) is found after this at the latest."""
TEST_EVERY_S = 86_400.0
SETTLE_S = 1.0
"""After an event: a container that stops is often about to be started again."""
_TOPICS = ("container.*", "transaction.finished", "config.validated")


class DriftWatch:
    """Looks for drift every half a minute and when something happens; tells when it is another than before.

    Once a day it also proves that one could go back to the last known good revision.

    Args:
        manager: whose project it is.
        bus: tells what happens, and is told what was found.
        clock: time.
        group: who owns the task.
    """

    def __init__(self, *, manager: ComposeManager, bus: EventBus, clock: Clock, group: TaskOwner) -> None:
        self._manager = manager
        self._bus = bus
        self._clock = clock
        self._group = group
        self._task: asyncio.Task[None] | None = None
        self._subscription: Subscription | None = None
        self._wake = asyncio.Event()
        self._tested_at: float | None = None
        self._told: frozenset[str] = frozenset()

    def start(self) -> None:
        """Begin; safe to call again."""
        if self._task is None:
            # the queue is a whole one: the latest event alone may be another project's, and would hide ours
            self._subscription = self._bus.subscribe("drift-watch", self._on_event, topics=_TOPICS)
            self._task = self._group.create_task(self._run(), name="drift-watch")

    def stop(self) -> None:
        """End."""
        if self._subscription is not None:
            self._bus.unsubscribe(self._subscription)
            self._subscription = None
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _on_event(self, event: EventBase) -> None:
        project = self._manager.project
        if event.project is None or project is None or event.project == project.name:
            self._wake.set()

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            if not self._manager.is_busy:
                await self._look()
                await self._test()
            try:
                async with asyncio.timeout(EVERY_S):
                    await self._wake.wait()
            except TimeoutError:
                continue
            await self._clock.sleep(SETTLE_S)

    async def _look(self) -> None:
        try:
            report = await self._manager.drift.find(quietly=True)
        except PodkeeperError as error:
            log.debug("drift can not be looked for now: %s", error)
            return
        self._tell(report)

    async def _test(self) -> None:
        """Once a day: whether the last known good revision could be gone back to."""
        now = self._clock.monotonic()
        if self._tested_at is not None and now - self._tested_at < TEST_EVERY_S:
            return
        self._tested_at = now
        try:
            wrong = [check for check in await self._manager.history.self_test() if not check.ok]
        except PodkeeperError as error:
            log.debug("the last good revision can not be tested now: %s", error)
            return
        if wrong:
            self._bus.publish(
                SelfTestFailed(
                    at=self._clock.now(),
                    source="drift",
                    project=self._manager.project.name if self._manager.project else None,
                    problems=tuple(f"{check.name}: {check.value}" for check in wrong),
                )
            )

    def _tell(self, report: DriftReport) -> None:
        found = frozenset(d.fingerprint for d in report.open)
        if found == self._told:
            return
        self._told = found
        self._bus.publish(
            DriftChanged(
                at=self._clock.now(),
                source="drift",
                project=self._manager.project.name if self._manager.project else None,
                revision=report.revision,
                found=tuple(d.message for d in report.open),
            )
        )
