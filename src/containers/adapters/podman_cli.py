"""Podman's own command line, for what it translates better than we could: create, build and pull.

Every call is an argv list and goes over the connection that the REST side uses, so both see one engine.
"""

import asyncio
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from containers.adapters.podman_cli_environment import (
    UnpassableValueError,
    client_environment,
    hide_values,
    without_values,
)
from containers.adapters.podman_errors import from_text
from containers.model.errors import EngineError, ErrorCode
from containers.model.project import BuildConfig
from containers.ports.translation import ContainerRecipe
from containers.settings import EngineSettings

_log = logging.getLogger(__name__)

_OUTPUT_BYTES = 64 * 1024
"""Of each stream, from its end: identifiers and reasons come last."""
_FAILURE_LINES = 12
_ENV_FLAGS = frozenset({"-e", "--env"})
_BUILD_ARG_FLAGS = frozenset({"--build-arg"})


@dataclass(frozen=True, slots=True)
class CliResult:
    """How a command ended."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def last_line(self) -> str:
        """The last line of standard output, where Podman writes identifiers."""
        lines = self.stdout.split()
        return lines[-1] if lines else ""


class PodmanCli:
    """Runs `podman --remote` against one connection."""

    def __init__(self, settings: EngineSettings, url: str, environ: Mapping[str, str]) -> None:
        """Talk to `url`; of `environ` only what Podman's client understands is passed on."""
        self._settings = settings
        self._url = url
        self._path = environ.get("PATH")
        self._environ = client_environment(environ)

    def command(self) -> list[str]:
        """The client and its connection; a verb follows.

        Raises:
            EngineError: `podman_not_installed`.
        """
        program = shutil.which(self._settings.podman, path=self._path)
        if program is not None and not program.endswith("-remote"):
            return [program, "--remote", "--url", self._url]
        # Inside containers often only the remote client is installed; it has no --remote.
        program = program or shutil.which("podman-remote", path=self._path)
        if program is None:
            raise EngineError(
                ErrorCode.PODMAN_NOT_INSTALLED,
                f"the program {self._settings.podman} is not installed; containers are created with it",
                remedy="Install Podman 4.0 or later, or its remote client `podman-remote`.",
            )
        return [program, "--url", self._url]

    def _own_command(self) -> list[str]:
        """Podman itself rather than a client of its service: for this user's, on this machine."""
        command = self.command()
        return command[:1] if "--remote" in command else command

    def environment(self, extra: Mapping[str, str]) -> dict[str, str]:
        """What the client runs with: what it understands of ours, and `extra`."""
        return {**self._environ, **extra}

    async def run(
        self,
        arguments: Sequence[str],
        *,
        doing: str,
        timeout_s: float,
        environment: Mapping[str, str] | None = None,
        command: Sequence[str] | None = None,
    ) -> CliResult:
        """Run one command to its end; the process does not outlive a timeout or a cancellation."""
        command = command or self.command()
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=self.environment(environment or {}),
                start_new_session=True,
            )
        except OSError as error:
            raise EngineError(
                ErrorCode.ENGINE_ERROR, f"could not {doing}: podman did not start: {error.strerror}"
            ) from error
        try:
            async with asyncio.timeout(timeout_s), asyncio.TaskGroup() as group:
                stdout = group.create_task(_tail(process.stdout))
                stderr = group.create_task(_tail(process.stderr))
            exit_code = await process.wait()
        except TimeoutError:
            raise EngineError(
                ErrorCode.TIMEOUT,
                f"could not {doing}: it took longer than {timeout_s:.0f} seconds",
                remedy="The machine or the network may be slow; try again.",
            ) from None
        finally:
            await _kill(process)
        result = CliResult(exit_code, stdout.result(), stderr.result())
        if result.stderr:
            _log.debug("podman %s (exit %d): %s", arguments[0], exit_code, result.stderr.strip())
        return result

    async def create_container(self, name: str, recipe: ContainerRecipe, labels: Mapping[str, str]) -> str:
        """Create a container and answer its identifier."""
        doing = f"create {name}"
        try:
            hidden = hide_values(recipe.options, flags=_ENV_FLAGS)
        except UnpassableValueError as error:
            raise EngineError(
                ErrorCode.ENGINE_ERROR,
                f"could not {doing}: the variable {error} may not have several lines",
                remedy="Give the variable another name: this one means something to Podman itself.",
            ) from error
        with private_file(hidden.file_lines) as env_file:
            # An env file's values give way to those of `-e`; no name is in both.
            file_options = ["--env-file", str(env_file)] if env_file else []
            result = await self.run(
                _create_arguments(name, recipe, labels, (*hidden.options, *file_options)),
                doing=doing,
                timeout_s=self._settings.call_timeout_s,
                environment=hidden.environment,
            )
        if result.exit_code != 0:
            raise from_text(result.stderr, doing)
        return result.last_line

    def create_command(self, name: str, recipe: ContainerRecipe, labels: Mapping[str, str]) -> list[str]:
        """The command line that creates a container, without the values of its variables."""
        options = without_values(recipe.options, flags=_ENV_FLAGS)
        return [*self.command(), *_create_arguments(name, recipe, labels, options)]

    async def create_network(self, name: str, options: Sequence[str]) -> bool:
        """Create a network; False when it is there already."""
        return await self._create_named("network", name, options, f"network name {name} already used")

    async def create_volume(self, name: str, options: Sequence[str]) -> bool:
        """Create a volume; False when it is there already."""
        return await self._create_named("volume", name, options, "volume already exists")

    async def reload_network(self, container: str) -> None:
        """Set up the network of a running container anew, as it was; no service can be asked for that."""
        doing = f"set up the network of {container[:12]} anew"
        result = await self.run(
            ["network", "reload", container],
            doing=doing,
            timeout_s=self._settings.call_timeout_s,
            command=self._own_command(),
        )
        if result.exit_code != 0:
            raise from_text(result.stderr, doing)

    async def _create_named(self, noun: str, name: str, options: Sequence[str], exists: str) -> bool:
        doing = f"create the {noun} {name}"
        result = await self.run(
            [noun, "create", *options, name], doing=doing, timeout_s=self._settings.call_timeout_s
        )
        if result.exit_code == 0:
            return True
        if exists in result.stderr:
            return False
        raise from_text(result.stderr, doing)

    async def pull(self, reference: str) -> str:
        """Fetch an image and answer its identifier."""
        doing = f"pull {reference}"
        result = await self.run(
            ["pull", "--quiet", reference], doing=doing, timeout_s=self._settings.pull_timeout_s
        )
        if result.exit_code != 0:
            raise from_text(result.stderr, doing, fallback=ErrorCode.IMAGE_PULL_FAILED)
        return result.last_line

    async def push(self, reference: str) -> None:
        """Send an image to its registry."""
        doing = f"push {reference}"
        result = await self.run(
            ["push", "--quiet", reference], doing=doing, timeout_s=self._settings.pull_timeout_s
        )
        if result.exit_code != 0:
            known = from_text(result.stderr, doing, fallback=ErrorCode.IMAGE_PUSH_FAILED)
            if known.code is not ErrorCode.IMAGE_PULL_FAILED:
                raise known
            raise EngineError(ErrorCode.IMAGE_PUSH_FAILED, str(known), remedy=known.remedy)

    async def build(self, reference: str, build: BuildConfig) -> str:
        """Build an image and answer its identifier."""
        doing = f"build {reference}"
        hidden = hide_values(_build_options(reference, build), flags=_BUILD_ARG_FLAGS)
        # A build argument with a reserved name (a proxy, say) has no other way in on every Podman we support.
        open_arguments = [part for line in hidden.file_lines for part in ("--build-arg", line)]
        with tempfile.TemporaryDirectory(prefix="podkeeper-") as folder:
            dockerfile = await asyncio.to_thread(_dockerfile, build, Path(folder))
            result = await self.run(
                ["build", "--file", dockerfile, *hidden.options, *open_arguments, build.context],
                doing=doing,
                timeout_s=self._settings.pull_timeout_s,
                environment=hidden.environment,
            )
        if result.exit_code != 0:
            raise _build_error(doing, result)
        return result.last_line


