"""A project's containers are measured, and what is found is written down; nothing of that stops anything."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from tests.fakes.fake_engine import FakeEngine
from tests.fakes.manual_clock import ManualClock
from tests.fakes.memory_history import MemoryHistory
from tests.fakes.projects import BUSYBOX, project
from tests.fakes.stack import translation_of
from tests.fakes.tasks import LoopTasks

from containers.bus import EventBus
from containers.event_integration import EventIntegration
from containers.health_recorder import HealthRecorder
from containers.metrics_sampler import MetricsSampler, figures_between, measures
from containers.model.base import ContainerId, ServiceName
from containers.model.errors import EngineError, ErrorCode
from containers.model.events import EventBase, IncidentClosed, IncidentOpened, PartFailed, PartRecovered
from containers.model.metrics import Figures
from containers.model.observed import ContainerState, EngineInfo, ObservedContainer
from containers.model.operations import UsageSample
from containers.settings import HistorySettings

API = ServiceName("api")
EVERY_S = HistorySettings().every_s


class Watched:
    """A fake engine with a project that is sampled every ten seconds of a clock that the test moves."""

    def __init__(self) -> None:
        self.stack = project("demo", {"api": {"image": BUSYBOX}, "web": {"image": BUSYBOX}})
        self.clock = ManualClock()
        self.engine = FakeEngine(self.clock, images=[BUSYBOX])
        self.bus = EventBus(self.clock)
        self.tasks = LoopTasks()
        self.history = MemoryHistory()
        self.told: list[EventBase] = []
        self.is_supervisor = True
        self.checks: dict[str, dict[str, Any]] = {}
        self.events = EventIntegration(engine=self.provide, bus=self.bus, clock=self.clock)
        settings = HistorySettings()
        self.sampler = MetricsSampler(
            project=lambda: self.stack,
            engine=self.provide,
            events=self.events,
            bus=self.bus,
            clock=self.clock,
            group=self.tasks,
            settings=settings,
            recorder=HealthRecorder(
                history=self.history,
                bus=self.bus,
                clock=self.clock,
                settings=settings,
                project=lambda: self.stack,
                is_supervisor=lambda: self.is_supervisor,
            ),
            checks=lambda: self.checks,
        )

    async def provide(self) -> FakeEngine:
        """The engine."""
        return self.engine

    async def start(self) -> None:
        """Create and start every service, and begin to measure."""
        recipes = translation_of(self.stack).containers
        for name in self.stack.services:
            made = await self.engine.create_container(f"demo_{name}_1", recipes[name], {})
            await self.engine.start_container(made)
        self.bus.start(self.tasks)
        self.bus.subscribe("test", self.told.append)
        self.events.bind(self.tasks)
        self.events.watch(self.stack.name)
        await self.events.setup_event_subscriptions()
        self.sampler.start()

    async def until(self, wanted: Callable[[], Any], what: str) -> None:
        """Let time pass until something is so."""
        for _ in range(100):
            await self.clock.advance(EVERY_S / 10)
            if wanted():
                return
        pytest.fail(f"never saw {what}")

    async def stop(self) -> None:
        """End everything; what broke is raised."""
        await self.sampler.stop()
        await self.events.close()
        await self.bus.close()
        await self.tasks.cancel()

    def kinds(self) -> list[str]:
        """What was told."""
        return [f"{getattr(e, 'kind', '')} {getattr(e, 'part', '')}".strip() for e in self.told]

    def container(self, service: ServiceName = API) -> ObservedContainer:
        """The live picture of a service's container."""
        return next(c for c in self.events.world.of_project(self.stack.name) if c.service == service)

    def open_incident(self, name: str) -> None:
        """Tell that `api` failed."""
        self.bus.publish(
            IncidentOpened(
                at=self.clock.now(),
                source="health",
                project=self.stack.name,
                incident=name,
                service=API,
                container=ContainerId("c"),
                reason="it died",
            )
        )


@pytest.fixture
async def watched() -> AsyncIterator[Watched]:
    """A sampled project."""
    made = Watched()
    await made.start()
    yield made
    await made.stop()


async def test_every_container_is_measured_again_and_again_and_written(watched: Watched) -> None:
    """With its state, what it uses, and how long its last check took."""
    watched.checks = {"api": {"last_check": watched.clock.now(), "response_time": 0.12}}
    await watched.until(lambda: len(watched.history.samples) >= 6, "six samples")
    last = watched.sampler.latest[API]
    assert (last.state, last.response_s, last.container) == (ContainerState.RUNNING, 0.12, "demo_api_1")
    assert last.figures.cpu_percent == pytest.approx(25.0, abs=1.0)
    assert last.figures.memory_bytes == 1 << 20
    assert {s.service for s in watched.history.samples} == {"api", "web"}
    first = watched.history.samples[0]
    assert first.figures.cpu_percent is None, "one sample alone tells no use of the processor"


async def test_what_another_process_supervises_is_measured_but_not_written(watched: Watched) -> None:
    """Of several monitors of a project one writes."""
    watched.is_supervisor = False
    await watched.until(lambda: API in watched.sampler.latest, "a sample")
    watched.history.notes.clear()
    watched.open_incident("theirs")
    await watched.clock.advance(5 * EVERY_S)
    assert watched.history.notes == []
    assert watched.sampler.latest[API].figures.memory_bytes == 1 << 20


