"""Container logs: frames of two streams over the wire, lines of text for people."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing

from containers.adapters.podman_stream import ByteStream
from containers.model.errors import EngineError

_HEADER_BYTES = 8
_STREAMS = (0, 1, 2)
_LONGEST_LINE = 64 * 1024
"""A program may write without ever ending a line; it is cut here, so that memory is bounded."""
_MOST_CUTS = 256
"""In the end of a log that is not followed: 16 MiB without an end of line are more than anybody reads."""
_TORN = "is not a valid container log line"
"""What Podman says of a log whose last line is half written just then, where it is asked for a log's end."""
_READINGS = 20
"""Of such a log at most: a line is whole some microseconds later, but a busy program begins the next."""
_APART_S = 0.01


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
        self.ended = 0
        """How many lines were ended by what wrote them; one that is cut counts once."""
        self.cuts = 0
        """How often a line was cut."""

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

    def has_end(self, lines: int) -> bool:
        """Whether all of a log's end that was asked for has come, or more than anybody reads."""
        return self.ended > lines or self.cuts > _MOST_CUTS

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
            self.ended += 1
            yield _text(line)
        while len(rest) > _LONGEST_LINE:
            self.cuts += 1
            yield _text(rest[:_LONGEST_LINE])
            rest = rest[_LONGEST_LINE:]
        self._unfinished[stream] = rest


def _text(line: bytes) -> str:
    return line.removesuffix(b"\r").decode(errors="replace")


async def stream_log(
    url: str, path: str, params: Mapping[str, str], *, doing: str
) -> AsyncGenerator[str, None]:
    """Lines of both streams, as `params` ask for them.

    A log's end (`tail`) that is not followed ends after as many lines: Podman itself goes on for as long as
    the program writes quicker than it reads. One that is being written just then is asked for again.

    Raises:
        EngineError: the container is gone, keeps no log, or the connection broke.
    """
    most = int(params["tail"]) if "tail" in params and params.get("follow") != "true" else None
    for reading in range(1, _READINGS + 1):
        begun = False
        try:
            async with aclosing(_read(url, path, params, most, doing)) as lines:
                async for line in lines:
                    begun = True
                    yield line
        except EngineError as error:
            if begun or reading == _READINGS or _TORN not in str(error):
                raise
            await asyncio.sleep(_APART_S)
        else:
            return


async def _read(
    url: str, path: str, params: Mapping[str, str], most: int | None, doing: str
) -> AsyncGenerator[str, None]:
    """One reading; of `most` lines that were ended, and of what follows them unended."""
    both = {"stdout": "true", "stderr": "true", **params}
    decoder = LogDecoder(stamped=params.get("timestamps") == "true")
    async with aclosing(ByteStream(url, path, both, doing).chunks()) as chunks:
        async for chunk in chunks:
            for line in decoder.feed(chunk):
                if most is not None and decoder.has_end(most):
                    return
                yield line
    for line in decoder.finish():
        yield line