def _create_arguments(
    name: str, recipe: ContainerRecipe, labels: Mapping[str, str], options: Sequence[str]
) -> list[str]:
    label_options = [part for k, v in labels.items() for part in ("--label", f"{k}={v}")]
    ending = ("--pull=never", "--name", name, recipe.image, *recipe.command)
    return ["create", *options, *label_options, *ending]


def _build_options(reference: str, build: BuildConfig) -> list[str]:
    options = [part for tag in (reference, *build.tags) for part in ("--tag", tag)]
    for name, value in build.args.items():
        options += ["--build-arg", name if value is None else f"{name}={value}"]
    for name, value in build.labels.items():
        options += ["--label", f"{name}={value}"]
    for name, where in build.additional_contexts.items():
        options += ["--build-context", f"{name}={where}"]
    if build.platforms:
        options += ["--platform", ",".join(build.platforms)]
    for flag, setting in (
        ("--target", build.target),
        ("--network", build.network),
        ("--shm-size", build.shm_size),
    ):
        if setting is not None:
            options += [flag, setting]
    if build.no_cache:
        options.append("--no-cache")
    if build.pull:
        options.append("--pull-always")
    return options


def _dockerfile(build: BuildConfig, folder: Path) -> str:
    """The argument of `--file`.

    An inline Dockerfile, or one outside the context, is written into `folder`, which only we may enter. The
    client sends it to the service with its mode, and a rootless service could not open one of mode 0600;
    standard input is no way out, as Podman 4 makes just such a file of it.
    """
    if build.dockerfile_inline is not None:
        content = build.dockerfile_inline.encode()
    elif "://" in build.context:
        return build.dockerfile
    else:
        context = Path(build.context)
        path = context / build.dockerfile
        if build.dockerfile == "Dockerfile" and not _is_there(path):
            path = context / "Containerfile"  # Podman's own name for it
        if not _is_there(path):
            raise EngineError(
                ErrorCode.BUILD_FAILED,
                f"there is no Dockerfile at {context / build.dockerfile}",
                remedy="Correct `build.context` or `build.dockerfile`.",
            )
        if path.resolve().is_relative_to(context.resolve()):
            return str(path)
        content = path.read_bytes()
    copy = folder / "Dockerfile"
    copy.write_bytes(content)
    copy.chmod(0o644)
    return str(copy)


