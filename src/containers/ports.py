"""What the core needs of the world, by role. Adapters implement these; tests bring stateful fakes.

Every method that reaches the engine raises `EngineError` with a code from `ErrorCode`, and nothing else.
"""

from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from containers.model.base import ContainerId, ImageId, Model, ProjectName, ServiceName
from containers.model.events import EventBase
from containers.model.health import ProbeResult
from containers.model.observed import CommandResult, ContainerDetail, EngineEvent, EngineInfo, ObservedState
from containers.model.project import BuildConfig, ResolvedProject

if TYPE_CHECKING:
    import asyncio


class Clock(Protocol):
    """Time, so that tests can own it."""

    def now(self) -> datetime:
        """The wall clock: aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


TEXT_LIMIT_BYTES: Final = 1 << 20
"""What people write is some kilobytes; whatever is larger was not written for this, and would take long."""


class Files(Protocol):
    """Reading what people wrote. Open editors' unsaved texts come before the disk."""

    def read_text(self, path: Path) -> str:
        """The file's text, decoded as UTF-8 with an optional byte-order mark.

        Raises:
            FileNotFoundError: there is no such file.
            IsADirectoryError: it is a folder.
            PermissionError: it may not be read.
            UnicodeDecodeError: it is not UTF-8.
            OSError: anything else: a loop of links, what is no regular file, more than `TEXT_LIMIT_BYTES`.
        """
        ...

    def is_file(self, path: Path) -> bool:
        """Whether a regular file (or a link to one) is there."""
        ...

    def is_dir(self, path: Path) -> bool:
        """Whether a folder is there."""
        ...

    def list_dir(self, path: Path) -> tuple[str, ...]:
        """The names in a folder, sorted; empty where there is no such folder, or it may not be read."""
        ...


class ContainerRecipe(Model):
    """How podman-compose would create a service's first container."""

    service: ServiceName
    options: tuple[str, ...]
    """The options of `podman create`, without `--name` and its value."""
    image: str
    command: tuple[str, ...] = ()
    """What follows the image."""
    numbered_options: tuple[tuple[str, ...], ...] = ()
    """Further options of each replica, the first one's first; empty where all are alike."""
    volumes: tuple[str, ...] = ()
    """Engine names of the anonymous volumes it mounts; their options are in `Translation.volumes`. No step
    creates them: whoever creates the container does so before, so that they carry the project's labels."""
    host_folders: tuple[str, ...] = ()
    """Bind mounts' sources on the host; one that is missing becomes a folder before the container is created,
    since Podman, other than Docker, makes none."""


class Translation(Model):
    """A whole project as Podman commands; options only, without `podman` and the verb."""

    containers: Mapping[ServiceName, ContainerRecipe]
    networks: Mapping[str, tuple[str, ...]]
    """Engine name to the options of `podman network create`, without the name."""
    volumes: Mapping[str, tuple[str, ...]]
    """Engine name to the options of `podman volume create`, without the name."""
    warnings: tuple[str, ...] = ()
    """What podman-compose had to say."""


class ComposeTranslator(Protocol):
    """Turns a project into `podman create` arguments."""

    async def describe(self) -> str:
        """Which program translates: its version and path.

        Raises:
            TranslationError: there is none.
        """
        ...

    async def translate(self, project: ResolvedProject, engine: EngineInfo) -> Translation:
        """Translate every service, network and volume of `project`.

        Raises:
            TranslationError: podman-compose is missing, or did not accept the project.
        """
        ...


