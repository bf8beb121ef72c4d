"""Drift that is noticed while a stack is monitored."""

from typing import cast

from tests.fakes.manual_clock import ManualClock
from tests.fakes.projects import project
from tests.fakes.tasks import LoopTasks

from containers.bus import EventBus
from containers.compose_manager import ComposeManager
from containers.drift_watch import SETTLE_S, DriftWatch
from containers.model.base import ProjectName
from containers.model.drift import DriftReport
from containers.model.events import ConfigValidated
from containers.model.outcome import Check

STACK = project("shop")


class Looks:
    """As much of a compose manager as a drift watch asks; counts the looks."""

    project = STACK
    is_busy = False

    def __init__(self) -> None:
        self.times = 0
        self.drift = self
        self.history = self

    async def find(self, *, quietly: bool) -> DriftReport:
        """Nothing drifted."""
        assert quietly
        self.times += 1
        return DriftReport(project=STACK.name, revision=None)

    async def self_test(self) -> tuple[Check, ...]:
        """All is well."""
        return ()


async def test_an_event_of_ours_is_seen_though_another_projects_comes_with_it() -> None:
    """Symptom: drift told up to 30 s late. The queue kept the latest event alone, the other's."""
    clock, tasks, looks = ManualClock(), LoopTasks(), Looks()
    bus = EventBus(clock)
    bus.start(tasks)
    watch = DriftWatch(manager=cast("ComposeManager", looks), bus=bus, clock=clock, group=tasks)
    watch.start()
    await clock.advance(0)
    assert looks.times == 1

    def happens(name: str) -> None:
        bus.publish(
            ConfigValidated(
                at=clock.now(), source="server", project=ProjectName(name), ok=True, errors=0, warnings=0
            )
        )

    happens("other")
    await clock.advance(SETTLE_S)
    assert looks.times == 1
    happens(STACK.name)
    happens("other")
    await clock.advance(SETTLE_S)
    assert looks.times == 2
    watch.stop()
    await bus.close()
    await tasks.cancel()
