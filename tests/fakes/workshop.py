"""Whole changes over fakes: real planning, journal, recovery and revisions; Podman and the disk are memory.

A change can be killed at any instant between two effects, and the next one then ends what it has left.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

from tests.fakes.fake_container import Behaviour
from tests.fakes.fake_engine import FakeEngine
from tests.fakes.manual_clock import ManualClock
from tests.fakes.memory_journal import MemoryJournal
from tests.fakes.memory_revisions import MemoryRevisions
from tests.fakes.stack import Recorder

from containers.execution.apply import Applier
from containers.model.base import ProjectName, ServiceName
from containers.model.errors import ErrorCode, LockHeldError
from containers.model.observed import EngineVersion, ObservedState
from containers.model.outcome import ComposeResult, Problem
from containers.model.plan import Plan
from containers.model.project import ResolvedProject
from containers.planning.options import UpOptions
from containers.planning.up import plan_up
from containers.ports.engine import ContainerEngine
from containers.ports.stores import Journal, RevisionStore
from containers.ports.translation import ContainerRecipe, Translation
from containers.project_changes import Change, ProjectChanges
from containers.settings import Settings

_T = TypeVar("_T")


class KilledError(BaseException):
    """Stands for SIGKILL: nothing that was to come after it is done."""


class FakeTranslator:
    """The port `ComposeTranslator`: as much of `podman create` as the fake engine understands."""

    async def describe(self) -> str:
        """What it is."""
        return "fake"

    async def translate(self, project: ResolvedProject, engine: EngineVersion) -> Translation:
        """Labels, networks, volumes and health checks."""
        del engine
        label = ("--label", f"com.docker.compose.project={project.name}")
        return Translation(
            containers={name: _recipe(project, name) for name in project.services},
            networks={n.name: label for n in project.networks.values()},
            volumes={v.name: label for v in project.volumes.values()},
        )


def _recipe(project: ResolvedProject, name: ServiceName) -> ContainerRecipe:
    service = project.services[name]
    options = [
        *("--label", f"com.docker.compose.project={project.name}"),
        *("--label", f"com.docker.compose.service={name}"),
        *("--label", "com.docker.compose.container-number=1"),
    ]
    for key in service.networks:
        options += ["--network", project.networks[key].name]
    for mount in service.volumes:
        options += ["--volume", f"{project.volumes[mount.source].name}:{mount.target}"]
    if service.health_check is not None:
        options += ["--health-cmd", " ".join(service.health_check.command), "--health-retries", "3"]
    return ContainerRecipe(service=name, options=tuple(options), image=service.image)


class MemoryLocks:
    """The port `ProjectLocks` within one process."""

    def __init__(self) -> None:
        self.held: set[str] = set()

    @asynccontextmanager
    async def hold(self, project: ProjectName, purpose: str) -> AsyncIterator[None]:
        """Held until the block ends, however it ends."""
        if project in self.held:
            raise LockHeldError(ErrorCode.LOCK_HELD, f"{project} is locked ({purpose})")
        self.held.add(project)
        try:
            yield
        finally:
            self.held.discard(project)


class NoFingerprints:
    """The port `Fingerprints` where nothing is given any content."""

    async def inputs(self, project: ResolvedProject) -> Mapping[ServiceName, Mapping[str, str]]:
        """None."""
        del project
        return {}

    async def files(self, paths: Iterable[Path]) -> Mapping[str, str]:
        """None."""
        del paths
        return {}


class Workshop:
    """An engine, a state folder and a clock, all in memory; each change is like a process of its own."""

    def __init__(self, *images: str, behaviours: Mapping[str, Behaviour] | None = None) -> None:
        self.clock = ManualClock()
        self.engine = FakeEngine(self.clock, images=images, behaviours=behaviours)
        self.journal = MemoryJournal()
        self.revisions = MemoryRevisions()
        self.locks = MemoryLocks()
        self.instants = 0
        """Passed by the last change."""

    async def up(
        self, project: ResolvedProject, options: UpOptions | None = None, *, killed_at: int | None = None
    ) -> ComposeResult | None:
        """Apply a project; None when it was killed."""
        wanted = options or UpOptions()
        return await self.change(
            Change(
                verb="up",
                project=project,
                planner=lambda observed, inputs: plan_up(project, observed, wanted, inputs=inputs),
                revises=tuple(project.services),
            ),
            killed_at=killed_at,
        )

    async def change(self, change: Change, *, killed_at: int | None = None) -> ComposeResult | None:
        """Carry a change out; None when it was killed at the instant that was chosen."""
        changes = self._changes(killed_at)
        try:
            return await self.passing(changes.run(change))
        except BaseExceptionGroup as error:
            if error.subgroup(KilledError) is None:
                raise
            return None
        except KilledError:
            return None

    async def recover(
        self, project: ResolvedProject, *, killed_at: int | None = None
    ) -> tuple[Problem, ...] | None:
        """End what was left open, as the next verb does first; None when that was killed."""
        changes = self._changes(killed_at)
        try:
            return await self.passing(changes.recover(project))
        except BaseExceptionGroup as error:
            if error.subgroup(KilledError) is None:
                raise
            return None
        except KilledError:
            return None

    async def plan(self, project: ResolvedProject, options: UpOptions | None = None) -> Plan:
        """What `up` would do now."""
        return plan_up(project, await self.look(project), options)

    async def look(self, project: ResolvedProject) -> ObservedState:
        """What there is."""
        return await self.engine.snapshot(project.name, tuple(s.image for s in project.services.values()))

    async def open_transactions(self, project: ResolvedProject) -> list[str]:
        """Those that nobody has ended."""
        return [t.transaction for t in await self.journal.history(project.name) if t.phase.is_open]

    def _changes(self, killed_at: int | None) -> ProjectChanges:
        self.instants = 0
        engine = cast("ContainerEngine", _Counted(self, self.engine, killed_at, _ENGINE))
        return ProjectChanges(
            applier=Applier(
                engine=_provider(engine),
                translator=FakeTranslator,
                locks=self.locks,
                journal=cast("Journal", _Counted(self, self.journal, killed_at, _JOURNAL)),
                revisions=cast("RevisionStore", _Counted(self, self.revisions, killed_at, _REVISIONS)),
                publisher=Recorder(),
                clock=self.clock,
            ),
            engine=_provider(engine),
            fingerprints=NoFingerprints(),
            preflight=None,
            clock=self.clock,
            settings=Settings.model_validate({"state_dir": "/nowhere"}),
        )

    async def passing(self, work: Awaitable[_T], most_s: float = 3000.0) -> _T:
        """Await `work` while time passes as fast as it can; it must end within `most_s`."""
        task: asyncio.Task[_T]
        async with asyncio.TaskGroup() as group:
            task = group.create_task(_awaited(work))
            end = self.clock.monotonic() + most_s
            while not task.done() and self.clock.monotonic() < end:
                await self.clock.skip()
            assert task.done(), f"not done within {most_s} s"
        return task.result()


_ENGINE = frozenset(
    {"create_network", "create_volume", "create_container", "start_container", "stop_container"}
    | {"restart_container", "rename_container", "remove_container", "remove_network", "remove_volume"}
)
_JOURNAL = frozenset({"begin", "step_begun", "enter", "conclude"})
_REVISIONS = frozenset({"stage", "keep", "drop_staged"})


class _Counted:
    """A port whose changing calls have an instant before and one after each."""

    def __init__(self, workshop: Workshop, real: Any, killed_at: int | None, methods: frozenset[str]) -> None:
        self._workshop = workshop
        self._real = real
        self._killed_at = killed_at
        self._methods = methods

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        if name not in self._methods:
            return found

        async def counted(*args: Any, **kwargs: Any) -> Any:
            self._instant(name)
            answer = await found(*args, **kwargs)
            self._instant(name)
            return answer

        return counted

    def _instant(self, name: str) -> None:
        now, self._workshop.instants = self._workshop.instants, self._workshop.instants + 1
        # once killed nothing more is done, by whichever task
        if self._killed_at is not None and now >= self._killed_at:
            raise KilledError(name)


def _provider(engine: ContainerEngine) -> Callable[[], Awaitable[ContainerEngine]]:
    async def provide() -> ContainerEngine:
        return engine

    return provide


async def _awaited(work: Awaitable[_T]) -> _T:
    return await work
