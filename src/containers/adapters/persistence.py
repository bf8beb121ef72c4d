"""Trying again what failed for a reason that passes."""

import re
from collections.abc import Awaitable, Callable
from typing import TypeVar

from containers.model.errors import EngineError, ErrorCode

_T = TypeVar("_T")

_ATTEMPTS = 6
_PATIENCE_S = 6.0
_FIRST_WAIT_S = 0.1
_LONGEST_WAIT_S = 2.0
_HALF_STARTED = re.compile(r"container with given ID already exists|container `\S+` already exists")
"""As runc and crun say it of what they made for a Podman that was killed before it could note that."""


async def persistently(once: Callable[[], Awaitable[_T]]) -> _T:
    """Do `once`; where Podman can not be reached, again, each time after a longer wait with some jitter.

    A service that is restarted is away for a second or two. Whoever calls this says that doing it twice is
    the same as doing it once.

    Raises:
        EngineError: as `once`; `daemon_unreachable` only after the last attempt.
    """
    try:
        return await once()
    except EngineError as error:
        if not _passes(error):
            raise
    import stamina  # noqa: PLC0415  (start-up time: it is seldom needed)

    stamina.instrumentation.set_on_retry_hooks([])
    attempts = stamina.retry_context(
        on=_passes,
        attempts=_ATTEMPTS,
        timeout=_PATIENCE_S,
        wait_initial=_FIRST_WAIT_S,
        wait_max=_LONGEST_WAIT_S,
        wait_jitter=_FIRST_WAIT_S,
    )
    async for attempt in attempts:
        with attempt:
            return await once()
    raise AssertionError("stamina ends with a result or an error")


async def wholly(start: Callable[[], Awaitable[_T]]) -> _T:
    """Do `start`, which starts a container, `persistently`; once more where Podman was killed amid a start.

    The runtime has then made what Podman knows nothing of, and refuses to make it again; as that start
    fails Podman tidies up after it, and the next one goes through.

    Raises:
        EngineError: as `start`.
    """
    was_away = False

    async def once() -> _T:
        nonlocal was_away
        try:
            return await start()
        except EngineError as error:
            was_away = was_away or _passes(error)
            raise

    try:
        return await persistently(once)
    except EngineError as error:
        if not (is_half_started(error) or (was_away and error.code is ErrorCode.START_FAILED)):
            raise
    return await persistently(start)


def is_half_started(error: EngineError) -> bool:
    """Whether a start failed since an earlier one was left half done."""
    return bool(_HALF_STARTED.search(str(error)))


def _passes(error: Exception) -> bool:
    return isinstance(error, EngineError) and error.code is ErrorCode.DAEMON_UNREACHABLE
