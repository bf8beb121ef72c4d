"""A manager over fakes: real planning and execution, a stateful engine, time that a test moves."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from tests.fakes.fake_engine import FakeEngine
from tests.fakes.manual_clock import ManualClock
from tests.fakes.memory_journal import MemoryJournal

from containers.execution.context import Context
from containers.execution.transaction import carry_out
from containers.model.base import ProjectName, TransactionId
from containers.model.events import EventBase
from containers.model.journal import JournalRecord
from containers.model.outcome import TransactionOutcome
from containers.model.plan import Plan
from containers.model.project import HealthCheck, ResolvedProject
from containers.planning import labels
from containers.planning.graph import namespace_hosts
from containers.planning.options import UpOptions
from containers.planning.up import plan_up
from containers.ports.translation import ContainerRecipe, Translation
from containers.settings import Settings

_T = TypeVar("_T")
TRANSACTION = TransactionId("01TESTTESTTESTTESTTESTTEST")


class Recorder:
    """The port `EventPublisher`: remembers what was told."""

    def __init__(self) -> None:
        self.events: list[EventBase] = []

    def publish(self, event: EventBase) -> None:
        """Remember it."""
        self.events.append(event)


def translation_of(project: ResolvedProject) -> Translation:
    """What a translator would say: enough for the fake engine to run it."""
    return Translation(
        containers={n: _recipe(project, n, s.image, s.health_check) for n, s in project.services.items()},
        networks={n.name: () for n in project.networks.values()},
        volumes={v.name: () for v in project.volumes.values()},
    )


def _recipe(project: ResolvedProject, name: str, image: str, check: HealthCheck | None) -> ContainerRecipe:
    options = [
        *("--label", f"io.podman.compose.project={project.name}"),
        *("--label", f"com.docker.compose.project={project.name}"),
        *("--label", f"io.podman.compose.service={name}"),
        *("--label", f"com.docker.compose.service={name}"),
        *("--label", "com.docker.compose.container-number=1"),
    ]
    if check is not None:
        options += ["--health-cmd", " ".join(check.command), "--health-retries", str(check.retries)]
    return ContainerRecipe(service=name, options=tuple(options), image=image)


class Bench:
    """A fake engine with its clock, and what it takes to apply projects to it."""

    def __init__(self, *images: str) -> None:
        self.clock = ManualClock()
        self.engine = FakeEngine(self.clock, images=images)
        self.recorder = Recorder()
        self.journal = MemoryJournal()
        self.context: Context | None = None

    async def plan(self, project: ResolvedProject, options: UpOptions | None = None) -> Plan:
        """What `up` would do now."""
        images = tuple(s.image for s in project.services.values())
        return plan_up(project, await self.engine.snapshot(project.name, images), options)

    async def up(self, project: ResolvedProject, options: UpOptions | None = None) -> TransactionOutcome:
        """Apply a project, letting as much time pass as it takes."""
        return await self.carry_out(await self.plan(project, options), project)

    async def carry_out(self, plan: Plan, project: ResolvedProject) -> TransactionOutcome:
        """Carry out a plan, letting as much time pass as it takes."""
        before = await self.engine.snapshot(project.name)
        await self.journal.begin(
            JournalRecord(
                transaction=TRANSACTION,
                project=project.name,
                store="",
                plan=plan,
                before=before,
                started_at=self.clock.now(),
                pid=1,
            )
        )
        self.context = Context(
            transaction=TRANSACTION,
            project=project,
            translation=translation_of(project),
            hosts={name: namespace_hosts(project, name) for name in project.services},
            labels={n: labels.of_service(s, TRANSACTION) for n, s in project.services.items()},
            engine=self.engine,
            journal=self.journal,
            publisher=self.recorder,
            clock=self.clock,
            settings=Settings.model_validate({"state_dir": "/nowhere"}),
        )
        return await self.passing(carry_out(self.context, plan, before))

    async def passing(self, work: Awaitable[_T], most_s: float = 1000.0) -> _T:
        """Await `work` while time passes; it must end within `most_s`."""
        async with asyncio.TaskGroup() as group:
            task = group.create_task(_awaited(work))
            passed = 0.0
            while not task.done() and passed < most_s:
                await self.clock.advance(0.05)
                passed += 0.05
            assert task.done(), f"not done within {most_s} s"
        return task.result()

    async def state(self, project: str) -> dict[str, tuple[str, str, str]]:
        """Container names with their id, state and health: two equal states are the same stack."""
        observed = await self.engine.snapshot(ProjectName(project))
        return {c.name: (c.id, str(c.state), str(c.health)) for c in observed.containers}


async def _awaited(work: Awaitable[_T]) -> _T:
    return await work
