"""`PodmanRestEngine`: the real container engine, over Podman's REST service.

Listing, starting, stopping and looking are plain requests (`podman_calls`); streams go through podman-py's
`APIClient`, below its high-level objects: those inspect every container of a list one by one, and read
answers whole that we want as they come.
Containers are created by posting what Podman's own client would post (`podman_create_requests`); pulling,
building and what that does not cover go through its command line (`podman_cli`), over the same connection.
"""

import asyncio
import math
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Literal

from containers.adapters.podman_bridge_address import BridgeAddresses
from containers.adapters.podman_calls import GONE, PodmanCalls, document_in, path_of, refusals_in, together
from containers.adapters.podman_cli import PodmanCli
from containers.adapters.podman_connection import Connection, find_connection
from containers.adapters.podman_create_requests import CreateRequests
from containers.adapters.podman_engine_info import describe_engine
from containers.adapters.podman_errors import from_text, port_conflict
from containers.adapters.podman_event_stream import past_events, stream_events
from containers.adapters.podman_exec import execute
from containers.adapters.podman_half_started import end_half_started, is_half_started, start_wholly
from containers.adapters.podman_host_folders import make_folders
from containers.adapters.podman_info_records import InfoRecord
from containers.adapters.podman_name_server import NameServer, folder_of_user
from containers.adapters.podman_operations import PodmanOperations
from containers.adapters.podman_port_holder import process_on_port
from containers.adapters.podman_project_pods import ProjectPods
from containers.adapters.podman_records import (
    PROJECT_LABEL,
    InspectedContainer,
    ListedContainer,
    NetworkRecord,
    VolumeRecord,
    parse_list,
    project_of,
)
from containers.adapters.podman_working_folder import make_working_folder, missing_working_folder
from containers.model.base import ContainerId, ImageId, ProjectName
from containers.model.described import ContainerDescription
from containers.model.errors import EngineError, ErrorCode
from containers.model.health import HealthState, ProbeResult
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
from containers.model.operations import LogQuery
from containers.model.project import BuildConfig, Hook
from containers.ports.translation import ContainerRecipe
from containers.settings import EngineSettings

_MARGIN_S = 3.0
"""On top of a time that the engine itself keeps, before we stop believing it."""
LOG_END_S = 10.0
"""Within which the last lines of a log are found; Podman looks back for the ends of lines, maybe in vain."""
_CHECK_MARGIN_S = 0.5
"""For Podman 5 to say itself that a check took too long; Podman 4 never does."""
_USUAL_CHECK_TIMEOUT_S = 30.0
_CHECK_TIMED_OUT = -1
"""The exit code that Podman itself notes for a check that took too long."""
_IN_USE = 409
_NS = 1_000_000_000
_SELINUX = Path("/sys/fs/selinux")
"""A folder where the kernel has SELinux, and it is on."""


async def connect(
    settings: EngineSettings, environ: Mapping[str, str], state_dir: Path
) -> "PodmanRestEngine":
    """Find Podman, starting a service of our own when none runs, and answer the engine.

    Raises:
        EngineError: `podman_not_installed`, `permission_denied`, `daemon_unreachable` or `podman_too_old`.
    """
    connection = await find_connection(settings, environ, state_dir)
    cli = PodmanCli(settings, connection.url, environ)
    requests = CreateRequests(settings, environ, state_dir, connection.version)
    folder = folder_of_user(environ)
    return PodmanRestEngine(connection, settings, cli, requests, NameServer(cli, folder) if folder else None)


