"""ServiceOperations: what a person does to a project's containers one by one, without a plan."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

from containers.event_integration import EngineProvider
from containers.execution.together import bare_errors, together
from containers.model.base import Model, ProjectName, ServiceName
from containers.model.errors import ErrorCode, PodkeeperError, unknown_service
from containers.model.observed import (
    ContainerDetail,
    ContainerState,
    ObservedContainer,
    ObservedVolume,
    PublishedPort,
)
from containers.model.operations import (
    AttachRequest,
    ExecRequest,
    LogQuery,
    ProcessTable,
    Usage,
    usage_between,
)
from containers.model.project import ResolvedProject
from containers.ports.engine import ContainerEngine
from containers.ports.machine import Clock

PROJECT_LABEL: Final = "com.docker.compose.project"
CONFIG_FILES_LABEL: Final = "com.docker.compose.project.config_files"
SAMPLE_S = 0.5
"""Between two samples of what is used: less says little about a share of a processor."""

Hold = Callable[[ProjectName, str], AbstractAsyncContextManager[None]]


class ListedStack(Model):
    """A project that has containers on the engine, whoever started it."""

    name: ProjectName
    states: tuple[ContainerState, ...]
    """Of each of its containers."""
    files: tuple[str, ...]
    """The compose files that its containers name."""


class ListedRow(Model):
    """One container, with what only inspecting it tells."""

    container: ObservedContainer
    detail: ContainerDetail


class ServiceOperations:
    """Verbs on the containers of one project's services, addressed by service and replica.

    Each raises `PodkeeperError` for what a person can get wrong: `service_unknown`, `service_exited` where
    something must run, `not_found` for a replica that there is not; and what the engine raises.
    """

    def __init__(
        self,
        *,
        project: Callable[[], ResolvedProject],
        engine: EngineProvider,
        hold: Hold,
        clock: Clock,
    ) -> None:
        """`project` resolves the project anew; `hold` takes its lock, as every writer must."""
        self._project = project
        self._engine = engine
        self._hold = hold
        self._clock = clock

    # what changes containers, under the project's lock

    async def kill(
        self, services: Sequence[str] = (), signal: str = "SIGKILL"
    ) -> tuple[ObservedContainer, ...]:
        """Send a signal to what runs; the containers that got it."""
        return await self._each(
            "kill",
            services,
            {ContainerState.RUNNING, ContainerState.PAUSED, ContainerState.RESTARTING},
            lambda engine, container: engine.kill_container(container.id, signal),
        )

    async def pause(self, services: Sequence[str] = ()) -> tuple[ObservedContainer, ...]:
        """Freeze what runs; the containers that were."""
        return await self._each(
            "pause",
            services,
            {ContainerState.RUNNING},
            lambda engine, container: engine.pause_container(container.id),
        )

    async def unpause(self, services: Sequence[str] = ()) -> tuple[ObservedContainer, ...]:
        """Let what is paused go on; the containers that were."""
        return await self._each(
            "unpause",
            services,
            {ContainerState.PAUSED},
            lambda engine, container: engine.unpause_container(container.id),
        )

    # what goes into one container

    async def execute(self, service: str, request: ExecRequest, *, index: int | None = None) -> int:
        """Run a command in a running container of a service; its exit code."""
        engine = await self._engine()
        container = await self.running(service, index)
        if container.state is ContainerState.PAUSED:
            raise PodkeeperError(
                ErrorCode.CONFLICT,
                f'service "{service}" is paused: nothing can be begun in it',
                remedy=f"run `podkeeper unpause {service}` first",
                service=service,
            )
        return await engine.exec_in_terminal(container.id, request)

    async def attach(self, service: str, request: AttachRequest, *, index: int | None = None) -> int:
        """Join the terminal to a running container of a service; the container's exit code."""
        engine = await self._engine()
        container = await self.running(service, index)
        return await engine.attach(container.id, request)

    async def copy_from(
        self, service: str, path: str, target: str, *, index: int | None = None
    ) -> ObservedContainer:
        """Copy a file or folder out of a container, running or not; the container."""
        engine = await self._engine()
        container = (await self.of_service(service, index))[0]
        await engine.copy_from(container.id, path, target)
        return container

    async def copy_to(
        self, source: str, service: str, path: str, *, index: int | None = None, keep_owner: bool = False
    ) -> tuple[ObservedContainer, ...]:
        """Copy a file or folder into every replica of a service, or into one; the containers."""
        engine = await self._engine()
        containers = await self.of_service(service, index)
        for container in containers:
            await engine.copy_to(container.id, source, path, keep_owner=keep_owner)
        return containers

    # what only looks

    async def containers(
        self, services: Sequence[str] = (), *, one_off: bool = False
    ) -> tuple[ObservedContainer, ...]:
        """The project's containers, or those of `services`, by service and replica.

        Args:
            services: none named means all, also those that the files do not name.
            one_off: also those of `run`.
        """
        project = self._project()
        engine = await self._engine()
        observed = (await engine.snapshot(project.name)).containers
        _require(project, observed, services)
        return tuple(
            c for c in observed if (not services or c.service in services) and (one_off or not c.is_one_off)
        )

    async def of_service(self, service: str, index: int | None = None) -> tuple[ObservedContainer, ...]:
        """A service's replicas, or the one that `index` names; never none."""
        found = await self.containers((service,))
        if not found:
            raise PodkeeperError(
                ErrorCode.NOT_FOUND,
                f'service "{service}" has no container',
                remedy=f"run `podkeeper up {service}` first",
                service=service,
            )
        if not index:
            return found
        chosen = tuple(c for c in found if c.number == index)
        if not chosen:
            known = ", ".join(str(c.number) for c in found)
            raise PodkeeperError(
                ErrorCode.NOT_FOUND,
                f'service "{service}" has no container {index}',
                remedy=f"choose from: {known}",
                service=service,
            )
        return chosen

    async def running(self, service: str, index: int | None = None) -> ObservedContainer:
        """A service's first replica that runs, or the one that `index` names."""
        found = await self.of_service(service, index)
        for container in found:
            if container.is_running:
                return container
        which = f", container {index}," if index else ""
        raise PodkeeperError(
            ErrorCode.SERVICE_EXITED,
            f'service "{service}"{which} is not running: it is {found[0].state}',
            remedy=f"run `podkeeper up {service}` first; `podkeeper logs {service}` says why it ended",
            service=service,
        )

    async def rows(self, containers: Sequence[ObservedContainer]) -> tuple[ListedRow, ...]:
        """Containers with their details; one that vanishes meanwhile is left out."""
        engine = await self._engine()

        async def row(container: ObservedContainer) -> ListedRow | None:
            try:
                return ListedRow(container=container, detail=await engine.inspect_container(container.id))
            except PodkeeperError as error:
                if error.code is ErrorCode.NOT_FOUND:
                    return None
                raise

        found = await together(row(c) for c in containers)
        return tuple(r for r in found if r is not None)

    async def processes(
        self, services: Sequence[str] = ()
    ) -> tuple[tuple[ObservedContainer, ProcessTable], ...]:
        """What runs in each running container."""
        engine = await self._engine()
        chosen = [c for c in await self.containers(services) if c.state is ContainerState.RUNNING]
        tables = await together(engine.processes(c.id) for c in chosen)
        return tuple(zip(chosen, tables, strict=True))

    async def ports(self, service: str, *, index: int | None = None) -> tuple[PublishedPort, ...]:
        """What the host answers on for a running replica."""
        ports = (await self.running(service, index)).ports
        return tuple(sorted(ports, key=lambda p: (p.container_port, p.protocol, p.host_ip, p.host_port)))

    async def published(
        self, service: str, private: int, *, protocol: str = "tcp", index: int | None = None
    ) -> PublishedPort:
        """Where the host answers for one port of a running replica."""
        ports = await self.ports(service, index=index)
        for port in ports:
            if (port.container_port, port.protocol) == (private, protocol):
                return port
        known = ", ".join(f"{p.container_port}/{p.protocol}" for p in ports) or "none"
        raise PodkeeperError(
            ErrorCode.NOT_FOUND,
            f'service "{service}" does not publish {private}/{protocol}',
            remedy=f"published are: {known}",
            service=service,
        )

    async def volumes(self, services: Sequence[str] = ()) -> tuple[ObservedVolume, ...]:
        """The project's volumes, or those that `services` mount, by name."""
        project = self._project()
        engine = await self._engine()
        observed = await engine.snapshot(project.name)
        _require(project, observed.containers, services)
        chosen = (project.services.get(ServiceName(name)) for name in services)
        mounted = {
            project.volumes[mount.source].name
            for service in chosen
            if service is not None
            for mount in service.volumes
            if mount.type == "volume" and mount.source in project.volumes
        }
        return tuple(
            sorted(
                (
                    v
                    for v in observed.volumes
                    if v.labels.get(PROJECT_LABEL) == project.name and (not services or v.name in mounted)
                ),
                key=lambda v: v.name,
            )
        )

    async def stacks(self) -> tuple[ListedStack, ...]:
        """Every project on the engine, whoever started it; needs no compose file."""
        engine = await self._engine()
        by_project: dict[ProjectName, list[ObservedContainer]] = {}
        for container in await engine.list_containers():
            if not container.is_one_off:
                by_project.setdefault(container.project, []).append(container)
        return tuple(_stack(name, by_project[name]) for name in sorted(by_project))

    async def usage(self, containers: Sequence[ObservedContainer]) -> tuple[Usage, ...]:
        """What running containers use, over a moment."""
        engine = await self._engine()
        ids = [c.id for c in containers if c.state is ContainerState.RUNNING]
        before = {s.container: s for s in await engine.usage(ids)}
        await self._clock.sleep(SAMPLE_S)
        after = await engine.usage(list(before))
        return tuple(usage_between(before[s.container], s) for s in after if s.container in before)

    async def wait(
        self,
        containers: Sequence[ObservedContainer],
        tell: Callable[[ObservedContainer, int], None],
        *,
        first_only: bool = False,
    ) -> int:
        """Wait until containers end, telling each with its exit code; the last one told of.

        With `first_only` the first that ends is enough.
        """
        engine = await self._engine()
        ended: asyncio.Queue[tuple[ObservedContainer, int]] = asyncio.Queue()

        async def wait_for(container: ObservedContainer) -> None:
            await ended.put((container, await engine.wait_container(container.id)))

        async def tell_all() -> int:
            code = 0
            for _ in containers[:1] if first_only else containers:
                container, code = await ended.get()
                tell(container, code)
            for task in tasks:
                task.cancel()
            return code

        async with bare_errors(), asyncio.TaskGroup() as group:
            tasks = [group.create_task(wait_for(c)) for c in containers]
            telling = group.create_task(tell_all())
        return telling.result()

    async def log(self, container: ObservedContainer, query: LogQuery) -> AsyncIterator[str]:
        """A container's lines, as `query` asks."""
        engine = await self._engine()
        async for line in engine.read_log(container.id, query):
            yield line

    # how

    async def _each(
        self,
        verb: str,
        services: Sequence[str],
        states: Collection[ContainerState],
        act: Callable[[ContainerEngine, ObservedContainer], Coroutine[Any, Any, None]],
    ) -> tuple[ObservedContainer, ...]:
        """Do something to every container that is in one of `states`, looked at under the lock."""
        engine = await self._engine()
        async with self._hold(self._project().name, verb):
            chosen = [c for c in await self.containers(services) if c.state in states]
            await together(act(engine, c) for c in chosen)
        return tuple(chosen)


def _stack(name: ProjectName, containers: Sequence[ObservedContainer]) -> ListedStack:
    named = (c.labels.get(CONFIG_FILES_LABEL, "") for c in containers)
    files = dict.fromkeys(file for text in named for file in text.split(",") if file)
    return ListedStack(name=name, states=tuple(c.state for c in containers), files=tuple(files))


def _require(
    project: ResolvedProject, observed: Iterable[ObservedContainer], services: Iterable[str]
) -> None:
    """Each service must be one of the files, or one that has a container.

    Raises:
        PodkeeperError: `service_unknown`.
    """
    known = {*project.services, *project.disabled_services, *(c.service for c in observed)}
    for service in services:
        if service not in known:
            raise unknown_service(service, project.services)
