"""Clients are synchronous; here they get threads, and the event loop stays free."""

import asyncio
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

T = TypeVar("T")


class Closable(Protocol):
    """What every client can do."""

    def close(self) -> None:
        """Hang up."""


C = TypeVar("C", bound=Closable)


@dataclass(slots=True)
class _Job(Generic[C, T]):
    work: Callable[[C], T]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[T]

    def run(self, client: C) -> None:
        """Do the work, and settle the future on its own loop."""
        if self.future.cancelled():
            return
        settle: Callable[[], None]
        try:
            result = self.work(client)
        except Exception as error:  # noqa: BLE001  (handed to whoever awaits, not swallowed)
            settle = self._failing(error)
        else:
            settle = self._succeeding(result)
        with suppress(RuntimeError):  # the loop has been closed: nobody waits any more
            self.loop.call_soon_threadsafe(settle)

    def _failing(self, error: Exception) -> Callable[[], None]:
        return lambda: None if self.future.done() else self.future.set_exception(error)

    def _succeeding(self, result: T) -> Callable[[], None]:
        return lambda: None if self.future.done() else self.future.set_result(result)


class ClientThreads(Generic[C]):
    """A bounded number of threads, each with a client of its own, made when they are first needed.

    A connection is not safe to share between threads, hence a client each. The threads are daemons:
    a call that hangs in the engine must not keep the process from ending.
    """

    def __init__(self, open_client: Callable[[], C], most: int) -> None:
        """Take at most `most` threads; none is started yet."""
        self._open_client = open_client
        self._most = most
        self._jobs: queue.SimpleQueue[_Job[C, Any] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._unclaimed = 0
        """Jobs not yet done minus threads to do them: above zero, another thread would help."""
        self._closed = False

    async def call(self, work: Callable[[C], T]) -> T:
        """Run `work` in one of the threads.

        Cancelling this stops the waiting, not the work: what was sent to the engine may still happen.
        """
        if self._closed:
            raise RuntimeError("the engine has been closed")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        job = _Job(work, loop, future)
        with self._lock:
            self._unclaimed += 1
            grow = self._unclaimed > 0 and self._threads < self._most
            if grow:
                self._threads += 1
                self._unclaimed -= 1
        if grow:
            threading.Thread(target=self._serve, name="podman-client", daemon=True).start()
        self._jobs.put(job)
        return await future

    def close(self) -> None:
        """Let the threads end after what they are doing."""
        self._closed = True
        with self._lock:
            for _ in range(self._threads):
                self._jobs.put(None)

    def _serve(self) -> None:
        client = self._open_client()
        try:
            while True:
                job = self._jobs.get()
                if job is None:
                    return
                job.run(client)
                with self._lock:
                    self._unclaimed -= 1
        finally:
            client.close()
