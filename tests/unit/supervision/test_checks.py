"""Whose word on a container's health counts, and from when on."""

import gc

import pytest
from tests.fakes.fake_engine import FakeEngine
from tests.fakes.manual_clock import ManualClock
from tests.fakes.projects import BUSYBOX, project
from tests.fakes.supervision import Network
from tests.fakes.tasks import LoopTasks

from containers.bus import EventBus
from containers.model.base import ContainerId, ImageId, ProjectName, ServiceName
from containers.model.health import HealthState
from containers.model.observed import ContainerState, ObservedContainer
from containers.ports.engine import ContainerEngine
from containers.supervision.checks import CheckDriver

CHECK = {"test": ["CMD", "true"], "interval": "5s", "timeout": "2s", "retries": 3}
SERVICES = {"own": {"healthcheck": CHECK}, "of_image": {}}


class Watched:
    """A container that ran before and runs again; its list says that it is unhealthy."""

    def __init__(self, service: str) -> None:
        self.clock = ManualClock()
        self.engine = FakeEngine(self.clock, images=[BUSYBOX])
        self.config = project("demo", SERVICES).services[ServiceName(service)]
        self.tasks = LoopTasks()
        self.driver = CheckDriver(
            engine=self._engine,
            prober=Network(),
            publisher=EventBus(self.clock),
            clock=self.clock,
            group=self.tasks,
            on_change=self._on_change,
        )
        self.container = ObservedContainer(
            id=ContainerId("abc"),
            name="demo_web_1",
            project=ProjectName("demo"),
            service=self.config.name,
            number=1,
            image=BUSYBOX,
            image_id=ImageId("def"),
            state=ContainerState.RUNNING,
            health=HealthState.UNHEALTHY,
            created_at=self.clock.now(),
            started_at=self.clock.now(),
            pid=100,
        )

    async def _engine(self) -> ContainerEngine:
        return self.engine

    async def _on_change(self, _container: ObservedContainer) -> None:
        """Nobody listens."""

    def look(self, *, pid: int) -> HealthState:
        """Look at it, as somebody who leaves the checks to Podman."""
        self.container = self.container.model_copy(update={"pid": pid})
        self.driver.drive(self.container, self.config, drives=False)
        return self.driver.health_of(self.container)


async def test_a_life_that_is_seen_first_is_taken_as_podman_says() -> None:
    """Nothing is known of a life before."""
    assert Watched("own").look(pid=100) is HealthState.UNHEALTHY


@pytest.mark.parametrize(("service", "most_s"), [("own", 7.0), ("of_image", 60.0)])
async def test_podmans_word_on_a_new_life_counts_once_a_check_has_had_time(
    service: str, most_s: float
) -> None:
    """Also where the check is the image's, and no file says how often it runs."""
    watched = Watched(service)
    watched.look(pid=100)
    assert watched.look(pid=200) is HealthState.STARTING
    await watched.clock.advance(most_s - 0.1)
    assert watched.look(pid=200) is HealthState.STARTING
    await watched.clock.advance(0.1)
    assert watched.look(pid=200) is HealthState.UNHEALTHY


async def test_a_check_that_is_ended_before_it_began_leaves_nothing_behind() -> None:
    """Symptom: `coroutine was never awaited` as a server ended, which pytest takes for an error."""
    watched = Watched("own")
    due_at = watched.driver.drive(watched.container, watched.config, drives=True)
    await watched.clock.advance(due_at - watched.clock.monotonic())
    watched.driver.drive(watched.container, watched.config, drives=True)
    assert watched.driver._busy
    await watched.tasks.cancel()
    assert not watched.driver._busy
    gc.collect()
