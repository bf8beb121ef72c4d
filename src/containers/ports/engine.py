"""The container engine.

Every method that reaches the engine raises `EngineError` with a code from `ErrorCode`, and nothing else.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Protocol

from containers.model.base import ContainerId, ImageId, ProjectName
from containers.model.described import ContainerDescription
from containers.model.health import ProbeResult
from containers.model.observed import (
    CommandResult,
    ContainerDetail,
    EngineEvent,
    EngineInfo,
    EngineVersion,
    Neighbour,
    ObservedContainer,
    ObservedState,
)
from containers.model.operations import (
    AttachRequest,
    ExecRequest,
    ImageFacts,
    LogQuery,
    ProcessTable,
    UsageSample,
)
from containers.model.project import BuildConfig, Hook
from containers.ports.translation import ContainerRecipe


class ContainerOperations(Protocol):
    """What a person does to single containers and images, without a plan."""

    async def list_containers(self) -> tuple[ObservedContainer, ...]:
        """Every container of every project, whoever started it."""
        ...

    async def pause_container(self, container: ContainerId) -> None:
        """Freeze its processes. Raises `service_exited` when it does not run."""
        ...

    async def unpause_container(self, container: ContainerId) -> None:
        """Let its processes go on."""
        ...

    async def exec_in_terminal(self, container: ContainerId, request: ExecRequest) -> int:
        """Run a command with this process's streams; its exit code (0 at once when detached)."""
        ...

    async def attach(self, container: ContainerId, request: AttachRequest) -> int:
        """Join this process's streams to the container's until it ends or is detached; its exit code."""
        ...

    async def start_attached(self, container: ContainerId, *, stdin: bool) -> int:
        """Start a container with this process's streams joined to its own; its exit code."""
        ...

    async def copy_from(self, container: ContainerId, path: str, target: str) -> None:
        """Copy a file or folder out; links in `path` are followed.

        `target` is a path here, or `-`: a tar archive to standard output.
        """
        ...

    async def copy_to(self, container: ContainerId, source: str, path: str, *, keep_owner: bool) -> None:
        """Copy a file or folder in; `source` is a path here, or `-`: a tar archive from standard input.

        With `keep_owner` files keep their numbers of user and group; else they are the container user's.
        """
        ...

    async def put_archive(self, container: ContainerId, archive: bytes) -> None:
        """Unpack a tar archive, whose paths begin at the container's root, into a running container.

        What is unpacked belongs to the container's user, whatever the archive says.
        """
        ...

    async def processes(self, container: ContainerId) -> ProcessTable:
        """What runs in it. Raises `service_exited` when it does not run."""
        ...

    async def wait_container(self, container: ContainerId) -> int:
        """Wait until it does not run; its exit code, at once for one that has exited."""
        ...

    def read_log(self, container: ContainerId, query: LogQuery) -> AsyncIterator[str]:
        """The lines of both streams that `query` asks for; with `follow` until the container ends."""
        ...

    async def usage(self, containers: Sequence[ContainerId]) -> tuple[UsageSample, ...]:
        """What containers have used by now; those that do not run are left out."""
        ...

    async def image_facts(self, reference: str) -> ImageFacts | None:
        """What there is to know of a local image, by name or identifier; None where there is none."""
        ...

    async def push_image(self, reference: str) -> None:
        """Send an image to its registry. Raises `image_not_found` or `image_push_failed`."""
        ...