def _is_there(path: Path) -> bool:
    return os.path.exists(path)  # noqa: PTH110  (`Path.exists` raises where a folder may not be entered)


def _build_error(doing: str, result: CliResult) -> EngineError:
    """A failed build, with the last lines that the failing step wrote."""
    known = from_text(result.stderr, doing, fallback=ErrorCode.BUILD_FAILED)
    if known.code in {ErrorCode.DAEMON_UNREACHABLE, ErrorCode.NO_SPACE, ErrorCode.PERMISSION_DENIED}:
        return known
    lines = [*result.stdout.splitlines(), *result.stderr.splitlines()]
    tail = "\n".join(line for line in lines[-_FAILURE_LINES:] if line.strip())
    return EngineError(ErrorCode.BUILD_FAILED, f"could not {doing}:\n{tail}", remedy=known.remedy)


async def _tail(stream: asyncio.StreamReader | None) -> str:
    """Read to the end, keeping the last part only."""
    kept = bytearray()
    while stream is not None and (chunk := await stream.read(_OUTPUT_BYTES)):
        kept += chunk
        del kept[:-_OUTPUT_BYTES]
    return kept.decode(errors="replace")


async def _kill(process: asyncio.subprocess.Process) -> None:
    """End a process that is still there, with what it may have started (ssh, say)."""
    if process.returncode is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, 9)
        await process.wait()


@contextmanager
def private_file(lines: Sequence[str]) -> Iterator[Path | None]:
    """A file that only we may read, for as long as the command runs; None without lines."""
    if not lines:
        yield None
        return
    handle, name = tempfile.mkstemp(prefix="podkeeper-")
    path = Path(name)
    try:
        with os.fdopen(handle, "w") as file:
            file.writelines(f"{line}\n" for line in lines)
        yield path
    finally:
        path.unlink(missing_ok=True)
