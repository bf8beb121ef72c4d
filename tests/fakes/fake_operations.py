"""The part of the fake engine that a person's own verbs need."""

import tarfile
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Sequence
from io import BytesIO
from pathlib import Path
from typing import NoReturn

from tests.fakes.fake_container import FakeContainer

from containers.model.base import ContainerId, ImageId
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
from containers.ports.machine import Clock

_EXITS = ("sh", "-c")
_LIVE = {ContainerState.RUNNING, ContainerState.PAUSED}
_NS = 1_000_000_000
_CPU_SHARE = 0.25
"""Of one processor, that every running container uses."""
_IMAGE_BYTES = 2_131_047


class FakeOperations(ABC):
    """The port `ContainerOperations`.

    Attributes:
        pushable: references whose registry takes them.
    """

    clock: Clock
    pushable: set[str]
    _containers: dict[ContainerId, FakeContainer]
    _images: dict[str, ImageId]
    image_volumes: dict[str, tuple[str, ...]]

    async def list_containers(self) -> tuple[ObservedContainer, ...]:
        """Of every project."""
        await self._enter("list_containers", "")
        found = [self._observed(c) for c in self._containers.values()]
        return tuple(sorted((c for c in found if c is not None), key=lambda c: (c.project, c.name)))

    async def pause_container(self, container: ContainerId) -> None:
        """Only what runs can be."""
        found = await self._find("pause_container", container, changes=True)
        if found.state is not ContainerState.RUNNING:
            refuse(ErrorCode.SERVICE_EXITED, f"could not pause {found.name}: the container is not running")
        found.state = ContainerState.PAUSED
        self._tell_of(found, "pause")

    async def unpause_container(self, container: ContainerId) -> None:
        """Only what is paused can be."""
        found = await self._find("unpause_container", container, changes=True)
        if found.state is not ContainerState.PAUSED:
            refuse(ErrorCode.ENGINE_ERROR, f"could not unpause {found.name}: the container is not paused")
        found.state = ContainerState.RUNNING
        self._tell_of(found, "unpause")

    async def exec_in_terminal(self, container: ContainerId, request: ExecRequest) -> int:
        """It understands `sh -c 'exit N'`; everything else succeeds."""
        found = await self._running("exec_in_terminal", container)
        self._tell_of(found, "exec_died")
        if request.detach or request.command[:2] != _EXITS:
            return 0
        verb, _, code = request.command[2].partition(" ")
        return int(code) if verb == "exit" else 0

    async def attach(self, container: ContainerId, request: AttachRequest) -> int:
        """Until it ends."""
        del request
        await self._running("attach", container)
        return await self.wait_container(container)

    async def copy_from(self, container: ContainerId, path: str, target: str) -> None:
        """Only files that were copied in are there."""
        found = await self._find("copy_from", container)
        if path not in found.files:
            refuse(ErrorCode.NOT_FOUND, f"could not copy {path} from {found.name}: there is no such file")
        Path(target).write_bytes(found.files[path])  # noqa: ASYNC240  (a test's small file)

    async def copy_to(self, container: ContainerId, source: str, path: str, *, keep_owner: bool) -> None:
        """Single files."""
        del keep_owner
        found = await self._find("copy_to", container, changes=True)
        try:
            found.files[path] = Path(source).read_bytes()  # noqa: ASYNC240  (as above)
        except OSError as error:
            refuse(ErrorCode.NOT_FOUND, f"could not copy {source} to {found.name}: {error.strerror}")

    async def put_archive(self, container: ContainerId, archive: bytes) -> None:
        """Files and links; links have where they point to for their content."""
        found = await self._running("put_archive", container)
        with tarfile.open(fileobj=BytesIO(archive)) as opened:
            for member in opened.getmembers():
                content = opened.extractfile(member) if member.isreg() else None
                path = f"/{member.name}"
                if content is not None:
                    found.files[path] = content.read()
                elif member.issym():
                    found.files[path] = member.linkname.encode()

    async def processes(self, container: ContainerId) -> ProcessTable:
        """One process."""
        found = await self._running("processes", container)
        return ProcessTable(
            titles=("USER", "PID", "COMMAND"), rows=(("root", "1", " ".join(found.recipe.command)),)
        )

    async def wait_container(self, container: ContainerId) -> int:
        """Its exit code, as soon as it has one."""
        found = await self._find("wait_container", container)
        while found.state in _LIVE:
            await self._next_event()
            self._settle(found)
        return found.exit_code

    async def read_log(self, container: ContainerId, query: LogQuery) -> AsyncGenerator[str, None]:
        """Times in whole seconds, as Podman 4 gives them; `since` and `until` are finer."""
        found = await self._find("read_log", container)
        told = 0 if query.lines is None else max(len(found.log) - query.lines, 0)
        while True:
            while told < len(found.log):
                line, at = found.log[told], found.logged_at[told]
                told += 1
                if (query.since is None or at > query.since) and (query.until is None or at <= query.until):
                    yield f"{at.replace(microsecond=0).isoformat()} {line}" if query.timestamps else line
            self._settle(found)
            if not query.follow or found.state not in _LIVE:
                return
            await self._next_event()

    async def usage(self, containers: Sequence[ContainerId]) -> tuple[UsageSample, ...]:
        """A quarter of a processor each, since it started."""
        await self._enter("usage", "")
        now = self.clock.now()
        chosen = [self._containers[c] for c in containers if c in self._containers]
        return tuple(
            UsageSample(
                container=c.id,
                name=c.name,
                cpu_ns=int((now - c.started_at).total_seconds() * _CPU_SHARE * _NS),
                at_ns=int(now.timestamp() * _NS),
                memory_bytes=1 << 20,
                memory_limit_bytes=1 << 30,
                processes=1,
            )
            for c in chosen
            if c.runs and c.started_at is not None
        )

    async def image_facts(self, reference: str) -> ImageFacts | None:
        """By name or identifier."""
        await self._enter("image_facts", reference)
        named = {name for name, image in self._images.items() if reference in {name, image}}
        if not named and f"{reference}:latest" in self._images:
            named = {f"{reference}:latest"}
        if not named:
            return None
        tags = tuple(sorted(named))
        return ImageFacts(
            id=self._images[tags[0]],
            tags=tags,
            platform="linux/amd64",
            size_bytes=_IMAGE_BYTES,
            created_at=self.clock.now(),
            volumes=next((self.image_volumes[tag] for tag in tags if tag in self.image_volumes), ()),
        )

    async def push_image(self, reference: str) -> None:
        """Only to registries that take it."""
        await self._change("push_image", reference)
        if await self.image_facts(reference) is None:
            refuse(ErrorCode.IMAGE_NOT_FOUND, f"could not push {reference}: image not known")
        if reference not in self.pushable:
            refuse(ErrorCode.IMAGE_PUSH_FAILED, f"could not push {reference}: the registry does not answer")

    async def _running(self, method: str, container: ContainerId) -> FakeContainer:
        found = await self._find(method, container)
        if found.state is not ContainerState.RUNNING:
            refuse(ErrorCode.SERVICE_EXITED, f"{method}: the container {found.name} is not running")
        return found

    # What the rest of the engine gives

    @abstractmethod
    async def _enter(self, method: str, name: str) -> None: ...

    @abstractmethod
    async def _change(self, method: str, name: str) -> None: ...

    @abstractmethod
    async def _find(self, method: str, container: ContainerId, *, changes: bool = False) -> FakeContainer: ...

    @abstractmethod
    def _observed(self, container: FakeContainer) -> ObservedContainer | None: ...

    @abstractmethod
    def _tell_of(self, container: FakeContainer, action: str) -> None: ...

    @abstractmethod
    def _settle(self, container: FakeContainer) -> None: ...

    @abstractmethod
    async def _next_event(self) -> None: ...


def refuse(code: ErrorCode, message: str) -> NoReturn:
    """Say no, as the engine does."""
    raise EngineError(code, message, remedy="(fake)")
