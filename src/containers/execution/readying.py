"""Containers that wait for others are made ready meanwhile, so that their start takes a tenth of the time.

What takes time is the network, not the process. A container that is ready holds its addresses, its ports and
its mounts, so only one is made ready early for which that makes no difference.
"""

import asyncio
import logging
from pathlib import PurePath

from containers.execution.context import Context
from containers.model.base import ContainerId, ServiceName
from containers.model.errors import EngineError
from containers.model.observed import ObservedState
from containers.model.plan import Plan
from containers.model.project import PortMapping, ResolvedProject

log = logging.getLogger(__name__)

_PAUSE_S = 0.1
"""A gate that is about to pass leaves the engine idle for no longer."""
_AT_ONCE = 2
_FREEING = frozenset({"stop_container", "remove_container", "replace_container"})


class EarlyServices:
    """The services whose new containers may be made ready before what they wait for is.

    None where that would disturb those they wait for, or where the plan frees ports and addresses, which a
    new container may be meant to have. Where joining a network disturbs those who ask for names, only while
    nothing runs but services that depend on none: those that do ask as they begin.
    """

    def __init__(self, context: Context, plan: Plan, before: ObservedState) -> None:
        self._project = context.project
        self._hosts = context.hosts
        self._is_disturbing = not context.engine.version.resolves_during_joins
        self._is_over = any(step.kind in _FREEING for step in plan.steps) or (
            self._is_disturbing and any(container.is_running for container in before.containers)
        )
        self.turns = asyncio.Semaphore(_AT_ONCE)
        """How many may be made ready at once."""
        self.under_way: set[asyncio.Task[None]] = set()

    def __contains__(self, service: ServiceName) -> bool:
        """Whether it may be now."""
        if self._is_over or self._project is None:
            return False
        return (
            not self._hosts.get(service)
            and not _depends_on_mounts(self._project, service)
            and not _takes_ports(self._project, service)
        )

    async def before_start(self, service: ServiceName) -> None:
        """A service is about to be started: wait until nothing disturbs it, and nothing will."""
        if self._is_disturbing and self._project is not None and self._project.services[service].depends_on:
            self._is_over = True
            if self.under_way:
                await asyncio.wait(self.under_way)


def _depends_on_mounts(project: ResolvedProject, name: ServiceName) -> bool:
    """Whether another service can change what is mounted: fill its volume first, or replace its folder."""
    volumes, paths = _sources(project, name)
    for other in project.services:
        if other == name:
            continue
        their_volumes, their_paths = _sources(project, other)
        if volumes & their_volumes:
            return True
        if any(theirs in mine.parents for theirs in their_paths for mine in paths):
            return True
    return False


def _sources(project: ResolvedProject, name: ServiceName) -> tuple[frozenset[str], frozenset[PurePath]]:
    """The volumes and the paths of the host that a service mounts."""
    mounts = project.services[name].volumes
    return (
        frozenset(m.source for m in mounts if m.type == "volume" and m.source),
        frozenset(PurePath(m.source) for m in mounts if m.type == "bind"),
    )


def _takes_ports(project: ResolvedProject, name: ServiceName) -> bool:
    """Whether it publishes a port that another service may use before: the same one, or any of the host's.

    One that fetches a certificate listens on port 80, say, until the server that waits for it does.
    """
    mine = [port for port in project.services[name].ports if port.published]
    if not mine:
        return False
    others = [service for key, service in project.services.items() if key != name]
    if any(other.network_mode == "host" for other in others):
        return True
    return any(_overlap(port, their) for port in mine for other in others for their in other.ports)


def _overlap(one: PortMapping, other: PortMapping) -> bool:
    if not other.published or one.protocol != other.protocol:
        return False
    (first, last), (begin, end) = _range(one.published), _range(other.published)
    return first <= end and begin <= last


def _range(published: str) -> tuple[int, int]:
    first, _, last = published.partition("-")
    return int(first), int(last or first)


class Readying:
    """Makes one container ready once nothing else is done, while its start waits for others.

    Making ready and starting cost more, together, than starting alone: they must not keep others waiting.
    What keeps a container from being made ready, its start will say.
    """

    def __init__(self, context: Context, early: EarlyServices) -> None:
        self._context = context
        self._early = early
        self._waiting: asyncio.Task[None] | None = None
        self._doing: asyncio.Task[None] | None = None

    def begin(self, service: ServiceName, container: ContainerId) -> None:
        """Wait for a moment in which nothing else is done."""
        if service in self._early:
            self._waiting = self._context.beside(self._wait(service, container))

    async def end(self) -> None:
        """Wait for what was begun; what was not is left."""
        if self._waiting is not None:
            self._waiting.cancel()
        if self._doing is not None:
            await self._doing

    async def _wait(self, service: ServiceName, container: ContainerId) -> None:
        context = self._context
        async with self._early.turns:
            await context.slots.idle(_PAUSE_S)
            if service in self._early and not context.stop.is_set():
                self._doing = context.beside(self._ready(container))
                self._early.under_way.add(self._doing)
                self._doing.add_done_callback(self._early.under_way.discard)
                await asyncio.shield(self._doing)

    async def _ready(self, container: ContainerId) -> None:
        try:
            await self._context.engine.ready_container(container)
        except EngineError as error:
            log.info("%s could not be made ready: %s", container[:12], error)