class ContainerEngine(Protocol):
    """Podman, as much of it as we need."""

    async def info(self) -> EngineInfo:
        """Version, kind, socket and limits; cached after the first call."""
        ...

    async def snapshot(self, project: ProjectName, images: Sequence[str] = ()) -> ObservedState:
        """One fresh look: the project's containers, all networks and volumes, and which of `images` exist."""
        ...

    async def list_projects(self) -> Mapping[ProjectName, int]:
        """Every project on the engine, with its number of containers."""
        ...

    async def pull_image(self, reference: str) -> ImageId:
        """Fetch an image. Raises `image_not_found` or `image_pull_failed`."""
        ...

    async def build_image(self, reference: str, build: BuildConfig) -> ImageId:
        """Build an image and tag it. Raises `build_failed` with the last lines of output."""
        ...

    async def image_digest(self, reference: str) -> str | None:
        """The digest, `sha256:…`, that a local image is known by in its repository; None without an image."""
        ...

    async def create_network(self, name: str, options: Sequence[str]) -> bool:
        """Create a network; False when it is there already."""
        ...

    async def create_volume(self, name: str, options: Sequence[str]) -> bool:
        """Create a volume; False when it is there already."""
        ...

    async def create_container(
        self, name: str, recipe: ContainerRecipe, labels: Mapping[str, str]
    ) -> ContainerId:
        """Create, not start. Never pulls. `labels` come on top of the recipe's."""
        ...

    async def start_container(self, container: ContainerId) -> None:
        """Start; no error when it runs. Raises `port_in_use` or `start_failed`."""
        ...

    async def stop_container(self, container: ContainerId, timeout_s: float | None = None) -> None:
        """Stop; no error when it does not run. None takes the container's own stop timeout."""
        ...

    async def restart_container(self, container: ContainerId, timeout_s: float | None = None) -> None:
        """Stop and start again."""
        ...

    async def kill_container(self, container: ContainerId, signal: str = "KILL") -> None:
        """Send a signal."""
        ...

    async def rename_container(self, container: ContainerId, name: str) -> None:
        """Give it another name."""
        ...

    async def remove_container(self, container: ContainerId, *, volumes: bool = False) -> None:
        """Remove, by force, also its anonymous volumes when `volumes`; no error when it is gone."""
        ...

    async def remove_network(self, name: str) -> None:
        """Remove; no error when it is gone."""
        ...

    async def remove_volume(self, name: str) -> None:
        """Remove; no error when it is gone."""
        ...

    async def inspect_container(self, container: ContainerId) -> ContainerDetail:
        """Everything about one container. Raises `not_found`."""
        ...

    async def run_health_check(self, container: ContainerId) -> ProbeResult:
        """Run the container's own check once and say what its health is after it."""
        ...

    async def execute(
        self, container: ContainerId, command: Sequence[str], timeout_s: float
    ) -> CommandResult:
        """Run a command in a running container and wait for it, without touching its recorded health.

        A command that takes longer than `timeout_s` counts as failed, with exit code -1.
        """
        ...

    async def logs(self, container: ContainerId, lines: int | None = None) -> str:
        """The last `lines` lines of both streams (None: all), as text."""
        ...

    def follow_logs(self, container: ContainerId, lines: int | None = None) -> AsyncIterator[str]:
        """Lines as they come, beginning with the last `lines`; ends when the container does."""
        ...

    def events(self, since_ns: int | None = None) -> AsyncIterator[EngineEvent]:
        """The event stream, from `since_ns` on; ends or raises `EngineError` when the connection breaks."""
        ...

    async def close(self) -> None:
        """Let go of connections, and stop the Podman service if we started it."""
        ...


class EnvironmentChoices(Protocol):
    """Which environment a person chose for a folder."""

    def get(self, folder: Path) -> str | None:
        """The environment that was chosen, or None."""
        ...

    def choose(self, folder: Path, name: str) -> None:
        """Note the choice."""
        ...


class ProjectLocks(Protocol):
    """One writer a project, across processes."""

    def hold(self, project: ProjectName, purpose: str) -> AbstractAsyncContextManager[None]:
        """Hold the project's lock; released when the process dies, too.

        Raises:
            LockHeldError: another process has it; the message says which, for what and since when.
        """
        ...


class TaskOwner(Protocol):
    """Who owns background tasks; a TaskGroup is one. What a task raises is its owner's to deal with."""

    def create_task(self, coro: Coroutine[Any, Any, Any], *, name: str | None = None) -> "asyncio.Task[Any]":
        """Run `coro` until it ends or its owner does."""
        ...


class EventPublisher(Protocol):
    """The bus, seen by those who tell."""

    def publish(self, event: EventBase) -> None:
        """Tell an event. Never blocks, never raises."""
        ...
