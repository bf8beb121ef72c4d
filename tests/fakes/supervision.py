"""What supervisors share, in memory: leases, notes, and a network to probe."""

from collections.abc import Callable

from containers.model.base import ProjectName
from containers.model.errors import PodkeeperError
from containers.model.health import HealthState, ProbeResult
from containers.model.own_config import OutsideProbe
from containers.model.supervision import SupervisionNote


class Lease:
    """The port `SupervisorLeases` of one process; `table` is shared by all of them."""

    def __init__(self, name: str, table: dict[ProjectName, str] | None = None) -> None:
        self.name = name
        self.table = {} if table is None else table
        self.broken: PodkeeperError | None = None
        """What `take` and `prove` raise, as where the state folder is of no use."""

    async def take(self, project: ProjectName) -> str | None:
        """Taken unless another has it."""
        if self.broken is not None:
            raise self.broken
        holder = self.table.setdefault(project, self.name)
        return None if holder == self.name else holder

    async def prove(self, project: ProjectName) -> None:
        """It can, unless it is broken."""
        del project
        if self.broken is not None:
            raise self.broken

    async def holder(self, project: ProjectName) -> str | None:
        """Who has it."""
        return self.table.get(project)

    async def let_go(self, project: ProjectName) -> None:
        """Free again, if it was ours."""
        if self.table.get(project) == self.name:
            del self.table[project]


class MemoryNotes:
    """The port `SupervisionNotes`."""

    def __init__(self) -> None:
        self.notes: dict[ProjectName, SupervisionNote] = {}

    async def read(self, project: ProjectName) -> SupervisionNote:
        """What is noted."""
        return self.notes.get(project, SupervisionNote())

    async def change(
        self, project: ProjectName, change: Callable[[SupervisionNote], SupervisionNote]
    ) -> SupervisionNote:
        """Change it."""
        self.notes[project] = change(await self.read(project))
        return self.notes[project]


class Network:
    """The port `OutsideProber`: addresses answer unless they are `dead`."""

    def __init__(self) -> None:
        self.dead: set[tuple[str, int]] = set()
        self.asked: list[tuple[str, int]] = []

    async def probe(self, host: str, port: int, probe: OutsideProbe) -> ProbeResult:
        """Once."""
        self.asked.append((host, port))
        is_dead = (host, port) in self.dead
        return ProbeResult(
            state=HealthState.UNHEALTHY if is_dead else HealthState.HEALTHY,
            exit_code=int(is_dead),
            output=f"{probe.kind} refused" if is_dead else "",
        )
