"""Finding Podman: where to look, in which order, and what to say when nothing answers."""

import asyncio
import contextlib
import json
import logging
import os
import re
import shutil
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from containers.adapters.podman_errors import UNREACHABLE_REMEDY, from_exception
from containers.adapters.podman_http import API_VERSION
from containers.adapters.podman_own_service import OwnedProcess, start_service, start_ssh_forward
from containers.adapters.podman_ping import ping
from containers.model.errors import EngineError, ErrorCode
from containers.settings import EngineSettings

_log = logging.getLogger(__name__)

_PROBE_TIMEOUT_S = 5.0
_CLI_TIMEOUT_S = 10.0
_MOUNTS = "proc/self/mountinfo"
_CONTAINER_MARKS = ("run/.containerenv", ".dockerenv")
_ROOTFUL_SOCKET = "run/podman/podman.sock"
_USUAL_SOCKET = re.compile(r"(?:/run/user/(?P<uid>\d+)|/run|/var/run)/podman/podman\.sock")
_DOCKER_SOCKET = "var/run/docker.sock"
"""Where people mount Podman's socket for programs that look for Docker's."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One place to look."""

    url: str
    because: str
    identity: str | None = None
    """The key for an ssh connection."""
    local: bool = True
    """It is on this machine, as far as we can know."""
    binding: bool = False
    """Someone named exactly this one, so nothing else will do."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A place that was tried and not taken."""

    url: str
    because: str
    problem: str


@dataclass(frozen=True, slots=True)
class Connection:
    """The connection that was taken."""

    url: str
    """What clients talk to: `unix://` or `tcp://`."""
    named: str
    """What was named or found; differs from `url` where we forward an ssh connection."""
    chosen_because: str
    version: str
    local: bool
    """The engine shares this machine's processes and files, as far as we can know."""
    tried: tuple[Attempt, ...] = ()
    owned: OwnedProcess | None = None

    @property
    def store(self) -> str:
        """Which engine it leads to, by whichever way: one's own is the same whoever started its service."""
        if self.owned is not None:
            return f"user {os.getuid()}"
        usual = _USUAL_SOCKET.fullmatch(self.url.removeprefix("unix://"))
        return f"user {usual['uid'] or 0}" if usual and self.local else self.named

    async def close(self) -> None:
        """Stop what we started for it."""
        if self.owned is not None:
            await self.owned.close()


async def find_connection(
    settings: EngineSettings, environ: Mapping[str, str], state_dir: Path, *, root: Path = Path("/")
) -> Connection:
    """Take the first place in the search order that answers as Podman 4.0 or later.

    The order: the setting, what the environment names, `CONTAINER_HOST`, the default of `podman system
    connection`, the rootless socket, the rootful one, one mounted into the container we run in, and last a
    service that we start ourselves.
    `root` is where the system's own places are looked for.

    Raises:
        EngineError: `podman_not_installed`, `permission_denied`, `daemon_unreachable` or `podman_too_old`.
    """
    podman = shutil.which(settings.podman, path=environ.get("PATH"))
    tried: list[Attempt] = []
    problems: list[EngineError] = []
    async for candidate in _candidates(settings, environ, podman, root):
        try:
            return await _connect(candidate, environ, state_dir, tried)
        except EngineError as error:
            if candidate.binding:
                raise
            _log.info("not taken: %s (%s): %s", candidate.url, candidate.because, error)
            tried.append(Attempt(candidate.url, candidate.because, str(error)))
            problems.append(error)
    if podman is None:
        raise _nothing_found(problems)
    owned = await start_service(podman, environ, state_dir)
    because = "nothing was running, so Podkeeper started its own Podman service"
    try:
        url = f"unix://{owned.socket}"
        version = await _probe(url)
    except BaseException:
        await owned.close()
        raise
    return Connection(url, url, because, version, local=True, tried=tuple(tried), owned=owned)


async def _candidates(
    settings: EngineSettings, environ: Mapping[str, str], podman: str | None, root: Path
) -> AsyncIterator[Candidate]:
    if settings.url:
        yield Candidate(settings.url, "it is set in the settings", binding=True)
    if settings.connection:
        yield await _of_environment(settings.connection, podman, environ)
    if host := environ.get("CONTAINER_HOST"):
        key = environ.get("CONTAINER_SSHKEY")
        yield Candidate(host, "CONTAINER_HOST names it", identity=key, binding=True)
    if podman and (default := await _default_system_connection(podman, environ)):
        yield default
    for candidate in _sockets(environ, root):
        yield candidate


def _sockets(environ: Mapping[str, str], root: Path) -> Iterator[Candidate]:
    """The sockets that are there, in the places where Podman puts them or people mount them."""
    if runtime_dir := environ.get("XDG_RUNTIME_DIR"):
        own = Path(runtime_dir) / "podman/podman.sock"
        if _is_there(own):
            yield Candidate(f"unix://{own}", "it is this user's own socket")
    inside = any(_is_there(root / mark) for mark in _CONTAINER_MARKS)
    rootful, docker = root / _ROOTFUL_SOCKET, root / _DOCKER_SOCKET
    if _is_there(rootful):
        mounted = inside and _is_mounted(rootful, root)
        because = "it is mounted into this container" if mounted else "it is the system's socket"
        yield Candidate(f"unix://{rootful}", because, local=not mounted)
    if inside and _is_there(docker):
        yield Candidate(f"unix://{docker}", "it is mounted into this container", local=False)


