"""Saved files: what applying them would do, and that it is done once where that is asked for."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.manual_clock import ManualClock
from tests.fakes.projects import BUSYBOX, project
from tests.fakes.scripted_watcher import ScriptedWatcher
from tests.fakes.stack import Bench
from tests.fakes.tasks import LoopTasks
from typing_extensions import override

from containers.bus import EventBus
from containers.lsp.client import EditorClient
from containers.lsp.features.saving import APPLY, SavedFiles
from containers.model.outcome import ServiceStatus, TaskResult
from containers.model.plan import Plan

FOLDER = Path("/w")
FILE = FOLDER / "compose.yaml"


class Manager:
    """The part of a `ComposeManager` that previews need; a plan takes until it may be had."""

    def __init__(self, plan: Plan) -> None:
        self.project = None
        self.may_plan = asyncio.Event()
        self.may_plan.set()
        self._plan = plan

    async def get_service_status(self) -> dict[str, ServiceStatus]:
        """One service that runs."""
        return {"web": ServiceStatus.model_validate({"service": "web", "container": "demo_web_1"})}

    async def plan(self) -> Plan:
        """What applying would do."""
        await self.may_plan.wait()
        return self._plan


class Person(EditorClient):
    """Somebody who agrees to everything."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    @override
    async def ask(self, question: str, *answers: str, **_level: Any) -> str | None:
        """Say yes."""
        self.asked.append(question)
        return APPLY


class Desk:
    """A followed folder."""

    def __init__(self, plan: Plan) -> None:
        self.clock, self.tasks, self.watcher = ManualClock(), LoopTasks(), ScriptedWatcher()
        self.person, self.manager = Person(), Manager(plan)
        self.applied: list[Path] = []
        self.saved = SavedFiles(
            client=self.person,
            watcher=self.watcher,
            bus=EventBus(self.clock),
            clock=self.clock,
            group=self.tasks,
            revalidate=lambda _: None,
            apply=self.apply,
            redraw=lambda: None,
        )
        manager: Any = self.manager
        self.saved.follow(FOLDER, manager, lambda: (FILE,))

    async def apply(self, folder: Path) -> TaskResult:
        """Note it."""
        self.applied.append(folder)
        return TaskResult(task="up", ok=True)

    async def save(self) -> None:
        """Save the file, and let the batch end."""
        self.watcher.changed.put_nowait((FILE,))
        for _ in range(20):
            await self.clock.advance(0.1)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    """A folder whose files would create a service."""
    made = Desk(await Bench(BUSYBOX).plan(project(services={"web": {}})))
    yield made
    await made.tasks.cancel()


@pytest.mark.parametrize("mode", ["safe", "prompt"])
async def test_what_was_saved_while_something_was_applied_is_applied_all_the_same(
    desk: Desk, mode: Any
) -> None:
    """Symptom: no prompt, no apply. The look that follows a change overtook the preview of the saved file."""
    await desk.save()
    assert "creates `web`" in desk.saved.impact_of(FOLDER)
    desk.saved.mode = mode
    desk.manager.may_plan.clear()
    await desk.save()
    desk.saved.look_again()
    desk.manager.may_plan.set()
    await desk.clock.advance(1.0)
    assert desk.applied == [FOLDER]
    assert len(desk.person.asked) == (mode == "prompt")


async def test_a_look_after_something_was_applied_applies_nothing_that_was_seen_to(desk: Desk) -> None:
    """Each save is answered once, however often it is looked at afterwards."""
    desk.saved.mode = "prompt"
    await desk.save()
    assert len(desk.person.asked) == 1
    desk.saved.look_again()
    await desk.clock.advance(1.0)
    assert (len(desk.person.asked), desk.applied) == (1, [FOLDER])
