"""`PodmanRestEngine`: the real container engine, over Podman's REST service.

Listing, starting, stopping and looking go through podman-py's `APIClient`, below its high-level objects:
those inspect every container of a list one by one, and read answers whole that we want as they come.
Creating, pulling and building go through Podman's command line (`podman_cli`), over the same connection.
"""

import json
import math
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Literal

from containers.adapters.podman_bridge_address import BridgeAddresses
from containers.adapters.podman_calls import GONE, PodmanCalls, path_of, refusals_in, together
from containers.adapters.podman_cli import PodmanCli
from containers.adapters.podman_connection import Connection, find_connection
from containers.adapters.podman_engine_info import describe_engine
from containers.adapters.podman_errors import from_text, port_conflict
from containers.adapters.podman_event_stream import stream_events
from containers.adapters.podman_exec import execute
from containers.adapters.podman_host_folders import make_folders
from containers.adapters.podman_log_stream import stream_log_lines
from containers.adapters.podman_port_holder import process_on_port
from containers.adapters.podman_records import (
    PROJECT_LABEL,
    InfoRecord,
    InspectedContainer,
    ListedContainer,
    NetworkRecord,
    VolumeRecord,
    parse_list,
    project_of,
)
from containers.adapters.podman_working_folder import make_working_folder, missing_working_folder
from containers.model.base import ContainerId, ImageId, ProjectName
from containers.model.errors import EngineError, ErrorCode
from containers.model.health import HealthState, ProbeResult
from containers.model.observed import (
    CommandResult,
    ContainerDetail,
    EngineEvent,
    EngineInfo,
    ObservedState,
)
from containers.model.project import BuildConfig
from containers.ports import ContainerRecipe
from containers.settings import EngineSettings

_MARGIN_S = 3.0
"""On top of a time that the engine itself keeps, before we stop believing it."""
_USUAL_CHECK_TIMEOUT_S = 30.0
_CHECK_TIMED_OUT = -1
"""The exit code that Podman itself notes for a check that took too long."""
_NS = 1_000_000_000


async def connect(
    settings: EngineSettings, environ: Mapping[str, str], state_dir: Path
) -> "PodmanRestEngine":
    """Find Podman, starting a service of our own when none runs, and answer the engine.

    Raises:
        EngineError: `podman_not_installed`, `permission_denied`, `daemon_unreachable` or `podman_too_old`.
    """
    connection = await find_connection(settings, environ, state_dir)
    return PodmanRestEngine(connection, settings, PodmanCli(settings, connection.url, environ))


