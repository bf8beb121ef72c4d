"""Starting a container though a Podman that was killed amid its start left it half started.

The runtime has then made what Podman knows nothing of, and refuses to make it again. As that start fails
Podman tidies up after it, and the next one goes through. As root, the container's monitor (conmon) may hold
its ports all the while.
"""

import asyncio
import os
import re
import select
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path

from containers.adapters.persistence import persistently
from containers.adapters.podman_errors import PortConflict
from containers.adapters.podman_port_holder import holds
from containers.adapters.process_status import PROC, status_of
from containers.model.base import ContainerId
from containers.model.errors import EngineError, ErrorCode

_PATIENCE_S = 5.0
_TRIES = 20
_APART_S = 0.1
_MONITOR = "conmon"
_RUNTIMES = ("runc", "crun")
_HALF_STARTED = re.compile(r"container with given ID already exists|container `\S+` already exists")
"""As runc and crun say it of what they made for a Podman that was killed before it could note that."""


async def start_wholly(
    start: Callable[[], Awaitable[object]],
    end_monitor: Callable[[EngineError], Awaitable[bool]],
    *,
    half_started: bool = False,
) -> None:
    """Do `start` `persistently`; again where Podman was killed amid a start.

    Args:
        start: starts one container, or makes it ready; on one that runs it does nothing.
        end_monitor: ends the monitor of a start that was torn, if it has the port that an error is about;
            says whether it did.
        half_started: whether that is known already.

    Raises:
        EngineError: as `start`.
    """
    was_away = False

    async def once() -> None:
        nonlocal was_away
        try:
            await start()
        except EngineError as error:
            was_away = was_away or error.code is ErrorCode.DAEMON_UNREACHABLE
            raise

    for _ in range(_TRIES):
        try:
            return await persistently(once)
        except EngineError as error:
            if error.code is ErrorCode.PORT_IN_USE:
                # of what was refused before, the ports may be let go only now
                if not await end_monitor(error) and not half_started:
                    raise
            elif not is_half_started(error) and (half_started or not was_away or not _is_refusal(error)):
                raise
            half_started = True
        await asyncio.sleep(_APART_S)
    return await persistently(once)


def is_half_started(error: EngineError) -> bool:
    """Whether a start failed since an earlier one was left half done."""
    return bool(_HALF_STARTED.search(str(error)))


def _is_refusal(error: EngineError) -> bool:
    return error.code is ErrorCode.START_FAILED


def end_half_started(
    container: ContainerId, conflict: PortConflict, asked_at: float, proc: Path = PROC
) -> bool:
    """End the monitor that has a container's own port for a start that nobody will finish.

    While the runtime's process still waits for the word to become the container's, the start goes on or was
    torn, or was meant to end there (`podman init`). It was torn where it began before another start of the
    same container, which got as far as wanting the port: Podman's lock was free for that, and it knew of
    nothing that was ready.

    Args:
        container: the one whose start was refused.
        conflict: the port that it was refused for.
        asked_at: when that start was asked for, in seconds since the machine was started (`CLOCK_BOOTTIME`).
        proc: where the machine's processes are shown.

    Returns:
        Whether there was one; then the port is free.
    """
    for monitor in _monitors_of(container, asked_at, proc):
        with suppress(OSError):  # it has just ended, or is another user's
            descriptor = os.pidfd_open(monitor)
            try:
                if holds(monitor, conflict, proc) and _waits_for_its_start(monitor, proc):
                    signal.pidfd_send_signal(descriptor, signal.SIGKILL)
                    select.select([descriptor], [], [], _PATIENCE_S)
                    return True
            finally:
                os.close(descriptor)
    return False


def _monitors_of(container: ContainerId, asked_at: float, proc: Path) -> Iterator[int]:
    asked = asked_at * os.sysconf("SC_CLK_TCK")
    for folder in proc.iterdir():
        status = status_of(folder.name, proc)
        if status is None or status.name != _MONITOR or status.started >= int(asked):
            continue
        with suppress(OSError):
            arguments = (folder / "cmdline").read_text(errors="replace").split("\0")
            if container in arguments and arguments[arguments.index(container) - 1] == "-c":
                yield int(folder.name)


def _waits_for_its_start(monitor: int, proc: Path) -> bool:
    """Whether the runtime has made the container, and is not told to start it: it still runs there itself."""
    for folder in proc.iterdir():
        status = status_of(folder.name, proc)
        if status is not None and status.parent == monitor:
            with suppress(OSError):
                # by what it was called with: it runs as a copy of itself, under whatever name
                program = (folder / "cmdline").read_text(errors="replace").partition("\0")[0]
                if Path(program).name in _RUNTIMES:
                    return True
    return False
