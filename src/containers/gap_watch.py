"""Notices changes that no event told of, so that a loss in Podman's own log does not stay unannounced.

A look at the engine is often ahead of its stream, so a change that was seen waits for its event for a while,
then for Podman's log. What neither tells has been lost: by a rotation of the log, or with a process of
Podman's that was killed before it wrote.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from containers.model.base import ContainerId
from containers.model.errors import EngineError
from containers.ports.machine import Clock

log = logging.getLogger(__name__)

PATIENCE_S = 2.0
"""Podman's stream is up to a third of a second late; a busy machine makes it more."""
RECENTLY_S = 5.0
"""An event so shortly before a look explains what it sees."""
_REMEMBERED = 4096


class GapWatch:
    """Compares what is seen of containers with what is told of them."""

    def __init__(
        self, *, catch_up: Callable[[], Awaitable[None]], announce: Callable[[], None], clock: Clock
    ) -> None:
        """Args beside the obvious.

        catch_up: reads what the engine has noted by now, and tells it.
        announce: says that events were lost, and that the picture is true all the same.
        """
        self._catch_up = catch_up
        self._announce = announce
        self._clock = clock
        self._told_at: OrderedDict[ContainerId, float] = OrderedDict()
        self._waiting: set[ContainerId] = set()
        self._wake = asyncio.Event()

    def told(self, container: ContainerId) -> None:
        """An event told of a container."""
        self._waiting.discard(container)
        self._told_at[container] = self._clock.monotonic()
        self._told_at.move_to_end(container)
        if len(self._told_at) > _REMEMBERED:
            self._told_at.popitem(last=False)

    def seen(self, changed: frozenset[ContainerId]) -> None:
        """A look has found containers to be otherwise than they were thought to be."""
        since = self._clock.monotonic() - RECENTLY_S
        waiting = {c for c in changed if self._told_at.get(c, since) <= since}
        if waiting:
            self._waiting |= waiting
            self._wake.set()

    def forgive(self) -> None:
        """Everything was looked at afresh, and that has been said."""
        self._waiting.clear()

    async def run(self) -> None:
        """Wait for what explains a change, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            asked = frozenset(self._waiting)
            await self._clock.sleep(PATIENCE_S)
            if not asked & self._waiting:
                continue
            try:
                await self._catch_up()
            except EngineError as error:
                # it is looked at afresh when the engine answers again
                log.info("what changed could not be asked about: %s", error)
                continue
            lost = asked & self._waiting
            if lost:
                log.warning("Podman lost events of %d containers", len(lost))
                self._waiting -= lost
                self._announce()
