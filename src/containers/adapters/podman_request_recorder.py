"""A server that is Podman for as long as a client asks to create a container, and keeps what it asks for.

Podman's remote client says which API version it speaks, has the image looked for, and posts one document with
everything its arguments came to. Whatever else a client asks is answered by 404; then it gives up, and the
container is created by the client itself.
"""

import asyncio
import json
import logging
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

_log = logging.getLogger(__name__)

_LARGEST_BODY = 16 * 1024 * 1024
_ANSWERS = {
    ("GET", "_ping"): ("200 OK", b"OK"),
    ("HEAD", "_ping"): ("200 OK", b""),
    ("POST", "images/pull"): ("200 OK", b'{"images":["placeholder"],"id":"placeholder"}\n'),
}
_CREATED = ("201 Created", b'{"Id":"placeholder","Warnings":[]}')
_UNKNOWN = ("404 Not Found", b'{"cause":"recorded","message":"recorded","response":404}')


class _Request(NamedTuple):
    verb: str
    path: str
    body: bytes


class RequestRecorder:
    """Listens on a socket, and keeps the documents that clients post, by the container's name.

    Args:
        socket: where to listen; in a folder that only we may enter.
        version: the Podman that it says to be.
    """

    def __init__(self, socket: Path, version: str) -> None:
        self.socket = socket
        self._version = version
        self._server: asyncio.Server | None = None
        self._posted: dict[str, Mapping[str, Any]] = {}
        self._connections: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        """Begin to listen."""
        self._server = await asyncio.start_unix_server(self._serve, self.socket, limit=_LARGEST_BODY)

    def take(self, name: str) -> Mapping[str, Any] | None:
        """The document that asked for a container of this name, which is then forgotten."""
        return self._posted.pop(name, None)

    async def close(self) -> None:
        """Listen no longer."""
        if self._server is not None:
            self._server.close()
        for connection in tuple(self._connections):
            await _hang_up(connection)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError, ValueError):
                while True:
                    request = await _read(reader)
                    status, body = self._answer(request)
                    writer.write(self._head(status, body) + (b"" if request.verb == "HEAD" else body))
                    await writer.drain()
        finally:
            await _hang_up(writer)
            self._connections.discard(writer)

    def _answer(self, request: _Request) -> tuple[str, bytes]:
        # `/v4.3.1/libpod/images/pull?reference=…`
        what = request.path.partition("?")[0].partition("/libpod/")[2]
        if (request.verb, what) == ("POST", "containers/create"):
            document = json.loads(request.body)
            self._posted[str(document["name"])] = document
            return _CREATED
        answer = _ANSWERS.get((request.verb, what))
        if answer is None:
            _log.debug("no answer to %s %s", request.verb, what)
        return answer or _UNKNOWN

    def _head(self, status: str, body: bytes) -> bytes:
        lines = (
            f"HTTP/1.1 {status}",
            f"Libpod-Api-Version: {self._version}",
            "Api-Version: 1.41",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
        )
        return "\r\n".join((*lines, "", "")).encode()


async def _hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


async def _read(reader: asyncio.StreamReader) -> _Request:
    """One request, with its body.

    Raises:
        IncompleteReadError: the client has gone.
        ValueError: this is no HTTP.
    """
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    verb, path, _ = head[0].split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
    if headers.get("transfer-encoding") == "chunked":
        return _Request(verb, path, await _read_chunks(reader))
    return _Request(verb, path, await reader.readexactly(int(headers.get("content-length", "0"))))


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while size := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readexactly(2)
    return bytes(body)
