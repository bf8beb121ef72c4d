"""ManualOverride: what people say about services: leave it alone, see to it again, try once more."""

from collections.abc import Callable, Iterable

from containers.model.base import ProjectName, ServiceName
from containers.model.errors import ErrorCode, PodkeeperError, unknown_service
from containers.model.project import ResolvedProject
from containers.model.supervision import Standing, SupervisionNote
from containers.ports.processes import SupervisionNotes, SupervisorLeases


class ManualOverride:
    """What people say about a project's services; every process that looks after it sees it at once.

    Args:
        project: resolves the project anew; raises `PodkeeperError` where its files are wrong.
        notes: where it is written down.
        leases: tells who supervises.
    """

    def __init__(
        self,
        *,
        project: Callable[[], ResolvedProject],
        notes: SupervisionNotes,
        leases: SupervisorLeases,
    ) -> None:
        self._project = project
        self._notes = notes
        self._leases = leases
        self.latest = SupervisionNote()
        """As last read."""

    async def refresh(self, project: ProjectName) -> SupervisionNote:
        """Read it; a note that can not be read is an empty one."""
        self.latest = await self._notes.read(project)
        return self.latest

    async def standings(self) -> dict[ServiceName, Standing]:
        """The services of which something is out of the ordinary.

        Raises:
            PodkeeperError: the project's files are wrong.
        """
        project = self._project()
        note = await self.refresh(project.name)
        found = {name: note.standing_of(name) for name in project.services}
        return {name: standing for name, standing in found.items() if standing is not None}

    async def hold(self, services: Iterable[str]) -> tuple[ServiceName, ...]:
        """From now on nothing is done to services automatically; which they are.

        Raises:
            PodkeeperError: there is no such service, or it can not be noted.
        """
        return await self._change(
            services,
            lambda note, chosen: note.model_copy(update={"held": note.held | chosen}),
        )

    async def release(self, services: Iterable[str]) -> tuple[ServiceName, ...]:
        """Give services back into the monitor's hands, as if they had never failed; which they are.

        Raises:
            PodkeeperError: as `hold`.
        """
        return await self._change(
            services,
            lambda note, chosen: note.without_memories(chosen).model_copy(
                update={"held": note.held - chosen}
            ),
        )

    async def retry(self, services: Iterable[str]) -> tuple[ServiceName, ...]:
        """Have services that were given up tried again, now; which they are.

        Raises:
            PodkeeperError: as `hold`; or a service is held.
        """

        def retried(note: SupervisionNote, chosen: frozenset[ServiceName]) -> SupervisionNote:
            held = sorted(note.held & chosen)
            if held:
                raise PodkeeperError(
                    ErrorCode.CONFLICT,
                    f"{held[0]} is held, so nothing is done to it automatically",
                    remedy=f"run `podkeeper release {held[0]}`",
                    service=held[0],
                )
            counts = {name: note.retried.get(name, 0) + 1 for name in chosen}
            fresh = note.without_memories(chosen)
            return fresh.model_copy(update={"retried": {**note.retried, **counts}})

        return await self._change(services, retried)

    async def supervisor(self) -> str | None:
        """Who supervises the project, in words; None where nobody does."""
        return await self._leases.holder(self._project().name)

    async def _change(
        self,
        services: Iterable[str],
        change: Callable[[SupervisionNote, frozenset[ServiceName]], SupervisionNote],
    ) -> tuple[ServiceName, ...]:
        project = self._project()
        chosen = tuple(ServiceName(s) for s in services) or tuple(project.services)
        for service in chosen:
            if service not in project.services and service not in project.disabled_services:
                raise unknown_service(service, project.services)
        names = frozenset(chosen)
        self.latest = await self._notes.change(project.name, lambda note: change(note, names))
        return chosen
