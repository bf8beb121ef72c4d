"""A clock that stands still until a test moves it."""

import asyncio
import heapq
import itertools
from datetime import UTC, datetime, timedelta

_START = datetime(2030, 1, 1, tzinfo=UTC)


class ManualClock:
    """The port `Clock`. Sleepers wake in order while `advance` passes their time."""

    def __init__(self, start: datetime = _START) -> None:
        self._start = start
        self._passed_s = 0.0
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        """The start plus what has passed."""
        return self._start + timedelta(seconds=self._passed_s)

    def monotonic(self) -> float:
        """What has passed."""
        return self._passed_s

    async def sleep(self, seconds: float) -> None:
        """Wait until a test has moved the clock that far."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._passed_s + seconds, next(self._order), woken))
        await woken

    async def advance(self, seconds: float) -> None:
        """Let time pass, waking each sleeper at its moment and giving it room to go on."""
        end = self._passed_s + seconds
        await self._let_others_run()
        while self._sleepers and self._sleepers[0][0] <= end:
            self._passed_s, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                woken.set_result(None)
            await self._let_others_run()
        self._passed_s = end

    async def skip(self) -> None:
        """Let everybody go on as far as they can, then let pass what the next sleeper waits for."""
        await self._let_others_run()
        if self._sleepers:
            await self.advance(self._sleepers[0][0] - self._passed_s)

    async def _let_others_run(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)