def _is_there(path: Path) -> bool:
    """Whether there is such a file that we may see: root's folder of sockets is closed to others."""
    return os.path.exists(path)  # noqa: PTH110  (`Path.exists` raises where a folder may not be entered)


def _is_mounted(path: Path, root: Path) -> bool:
    """Whether `path` or the folder it is in was mounted here from elsewhere."""
    resolved = path.resolve()
    table = (root / _MOUNTS).read_text(errors="replace")
    points = {line.split()[4] for line in table.splitlines()}
    return not points.isdisjoint({str(resolved), str(resolved.parent)})


async def _of_environment(connection: str, podman: str | None, environ: Mapping[str, str]) -> Candidate:
    """What an environment names: a URL, or one of Podman's own connections."""
    if "://" in connection:
        return Candidate(connection, "the environment names it", binding=True)
    entries = await _system_connections(podman, environ) if podman else ()
    for entry in entries:
        if _name_of(entry) == connection and entry.get("URI"):
            because = f'the environment names Podman\'s connection "{connection}"'
            identity = entry.get("Identity") or None
            return Candidate(str(entry["URI"]), because, identity=identity, binding=True)
    known = ", ".join(map(_name_of, entries)) or "none"
    raise EngineError(
        ErrorCode.DAEMON_UNREACHABLE,
        f"the environment names the connection {connection!r}, which Podman does not have",
        remedy=f"Run `podman system connection add {connection} URL`, or take one of: {known}.",
    )


async def _default_system_connection(podman: str, environ: Mapping[str, str]) -> Candidate | None:
    """What `podman system connection default` was set to, if anything."""
    return _default_of(await _system_connections(podman, environ))


async def _system_connections(podman: str, environ: Mapping[str, str]) -> Sequence[Mapping[str, Any]]:
    process = await asyncio.create_subprocess_exec(
        podman,
        "system",
        "connection",
        "list",
        "--format",
        "json",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**environ},
    )
    try:
        async with asyncio.timeout(_CLI_TIMEOUT_S):
            output, _ = await process.communicate()
        entries = json.loads(output or b"[]")
    except (TimeoutError, ValueError) as error:
        _log.info("podman's connections could not be listed: %r", error)
        return ()
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return entries if isinstance(entries, list) else ()


def _name_of(entry: Mapping[str, Any]) -> str:
    """Before 4.2 the default is marked by a star behind its name."""
    return str(entry.get("Name", "")).rstrip("*")


def _default_of(entries: Sequence[Mapping[str, Any]]) -> Candidate | None:
    for entry in entries:
        is_default = entry.get("Default") or str(entry.get("Name", "")).endswith("*")
        if is_default and entry.get("URI"):
            because = f'it is Podman\'s default connection "{_name_of(entry)}"'
            return Candidate(str(entry["URI"]), because, identity=entry.get("Identity") or None)
    return None


async def _connect(
    candidate: Candidate, environ: Mapping[str, str], state_dir: Path, tried: Sequence[Attempt]
) -> Connection:
    url, owned = candidate.url, None
    if url.startswith("ssh://"):
        owned = await start_ssh_forward(url, candidate.identity, environ, state_dir)
        url = f"unix://{owned.socket}"
    try:
        version = await _probe(url)
    except BaseException:
        if owned is not None:
            await owned.close()
        raise
    local = candidate.local and candidate.url.startswith("unix://")
    return Connection(url, candidate.url, candidate.because, version, local, tuple(tried), owned)


async def _probe(url: str) -> str:
    """The version of the Podman that answers at `url`."""
    try:
        version = await asyncio.to_thread(ping, url, _PROBE_TIMEOUT_S)
    except ValueError as error:
        raise EngineError(
            ErrorCode.DAEMON_UNREACHABLE,
            f"{url} is no address that Podman can be reached at",
            remedy="Use unix:///path/to/podman.sock, ssh://user@host/path or tcp://host:port.",
        ) from error
    except Exception as error:
        raise from_exception(error, f"reach Podman at {url}") from error
    if not version:
        raise EngineError(
            ErrorCode.DAEMON_UNREACHABLE,
            f"what answers at {url} is not Podman",
            remedy="Podkeeper manages Podman; Docker is not supported.",
        )
    if int(version.split(".")[0]) < int(API_VERSION[0]):
        raise EngineError(
            ErrorCode.PODMAN_TOO_OLD,
            f"Podman {version} at {url} is too old",
            remedy="Install Podman 4.0 or later.",
        )
    return version


def _nothing_found(problems: Sequence[EngineError]) -> EngineError:
    """The most telling of what went wrong, where nothing answers and there is no Podman to start."""
    for code in (ErrorCode.PERMISSION_DENIED, ErrorCode.PODMAN_TOO_OLD):
        for problem in problems:
            if problem.code is code:
                return problem
    if problems:
        return EngineError(
            ErrorCode.DAEMON_UNREACHABLE,
            "; ".join(str(p) for p in problems),
            remedy=UNREACHABLE_REMEDY,
        )
    who = "root" if os.getuid() == 0 else "this user"
    return EngineError(
        ErrorCode.PODMAN_NOT_INSTALLED,
        f"Podman is not installed, and no Podman socket answers {who}",
        remedy="Install Podman 4.0 or later (podman.io/docs/installation), or name a socket in the settings.",
    )
