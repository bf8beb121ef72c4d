"""Text for a reader who may have stopped reading: a pipe that nobody empties, a terminal after Ctrl-S."""

import asyncio
import os
import select
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Self, TextIO

MOST_LINES = 500
"""Handed over and not written yet."""

Write = Callable[[bytes], None]


class Writer:
    """Writes lines in order, in a thread of its own: one that blocks there stops nothing else.

    The thread does not keep the process from ending, wherever it is stuck. For that it must write past
    Python's own buffers, which take a lock that the end of the interpreter waits for.
    """

    def __init__(self, write: Write, encoding: str = "utf-8") -> None:
        """`write` may block; an `OSError` that it raises ends the writing."""
        self._write = write
        self._encoding = encoding
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._changed = threading.Condition()
        """Guards all that follows."""
        self._waiting: deque[str] = deque()
        self._is_writing = False
        self._is_closed = False
        self._left_out = 0
        self._error: OSError | None = None
        threading.Thread(target=self._run, name="output", daemon=True).start()

    @classmethod
    def to(cls, stream: TextIO) -> Self:
        """A writer to what a stream stands for, after what is in its buffer."""
        stream.flush()
        return cls(_to_descriptor(stream.fileno()), stream.encoding)

    async def put(self, line: str) -> None:
        """Have a line written; wait while as many as may wait do so."""
        while len(self._waiting) >= MOST_LINES and self._error is None:
            await self._next_news()
        self.offer(line)

    def offer(self, line: str) -> None:
        """Have a line written, without waiting; of too many the oldest is left out, which is said then."""
        with self._changed:
            if self._error is not None or self._is_closed:
                return
            if len(self._waiting) >= MOST_LINES:
                self._waiting.popleft()
                self._left_out += 1
            self._waiting.append(line)
            self._changed.notify()

    async def flushed(self) -> None:
        """Return when all is written, or can not be."""
        while (self._waiting or self._is_writing) and self._error is None:
            await self._next_news()

    async def failure(self) -> OSError:
        """Return when nobody can read any more, with what was raised."""
        while self._error is None:
            await self._next_news()
        return self._error

    def close(self) -> None:
        """Write no more, and end the thread as soon as it is not stuck."""
        with self._changed:
            self._is_closed = True
            self._waiting.clear()
            self._changed.notify()

    async def _next_news(self) -> None:
        self._news.clear()
        await self._news.wait()

    def _run(self) -> None:
        """The thread."""
        while (lines := self._take()) is not None:
            error: OSError | None = None
            try:
                self._write("".join(lines).encode(self._encoding, errors="replace"))
            except OSError as problem:
                error = problem
            with self._changed:
                self._is_writing = False
                self._error = error
                if error is not None:
                    self._waiting.clear()
            with suppress(RuntimeError):  # the loop has been closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._news.set)
            if error is not None:
                return

    def _take(self) -> list[str] | None:
        """The next line, with a word about those before it that were left out; None at the end."""
        with self._changed:
            while not self._waiting and not self._is_closed:
                self._changed.wait()
            if self._is_closed:
                return None
            self._is_writing = True
            left_out, self._left_out = self._left_out, 0
            missing = [f"({left_out} lines are missing here: nobody read them)\n"] if left_out else []
            line = self._waiting.popleft()
            return [*missing, line if line.endswith("\n") else f"{line}\n"]


def _to_descriptor(descriptor: int) -> Write:
    def write(data: bytes) -> None:
        left = memoryview(data)
        while left:
            try:
                left = left[os.write(descriptor, left) :]
            except BlockingIOError:  # somebody who has it too made it so
                select.select((), (descriptor,), ())

    return write
