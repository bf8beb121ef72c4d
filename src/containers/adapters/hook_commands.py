"""Runs what a hook is to run: an argv, without a shell, with an end."""

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Final, Self

from containers.model.observed import CommandResult

_OUTPUT_BYTES: Final = 16 * 1024
"""Of both streams together; what comes beyond is read and dropped, so that the command does not stall."""
GRACE_S: Final = 10.0
"""As Podman gives a container that is stopped; a verb undoes in it what it has begun."""
_NOT_STARTED: Final = 127
"""The shell's code for a program that is not there."""


class HookCommands:
    """The port `CommandRunner`."""

    def __init__(self, environ: Mapping[str, str], grace_s: float = GRACE_S) -> None:
        """Args beside the obvious.

        environ: what commands find in their environment.
        grace_s: what they have to end by themselves once their time is over.
        """
        self._environ = dict(environ)
        self._grace_s = grace_s

    @property
    def podkeeper(self) -> tuple[str, ...]:
        """How this very program is called, whatever modules lie in the folder that it is called in."""
        return (sys.executable, "-P", "-m", "containers")

    async def run(self, argv: Sequence[str], *, folder: Path, stdin: str, timeout_s: float) -> CommandResult:
        """Run it in a process group of its own, which ends with it: nothing of it is left behind."""
        given = await asyncio.to_thread(_file_with, stdin)
        with given, _Output() as output:
            try:
                process = await asyncio.create_subprocess_exec(
                    *argv,
                    cwd=folder,
                    env=self._environ,
                    stdin=given,
                    stdout=output.end,
                    stderr=output.end,
                    start_new_session=True,
                )
            except (OSError, ValueError) as error:  # ValueError: a null byte in an argument
                return CommandResult(exit_code=_NOT_STARTED, output=f"{argv[0]} can not be started: {error}")
            try:
                async with asyncio.timeout(timeout_s):
                    code = await process.wait()
            except TimeoutError:
                code = -1
                await self._ask_to_end(process)
            finally:
                await _end(process)
            output.drain()
            return CommandResult(exit_code=code, output=output.text)

    async def _ask_to_end(self, process: asyncio.subprocess.Process) -> None:
        """Have its group end, and give it a moment for that."""
        _signal(process, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._grace_s):
                await process.wait()


class _Output:
    """A pipe that is read while the command writes; what is over the limit is dropped.

    It is not asyncio's own: that one would hold up the command's end for as long as anybody it left behind
    keeps the pipe open.
    """

    def __init__(self) -> None:
        self._kept = bytearray()
        self._read, self.end = os.pipe()
        os.set_blocking(self._read, False)

    def __enter__(self) -> Self:
        asyncio.get_running_loop().add_reader(self._read, self._take)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._read)
        os.close(self._read)
        os.close(self.end)

    @property
    def text(self) -> str:
        """What was kept."""
        return self._kept.decode(errors="replace")

    def drain(self) -> None:
        """Take what is left in the pipe."""
        while self._take():
            pass

    def _take(self) -> bool:
        try:
            chunk = os.read(self._read, 65_536)
        except BlockingIOError:
            return False
        self._kept += chunk[: _OUTPUT_BYTES - len(self._kept)]
        return bool(chunk)


def _file_with(text: str) -> BinaryIO:
    file = tempfile.TemporaryFile()  # noqa: SIM115  (the caller closes it)
    file.write(text.encode())
    file.seek(0)
    return file


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill what is left of its group; who is cancelled meanwhile is so afterwards."""
    _signal(process, signal.SIGKILL)
    was_cancelled = False
    while process.returncode is None:
        try:
            await process.wait()
        except asyncio.CancelledError:
            was_cancelled = True
    if was_cancelled:
        raise asyncio.CancelledError


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
