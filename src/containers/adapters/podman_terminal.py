"""Podman's own client with this process's streams: a terminal's modes, sizes and signals are its affair."""

import asyncio
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from containers.adapters.podman_cli import PodmanCli, private_file
from containers.adapters.podman_cli_environment import hide_values
from containers.adapters.podman_errors import from_text
from containers.model.base import ContainerId
from containers.model.errors import EngineError, ErrorCode
from containers.model.operations import AttachRequest, ExecRequest

_ENV_FLAGS = frozenset({"--env"})
_STREAM = "-"
_MISSING = "could not be found"
_COPY_TIMEOUT_S = 3600.0
"""Copying takes as long as there are bytes; without an end it would hide a broken connection."""


class PodmanTerminal:
    """Runs what is interactive."""

    def __init__(self, cli: PodmanCli) -> None:
        """Use the program and the connection of `cli`."""
        self._cli = cli

    async def execute(self, container: ContainerId, request: ExecRequest, *, doing: str) -> int:
        """Run a command; its exit code."""
        options = [
            part for name, value in request.environment.items() for part in ("--env", f"{name}={value}")
        ]
        hidden = hide_values(options, flags=_ENV_FLAGS)
        arguments = ["exec", *hidden.options]
        for flag, wanted in (
            ("--detach", request.detach),
            ("--interactive", not request.detach),
            ("--tty", request.tty),
            ("--privileged", request.privileged),
        ):
            if wanted:
                arguments.append(flag)
        for option, value in (("--user", request.user), ("--workdir", request.working_dir)):
            if value is not None:
                arguments += [option, value]
        with private_file(hidden.file_lines) as env_file:
            if env_file:
                arguments += ["--env-file", str(env_file)]
            arguments += [container, *request.command]
            if not request.detach:
                return await self._inherit(arguments, hidden.environment)
            result = await self._cli.run(
                arguments, doing=doing, timeout_s=_COPY_TIMEOUT_S, environment=hidden.environment
            )
        if result.exit_code != 0:
            raise from_text(result.stderr, doing)
        return 0

    async def attach(self, container: ContainerId, request: AttachRequest) -> int:
        """Join the streams; the container's exit code, or 0 after detaching."""
        arguments = ["attach", f"--sig-proxy={str(request.proxy_signals).lower()}"]
        if not request.stdin:
            arguments.append("--no-stdin")
        if request.detach_keys is not None:
            arguments += ["--detach-keys", request.detach_keys]
        return await self._inherit([*arguments, container])

    async def start(self, container: ContainerId, *, stdin: bool) -> int:
        """Start it with our streams joined; the container's exit code."""
        interactive = ["--interactive"] if stdin else []
        return await self._inherit(["start", "--attach", *interactive, container])

    async def copy_from(self, container: ContainerId, path: str, target: str, *, doing: str) -> None:
        """Copy out, to a path or as a tar archive to standard output."""
        await self._copy([f"{container}:{path}", _local(target)], doing)

    async def copy_to(
        self, container: ContainerId, source: str, path: str, *, keep_owner: bool, doing: str
    ) -> None:
        """Copy in, from a path or a tar archive on standard input."""
        # Podman's word for "make them the container user's" is the opposite of docker's `--archive`.
        owner = f"--archive={str(not keep_owner).lower()}"
        await self._copy([owner, _local(source), f"{container}:{path}"], doing)

    async def _copy(self, arguments: Sequence[str], doing: str) -> None:
        if _STREAM not in arguments:
            result = await self._cli.run(["cp", *arguments], doing=doing, timeout_s=_COPY_TIMEOUT_S)
            exit_code, said = result.exit_code, result.stderr
        else:
            exit_code, said = await self._stream(["cp", *arguments])
        if exit_code != 0:
            fallback = ErrorCode.NOT_FOUND if _MISSING in said else ErrorCode.ENGINE_ERROR
            raise from_text(said, doing, fallback=fallback)

    async def _stream(self, arguments: Sequence[str]) -> tuple[int, str]:
        """Run with our standard input and output; the exit code, and what it said."""
        process = await self._start(arguments, stderr=asyncio.subprocess.PIPE)
        try:
            _, said = await process.communicate()
            return await process.wait(), said.decode(errors="replace")
        finally:
            await _end(process)

    async def _inherit(self, arguments: Sequence[str], environment: dict[str, str] | None = None) -> int:
        process = await self._start(arguments, environment=environment)
        try:
            code = await process.wait()
        finally:
            await _end(process)
        return code if code >= 0 else 128 - code

    async def _start(
        self,
        arguments: Sequence[str],
        *,
        environment: dict[str, str] | None = None,
        stderr: int | None = None,
    ) -> asyncio.subprocess.Process:
        """Start the client in our own process group, which is what a terminal's signals go to."""
        sys.stdout.flush()
        try:
            return await asyncio.create_subprocess_exec(
                *self._cli.command(),
                *arguments,
                stderr=stderr,
                env=self._cli.environment(environment or {}),
            )
        except OSError as error:
            raise EngineError(ErrorCode.ENGINE_ERROR, f"could not start podman: {error.strerror}") from error


def _local(path: str) -> str:
    """A path on this machine, so that a colon in it names no container."""
    if path == _STREAM or path.startswith(("/", ".")):
        return path
    return f"./{path}" if path else str(Path.cwd())


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
