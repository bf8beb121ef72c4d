"""EventSharing: what only one process knows of a project reaches the buses of the others."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from containers.bus import EventBus
from containers.model.base import ProjectName
from containers.model.errors import PodkeeperError
from containers.model.events import EventBase, PartFailed, PartRecovered, SupervisorChanged, covers
from containers.ports.machine import Clock, TaskOwner
from containers.ports.stores import EventLog

log = logging.getLogger(__name__)

PART = "shared events"
EVERY_S = 0.2
"""How often it is looked whether others wrote: one `stat`, and reading only where they did."""
CHANGES: Final = ("transaction.started", "transaction.finished", "transaction.recovered", "file.synced")
"""Told by whichever process does it."""
ACTS: Final = ("health.restarted", "health.restart_failed", "health.given_up", "incident.*")
"""Told by the one that supervises. Others that keep the project as well see the rest themselves."""
SUPERVISED: Final = (*ACTS, "health.override", "drift.*", "server.hook_finished")
"""Of several processes that keep a project, taken from the one that supervises it."""
SHARED: Final = (*CHANGES, *SUPERVISED)
"""What somebody hears of who keeps nothing himself."""
_ONLY_KEPT: Final = ("health.changed",)
"""For those who ask later; who listens now sees it himself."""


class EventSharing:
    """Writes down what this process alone knows, and has the bus relay what others wrote.

    What Podman tells every process is not shared. A log that can not be used is told once
    (`server.part_failed`) and again when it works; nothing else waits for it.

    Args:
        log: what processes told; asked for at first use.
        bus: this process's.
        clock: time.
        group: who owns the task.
    """

    def __init__(self, *, log: Callable[[], EventLog], bus: EventBus, clock: Clock, group: TaskOwner) -> None:
        self._log = log
        self._bus = bus
        self._clock = clock
        self._group = group
        self._supervised: set[ProjectName] = set()
        self._broken: set[str] = set()
        """Which of the two does not work: with a full disk, reading does all the same."""
        self._task: asyncio.Task[None] | None = None
        bus.subscribe("shared-events", self._note, topics=(*SHARED, *_ONLY_KEPT, "server.supervisor"))

    async def follow(self) -> None:
        """Relay what others tell from now on, as long as the process lives; safe to call again."""
        if self._task is None:
            number = await self._newest()
            self._task = self._group.create_task(self._relay(number), name="shared-events")

    def close(self) -> None:
        """Hear nothing more; what this process tells is still written."""
        if self._task is not None:
            self._task.cancel()

    async def _newest(self) -> int | None:
        try:
            number = await self._log().newest()
        except PodkeeperError as error:
            self._tell_failure("reading", error)
            return None
        self._tell_recovery("reading")
        return number

    async def _relay(self, number: int | None) -> None:
        while True:
            await self._clock.sleep(EVERY_S)
            if number is None:
                number = await self._newest()
            elif self._log().may_have_more():
                number = await self._relay_after(number)

    async def _relay_after(self, number: int) -> int:
        try:
            number, told = await self._log().after(number)
        except PodkeeperError as error:
            self._tell_failure("reading", error)
            return number
        self._tell_recovery("reading")
        for event in told:
            self._bus.relay(event)
        return number

    async def _note(self, event: EventBase) -> None:
        if isinstance(event, SupervisorChanged):
            (self._supervised.add if event.is_ours else self._supervised.discard)(_project(event))
            return
        if event.project is None or not (
            covers(CHANGES, getattr(event, "kind", "")) or event.project in self._supervised
        ):
            return
        try:
            await self._log().add(event)
        except PodkeeperError as error:
            self._tell_failure("writing", error)
        else:
            self._tell_recovery("writing")

    def _tell_failure(self, doing: str, error: PodkeeperError) -> None:
        was_broken = bool(self._broken)
        self._broken.add(doing)
        if was_broken:
            return
        reason = f"other processes do not hear what this one does: {error}"
        self._bus.publish(PartFailed(at=self._clock.now(), source="server", part=PART, reason=reason))

    def _tell_recovery(self, doing: str) -> None:
        if doing not in self._broken:
            return
        self._broken.discard(doing)
        if not self._broken:
            self._bus.publish(PartRecovered(at=self._clock.now(), source="server", part=PART))


def _project(event: SupervisorChanged) -> ProjectName:
    return event.project or ProjectName("")
