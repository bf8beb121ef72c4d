"""A task owner for fixtures, whose set-up and tear-down run in different tasks."""

import asyncio
from collections.abc import Coroutine
from typing import Any


class LoopTasks:
    """Owns tasks until `cancel`."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[Any]] = []

    def create_task(self, coro: Coroutine[Any, Any, Any], *, name: str | None = None) -> asyncio.Task[Any]:
        """Run `coro` in the running loop."""
        task = asyncio.get_running_loop().create_task(coro, name=name)
        self._tasks.append(task)
        return task

    async def until_left(self, count: int = 0) -> None:
        """Wait until no more than `count` tasks go on."""
        while len(running := [task for task in self._tasks if not task.done()]) > count:
            await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)

    async def cancel(self) -> None:
        """End what still runs; what a task raised is raised here."""
        for task in self._tasks:
            task.cancel()
        results = [await _outcome(task) for task in self._tasks]
        failures = [r for r in results if isinstance(r, Exception)]
        if failures:
            raise failures[0]


async def _outcome(task: asyncio.Task[Any]) -> BaseException | None:
    try:
        await task
    except asyncio.CancelledError:
        return None
    except Exception as error:  # noqa: BLE001  (handed on)
        return error
    return None
