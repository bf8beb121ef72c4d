"""What a person does to single containers and images, over REST and Podman's own client."""

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence

from containers.adapters.podman_calls import PodmanCalls, document_in, path_of
from containers.adapters.podman_cli import PodmanCli
from containers.adapters.podman_log_stream import stream_log
from containers.adapters.podman_operation_records import ImageRecord, TopRecord, UsageReport
from containers.adapters.podman_records import PROJECT_LABEL, InspectedContainer, ListedContainer, parse_list
from containers.adapters.podman_terminal import PodmanTerminal
from containers.model.base import ContainerId
from containers.model.errors import EngineError, ErrorCode
from containers.model.observed import ContainerState, ObservedContainer
from containers.model.operations import (
    AttachRequest,
    ExecRequest,
    ImageFacts,
    LogQuery,
    ProcessTable,
    UsageSample,
)

_LIVE = frozenset({ContainerState.RUNNING, ContainerState.PAUSED, ContainerState.RESTARTING})
_FORGOTTEN = "no such exit code"
_WAIT_S = 60.0
"""One call waits for so long; then another one does, so that none outlives a broken connection."""
_MEASURINGS = 4
"""Of containers of which some are removed meanwhile, at most."""
_APART_S = 0.05
_UNPACK_S = 120.0
"""For one archive: thousands of files on a busy disk."""


