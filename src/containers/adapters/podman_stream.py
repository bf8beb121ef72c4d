"""A response that is read as it comes, by a thread of its own, and that can be given up at any moment."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from containers.adapters.podman_errors import from_exception
from containers.model.errors import EngineError

if TYPE_CHECKING:
    from podman.api.client import APIResponse

_CONNECT_TIMEOUT_S = 30.0
_MOST_WAITING_BYTES = 16 * 1024 * 1024
"""Read ahead of a slow reader. It is much, because Podman ends a log soon after its container and drops what
it has not been able to send by then."""


class ByteStream:
    """The body of one GET, in chunks, over a connection of its own.

    The thread blocks in a read that only the engine can end, so `close()` shuts the socket down under it.
    """

    def __init__(self, url: str, path: str, params: Mapping[str, str], doing: str) -> None:
        """Say what to read; nothing is sent before `chunks()`."""
        self._url = url
        self._path = path
        self._params = dict(params)
        self._doing = doing
        self._response: APIResponse | None = None
        self._changed = threading.Condition()
        """Guards everything below, and the response."""
        self._waiting = bytearray()
        self._ended = False
        self._error: EngineError | None = None
        self._closed = False

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The body as it comes; ends when the engine ends it.

        Raises:
            EngineError: the request was refused, or the connection broke.
        """
        loop = asyncio.get_running_loop()
        news = asyncio.Event()

        def tell() -> None:
            with suppress(RuntimeError):  # the loop has been closed: nobody listens any more
                loop.call_soon_threadsafe(news.set)

        reader = threading.Thread(target=self._run, args=(tell,), name="podman-stream", daemon=True)
        reader.start()
        try:
            while True:
                await news.wait()
                news.clear()
                chunk, ended = self._take()
                if chunk:
                    yield chunk
                if ended:
                    break
            if self._error is not None:
                raise self._error
        finally:
            self.close()

    def close(self) -> None:
        """End the stream now; the thread's read returns at once."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            if self._response is not None:
                with suppress(OSError, ValueError, RuntimeError):  # it had ended by itself
                    self._response.raw.shutdown()

    def _take(self) -> tuple[bytes, bool]:
        with self._changed:
            chunk = bytes(self._waiting)
            self._waiting.clear()
            self._changed.notify_all()
            return chunk, self._ended

    def _run(self, tell: Callable[[], None]) -> None:
        """The thread."""
        error: EngineError | None = None
        try:
            self._read(tell)
        except Exception as problem:  # noqa: BLE001  (handed to whoever reads, not swallowed)
            error = from_exception(problem, self._doing)
        with self._changed:
            self._ended, self._error = True, error
        tell()

    def _read(self, tell: Callable[[], None]) -> None:
        from containers.adapters.podman_client import open_client  # noqa: PLC0415  (start-up time)

        with open_client(self._url, _CONNECT_TIMEOUT_S) as client:
            # No read timeout: silence is what an idle engine sounds like.
            timeout = (_CONNECT_TIMEOUT_S, None)
            response = client.get(self._path, params=self._params, stream=True, timeout=timeout)
            with self._changed:
                self._response = response
            try:
                response.raise_for_status()
                # `read1` gives what is there; `iter_content` would wait for a full block.
                while not self._closed and (chunk := response.raw.read1(decode_content=True)):
                    self._keep(chunk)
                    tell()
            finally:
                with self._changed:
                    self._response = None
                response.close()

    def _keep(self, chunk: bytes) -> None:
        with self._changed:
            while len(self._waiting) > _MOST_WAITING_BYTES and not self._closed:
                self._changed.wait()
            self._waiting += chunk
