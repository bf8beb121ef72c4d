"""A hook that restarts a service, as the application puts it together."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.fakes.clock import LoopClock
from tests.fakes.tasks import LoopTasks

from containers.app_keeping import Keeping
from containers.bus import EventBus
from containers.model.base import ServiceName
from containers.model.events import EventBase, HookFinished, PlanComputed
from containers.model.hooks import EventHook, RestartService
from containers.settings import Settings


async def test_a_restart_that_outlasts_its_hook_goes_on_to_its_end() -> None:
    """Cut off, it would leave a change half done, and open in the journal."""
    clock, tasks, ended = LoopClock(), LoopTasks(), asyncio.Event()
    bus = EventBus(clock)

    async def restart_services(_services: list[str]) -> Any:
        await clock.sleep(0.2)
        ended.set()
        return SimpleNamespace(ok=True, problems=())

    action = RestartService(service=ServiceName("web"))
    manager: Any = SimpleNamespace(
        restart_services=restart_services,
        project=None,
        environment="development",
        hooks=(EventHook(name="slow", topics=("plan.computed",), action=action, timeout_s=0.05),),
        environments=SimpleNamespace(selection=SimpleNamespace(folder=Path("/"))),
    )
    rest: dict[str, Any] = dict.fromkeys(("engine", "events", "locks", "notes", "journal", "history"))
    settings = Settings(state_dir=Path("/state"))
    keeping = Keeping(**rest, bus=bus, clock=clock, settings=settings, environ={}, group=tasks)
    told: list[EventBase] = []
    bus.start(tasks)
    bus.subscribe("test", told.append, topics=("server.hook_finished",))
    runner = keeping.hooks(manager, lambda _message, _level: None, None)
    runner.start()
    bus.publish(PlanComputed(at=clock.now(), source="transaction", verb="up", changes=0))
    async with asyncio.timeout(5):
        await ended.wait()
    (finished,) = (event for event in told if isinstance(event, HookFinished))
    assert finished.message == "it took more than 0.05 s"
    runner.stop()
    await bus.close()
    await tasks.cancel()