class PodmanOperations:
    """The port `ContainerOperations`; the rest of the engine is built on it."""

    def __init__(self, calls: PodmanCalls, cli: PodmanCli) -> None:
        """Both go to the same service."""
        self._calls = calls
        self._cli = cli
        self._terminal = PodmanTerminal(cli)
        self._names: dict[ContainerId, str] = {}
        """For messages: people know containers by name."""

    async def list_containers(self) -> tuple[ObservedContainer, ...]:
        """Every container of every project, whoever started it."""
        found = [record.to_observed() for record in await self._listed(PROJECT_LABEL)]
        return tuple(sorted((c for c in found if c is not None), key=lambda c: (c.project, c.name)))

    async def pause_container(self, container: ContainerId) -> None:
        """Freeze its processes. Raises `service_exited` when it does not run."""
        await self._post("pause", container)

    async def unpause_container(self, container: ContainerId) -> None:
        """Let its processes go on."""
        await self._post("unpause", container)

    async def exec_in_terminal(self, container: ContainerId, request: ExecRequest) -> int:
        """Run a command with this process's streams; its exit code (0 at once when detached)."""
        return await self._terminal.execute(container, request, doing=f"run in {self._name(container)}")

    async def start_attached(self, container: ContainerId, *, stdin: bool) -> int:
        """Start a container with this process's streams joined to its own; its exit code."""
        return await self._terminal.start(container, stdin=stdin)

    async def attach(self, container: ContainerId, request: AttachRequest) -> int:
        """Join this process's streams to the container's until it ends or is detached; its exit code."""
        code = await self._terminal.attach(container, request)
        if code != 0:
            return code
        # Podman's remote client ends with 0 both after detaching and after the container's end.
        path = path_of("containers", container, "json")
        doing = f"inspect {self._name(container)}"
        payload = await self._calls.find(path, doing=doing)
        if payload is None:
            return code
        detail = InspectedContainer.model_validate(payload).to_detail()
        return code if detail.state in _LIVE else detail.exit_code

    async def copy_from(self, container: ContainerId, path: str, target: str) -> None:
        """Copy a file or folder out; links in `path` are followed."""
        doing = f"copy {path} from {self._name(container)}"
        await self._terminal.copy_from(container, path, target, doing=doing)

    async def copy_to(self, container: ContainerId, source: str, path: str, *, keep_owner: bool) -> None:
        """Copy a file or folder in."""
        doing = f"copy {source} to {self._name(container)}"
        await self._terminal.copy_to(container, source, path, keep_owner=keep_owner, doing=doing)

    async def put_archive(self, container: ContainerId, archive: bytes) -> None:
        """Unpack a tar archive into a running container; what is unpacked is its user's."""
        await self._calls.send(
            "put",
            path_of("containers", container, "archive"),
            {"path": "/", "copyUIDGID": "true"},
            archive=archive,
            doing=f"copy files to {self._name(container)}",
            timeout_s=_UNPACK_S,
        )

    async def processes(self, container: ContainerId) -> ProcessTable:
        """What runs in it, with Podman's own columns: they need no program in the image."""
        payload = await self._calls.json(
            path_of("containers", container, "top"),
            {"stream": "false"},
            doing=f"list the processes of {self._name(container)}",
        )
        return TopRecord.model_validate(payload).to_table()

    async def wait_container(self, container: ContainerId) -> int:
        """Wait until it does not run; its exit code, at once for one that has exited."""
        path = path_of("containers", container, "wait")
        doing = f"wait for {self._name(container)}"
        while True:
            # Podman forgets the codes that `wait` answers after some minutes; the container keeps its own.
            inspected = await self._calls.json(path_of("containers", container, "json"), doing=doing)
            detail = InspectedContainer.model_validate(inspected).to_detail()
            if detail.state not in _LIVE:
                return detail.exit_code
            try:
                answer = await self._calls.send("post", path, doing=doing, timeout_s=_WAIT_S)
            except EngineError as error:
                if error.code is ErrorCode.TIMEOUT or _FORGOTTEN in str(error):
                    continue
                raise
            return int(document_in(answer, doing))

    def read_log(self, container: ContainerId, query: LogQuery) -> AsyncGenerator[str, None]:
        """The lines of both streams that `query` asks for; with `follow` until the container ends."""
        params = {"follow": str(query.follow).lower(), "timestamps": str(query.timestamps).lower()}
        if query.lines is not None:
            params["tail"] = str(query.lines)
        for name, moment in (("since", query.since), ("until", query.until)):
            if moment is not None:
                params[name] = moment.isoformat()
        doing = f"read the log of {self._name(container)}"
        return stream_log(self._calls.url, path_of("containers", container, "logs"), params, doing=doing)

    async def usage(self, containers: Sequence[ContainerId]) -> tuple[UsageSample, ...]:
        """What containers have used by now; those that do not run, or are gone, are left out."""
        asked = list(containers)
        for measuring in range(1, _MEASURINGS + 1):
            if not asked:
                break
            try:
                return await self._used(asked)
            except EngineError as error:
                # Podman fails for all where one has been removed
                if error.code is not ErrorCode.NOT_FOUND or measuring == _MEASURINGS:
                    raise
                await asyncio.sleep(_APART_S)
            present = {container.id for container in await self.list_containers()}
            asked = [container for container in asked if container in present]
        return ()

    async def image_facts(self, reference: str) -> ImageFacts | None:
        """What there is to know of a local image, by name or identifier; None where there is none."""
        path = path_of("images", reference, "json")
        payload = await self._calls.find(path, doing=f"look for {reference}")
        return None if payload is None else ImageRecord.model_validate(payload).to_facts()

    async def push_image(self, reference: str) -> None:
        """Send an image to its registry. Raises `image_not_found` or `image_push_failed`."""
        await self._cli.push(reference)

    # What both this and the rest of the engine need

    async def _used(self, containers: list[ContainerId]) -> tuple[UsageSample, ...]:
        doing = "measure the containers"
        payload = await self._calls.json(
            "containers/stats", {"containers": list[str](containers), "stream": "false"}, doing=doing
        )
        return UsageReport.model_validate(payload).to_samples(doing)

    async def _post(self, verb: str, container: ContainerId) -> None:
        doing = f"{verb} {self._name(container)}"
        await self._calls.send("post", path_of("containers", container, verb), doing=doing)

    async def _listed(self, label: str) -> tuple[ListedContainer, ...]:
        """Every container that carries `label`, a name or `name=value`."""
        params = {"all": "true", "filters": json.dumps({"label": [label]})}
        payload = await self._calls.json("containers/json", params, doing="list the containers")
        return parse_list(ListedContainer, payload)

    def _name(self, container: ContainerId) -> str:
        return self._names.get(container, container[:12])
