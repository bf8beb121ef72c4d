"""Changed files in batches: as a watcher tells them, gathered until there is a pause."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Final

from containers.model.files import WatchRoot
from containers.ports.files import FileWatcher
from containers.ports.machine import Clock, TaskOwner
from containers.watching.debounce import Debounce

QUIET_S: Final = 0.03
"""A batch ends when nothing has changed for so long: an editor writes, renames and sets modes within a few
milliseconds, and a person should not notice the wait."""
MANY_QUIET_S: Final = 0.1
"""The same for a checkout, in which there are pauses."""
LONGEST_S: Final = 1.0
"""A checkout of thousands of files is brought over in portions of so long."""


async def batches(
    watcher: FileWatcher,
    roots: Sequence[WatchRoot],
    clock: Clock,
    group: TaskOwner,
    degraded: Callable[[str], None],
    *,
    quiet_s: float = QUIET_S,
) -> AsyncGenerator[tuple[float, tuple[Path, ...]], None]:
    """Changed paths in batches, each with when it began; the first is empty: watching has begun.

    It ends where the watcher does, which breaks in its owner's task.
    """
    gathering = Debounce(quiet_s, max(quiet_s, MANY_QUIET_S), LONGEST_S)
    filled = asyncio.Event()
    begun = asyncio.Event()

    is_over = False

    async def gather() -> None:
        nonlocal is_over
        try:
            async with aclosing(watcher.changes(roots, degraded)) as changes:
                async for paths in changes:
                    gathering.note(paths, clock.monotonic())
                    (filled if paths else begun).set()
        finally:
            is_over = True
            begun.set()
            filled.set()

    task = group.create_task(gather(), name="watch:files")
    try:
        await begun.wait()
        if not is_over:
            yield 0.0, ()
        while not is_over:
            await filled.wait()
            due_at, began_at = gathering.due_at, gathering.began_at
            if due_at is None:
                filled.clear()
            elif paths := gathering.take(clock.monotonic()):
                yield began_at, paths
            else:
                await clock.sleep(max(due_at - clock.monotonic(), 0.0))
    finally:
        task.cancel()
