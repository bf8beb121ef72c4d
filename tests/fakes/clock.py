"""Clocks for tests."""

import asyncio
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class LoopClock:
    """The event loop's own time."""

    def now(self) -> datetime:
        """The wall clock, counted from a fixed day."""
        return _EPOCH + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """The loop's seconds."""
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        """Wait, in the loop's time."""
        await asyncio.sleep(seconds)
