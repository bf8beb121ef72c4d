"""Which parts of this process do not work, while the others go on."""

from collections import Counter
from collections.abc import Mapping

from containers.bus import EventBus
from containers.model.base import ProjectName
from containers.model.events import EventBase, PartFailed, PartRecovered
from containers.ports.processes import PartNotes


class Parts:
    """Listens to who failed and who recovered, and keeps a note of it for other processes."""

    def __init__(self, bus: EventBus, notes: PartNotes) -> None:
        self._bus = bus
        self._notes = notes
        self._failed: dict[tuple[ProjectName | None, str], str] = {}
        """By project as well: two folders have parts of the same name, and one recovers without the other."""
        bus.subscribe("parts", self._note, topics=("server.part_failed", "server.part_recovered"))

    @property
    def failed(self) -> Mapping[str, str]:
        """Each part that does not work, with the reason; named with its project where several have it."""
        projects = Counter(part for _, part in self._failed)
        return {
            part if project is None or projects[part] == 1 else f"{part} of {project}": reason
            for (project, part), reason in self._failed.items()
        }

    def close(self) -> None:
        """Take our note away: a process that has ended has no parts."""
        if self._failed:
            self._notes.write({})

    def _note(self, event: EventBase) -> None:
        match event:
            case PartFailed():
                self._failed[event.project, event.part] = event.reason
            case PartRecovered():
                self._failed.pop((event.project, event.part), None)
            case _:
                return
        self._notes.write(self.failed)
