"""A response that is read as it comes, by a thread of its own, and that can be given up at any moment."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import suppress

from podman.api.client import APIClient, APIResponse

from containers.adapters.podman_connection import open_client
from containers.adapters.podman_errors import from_exception
from containers.model.errors import EngineError

_CONNECT_TIMEOUT_S = 30.0
_WAITING_CHUNKS = 64
"""Chunks read ahead of a slow reader; then the thread waits, and in the end the engine does."""


class ByteStream:
    """The body of one GET, in chunks, over a connection of its own.

    The thread blocks in a read that only the engine can end, so `close()` shuts the socket down under it.
    """

    def __init__(self, url: str, path: str, params: Mapping[str, str], doing: str) -> None:
        """Say what to read; nothing is sent before `chunks()`."""
        self._url = url
        self._path = path
        self._params = params
        self._doing = doing
        self._response: APIResponse | None = None
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._room = threading.Semaphore(_WAITING_CHUNKS)

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The body as it comes; ends when the engine ends it.

        Raises:
            EngineError: the request was refused, or the connection broke.
        """
        loop = asyncio.get_running_loop()
        arrived: asyncio.Queue[bytes | EngineError | None] = asyncio.Queue()

        def tell(item: bytes | EngineError | None) -> None:
            with suppress(RuntimeError):  # the loop has been closed: nobody listens any more
                loop.call_soon_threadsafe(arrived.put_nowait, item)

        def read() -> None:
            try:
                self._read(tell)
            except Exception as error:  # noqa: BLE001  (told to whoever reads, not swallowed)
                if not self._closed.is_set():
                    tell(from_exception(error, self._doing))
            finally:
                tell(None)

        threading.Thread(target=read, name="podman-stream", daemon=True).start()
        try:
            while (item := await arrived.get()) is not None:
                if isinstance(item, EngineError):
                    raise item
                self._room.release()
                yield item
        finally:
            self.close()

    def close(self) -> None:
        """End the stream now; the thread's read returns at once."""
        self._closed.set()
        self._room.release()
        with self._lock:
            if self._response is not None:
                with suppress(OSError, ValueError, RuntimeError):  # it had ended by itself
                    self._response.raw.shutdown()

    def _read(self, tell: Callable[[bytes], None]) -> None:
        with open_client(self._url, _CONNECT_TIMEOUT_S) as client:
            response = self._open(client)
            with self._lock:
                self._response = response
            try:
                response.raise_for_status()
                # `read1` gives what is there; `iter_content` would wait for a full block.
                while not self._closed.is_set() and (chunk := response.raw.read1(decode_content=True)):
                    self._room.acquire()
                    tell(chunk)
            finally:
                with self._lock:
                    self._response = None
                response.close()

    def _open(self, client: APIClient) -> APIResponse:
        # No read timeout: silence is what an idle engine sounds like.
        return client.get(
            self._path, params=dict(self._params), stream=True, timeout=(_CONNECT_TIMEOUT_S, None)
        )
