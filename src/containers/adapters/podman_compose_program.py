"""podman-compose as a program: found once, run in a private folder, watched through a recorder."""

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from importlib import metadata
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from containers.adapters.private_files import make_private_folder, write_private
from containers.compose.hiding import without_folder
from containers.model.errors import ErrorCode, TranslationError

_NAME = "podman-compose"
_OLDEST = (1, 5)
_BELOW = (2,)
_REMEDY = "Install it where Podkeeper is installed: pip install 'podman-compose>=1.5,<2'."
_VERSION_TIMEOUT_S = 20.0
_LOG_LINE = re.compile(r"(?P<level>DEBUG|INFO|WARNING|ERROR|CRITICAL):[\w.]+:(?P<message>.*)")


class Provider(NamedTuple):
    """The podman-compose that was found."""

    path: str
    version: str


class Recorded(NamedTuple):
    """What podman-compose would have run, and what it said."""

    calls: tuple[tuple[str, ...], ...]
    warnings: tuple[str, ...]


class PodmanComposeProgram:
    """Runs podman-compose against a recorder in podman's place.

    Args:
        program: the command line that starts it; None looks beside our own interpreter, then on PATH.
        cache_dir: ours alone; for the private folders it runs in, and what is known about the program.
        timeout_s: for one run. It takes a fifth of a second, or two on a machine that is very busy.
    """

    def __init__(self, program: tuple[str, ...] | None, cache_dir: Path, timeout_s: float = 60.0) -> None:
        self._program = program
        self._cache_dir = cache_dir
        self._timeout_s = timeout_s
        self._provider: Provider | None = None

    async def provider(self) -> Provider:
        """Which podman-compose is used; asked for its version once, and again when the program changes.

        Raises:
            TranslationError: there is none, or one that is too old or too new.
        """
        if self._provider is None:
            command, known = await asyncio.to_thread(self._find)
            known = known or await asyncio.to_thread(_installed_version, command)
            version = known or await self._ask_version(command)
            _check_version(command[0], version)
            if known is None:
                await asyncio.to_thread(self._remember, command, version)
            self._program, self._provider = command, Provider(" ".join(command), version)
        return self._provider

    async def record(self, project: str, text: str, engine_version: str) -> Recorded:
        """Let it create the project of a canonical file, and say what it would have run.

        Raises:
            TranslationError: it is missing, refused the file, or took too long.
        """
        await self.provider()
        provider_command = self._program or ()
        arguments = ("--in-pod", "false", "-p", project, "-f", "compose.json")
        async with self._private_folder() as folder:
            await asyncio.to_thread(write_private, folder / "compose.json", text.encode())
            _, errors = await self._run(
                provider_command,
                (*arguments, "up", "--no-start", "--no-build", "--no-deps"),
                folder,
                engine_version,
                self._timeout_s,
            )
            calls = await asyncio.to_thread(_read_calls, folder)
        return Recorded(calls, tuple(_warnings(errors)))

    @property
    def _known_path(self) -> Path:
        return self._cache_dir / "podman-compose.json"

    def _find(self) -> tuple[tuple[str, ...], str | None]:
        """The command line, and its version where this very program was asked before."""
        command = self._program or _installed()
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            known = json.loads(self._known_path.read_bytes())
            if known["program"] == _fingerprint(command):
                return command, str(known["version"])
        return command, None

    def _remember(self, command: tuple[str, ...], version: str) -> None:
        fact = {"program": _fingerprint(command), "version": version}
        with contextlib.suppress(OSError):  # then it is asked again the next time
            write_private(self._known_path, json.dumps(fact).encode())

    async def _ask_version(self, command: tuple[str, ...]) -> str:
        async with self._private_folder() as folder:
            output, _ = await self._run(command, ("version", "--short"), folder, "5.0.0", _VERSION_TIMEOUT_S)
        words = output.split()
        return words[-1] if words else ""

    @contextlib.asynccontextmanager
    async def _private_folder(self) -> AsyncIterator[Path]:
        """A folder only we can read, with the recorder in it; gone afterwards."""
        folder = await asyncio.to_thread(_make_recording_folder, self._cache_dir)
        try:
            yield folder
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def _run(
        self,
        program: Sequence[str],
        arguments: Sequence[str],
        folder: Path,
        engine_version: str,
        timeout_s: float,
    ) -> tuple[str, str]:
        """Run it with the recorder as its podman, and return what it printed on both streams."""
        try:
            process = await asyncio.create_subprocess_exec(
                *program,
                "--podman-path",
                str(folder / "podman"),
                *arguments,
                cwd=folder,
                env=_environment(folder, engine_version),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise TranslationError(
                ErrorCode.COMPOSE_PROVIDER_MISSING,
                f"{program[0]} can not be started: {error.strerror}",
                remedy=_REMEDY,
            ) from error
        try:
            async with asyncio.timeout(timeout_s):
                output, errors = (text.decode(errors="replace") for text in await process.communicate())
        except TimeoutError as error:
            raise TranslationError(
                ErrorCode.COMPOSE_PROVIDER_FAILED,
                f"{_NAME} did not finish within {timeout_s:g} s",
                remedy="Try again when the machine is less busy.",
            ) from error
        finally:
            if process.returncode is None:
                await _kill(process)
        if process.returncode:
            reason = _last_words(errors) or f"exit code {process.returncode}"
            raise TranslationError(
                ErrorCode.COMPOSE_PROVIDER_FAILED, f"{_NAME} did not accept the project: {reason}"
            )
        return output, errors


def _installed() -> tuple[str, ...]:
    beside = Path(sys.executable).with_name(_NAME)
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which(_NAME)
    if found is None:
        raise TranslationError(
            ErrorCode.COMPOSE_PROVIDER_MISSING, f"{_NAME} is not installed", remedy=_REMEDY
        )
    return (found,)


def _installed_version(command: tuple[str, ...]) -> str | None:
    """The version that the program's own installation states, where it is one with ours."""
    with contextlib.suppress(metadata.PackageNotFoundError, OSError):
        distribution = metadata.distribution(_NAME)
        scripts = (file for file in distribution.files or () if file.name == _NAME)
        if any(Path(str(script.locate())).resolve() == Path(command[0]).resolve() for script in scripts):
            return distribution.version
    return None


def _make_recording_folder(cache_dir: Path) -> Path:
    make_private_folder(cache_dir)
    # Without links in it: podman-compose writes paths without, and we look for them in its arguments.
    folder = Path(tempfile.mkdtemp(prefix="translate-", dir=cache_dir)).resolve()
    for part in ("calls", "seen"):
        (folder / part).mkdir(mode=0o700)
    script = files("containers.adapters").joinpath("podman_compose_recorder.sh").read_bytes()
    write_private(folder / "podman", script, mode=0o700)
    return folder


async def _kill(process: asyncio.subprocess.Process) -> None:
    """End it with all it started; the caller may be on its way out, cancelled."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(asyncio.CancelledError):
        await process.wait()


def _environment(folder: Path, engine_version: str) -> Mapping[str, str]:
    """Nothing of ours that could choose files, profiles or settings for it."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "PYTHONUTF8": "1",
        "PODKEEPER_RECORDING": str(folder),
        "PODKEEPER_ENGINE_VERSION": engine_version,
    }


