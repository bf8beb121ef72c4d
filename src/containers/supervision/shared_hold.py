"""SharedHold: the project's lock, held once for all repairs that are under way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from containers.model.base import ProjectName
from containers.model.errors import ErrorCode, LockHeldError
from containers.ports.machine import Clock
from containers.ports.processes import ProjectLocks

LONGEST_S = 5.0
"""So long others may join a hold; then it has to end first, so that a person's change gets its turn."""


class SharedHold:
    """Repairs of several services go on beside one another, and none beside a person's change."""

    def __init__(self, locks: ProjectLocks, clock: Clock) -> None:
        self._locks = locks
        self._clock = clock
        self._turn = asyncio.Lock()
        self._users = 0
        self._since = 0.0
        self._held = AsyncExitStack()

    @asynccontextmanager
    async def hold(self, project: ProjectName, purpose: str) -> AsyncIterator[None]:
        """Hold the project's lock, with whoever does already.

        Raises:
            LockHeldError: another process has it, or it has been held here for too long.
        """
        async with self._turn:
            now = self._clock.monotonic()
            if self._users == 0:
                await self._held.enter_async_context(self._locks.hold(project, purpose))
                self._since = now
            elif now - self._since > LONGEST_S:
                message = f"other repairs of {project} have to end first"
                raise LockHeldError(ErrorCode.LOCK_HELD, message)
            self._users += 1
        try:
            yield
        finally:
            async with self._turn:
                self._users -= 1
                if self._users == 0:
                    await self._held.aclose()
