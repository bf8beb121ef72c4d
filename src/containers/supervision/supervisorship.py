"""Supervisorship: which of all processes that monitor a project acts, and what people asked of it."""

import logging
from collections.abc import Callable
from typing import Any

from containers.model.base import ProjectName, ServiceName
from containers.model.errors import PodkeeperError
from containers.model.events import OverrideChanged, PartFailed, PartRecovered, SupervisorChanged
from containers.model.project import ResolvedProject
from containers.model.supervision import SupervisionNote
from containers.ports.events import EventPublisher
from containers.ports.machine import Clock
from containers.ports.processes import SupervisorLeases
from containers.supervision.memories import Memories
from containers.supervision.override import ManualOverride
from containers.supervision.scene import Scene

log = logging.getLogger(__name__)

PART = "supervision"
SETTLED_S = 3.0
"""After the last thing that could not be done, so that what fails again and again is told once."""


class Supervisorship:
    """The lease of the project, and its note as other processes change it.

    Args:
        scene: the project.
        leases: one supervisor a project.
        override: what people hold and ask for.
        memories: read anew when the lease is had.
        publisher: the bus.
        clock: time.
        taken_up: told when the lease is had.
        try_again: has a service tried again at once, since a person asked for it.
    """

    def __init__(
        self,
        *,
        scene: Scene,
        leases: SupervisorLeases,
        override: ManualOverride,
        memories: Memories,
        publisher: EventPublisher,
        clock: Clock,
        taken_up: Callable[[], None],
        try_again: Callable[[ServiceName], None],
    ) -> None:
        self._scene = scene
        self._leases = leases
        self._override = override
        self._memories = memories
        self._publisher = publisher
        self._clock = clock
        self._taken_up = taken_up
        self._try_again = try_again
        self._supervised: ProjectName | None = None
        """The project whose lease we have."""
        self._holder = ""
        self._note: tuple[ProjectName | None, SupervisionNote] = (None, SupervisionNote())
        """The note that was read last, and of which project."""
        self._failed_for: ProjectName | None = None
        """The project that was said not to be supervised."""
        self._refused_at = float("-inf")
        """When something could not be done, though the lease may be had."""

    @property
    def is_supervisor(self) -> bool:
        """Whether this process acts; else another one does, or nobody yet."""
        return self._supervised is not None

    async def stand(self) -> None:
        """Try for the lease, and take up what other processes noted."""
        project = self._scene.project
        if project is None:
            return
        try:
            if self._failed_for == project.name:
                await self._leases.prove(project.name)
            await self._try_for_lease(project)
            now = await self._override.refresh(project.name)
            before, self._note = self._note, (project.name, now)
            if before[0] == project.name and before[1] != now:
                self._take_up(project, before[1], now)
        except PodkeeperError as error:
            log.info("supervision of %s waits: %s", project.name, error)
            self._tell_failure(project.name, f"nothing is restarted: {error}")
        else:
            if self._clock.monotonic() - self._refused_at >= SETTLED_S:
                self._tell_recovery()

    def note_failure(self, error: PodkeeperError) -> None:
        """Take up that something could not be done for what the state folder refused."""
        project = self._scene.project
        if project is not None:
            self._refused_at = self._clock.monotonic()
            self._tell_failure(project.name, f"what has failed can not be brought back: {error}")

    async def end(self) -> None:
        """Let another process supervise; what kept this one from it is over."""
        await self._let_go()
        self._tell_recovery()

    async def _let_go(self) -> None:
        if self._supervised is not None:
            await self._leases.let_go(self._supervised)
            self._supervised = None

    def _tell_failure(self, project: ProjectName, reason: str) -> None:
        """Told once: without the state folder nobody knows who acts, so nobody does."""
        if self._failed_for == project:
            return
        self._tell_recovery()
        self._failed_for = project
        self._publisher.publish(
            PartFailed(at=self._clock.now(), source="health", project=project, part=PART, reason=reason)
        )

    def _tell_recovery(self) -> None:
        if self._failed_for is not None:
            project, self._failed_for = self._failed_for, None
            self._publisher.publish(
                PartRecovered(at=self._clock.now(), source="health", project=project, part=PART)
            )

    async def _try_for_lease(self, project: ResolvedProject) -> None:
        if self._supervised != project.name:
            await self._let_go()
        holder = await self._leases.take(project.name)
        is_ours = holder is None
        word = "this process" if holder is None else holder
        if is_ours == self.is_supervisor and word == self._holder:
            return
        if is_ours:
            await self._memories.read(project.name)
            self._taken_up()
        self._supervised = project.name if is_ours else None
        self._holder = word
        self._publisher.publish(
            SupervisorChanged(
                at=self._clock.now(), source="health", project=project.name, is_ours=is_ours, holder=word
            )
        )
        self._scene.wake()

    def _take_up(self, project: ResolvedProject, before: SupervisionNote, now: SupervisionNote) -> None:
        """Tell what people changed, and do what they asked for."""
        for service in sorted(now.held - before.held):
            self._tell(project, service, "held")
        for service in sorted(before.held - now.held):
            self._tell(project, service, "released")
            self._memories.forgive(service)
        for service, count in now.retried.items():
            if count != before.retried.get(service, 0):
                self._tell(project, service, "retried")
                self._memories.forgive(service)
                if self.is_supervisor:
                    self._try_again(service)
        self._scene.wake()

    def _tell(self, project: ResolvedProject, service: ServiceName, override: Any) -> None:
        self._publisher.publish(
            OverrideChanged(
                at=self._clock.now(),
                source="health",
                project=project.name,
                service=service,
                override=override,
            )
        )