class PodmanRestEngine:
    """The port `ContainerEngine` on Podman 4.0 and later.

    Attributes:
        connection: which connection was taken, why, and what was tried before it.
    """

    def __init__(self, connection: Connection, settings: EngineSettings, cli: PodmanCli) -> None:
        """Use `connection`; it is closed with the engine."""
        self.connection = connection
        self._settings = settings
        self._cli = cli
        self._calls = PodmanCalls(connection.url, settings.call_timeout_s)
        self._bridges = BridgeAddresses(self._calls, connection.url, local=connection.local)
        self._info: EngineInfo | None = None
        self._names: dict[ContainerId, str] = {}
        """For messages: people know containers by name."""
        self._check_timeouts_s: dict[ContainerId, float] = {}
        """How long each container's own check may take; it never changes."""

    # Looking

    async def info(self) -> EngineInfo:
        """Version, kind, socket and limits; cached after the first call."""
        if self._info is None:
            payload = await self._calls.json("info", doing="ask what Podman can do")
            self._info = describe_engine(InfoRecord.model_validate(payload), self.connection)
        return self._info

    async def snapshot(self, project: ProjectName, images: Sequence[str] = ()) -> ObservedState:
        """One fresh look: the project's containers, all networks and volumes, and which of `images` exist."""
        async with together() as group:
            listed = group.create_task(self._containers(f"{PROJECT_LABEL}={project}"))
            networks = group.create_task(self._calls.json("networks/json", doing="list the networks"))
            volumes = group.create_task(self._calls.json("volumes/json", doing="list the volumes"))
            found = {name: group.create_task(self._image_id(name)) for name in dict.fromkeys(images)}
        observed = [record.to_observed() for record in listed.result()]
        containers = [c for c in observed if c is not None and c.project == project]
        self._names.update((c.id, c.name) for c in containers)
        return ObservedState(
            project=project,
            containers=tuple(sorted(containers, key=lambda c: (c.service, c.number, c.name))),
            networks=tuple(r.to_observed() for r in parse_list(NetworkRecord, networks.result())),
            volumes=tuple(r.to_observed() for r in parse_list(VolumeRecord, volumes.result())),
            images={name: image for name, task in found.items() if (image := task.result()) is not None},
        )

    async def list_projects(self) -> Mapping[ProjectName, int]:
        """Every project on the engine, with its number of containers."""
        projects = [project_of(record.labels) for record in await self._containers(PROJECT_LABEL)]
        counts: dict[ProjectName, int] = {}
        for project in projects:
            if project is not None:
                counts[project] = counts.get(project, 0) + 1
        return counts

    async def inspect_container(self, container: ContainerId) -> ContainerDetail:
        """Everything about one container. Raises `not_found`."""
        return (await self._inspect(container)).to_detail()

    # Images, networks, volumes

    async def pull_image(self, reference: str) -> ImageId:
        """Fetch an image. Raises `image_not_found` or `image_pull_failed`."""
        return ImageId(await self._cli.pull(reference))

    async def build_image(self, reference: str, build: BuildConfig) -> ImageId:
        """Build an image and tag it. Raises `build_failed` with the last lines of output."""
        return ImageId(await self._cli.build(reference, build))

    async def image_digest(self, reference: str) -> str | None:
        """The digest that a local image is known by in its repository; None without an image."""
        path = path_of("images", reference, "json")
        response = await self._calls.send("get", path, doing=f"look for {reference}", accept=(GONE,))
        if response.status_code == GONE:
            return None
        payload = response.json()
        known = [str(each).rpartition("@")[2] for each in payload.get("RepoDigests") or ()]
        return next(iter(known), payload.get("Digest") or None)

    async def create_network(self, name: str, options: Sequence[str]) -> bool:
        """Create a network; False when it is there already."""
        return await self._cli.create_network(name, options)

    async def create_volume(self, name: str, options: Sequence[str]) -> bool:
        """Create a volume; False when it is there already."""
        return await self._cli.create_volume(name, options)

    async def remove_network(self, name: str) -> None:
        """Remove; no error when it is gone."""
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
        container = ContainerId(await self._cli.create_container(name, recipe, labels))
        self._names[container] = name
        return container

    async def start_container(self, container: ContainerId) -> None:
        """Start; no error when it runs. Raises `port_in_use` (naming who has it) or `start_failed`."""
        doing = f"start {self._name(container)}"
        path = path_of("containers", container, "start")
        # Podman pulls nothing here, but a slow disk or a network set-up can take its time.
        try:
            async with self._bridges.joining(container):
                try:
                    await self._calls.send("post", path, doing=doing, fallback=ErrorCode.START_FAILED)
                except EngineError as error:
                    folder = missing_working_folder(error)
                    limit_s = self._settings.call_timeout_s
                    if folder is None or not await make_working_folder(
                        self._calls, container, folder, limit_s, doing=doing
                    ):
                        raise
                    await self._calls.send("post", path, doing=doing, fallback=ErrorCode.START_FAILED)
        except EngineError as error:
            if error.code is not ErrorCode.PORT_IN_USE:
                raise
            raise await self._named_port_conflict(error, doing) from error

    async def stop_container(self, container: ContainerId, timeout_s: float | None = None) -> None:
        """Stop; no error when it does not run. None takes the container's own stop timeout."""
        await self._with_stop("stop", container, timeout_s)

    async def restart_container(self, container: ContainerId, timeout_s: float | None = None) -> None:
        """Stop and start again."""
        await self._with_stop("restart", container, timeout_s)

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

    async def remove_container(self, container: ContainerId, *, volumes: bool = False) -> None:
        """Remove, by force, also its anonymous volumes when `volumes`; no error when it is gone."""
        # `timeout` is for what still runs: whoever wants it to end in peace has stopped it before.
        params = {"force": "true", "timeout": "0", "v": str(volumes).lower()}
        await self._remove(path_of("containers", container), params, f"remove {self._name(container)}")
        self._names.pop(container, None)
        self._check_timeouts_s.pop(container, None)

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
                timeout_s=limit_s + _MARGIN_S,
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
        self, container: ContainerId, command: Sequence[str], timeout_s: float
    ) -> CommandResult:
        """Run a command in a running container and wait for it, without touching its recorded health.

        A command that takes longer than `timeout_s` counts as failed, with exit code -1. Raises
        `service_exited` when the container does not run.
        """
        doing = f"run a command in {self._name(container)}"
        return await execute(
            self._calls, container, command, timeout_s, doing=doing, local=self.connection.local
        )

    # What it says

    async def logs(self, container: ContainerId, lines: int | None = None) -> str:
        """The last `lines` lines of both streams (None: all), as text."""
        stream = self._log_lines(container, lines, follow=False)
        async with aclosing(stream):
            return "".join([f"{line}\n" async for line in stream])

    def follow_logs(self, container: ContainerId, lines: int | None = None) -> AsyncGenerator[str, None]:
        """Lines as they come, beginning with the last `lines`; ends when the container does."""
        return self._log_lines(container, lines, follow=True)

    def events(self, since_ns: int | None = None) -> AsyncGenerator[EngineEvent, None]:
        """The event stream, from `since_ns` on; ends or raises `EngineError` when the connection breaks."""
        return stream_events(self.connection.url, since_ns)

    async def close(self) -> None:
        """Let go of connections, and stop the Podman service if we started it."""
        self._calls.close()
        await self.connection.close()

    # Parts of the above

    async def _containers(self, label: str) -> tuple[ListedContainer, ...]:
        params = {"all": "true", "filters": json.dumps({"label": [label]})}
        payload = await self._calls.json("containers/json", params, doing="list the containers")
        return parse_list(ListedContainer, payload)

    async def _image_id(self, reference: str) -> ImageId | None:
        path = path_of("images", reference, "json")
        response = await self._calls.send("get", path, doing=f"look for {reference}", accept=(GONE,))
        return None if response.status_code == GONE else ImageId(response.json()["Id"])

    async def _inspect(self, container: ContainerId) -> InspectedContainer:
        path = path_of("containers", container, "json")
        payload = await self._calls.json(path, doing=f"inspect {self._name(container)}")
        return InspectedContainer.model_validate(payload)

    async def _with_stop(
        self, what: Literal["stop", "restart"], container: ContainerId, timeout_s: float | None
    ) -> None:
        """Stop or restart; the call waits for as long as the container may take to end."""
        params: dict[str, str] = {}
        if timeout_s is None:
            patience_s: float = (await self._inspect(container)).config.stop_timeout_s
        else:
            patience_s = math.ceil(timeout_s)
            params = {"timeout": str(patience_s), "t": str(patience_s)}
        await self._calls.send(
            "post",
            path_of("containers", container, what),
            params,
            doing=f"{what} {self._name(container)}",
            timeout_s=patience_s + self._settings.call_timeout_s,
        )

    async def _remove(self, path: str, params: Mapping[str, str], doing: str) -> None:
        response = await self._calls.send("delete", path, params, doing=doing, accept=(GONE,))
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

    def _log_lines(
        self, container: ContainerId, lines: int | None, *, follow: bool
    ) -> AsyncGenerator[str, None]:
        return stream_log_lines(
            self.connection.url,
            path_of("containers", container, "logs"),
            lines=lines,
            follow=follow,
            doing=f"read the log of {self._name(container)}",
        )

    def _name(self, container: ContainerId) -> str:
        return self._names.get(container, container[:12])
