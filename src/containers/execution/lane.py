"""A lane: one apply at a time, and at most one waiting; a newer one replaces the one that waits."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from containers.model.errors import ErrorCode, LockHeldError, PodkeeperError

_T = TypeVar("_T")


class Lane:
    """Serialises the work on one project within this process."""

    def __init__(self) -> None:
        self._busy = False
        self._asker: asyncio.Task[Any] | None = None
        self._waiting: asyncio.Future[bool] | None = None
        self._waiting_asker: asyncio.Task[Any] | None = None

    @property
    def is_busy(self) -> bool:
        """Whether something is under way."""
        return self._busy

    def is_doing(self, asker: "asyncio.Task[Any]") -> bool:
        """Whether what is under way is what this task asked for."""
        return self._busy and self._asker is asker

    def withdraw(self, asker: "asyncio.Task[Any]") -> bool:
        """Take back what this task asked for, if it still waits; whether it did."""
        if self._waiting is None or self._waiting.done() or self._waiting_asker is not asker:
            return False
        self._waiting.set_exception(PodkeeperError(ErrorCode.CANCELLED, "cancelled before it began"))
        return True

    async def run(self, work: Callable[[], Awaitable[_T]], *, waits: bool = True) -> _T:
        """Do `work` when what is under way has ended; what does not wait takes nobody's place in the queue.

        Raises:
            LockHeldError: it does not wait, and something is under way.
            PodkeeperError: `cancelled`: it was withdrawn, or a newer request took its place in the queue.
        """
        asker = asyncio.current_task()
        if self._busy:
            if not waits:
                raise LockHeldError(ErrorCode.LOCK_HELD, "another change of the project is under way")
            if self._waiting is not None and not self._waiting.done():
                self._waiting.set_result(False)
            turn = self._waiting = asyncio.get_running_loop().create_future()
            self._waiting_asker = asker
            try:
                is_next = await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled() and turn.exception() is None and turn.result():
                    self._pass_on()  # it was given the lane just before it was cancelled
                raise
            if not is_next:
                raise PodkeeperError(ErrorCode.CANCELLED, "a newer request took the place of this one")
        self._busy, self._asker = True, asker
        try:
            return await work()
        finally:
            self._pass_on()

    def _pass_on(self) -> None:
        """Let the one that waits go on, or the lane be free."""
        next_one, self._waiting = self._waiting, None
        if next_one is not None and not next_one.done():
            next_one.set_result(True)  # it keeps the lane busy
        else:
            self._busy = False
