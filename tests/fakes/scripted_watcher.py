"""A file watcher that tells what a test puts in."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from pathlib import Path

from containers.model.files import WatchRoot


class ScriptedWatcher:
    """The port `FileWatcher`: tells what a test puts in."""

    def __init__(self) -> None:
        self.changed: asyncio.Queue[tuple[Path, ...] | None] = asyncio.Queue()
        """What changed; None ends the watching."""
        self.closed = False
        self.asked: list[tuple[Path, ...]] = []
        """What was to be watched, each time."""

    async def changes(
        self, roots: Iterable[WatchRoot], degraded: Callable[[str], None]
    ) -> AsyncGenerator[tuple[Path, ...], None]:
        """Begin, then whatever comes."""
        del degraded
        self.asked.append(tuple(root.path for root in roots))
        try:
            yield ()
            while (paths := await self.changed.get()) is not None:
                yield paths
        finally:
            self.closed = True