class PodmanRestEngine(PodmanOperations):
    """The port `ContainerEngine` on Podman 4.0 and later.

    Attributes:
        connection: which connection was taken, why, and what was tried before it.
    """

    def __init__(
        self,
        connection: Connection,
        settings: EngineSettings,
        cli: PodmanCli,
        requests: CreateRequests,
        name_server: NameServer | None = None,
    ) -> None:
        """Use `connection`; it is closed with the engine."""
        self.connection = connection
        self._settings = settings
        self._requests = requests
        super().__init__(PodmanCalls(connection.url, settings.call_timeout_s), cli)
        self._bridges = BridgeAddresses(self._calls, connection.url, local=connection.local)
        self._pods = ProjectPods(self._calls)
        self._name_server = name_server
        self._info: EngineInfo | None = None
        self._check_timeouts_s: dict[ContainerId, float] = {}
        """How long each container's own check may take; it never changes."""

    # Looking

    @property
    def version(self) -> EngineVersion:
        """Which Podman this is."""
        return EngineVersion(version=self.connection.version)

    @property
    def store(self) -> str:
        """Which engine's containers these are; the same however it is reached."""
        return self.connection.store

    @property
    def known_info(self) -> EngineInfo | None:
        """What `info` has answered; None before."""
        return self._info

    @property
    def owner_uid(self) -> int | None:
        """The user that it runs as, who made its socket; None for one that does not share this machine."""
        if not self.connection.local:
            return None
        path = self.connection.url.removeprefix("unix://")
        try:
            return os.getuid() if self.connection.owned is not None else Path(path).stat().st_uid
        except OSError:
            return None

    @property
    def selinux(self) -> bool | None:
        """No on a machine, ours, whose kernel has no SELinux; else it is Podman's to say."""
        if self._info is not None:
            return self._info.selinux
        return False if self.connection.local and not _SELINUX.exists() else None

    async def neighbours(self) -> tuple[Neighbour, ...]:
        """Every container, whoever made it."""
        payload = await self._calls.json("containers/json", {"all": "true"}, doing="list the containers")
        return tuple(record.to_neighbour() for record in parse_list(ListedContainer, payload))

    async def info(self) -> EngineInfo:
        """Version, kind, socket and limits; cached after the first call."""
        if self._info is None:
            payload = await self._calls.json("info", doing="ask what Podman can do")
            self._info = describe_engine(InfoRecord.model_validate(payload), self.connection)
        return self._info

    async def snapshot(self, project: ProjectName, images: Sequence[str] = ()) -> ObservedState:
        """One fresh look: the project's containers, all networks and volumes, and which of `images` exist."""
        async with together() as group:
            containers = group.create_task(self.containers_of(project))
            networks = group.create_task(self._calls.json("networks/json", doing="list the networks"))
            volumes = group.create_task(self._calls.json("volumes/json", doing="list the volumes"))
            found = {name: group.create_task(self._image_id(name)) for name in dict.fromkeys(images)}
        return ObservedState(
            project=project,
            containers=containers.result(),
            networks=tuple(r.to_observed() for r in parse_list(NetworkRecord, networks.result())),
            volumes=tuple(r.to_observed() for r in parse_list(VolumeRecord, volumes.result())),
            images={name: image for name, task in found.items() if (image := task.result()) is not None},
        )

    async def containers_of(self, project: ProjectName) -> tuple[ObservedContainer, ...]:
        """The project's containers alone: less than a snapshot, for who shows them."""
        listed = await self._listed(f"{PROJECT_LABEL}={project}")
        observed = (record.to_observed() for record in listed)
        mine = [c for c in observed if c is not None and c.project == project]
        self._pods.seen(project, {ContainerId(record.id): record.pod for record in listed})
        self._names.update((c.id, c.name) for c in mine)
        return tuple(sorted(mine, key=lambda c: (c.service, c.number, c.name)))

    async def list_projects(self) -> Mapping[ProjectName, int]:
        """Every project on the engine, with its number of containers."""
        projects = [project_of(record.labels) for record in await self._listed(PROJECT_LABEL)]
        counts: dict[ProjectName, int] = {}
        for project in projects:
            if project is not None:
                counts[project] = counts.get(project, 0) + 1
        return counts

    async def inspect_container(self, container: ContainerId) -> ContainerDetail:
        """Everything about one container. Raises `not_found`."""
        return (await self._inspect(container)).to_detail()

    async def describe_containers(
        self, containers: Iterable[ContainerId]
    ) -> Mapping[ContainerId, ContainerDescription]:
        """How containers were made, whoever made them; one that is gone is left out."""
        from containers.adapters.podman_descriptions import describe_containers  # noqa: PLC0415  (start-up)

        return await describe_containers(self._calls, containers)

    # Images, networks, volumes

    async def pull_image(self, reference: str) -> ImageId:
        """Fetch an image. Raises `image_not_found` or `image_pull_failed`."""
        return ImageId(await self._cli.pull(reference))

    async def build_image(self, reference: str, build: BuildConfig) -> ImageId:
        """Build an image and tag it. Raises `build_failed` with the last lines of output."""
        return ImageId(await self._cli.build(reference, build))

    async def remove_image(self, reference: str) -> bool:
        """Remove an image; False when there is none, or a container still uses it."""
        path = path_of("images", reference)
        response = await self._calls.send(
            "delete", path, doing=f"remove the image {reference}", accept=(GONE, _IN_USE)
        )
        return response.status_code not in {GONE, _IN_USE}

    async def image_digest(self, reference: str) -> str | None:
        """The digest that a local image is known by in its repository; None without an image."""
        path = path_of("images", reference, "json")
        payload = await self._calls.find(path, doing=f"look for {reference}")
        if payload is None:
            return None
        known = [str(each).rpartition("@")[2] for each in payload.get("RepoDigests") or ()]
        return next(iter(known), payload.get("Digest") or None)

    async def create_network(self, name: str, options: Sequence[str]) -> bool:
        """Create a network; False when it is there already."""
        self._bridges.forget(name)
        return await self._cli.create_network(name, options)

    async def create_volume(self, name: str, options: Sequence[str]) -> bool:
        """Create a volume; False when it is there already."""
        return await self._cli.create_volume(name, options)

    async def remove_network(self, name: str) -> None:
        """Remove; no error when it is gone."""
        self._bridges.forget(name)
        await self._remove(path_of("networks", name), {}, f"remove the network {name}")

    async def remove_volume(self, name: str) -> None:
        """Remove; no error when it is gone."""
        await self._remove(path_of("volumes", name), {}, f"remove the volume {name}")

    # A container's life

    async def create_container(
        self, name: str, recipe: ContainerRecipe, labels: Mapping[str, str]
    ) -> ContainerId:
        """Create, not start. Never pulls. `labels` come on top of the recipe's.

        Folders for bind mounts are made where they are missing, if the engine is on this machine.
        """
        if recipe.host_folders and self.connection.local:
            await self._calls.blocking(lambda: make_folders(recipe.host_folders), doing=f"create {name}")
        command = self._cli.create_command(name, recipe, labels)
        request = await self._requests.request_for(name, recipe, labels, command)
        if request is None:
            container = ContainerId(await self._cli.create_container(name, recipe, labels))
        else:
            doing = f"create {name}"
            answer = await self._calls.send("post", "containers/create", doing=doing, body=request)
            container = ContainerId(document_in(answer, doing)["Id"])
            if networks := request.get("Networks"):
                self._bridges.created(container, networks)
        self._names[container] = name
        return container

    async def prepare_creating(self, recipes: Iterable[ContainerRecipe]) -> None:
        """Find out how containers are created, so that creating them takes less time; optional."""
        await self._requests.prepare(recipes)

    async def ready_container(self, container: ContainerId) -> None:
        """Do all of a created container's start but the start; no error when it is ready or runs."""
        path = path_of("containers", container, "init")
        async with self._joining(container):
            await self._start(container, path, f"make {self._name(container)} ready")

    async def start_container(self, container: ContainerId) -> None:
        """Start; no error when it runs. Raises `port_in_use` (naming who has it) or `start_failed`."""
        await self._start_container(container)

    async def stop_container(self, container: ContainerId, timeout_s: float | None = None) -> None:
        """Stop; no error when it does not run. None takes the container's own stop timeout."""
        await self._with_stop("stop", container, timeout_s)

    async def restart_container(self, container: ContainerId, timeout_s: float | None = None) -> None:
        """Stop and start again."""
        try:
            await self._with_stop("restart", container, timeout_s)
        except EngineError as error:
            half_started = is_half_started(error)
            if not half_started and error.code is not ErrorCode.PORT_IN_USE:
                raise
            await self._start_container(container, half_started=half_started)

    async def kill_container(self, container: ContainerId, signal: str = "KILL") -> None:
        """Send a signal. Raises `service_exited` when nothing runs."""
        doing = f"send {signal} to {self._name(container)}"
        await self._calls.send(
            "post", path_of("containers", container, "kill"), {"signal": signal}, doing=doing
        )

    async def rename_container(self, container: ContainerId, name: str) -> None:
        """Give it another name. Raises `name_in_use`."""
        doing = f"rename {self._name(container)} to {name}"
        await self._calls.send(
            "post", path_of("containers", container, "rename"), {"name": name}, doing=doing
        )
        self._names[container] = name

    async def remove_container(
        self, container: ContainerId, *, volumes: bool = False, stop_timeout_s: float | None = 0.0
    ) -> None:
        """Remove, by force, also its anonymous volumes when `volumes`; no error when it is gone.

        One that runs is stopped first, and has `stop_timeout_s` to end in; None takes its own stop timeout.
        """
        try:
            patience_s = await self._patience_s(container, stop_timeout_s)
        except EngineError as error:
            if error.code is ErrorCode.NOT_FOUND:
                return
            raise
        params = {"force": "true", "timeout": str(patience_s), "volumes": str(volumes).lower()}
        doing = f"remove {self._name(container)}"
        await self._remove(path_of("containers", container), params, doing, patience_s)
        self._names.pop(container, None)
        self._check_timeouts_s.pop(container, None)
        await self._pods.left(container)

    async def anonymous_volumes(self, container: ContainerId) -> Mapping[str, str]:
        """The volumes without a name that a container mounts, by where. Raises `not_found`."""
        mounted = (await self._inspect(container)).volumes
        async with together() as group:
            asked = {place: group.create_task(self._is_anonymous(name)) for place, name in mounted.items()}
        return {place: name for place, name in mounted.items() if asked[place].result()}

    async def container_environment(self, container: ContainerId) -> Mapping[str, str]:
        """The variables that a container was made with. Raises `not_found`."""
        return (await self._inspect(container)).config.environment

    async def run_health_check(self, container: ContainerId) -> ProbeResult:
        """Run the container's own check once and say what its health is after it.

        A container without a check answers `none`. Raises `service_exited` when it does not run.
        """
        doing = f"check the health of {self._name(container)}"
        limit_s = await self._check_timeout_s(container)
        if limit_s is None:
            return ProbeResult(state=HealthState.NONE)
        began = time.monotonic()
        try:
            # The answer holds this run's verdict alone; what it makes of the container, retries and start
            # period counted, is in the container's state.
            await self._calls.send(
                "get",
                path_of("containers", container, "healthcheck"),
                doing=doing,
                timeout_s=limit_s + _CHECK_MARGIN_S,
            )
        except EngineError as error:
            if error.code is not ErrorCode.TIMEOUT:
                raise
            # Podman 4 lets a check that hangs hang, and counts it only once it ends.
            health = (await self._inspect(container)).to_probe(time.monotonic() - began)
            output = f"the check did not end within {limit_s:g} seconds"
            return health.model_copy(update={"exit_code": _CHECK_TIMED_OUT, "output": output})
        return (await self._inspect(container)).to_probe(time.monotonic() - began)

    async def execute(
        self, container: ContainerId, command: Sequence[str], timeout_s: float, hook: Hook | None = None
    ) -> CommandResult:
        """Run a command in a running container and wait for it, without touching its recorded health.

        `hook` says as whom, where and with which variables; None takes the container's. A command that takes
        longer than `timeout_s` counts as failed, with exit code -1. Raises
        `service_exited` when the container does not run.
        """
        doing = f"run a command in {self._name(container)}"
        return await execute(
            self._calls, container, command, timeout_s, hook, doing=doing, local=self.connection.local
        )

    # What it says

    async def logs(self, container: ContainerId, lines: int | None = None) -> str:
        """The last `lines` lines of both streams (None: all), as text.

        Raises `timeout` where Podman does not find the last lines within `LOG_END_S`, such as of a program
        that writes without ever ending one.
        """
        said: list[str] = []
        try:
            async with (
                asyncio.timeout(LOG_END_S if lines is not None else None),
                aclosing(self.read_log(container, LogQuery(lines=lines))) as stream,
            ):
                said.extend([f"{line}\n" async for line in stream])
        except TimeoutError:
            message = f"could not read the log of {self._name(container)}: no end within {LOG_END_S:g} s"
            raise EngineError(ErrorCode.TIMEOUT, message) from None
        return "".join(said)

    def follow_logs(self, container: ContainerId, lines: int | None = None) -> AsyncGenerator[str, None]:
        """Lines as they come, beginning with the last `lines`; ends when the container does."""
        return self.read_log(container, LogQuery(lines=lines, follow=True))

    def events(self, since_ns: int | None = None) -> AsyncGenerator[EngineEvent, None]:
        """The event stream, from `since_ns` on; ends or raises `EngineError` when the connection breaks."""
        return stream_events(self.connection.url, since_ns)

    async def past_events(
        self, since_ns: int, until_ns: int | None = None, *, container: ContainerId | None = None
    ) -> tuple[EngineEvent, ...]:
        """What Podman has noted between two moments, oldest first; one read of its log."""
        return await past_events(self._calls, since_ns, until_ns, container)

    async def revive_name_server(self, container: ContainerId) -> bool:
        """Where the server that resolves names for a running container has died, start it; whether it was.

        Podman's service has no request for that, so it is done for one's own Podman on this machine only.
        """
        server = self._own_name_server
        return server is not None and await server.revive(container)

    async def close(self) -> None:
        """Let go of connections, and stop the Podman service if we started it."""
        self._calls.close()
        await self._requests.close()
        await self.connection.close()

    # Parts of the above

    @property
    def _own_name_server(self) -> NameServer | None:
        return self._name_server if self.owner_uid == os.getuid() else None

    @asynccontextmanager
    async def _joining(self, container: ContainerId) -> AsyncIterator[None]:
        """Around what has a container join its networks."""
        if (server := self._own_name_server) is not None:
            await server.before_join()
        async with self._bridges.joining(container):
            yield

    async def _image_id(self, reference: str) -> ImageId | None:
        path = path_of("images", reference, "json")
        payload = await self._calls.find(path, doing=f"look for {reference}")
        return None if payload is None else ImageId(payload["Id"])

    async def _is_anonymous(self, volume: str) -> bool:
        payload = await self._calls.json(path_of("volumes", volume, "json"), doing=f"look at {volume}")
        return VolumeRecord.model_validate(payload).anonymous

    async def _inspect(self, container: ContainerId) -> InspectedContainer:
        path = path_of("containers", container, "json")
        payload = await self._calls.json(path, doing=f"inspect {self._name(container)}")
        return InspectedContainer.model_validate(payload)

    async def _start_container(self, container: ContainerId, *, half_started: bool = False) -> None:
        doing = f"start {self._name(container)}"
        path = path_of("containers", container, "start")
        # Podman pulls nothing here, but a slow disk or a network set-up can take its time.
        try:
            async with self._joining(container):
                try:
                    await self._start(container, path, doing, half_started=half_started)
                except EngineError as error:
                    folder = missing_working_folder(error)
                    limit_s = self._settings.call_timeout_s
                    if folder is None or not await make_working_folder(
                        self._calls, container, folder, limit_s, doing=doing
                    ):
                        raise
                    await self._start(container, path, doing)
        except EngineError as error:
            if error.code is not ErrorCode.PORT_IN_USE:
                raise
            raise await self._named_port_conflict(error, doing) from error

    async def _start(
        self, container: ContainerId, path: str, doing: str, *, half_started: bool = False
    ) -> None:
        """Starting what runs is no error, so it may be done twice."""
        asked_at = 0.0

        async def start() -> None:
            nonlocal asked_at
            asked_at = time.clock_gettime(time.CLOCK_BOOTTIME)
            await self._calls.send("post", path, doing=doing, fallback=ErrorCode.START_FAILED)

        async def end_monitor(error: EngineError) -> bool:
            conflict = port_conflict(str(error.__cause__))
            if conflict is None or not self.connection.local:
                return False
            return await self._calls.blocking(
                lambda: end_half_started(container, conflict, asked_at), doing=doing
            )

        await start_wholly(start, end_monitor, half_started=half_started)

    async def _with_stop(
        self, what: Literal["stop", "restart"], container: ContainerId, timeout_s: float | None
    ) -> None:
        """Stop or restart; the call waits for as long as the container may take to end."""
        if timeout_s is None:
            config = (await self._inspect(container)).config
            patience_s = config.patience_s
            is_own = config.patience_s == config.stop_timeout_s
        else:
            patience_s, is_own = math.ceil(timeout_s), False
        params = {} if is_own else {"timeout": str(patience_s), "t": str(patience_s)}
        await self._calls.send(
            "post",
            path_of("containers", container, what),
            params,
            doing=f"{what} {self._name(container)}",
            repeatable=what == "stop",
            timeout_s=patience_s + self._settings.call_timeout_s,
        )

    async def _patience_s(self, container: ContainerId, timeout_s: float | None) -> int:
        """How long stopping may take: what was asked for, or what the container says itself."""
        if timeout_s is not None:
            return math.ceil(timeout_s)
        return (await self._inspect(container)).config.patience_s

    async def _remove(
        self, path: str, params: Mapping[str, str], doing: str, patience_s: float = 0.0
    ) -> None:
        limit_s = patience_s + self._settings.call_timeout_s
        response = await self._calls.send(
            "delete", path, params, doing=doing, accept=(GONE,), timeout_s=limit_s
        )
        if response.status_code != GONE:
            refusals_in(response, doing)

    async def _check_timeout_s(self, container: ContainerId) -> float | None:
        """How long the container's check may take; None when it has none."""
        if container not in self._check_timeouts_s:
            check = (await self._inspect(container)).config.healthcheck
            if not check.test or check.test[0].upper() == "NONE":
                return None
            self._check_timeouts_s[container] = check.timeout_ns / _NS or _USUAL_CHECK_TIMEOUT_S
        return self._check_timeouts_s[container]

    async def _named_port_conflict(self, error: EngineError, doing: str) -> EngineError:
        """The same conflict, with the container or process that has the port, where that can be seen."""
        text = str(error.__cause__)
        conflict = port_conflict(text)
        if conflict is None:
            return error
        payload = await self._calls.json("containers/json", doing="list the containers")
        for record in parse_list(ListedContainer, payload):
            ports = (port for entry in record.ports for port in entry.to_ports())
            if any(p.host_port == conflict.port and p.protocol == conflict.protocol for p in ports):
                return from_text(text, doing, holder=f"the container {record.names[0]}")
        if not self.connection.local:
            return error
        holder = await self._calls.blocking(lambda: process_on_port(conflict), doing=doing)
        return from_text(text, doing, holder=holder)
