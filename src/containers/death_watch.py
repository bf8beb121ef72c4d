"""Learns of deaths from the kernel, and has the engine's own account of them read at once.

Podman polls its event log, so its stream tells of a death 60 to 320 ms late. The kernel tells at once that
a process has ended, but neither why nor that somebody wanted it. So its word is only a reason to read that
log, where Podman writes down the death 25 to 45 ms after it. What is published are Podman's events, in
Podman's order, each once; only the waiting is gone.

A look at the container would make Podman write it down at once. But Podman 4.3 leaves off a stop amid which
somebody looks, and then does not tell that it was one. So it is made to look only where it is late.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from containers.model.base import ContainerId, ProjectName
from containers.model.errors import EngineError
from containers.model.events import ContainerEvent
from containers.model.observed import ObservedContainer
from containers.ports.engine import ContainerEngine
from containers.ports.machine import Clock, ProcessWatch

log = logging.getLogger(__name__)

WAITS_S = (0.03, 0.015, 0.02, 0.04, 0.06, 0.1)
"""Before each reading, until the death is in the log; afterwards the stream will have told it."""
LATE_AFTER = 4
"""Readings. By then, 165 ms after the death, whoever stopped it has noticed (it looks each 100 ms)."""
LOOK_AGAIN_S = 0.01
MOST_DEATHS = 3
"""Of one container within `WITHIN_S`: who dies over and over is no news, and asking each time costs Podman a
read of its whole log (10 to 40 ms). The stream tells the rest."""
WITHIN_S = 10.0
AT_ONCE = 4
"""Containers that the engine is asked about at the same time."""


@dataclass(slots=True)
class _End:
    """A process that ended, of whose death the engine is still to tell."""

    at: datetime
    readings: int = 0


class DeathWatch:
    """Watches the first process of every container that is shown to it."""

    def __init__(
        self,
        *,
        processes: ProcessWatch,
        engine: Callable[[], Awaitable[ContainerEngine]],
        catch_up: Callable[[], Awaitable[None]],
        knows_death: Callable[[ContainerId], bool],
        may_vanish: Callable[[ContainerId], bool],
        is_urgent: Callable[[ProjectName], bool],
        clock: Clock,
    ) -> None:
        """Args beside the obvious.

        catch_up: reads what the engine has noted by now, and tells it.
        knows_death: whether a container's death has been told since it last started.
        may_vanish: whether a stop was told, which is also how a removal by force begins: read on for it.
        is_urgent: whether anybody wants to know sooner than the engine's stream tells.
        """
        self._processes = processes
        self._engine = engine
        self._catch_up = catch_up
        self._knows_death = knows_death
        self._may_vanish = may_vanish
        self._is_urgent = is_urgent
        self._clock = clock
        self._shown: dict[ProjectName, dict[ContainerId, int]] = {}
        """The process that each running container was last shown with."""
        self._watched: set[ContainerId] = set()
        self._ended: dict[ContainerId, _End] = {}
        """Containers whose death has to be asked about."""
        self._died_at: dict[ContainerId, deque[float]] = {}
        """The latest deaths of each, as the kernel told them."""
        self._wake = asyncio.Event()

    def __len__(self) -> int:
        """How many containers are watched."""
        return len(self._watched)

    def show(self, project: ProjectName, containers: Iterable[ObservedContainer]) -> None:
        """Watch those of a project's containers that run, and no other ones of it."""
        before = self._shown.get(project, {})
        now = {c.id: c.pid for c in containers if c.is_running and c.pid}
        for container in before.keys() - now.keys():
            self._forget(container)
        for container, pid in now.items():
            if before.get(container) != pid:
                self._watch(project, container, pid)
        self._shown[project] = now

    def note(self, event: ContainerEvent) -> None:
        """Take up what the engine told: nothing follows a removal, and before a start all is told."""
        end = self._ended.get(event.container)
        if end is None:
            return
        if event.kind == "container.removed" or (event.kind == "container.started" and event.at >= end.at):
            del self._ended[event.container]

    async def run(self) -> None:
        """Ask about those that ended, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._ended:
                await self._clock.sleep(WAITS_S[min(end.readings for end in self._ended.values())])
                await self._ask()

    async def let_stops_end(self) -> None:
        """Wait until every death that the kernel told is told by Podman, too, or is late."""
        while any(e.readings < LATE_AFTER and not self._knows_death(c) for c, e in self._ended.items()):
            await self._clock.sleep(LOOK_AGAIN_S)

    def close(self) -> None:
        """Watch nothing any longer."""
        for container in tuple(self._watched):
            self._forget(container)
        self._shown.clear()
        self._ended.clear()

    def _watch(self, project: ProjectName, container: ContainerId, pid: int) -> None:
        self._forget(container)
        if self._processes.watch(container, pid, lambda: self._note(project, container)):
            self._watched.add(container)

    def _forget(self, container: ContainerId) -> None:
        if container in self._watched:
            self._watched.discard(container)
            self._processes.forget(container)

    def _note(self, project: ProjectName, container: ContainerId) -> None:
        self._watched.discard(container)
        if self._is_urgent(project) and not self._dies_over_and_over(container):
            self._ended[container] = _End(self._clock.now())
            self._wake.set()

    def _dies_over_and_over(self, container: ContainerId) -> bool:
        now = self._clock.monotonic()
        self._died_at = {c: d for c, d in self._died_at.items() if now - d[-1] < WITHIN_S}
        deaths = self._died_at.setdefault(container, deque(maxlen=MOST_DEATHS))
        is_usual = len(deaths) == MOST_DEATHS and now - deaths[0] < WITHIN_S
        deaths.append(now)
        return is_usual

    async def _ask(self) -> None:
        """One reading for all that have ended by now."""
        for container in [c for c in self._ended if self._is_told(c)]:
            del self._ended[container]
        asked = dict(self._ended)
        if not asked:
            return
        try:
            late = [c for c, e in asked.items() if e.readings >= LATE_AFTER and not self._knows_death(c)]
            await self._make_podman_look(late)
            await self._catch_up()
        except EngineError as error:
            # it is looked at afresh when the engine answers again
            log.info("a death could not be asked about: %s", error)
            self._ended.clear()
            return
        for container, end in asked.items():
            end.readings += 1
            is_over = self._is_told(container) or end.readings >= len(WAITS_S)
            if is_over and self._ended.get(container) is end:
                del self._ended[container]

    def _is_told(self, container: ContainerId) -> bool:
        return self._knows_death(container) and not self._may_vanish(container)

    async def _make_podman_look(self, containers: Iterable[ContainerId]) -> None:
        """Podman writes down a death when its own clean-up comes to it, or somebody looks at it."""
        engine = await self._engine()
        limit = asyncio.Semaphore(AT_ONCE)

        async def look(container: ContainerId) -> None:
            async with limit:
                with suppress(EngineError):  # it is gone already: its events tell
                    await engine.inspect_container(container)

        async with asyncio.TaskGroup() as group:
            for container in containers:
                _ = group.create_task(look(container))
