"""A Podman service of our own, for machines where none runs: started, watched over, and stopped by us."""

import asyncio
import logging
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from containers.adapters.podman_errors import from_text
from containers.model.errors import EngineError, ErrorCode

_log = logging.getLogger(__name__)

_KEEPER = Path(__file__).with_name("podman_service_keeper.py")
_ADDRESSES = frozenset({"CONTAINER_HOST", "CONTAINER_CONNECTION", "CONTAINER_SSHKEY"})
_PREFIX = "podkeeper-"
_LONGEST_SOCKET_PATH = 100
"""Linux takes 107 bytes for a socket's path; the socket's own name needs some."""
_START_TIMEOUT_S = 20.0
"""Rootless Podman's first start on a machine sets up its storage."""
_STOP_TIMEOUT_S = 5.0


class OwnedProcess:
    """A helper process that listens on a socket of ours; it ends with us, however we end.

    It has a session of its own, so Ctrl-C in the terminal reaches us and not it: we stop it in `close()`.
    Should we be killed, the kernel tells it (see `podman_service_keeper`).
    """

    def __init__(self, process: asyncio.subprocess.Process, folder: Path) -> None:
        """Own a running process and the folder its socket is in."""
        self._process = process
        self._folder = folder

    @property
    def pid(self) -> int:
        """The process, or rather the first of them: rootless Podman starts another."""
        return self._process.pid

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self._folder / "podman.sock"

    async def close(self) -> None:
        """Ask it to end, make it end if it does not, and leave nothing behind."""
        await _end(self._process)
        shutil.rmtree(self._folder, ignore_errors=True)


async def start_service(podman: str, environ: Mapping[str, str], state_dir: Path) -> OwnedProcess:
    """Start `podman system service`, and wait until its socket is there.

    Raises:
        EngineError: it did not start, with what it said.
    """
    folder = make_socket_folder(environ, state_dir)
    socket = folder / "podman.sock"
    # No idle timeout: a service that left by itself would look like a broken engine.
    command = [podman, "system", "service", "--time=0", f"unix://{socket}"]
    # With an address of another service in its environment, even an empty one, Podman is a mere client.
    own = {name: value for name, value in environ.items() if name not in _ADDRESSES}
    return await _start(command, socket, own, "start a Podman service")


async def start_ssh_forward(
    ssh_url: str, identity: str | None, environ: Mapping[str, str], state_dir: Path
) -> OwnedProcess:
    """Forward the socket that `ssh://user@host[:port]/path` names to one of ours, with the user's own ssh.

    Raises:
        EngineError: ssh is missing or did not connect, with what it said.
    """
    host, _, path = ssh_url.removeprefix("ssh://").partition("/")
    socket = make_socket_folder(environ, state_dir) / "podman.sock"
    identity_options = ["-i", identity] if identity else []
    command = ["ssh", "-N", "-o", "BatchMode=yes", "-o", "ExitOnForwardFailure=yes", *identity_options]
    command += ["-L", f"{socket}:/{path}", "--", f"ssh://{host}"]
    return await _start(command, socket, environ, f"connect to {host} by ssh")


async def _start(
    command: Sequence[str], socket: Path, environ: Mapping[str, str], doing: str
) -> OwnedProcess:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-S",
        str(_KEEPER),
        str(os.getpid()),
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env={**environ},
        start_new_session=True,
    )
    ready = False
    try:
        async with asyncio.timeout(_START_TIMEOUT_S):
            while process.returncode is None and not os.path.lexists(socket):  # noqa: ASYNC110, ASYNC240
                await asyncio.sleep(0.01)
            ready = process.returncode is None
        if not ready:
            said = await process.stderr.read() if process.stderr else b""
            raise from_text(said.decode(errors="replace"), doing, fallback=ErrorCode.DAEMON_UNREACHABLE)
    except TimeoutError:
        raise EngineError(
            ErrorCode.DAEMON_UNREACHABLE,
            f"could not {doing}: nothing listened after {_START_TIMEOUT_S:.0f} seconds",
            remedy="Run `podman info` in a terminal: it says what is wrong.",
        ) from None
    finally:
        if not ready:
            await _end(process)
            shutil.rmtree(socket.parent, ignore_errors=True)
    _log.info("started %s as process %d", command[0], process.pid)
    return OwnedProcess(process, socket.parent)


async def _end(process: asyncio.subprocess.Process) -> None:
    # Only this process is signalled, never its group: rootless Podman passes SIGTERM on to the child that
    # serves, but the group also holds the pause process that other Podman commands rely on.
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(_STOP_TIMEOUT_S):
                await process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def make_socket_folder(environ: Mapping[str, str], state_dir: Path) -> Path:
    """A new folder that only we may enter, with a path short enough for a socket."""
    candidates = [Path(environ["XDG_RUNTIME_DIR"])] if environ.get("XDG_RUNTIME_DIR") else []
    candidates += [state_dir, Path(tempfile.gettempdir())]
    for base in candidates:
        if len(os.fsencode(base)) + 40 > _LONGEST_SOCKET_PATH:
            continue
        try:
            base.mkdir(parents=True, exist_ok=True, mode=0o700)
            _sweep(base)
            return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=base))
        except OSError:
            continue
    raise EngineError(
        ErrorCode.PERMISSION_DENIED,
        "could not start a Podman service: there is no folder that its socket can be in",
        remedy="Set XDG_RUNTIME_DIR to a folder that belongs to you.",
    )


def _sweep(base: Path) -> None:
    """Remove what earlier processes of ours left when they were killed."""
    for folder in base.glob(f"{_PREFIX}[0-9]*-*"):
        pid = folder.name.removeprefix(_PREFIX).partition("-")[0]
        with suppress(FileNotFoundError):  # another process of ours has just ended, and took it away
            status = folder.lstat()
            ours = status.st_uid == os.getuid() and stat.S_ISDIR(status.st_mode)
            if ours and pid.isdigit() and not Path(f"/proc/{pid}").exists():
                shutil.rmtree(folder, ignore_errors=True)
