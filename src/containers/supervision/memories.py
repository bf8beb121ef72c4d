"""Memories: what was tried at each place, kept where the next supervisor finds it."""

import logging

from containers.model.base import ProjectName, ServiceName
from containers.model.errors import PodkeeperError
from containers.model.supervision import ServiceMemory
from containers.ports.processes import SupervisionNotes
from containers.supervision.override import ManualOverride

log = logging.getLogger(__name__)


class Memories:
    """Attempts, breakers and back-off, by place."""

    def __init__(self, notes: SupervisionNotes, override: ManualOverride) -> None:
        """`override` is told of the note as it was written last."""
        self._notes = notes
        self._override = override
        self._of: dict[str, ServiceMemory] = {}

    def __getitem__(self, place: str) -> ServiceMemory:
        """What is remembered of a place; nothing, as a rule."""
        return self._of.get(place, ServiceMemory())

    def __setitem__(self, place: str, memory: ServiceMemory) -> None:
        """Remember until this process ends."""
        self._of[place] = memory

    async def read(self, project: ProjectName) -> None:
        """Take up what whoever supervised before has written down."""
        self._of = dict((await self._notes.read(project)).memories)

    def forgive(self, service: ServiceName) -> None:
        """Forget all of a service, here."""
        self._of = {place: m for place, m in self._of.items() if place.rpartition("/")[0] != service}

    async def keep(self, project: ProjectName, place: str) -> None:
        """Write down what is remembered of a place, for whoever supervises next."""
        memory = self[place]
        try:
            self._override.latest = await self._notes.change(
                project, lambda note: note.with_memory(place, memory)
            )
        except PodkeeperError as error:
            log.warning("what was done to %s could not be written down: %s", place, error)