def _fingerprint(command: tuple[str, ...]) -> list[object]:
    """The program, and what changes with every installation of it."""
    path = shutil.which(command[0]) or command[0]
    try:
        status = Path(path).stat()
    except OSError:
        return [*command, 0, 0]
    return [*command, status.st_mtime_ns, status.st_size]


def _check_version(path: str, version: str) -> None:
    found = re.match(r"(\d+)\.(\d+)", version)
    if found is None:
        raise TranslationError(
            ErrorCode.COMPOSE_PROVIDER_MISSING,
            f"{path} does not say which podman-compose it is",
            remedy=_REMEDY,
        )
    if not _OLDEST <= (int(found[1]), int(found[2])) < _BELOW:
        raise TranslationError(
            ErrorCode.COMPOSE_PROVIDER_MISSING,
            f"{path} is podman-compose {version}; 1.5 or later is needed, below 2",
            remedy=_REMEDY,
        )


def _read_calls(folder: Path) -> tuple[tuple[str, ...], ...]:
    """Every call, in the order they came."""
    return tuple(
        without_folder(path.read_bytes().decode(errors="surrogateescape").split("\0")[:-1], str(folder))
        for path in sorted((folder / "calls").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    )


def _messages(errors: str) -> Iterator[tuple[str, str]]:
    """Level and message of each line; lines without a level carry an empty one."""
    for line in errors.splitlines():
        if line.strip():
            match = _LOG_LINE.match(line)
            yield (match["level"], match["message"].strip()) if match else ("", line.strip())


def _warnings(errors: str) -> Iterator[str]:
    for level, message in _messages(errors):
        if level == "WARNING":
            yield f"podman-compose: {message.removeprefix('WARNING:').strip()}"


def _last_words(errors: str) -> str:
    """The last line that tells a person something: no frame, no exception's class."""
    said = [message for level, message in _messages(errors) if level != "WARNING"]
    last = said[-1] if said else ""
    last = re.sub(r"^[\w.]*(?:Error|Exception|Exit)\w*: ", "", last)
    return re.sub(r"^(?:ERROR|Error): ", "", last)
