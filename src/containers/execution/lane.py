"""A lane: one apply at a time, and at most one waiting; a newer one replaces the one that waits."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from containers.model.errors import ErrorCode, PodkeeperError

_T = TypeVar("_T")


class Lane:
    """Serialises the work on one project within this process."""

    def __init__(self) -> None:
        self._busy = False
        self._waiting: asyncio.Future[bool] | None = None

    @property
    def is_busy(self) -> bool:
        """Whether something is under way."""
        return self._busy

    async def run(self, work: Callable[[], Awaitable[_T]]) -> _T:
        """Do `work` when what is under way has ended.

        Raises:
            PodkeeperError: a newer request took this one's place in the queue (`cancelled`).
        """
        if self._busy:
            if self._waiting is not None and not self._waiting.done():
                self._waiting.set_result(False)
            turn = self._waiting = asyncio.get_running_loop().create_future()
            if not await turn:
                raise PodkeeperError(ErrorCode.CANCELLED, "a newer request took the place of this one")
        self._busy = True
        try:
            return await work()
        finally:
            next_one, self._waiting = self._waiting, None
            if next_one is not None and not next_one.done():
                next_one.set_result(True)  # it keeps the lane busy
            else:
                self._busy = False