class ContainerEngine(ContainerOperations, Protocol):
    """Podman, as much of it as we need."""

    @property
    def version(self) -> EngineVersion:
        """Which Podman this is; known since it was connected to."""
        ...

    @property
    def store(self) -> str:
        """Which engine's containers these are; the same however it is reached."""
        ...

    @property
    def known_info(self) -> EngineInfo | None:
        """What `info` has answered; None before."""
        ...

    @property
    def owner_uid(self) -> int | None:
        """The user that it runs as; None for one that does not share this machine."""
        ...

    @property
    def selinux(self) -> bool | None:
        """Whether SELinux guards files, as far as that is known without asking; None where it is not."""
        ...

    async def neighbours(self) -> tuple[Neighbour, ...]:
        """Every container, whoever made it."""
        ...

    async def prepare_creating(self, recipes: Iterable[ContainerRecipe]) -> None:
        """Find out ahead of time what creating these takes, so that it takes less; optional, never raises."""
        ...

    async def info(self) -> EngineInfo:
        """Version, kind, socket and limits; cached after the first call, which takes a fifth of a second."""
        ...

    async def snapshot(self, project: ProjectName, images: Sequence[str] = ()) -> ObservedState:
        """One fresh look: the project's containers, all networks and volumes, and which of `images` exist."""
        ...

    async def containers_of(self, project: ProjectName) -> tuple[ObservedContainer, ...]:
        """The project's containers alone: less than a snapshot, for who shows them."""
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

    async def remove_image(self, reference: str) -> bool:
        """Remove an image; False when there is none, or a container still uses it."""
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

    async def ready_container(self, container: ContainerId) -> None:
        """Do all of a created container's start but the start: network, mounts, a process that waits.

        It still counts as created. No error when it is ready or runs; raises what `start_container` raises.
        """
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

    async def remove_container(
        self, container: ContainerId, *, volumes: bool = False, stop_timeout_s: float | None = 0.0
    ) -> None:
        """Remove, by force, also its anonymous volumes when `volumes`; no error when it is gone.

        One that runs is stopped first, and has `stop_timeout_s` to end in; None takes its own stop timeout.
        """
        ...

    async def anonymous_volumes(self, container: ContainerId) -> Mapping[str, str]:
        """The volumes without a name that a container mounts, by where; each by its identifier.

        Those that its image asks for, and those that it has from a container that it replaced.
        Raises `not_found`.
        """
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

    async def container_environment(self, container: ContainerId) -> Mapping[str, str]:
        """The variables that a container was made with. Raises `not_found`."""
        ...

    async def describe_containers(
        self, containers: Iterable[ContainerId]
    ) -> Mapping[ContainerId, ContainerDescription]:
        """How containers were made, whoever made them; one that is gone is left out."""
        ...

    async def run_health_check(self, container: ContainerId) -> ProbeResult:
        """Run the container's own check once and say what its health is after it."""
        ...

    async def execute(
        self, container: ContainerId, command: Sequence[str], timeout_s: float, hook: Hook | None = None
    ) -> CommandResult:
        """Run a command in a running container and wait for it, without touching its recorded health.

        `hook` says as whom, where and with which variables; None takes the container's. A command that takes
        longer than `timeout_s` counts as failed, with exit code -1.
        """
        ...

    async def logs(self, container: ContainerId, lines: int | None = None) -> str:
        """The last `lines` lines of both streams (None: all), as text."""
        ...

    def follow_logs(self, container: ContainerId, lines: int | None = None) -> AsyncIterator[str]:
        """Lines as they come, beginning with the last `lines`; ends when the container does."""
        ...

    def events(self, since_ns: int | None = None) -> AsyncIterator[EngineEvent]:
        """The event stream, from `since_ns` on; ends or raises `EngineError` when the connection breaks.

        An engine may deliver events again, such as when it rotates its log.
        """
        ...

    async def past_events(
        self, since_ns: int, until_ns: int | None = None, *, container: ContainerId | None = None
    ) -> tuple[EngineEvent, ...]:
        """What the engine has noted between two moments (None: until now), oldest first; it may forget.

        The stream comes late, by the engine's own polling; this asks for what it would tell next.

        Args:
            since_ns: nanoseconds since the epoch, by the engine's clock; so is the other one.
            until_ns: the last moment that counts.
            container: only what is noted of this one, which may be gone.
        """
        ...

    async def revive_name_server(self, container: ContainerId) -> bool:
        """Where the server that resolves names for a running container has died, start it; whether it was.

        False, too, where that can not be seen or done from here: another user's engine, or one elsewhere.
        """
        ...

    async def close(self) -> None:
        """Let go of connections, and stop the Podman service if we started it."""
        ...
