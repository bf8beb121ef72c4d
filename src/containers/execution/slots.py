"""Slots: how much is done at the engine at once, and when nothing is."""

import asyncio
from types import TracebackType

from containers.ports.machine import Clock


class Slots:
    """A semaphore that tells when nobody holds it or waits for it."""

    def __init__(self, most: int, clock: Clock) -> None:
        """At `most` so many at once."""
        self._free = asyncio.Semaphore(most)
        self._clock = clock
        self._busy = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._idle_since = clock.monotonic()

    async def idle(self, seconds: float) -> None:
        """Wait until nothing has been under way for so long."""
        while self._busy or (rest := self._idle_since + seconds - self._clock.monotonic()) > 0:
            if self._busy:
                await self._idle.wait()
            else:
                await self._clock.sleep(rest)

    async def __aenter__(self) -> None:
        """Wait for a slot."""
        self._busy += 1
        self._idle.clear()
        try:
            await self._free.acquire()
        except BaseException:
            self._left()
            raise

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give it back."""
        self._free.release()
        self._left()

    def _left(self) -> None:
        self._busy -= 1
        if not self._busy:
            self._idle_since = self._clock.monotonic()
            self._idle.set()
