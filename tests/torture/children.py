"""Work in a process of its own, forked from one that has everything loaded: a kill costs no start-up."""

import asyncio
import json
import logging
import os
import select
import signal
import time
import traceback
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, NamedTuple

_PATIENCE_S = 120.0
"""After which a process counts as hanging, and is ended."""


class Ending(NamedTuple):
    """How a process ended, and what it said."""

    killed: bool
    answer: Any
    words: str
    """What it wrote last: the instant at which it was killed, or the exception that it died of."""


def in_child(work: Callable[[int], Awaitable[Any]]) -> Ending:
    """Run `work` in a fork of this process; it is given a descriptor for its last words.

    The parent must have neither threads nor an event loop.
    """
    answer_in, answer_out = os.pipe()
    words_in, words_out = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(answer_in)
        os.close(words_in)
        _be_child(work, answer_out, words_out)
    os.close(answer_out)
    os.close(words_out)
    answer = _read_all(answer_in, child)
    words = _read_all(words_in, child)
    _, status = os.waitpid(child, 0)
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    return Ending(killed, json.loads(answer) if answer else None, words.decode(errors="replace"))


def _be_child(work: Callable[[int], Awaitable[Any]], answer_out: int, words_out: int) -> None:
    code = 1
    try:
        logging.disable(logging.CRITICAL)
        with os.fdopen(answer_out, "w") as file:
            json.dump(asyncio.run(_awaited(work(words_out))), file)
        code = 0
    except BaseException:  # noqa: BLE001  (the parent hears of all of them)
        os.write(words_out, traceback.format_exc().encode())
    finally:
        os._exit(code)


async def _awaited(work: Awaitable[Any]) -> Any:
    return await work


def _read_all(descriptor: int, child: int) -> bytes:
    """To the end; what takes too long is ended."""
    deadline = time.monotonic() + _PATIENCE_S
    parts: list[bytes] = []
    with os.fdopen(descriptor, "rb") as file:
        while True:
            if not select.select([file], [], [], max(deadline - time.monotonic(), 0))[0]:
                with suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
                return b"".join((*parts, b" (it hung, and was ended)"))
            part = os.read(file.fileno(), 65536)
            if not part:
                return b"".join(parts)
            parts.append(part)
