"""Container logs: frames of two streams over the wire, lines of text for people."""

from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing

from containers.adapters.podman_stream import ByteStream

_HEADER_BYTES = 8
_STREAMS = (0, 1, 2)
_LONGEST_LINE = 64 * 1024
"""A program may write without ever ending a line; it is cut here, so that memory is bounded."""


class LogDecoder:
    """Takes bytes as they arrive and gives whole lines.

    Podman frames what it sends: one byte for the stream, three zero bytes, four for the length. Each stream
    has its own unfinished line, so a line of one is never torn by the other. Bytes that are no UTF-8 become
    replacement characters. Where frames are missing (a terminal, on some versions) all is one stream.

    A program may end a line later than it began it. Podman then frames each piece, and where it was asked for
    times it puts one before each: `stamped` keeps that of the line's beginning alone.
    """

    def __init__(self, *, stamped: bool = False) -> None:
        """Begin with nothing."""
        self._stamped = stamped
        self._pending = b""
        self._unfinished: dict[int, bytes] = {}
        self._framed: bool | None = None

    def feed(self, data: bytes) -> Iterator[str]:
        """The lines that `data` completes."""
        self._pending += data
        if self._framed is None and len(self._pending) >= _HEADER_BYTES:
            self._framed = self._pending[0] in _STREAMS and self._pending[1:4] == b"\0\0\0"
        if self._framed is None:
            return
        if not self._framed:
            whole, self._pending = self._pending, b""
            yield from self._lines(1, whole)
            return
        while len(self._pending) >= _HEADER_BYTES:
            end = _HEADER_BYTES + int.from_bytes(self._pending[4:_HEADER_BYTES], "big")
            if len(self._pending) < end:
                return
            stream, content = self._pending[0], self._pending[_HEADER_BYTES:end]
            self._pending = self._pending[end:]
            if self._stamped and self._unfinished.get(stream):
                content = content.partition(b" ")[2]
            yield from self._lines(stream, content)

    def finish(self) -> Iterator[str]:
        """What was left without an end of line."""
        if self._framed is None and self._pending:
            yield from self._lines(1, self._pending)
        for stream in sorted(self._unfinished):
            if rest := self._unfinished.pop(stream):
                yield _text(rest)

    def _lines(self, stream: int, content: bytes) -> Iterator[str]:
        *lines, rest = (self._unfinished.get(stream, b"") + content).split(b"\n")
        for line in lines:
            yield _text(line)
        while len(rest) > _LONGEST_LINE:
            yield _text(rest[:_LONGEST_LINE])
            rest = rest[_LONGEST_LINE:]
        self._unfinished[stream] = rest


def _text(line: bytes) -> str:
    return line.removesuffix(b"\r").decode(errors="replace")


async def stream_log(
    url: str, path: str, params: Mapping[str, str], *, doing: str
) -> AsyncGenerator[str, None]:
    """Lines of both streams, as `params` ask for them.

    Raises:
        EngineError: the container is gone, keeps no log, or the connection broke.
    """
    both = {"stdout": "true", "stderr": "true", **params}
    decoder = LogDecoder(stamped=params.get("timestamps") == "true")
    async with aclosing(ByteStream(url, path, both, doing).chunks()) as chunks:
        async for chunk in chunks:
            for line in decoder.feed(chunk):
                yield line
    for line in decoder.finish():
        yield line