async def test_an_incident_is_written_and_its_time_is_down_time(watched: Watched) -> None:
    """From when it was opened until it was closed, and not longer."""
    await watched.until(lambda: watched.history.samples, "a sample")
    opened_at = watched.clock.now()
    watched.open_incident("one")
    await watched.until(lambda: watched.history.opened, "the incident")
    await watched.clock.advance(2.5 * EVERY_S)
    closed_at = watched.clock.now()
    watched.bus.publish(
        IncidentClosed(
            at=closed_at,
            source="health",
            project=watched.stack.name,
            incident="one",
            service=API,
            duration_s=2.5 * EVERY_S,
            restarts=1,
            how="restarted",
        )
    )
    await watched.until(lambda: any(note.closed for note in watched.history.notes), "its end")
    await watched.clock.advance(2.5 * EVERY_S)
    spans = sorted((s for s in watched.history.spans.values() if s.service == API), key=lambda s: s.began_at)
    assert [s.wellness for s in spans] == ["up", "down", "up"]
    assert (spans[1].began_at, spans[1].until) == (opened_at, closed_at)


async def test_a_container_that_is_started_again_counts_as_restarted_once(watched: Watched) -> None:
    """Its first start is none."""
    await watched.until(lambda: API in watched.sampler.latest, "a sample")
    await watched.engine.restart_container(watched.container().id)
    await watched.until(lambda: any(s.restarts for s in watched.history.samples), "the restart")
    await watched.clock.advance(5 * EVERY_S)
    assert sum(s.restarts for s in watched.history.samples if s.service == API) == 1
    assert sum(s.restarts for s in watched.history.samples if s.service == "web") == 0


async def test_a_full_disk_is_told_once_and_incidents_of_that_time_are_written_when_there_is_room(
    watched: Watched,
) -> None:
    """Measuring goes on; samples of the time between are lost, and nothing else is."""
    await watched.until(lambda: watched.history.samples, "a sample")
    watched.history.is_full = True
    await watched.until(lambda: "server.part_failed history" in watched.kinds(), "the failure")
    watched.open_incident("meanwhile")
    await watched.clock.advance(5 * EVERY_S)
    assert watched.kinds().count("server.part_failed history") == 1
    watched.history.is_full = False
    await watched.until(lambda: "server.part_recovered history" in watched.kinds(), "the recovery")
    assert [i.id for i in watched.history.opened] == ["meanwhile"]


async def test_an_engine_that_fails_to_measure_is_told_once_and_states_are_written_all_the_same(
    watched: Watched,
) -> None:
    """With its project, since each has a sampler of its own. Figures are absent then, not zero."""
    await watched.until(lambda: API in watched.sampler.latest, "a sample")
    for _ in range(3):
        watched.engine.fail_next("usage", EngineError(ErrorCode.ENGINE_ERROR, "no cgroup"))
    await watched.until(lambda: "server.part_failed metrics" in watched.kinds(), "the failure")
    await watched.until(lambda: "server.part_recovered metrics" in watched.kinds(), "the recovery")
    assert watched.kinds().count("server.part_failed metrics") == 1
    said = [e.project for e in watched.told if isinstance(e, PartFailed | PartRecovered)]
    assert said == [watched.stack.name] * 2
    blind = [s for s in watched.history.samples if s.figures == Figures()]
    assert {s.state for s in blind} == {ContainerState.RUNNING}


async def test_while_podman_is_away_nobody_looks(watched: Watched) -> None:
    """What was seen last is no sight of what is."""
    await watched.until(lambda: watched.history.samples, "a sample")
    watched.events.disconnected = "gone"
    await watched.clock.advance(2.5 * EVERY_S)
    seen = len(watched.history.samples)
    await watched.clock.advance(5 * EVERY_S)
    assert len(watched.history.samples) == seen


async def test_the_open_incidents_of_an_earlier_monitor_are_given_up_once(watched: Watched) -> None:
    """At the first note."""
    await watched.until(lambda: len(watched.history.samples) >= 6, "samples")
    assert len(watched.history.given_up) == 1


def test_rootless_on_cgroup_v1_measures_nothing() -> None:
    """And is not asked; on v2, and as root, Podman measures."""

    def info(*, rootless: bool, version: str) -> EngineInfo:
        return EngineInfo(
            version="4.3.1", rootless=rootless, socket="s", chosen_because="", cgroup_version=version
        )

    assert not measures(info(rootless=True, version="v1"))
    assert measures(info(rootless=True, version="v2"))
    assert measures(info(rootless=False, version="v1"))


def usage(seconds: int, cpu_s: float, network: int) -> UsageSample:
    """What a container had used by then."""
    return UsageSample(
        container=ContainerId("c"),
        name="c",
        cpu_ns=int(cpu_s * 1e9),
        at_ns=seconds * 10**9,
        network_in_bytes=network,
    )


def test_counters_that_began_anew_with_a_restart_are_not_negative() -> None:
    """What was counted since the start is all that is known; the processor's share is not."""
    found = figures_between(usage(0, 50.0, 1000), usage(10, 1.0, 300))
    assert (found.network_in_bytes, found.cpu_percent) == (300, None)
    found = figures_between(usage(0, 50.0, 1000), usage(10, 55.0, 1300))
    assert (found.network_in_bytes, found.cpu_percent) == (300, 50.0)
