"""A file watcher that tells what a test puts in."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from pathlib import Path

from containers.model.files import WatchRoot


class ScriptedWatcher:
    """The port `FileWatcher`: tells what a test puts in."""

    def __init__(self) -> None:
        self.changed: asyncio.Queue[tuple[Path, ...]] = asyncio.Queue()
        self.closed = False

    async def changes(
        self, roots: Iterable[WatchRoot], degraded: Callable[[str], None]
    ) -> AsyncGenerator[tuple[Path, ...], None]:
        """Begin, then whatever comes."""
        del roots, degraded
        try:
            yield ()
            while True:
                yield await self.changed.get()
        finally:
            self.closed = True
