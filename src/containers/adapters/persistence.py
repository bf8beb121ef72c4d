"""Trying again what failed for a reason that passes."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from containers.model.errors import EngineError, ErrorCode

_T = TypeVar("_T")

_ATTEMPTS = 6
_PATIENCE_S = 6.0
_FIRST_WAIT_S = 0.1
_LONGEST_WAIT_S = 2.0


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


def _passes(error: Exception) -> bool:
    return isinstance(error, EngineError) and error.code is ErrorCode.DAEMON_UNREACHABLE
