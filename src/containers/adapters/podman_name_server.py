"""Podman's name server, aardvark-dns: whether it has died, and how it comes back.

One process answers for all networks of a user. aardvark-dns 1.4 (Podman 4.3, Debian 12) ends itself when it
reads a network's file in the moment in which the file is written, which is when several containers join
networks at once, and when a network of which a file is left is gone. netavark starts another as the next
container joins; until one does, no name is resolved.

But netavark goes by the number in a file alone. A server that has died, and whose end the machine's first
process takes note of late or never, counts as running: in a container without an init no name would be
resolved any more. And where the file is gone from a server that runs (one that ends takes it away, also when
the next one has written it by then), netavark starts another for each container, which ends at once, since
the first one has the port; that one is never told of any container again.
"""

import asyncio
import logging
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from containers.adapters.podman_cli import PodmanCli
from containers.adapters.process_status import PROC, ProcessStatus, status_of
from containers.model.base import ContainerId
from containers.model.errors import EngineError

log = logging.getLogger(__name__)

_PID_FILE = "aardvark.pid"
_PROGRAM = "aardvark-dns"
_LOOKS = 5
_APART_S = 0.002


class NameServer:
    """Brings back the name server of this user's own Podman on this machine."""

    def __init__(self, cli: PodmanCli, folder: Path, processes: Path = PROC) -> None:
        """`folder` is where netavark keeps what it tells the name server."""
        self._cli = cli
        self._folder = folder
        self._processes = processes
        self._turn = asyncio.Lock()

    async def before_join(self) -> None:
        """Have the file name the server that runs; where none does, netavark starts one without a file."""
        async with self._turn:
            await asyncio.to_thread(self._correct_file)

    async def revive(self, container: ContainerId) -> bool:
        """Where it should answer for a running `container` and is gone, have it started; whether it was."""
        async with self._turn:
            if not await asyncio.to_thread(self._is_missed_by, container):
                return False
            await asyncio.to_thread(self._correct_file)
            try:
                await self._cli.reload_network(container)
            except EngineError as error:
                log.warning("Podman's name server is gone: %s", error)
                return False
        log.warning("Podman's name server was gone, or out of its sight; it was brought back")
        return True

    def _is_missed_by(self, container: ContainerId) -> bool:
        """Whether it is gone, although it was told to answer for `container`."""
        try:
            told = [file.read_text() for file in self._folder.iterdir() if file.name != _PID_FILE]
        except OSError:
            return False
        return any(container in text for text in told) and not self._runs(self._folder / _PID_FILE)

    def _correct_file(self) -> None:
        file = self._folder / _PID_FILE
        self._await_content(file)
        if self._runs(file):
            return
        self._forget_dead(file)
        running = self._running()
        if running is not None:
            with suppress(OSError), file.open("x") as fresh:
                fresh.write(str(running))
                log.info("the file that names the name server, %d, was written again", running)

    def _forget_dead(self, file: Path) -> None:
        """Take the file away, look, and put it back where it is right: another may be writing it just now."""
        aside = file.with_name(f"{_PID_FILE}.{os.getpid()}")
        with suppress(OSError):
            file.rename(aside)
            if self._runs(aside):
                aside.rename(file)
            else:
                aside.unlink()

    def _await_content(self, file: Path) -> None:
        """It is empty for some microseconds, or for ever where who wrote it was ended just then."""
        with suppress(OSError):
            for _ in range(_LOOKS):
                if file.read_text().strip():
                    return
                time.sleep(_APART_S)

    def _running(self) -> int | None:
        """The server that was started first, of those that run for this folder: it has the port."""
        found: dict[int, int] = {}
        for entry in os.scandir(self._processes):
            status = self._server(entry.name)
            if status is None:
                continue
            with suppress(OSError):
                arguments = (self._processes / entry.name / "cmdline").read_bytes().split(b"\0")
                if os.fsencode(self._folder) in arguments:
                    found[status.started] = int(entry.name)
        return found[min(found)] if found else None

    def _runs(self, file: Path) -> bool:
        """Whether a file names a name server that runs; the number may be another program's by now."""
        try:
            return self._server(file.read_text().strip()) is not None
        except (OSError, ValueError):
            return False

    def _server(self, pid: str) -> ProcessStatus | None:
        """The process of a number, where it is a name server that runs."""
        status = status_of(pid, self._processes)
        return status if status is not None and status.name == _PROGRAM and not status.has_ended else None


def folder_of_user(environ: Mapping[str, str]) -> Path | None:
    """Where netavark keeps its files for the user that we are; None where that can not be known."""
    if os.getuid() == 0:
        return Path("/run/containers/networks/aardvark-dns")
    runtime = environ.get("XDG_RUNTIME_DIR")
    return Path(runtime) / "containers/networks/aardvark-dns" if runtime else None
