"""EventIntegration and HealthMonitor together, on an engine that does as it is told."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.fakes.fake_container import Behaviour
from tests.fakes.fake_engine import FakeEngine
from tests.fakes.keeper import Keeper
from tests.fakes.projects import project
from tests.fakes.stack import translation_of

from containers.event_integration import EventIntegration
from containers.model.base import ProjectName, ServiceName
from containers.model.errors import EngineError, ErrorCode
from containers.model.events import FileChanged, TransactionFinished
from containers.model.health import HealthState
from containers.model.observed import EngineEvent, ObservedContainer

CHECK = {"test": ["CMD", "true"], "interval": "50ms", "retries": 1}
STACK = project(services={"web": {}, "db": {"healthcheck": CHECK}})


class SlowFirstAnswer:
    """The part of an engine that looks; its first answer is held back until `answers` is set."""

    def __init__(self, engine: FakeEngine) -> None:
        self._engine = engine
        self.looked = asyncio.Event()
        self.answers = asyncio.Event()

    async def provide(self) -> Any:
        """Itself."""
        return self

    async def containers_of(self, project: ProjectName) -> tuple[ObservedContainer, ...]:
        """What is there at the call."""
        observed = await self._engine.containers_of(project)
        if not self.looked.is_set():
            self.looked.set()
            await self.answers.wait()
        return observed


@pytest.fixture
async def keeper() -> AsyncIterator[Keeper]:
    """Not started yet."""
    made = Keeper(STACK)
    yield made
    await made.stop()


async def test_each_change_of_a_container_is_an_event_and_in_the_picture(keeper: Keeper) -> None:
    """Died, started: told at once, and the world follows."""
    await keeper.start(monitored=False)
    keeper.engine.die("demo_web_1", 3)
    await keeper.until(lambda: "container.died" in keeper.kinds(), "the death")
    await keeper.until(lambda: str(keeper.service("web").state) == "exited", "it in the picture")
    assert keeper.service("web").exit_code == 3


async def test_a_dead_service_is_restarted_and_told(keeper: Keeper) -> None:
    """Once, with its reason."""
    await keeper.start()
    keeper.engine.die("demo_web_1", 137)
    await keeper.until(lambda: "health.restarted" in keeper.kinds(), "the restart")
    await keeper.until(lambda: str(keeper.service("web").state) == "running", "it running")
    assert keeper.kinds().count("health.restarted") == 1
    assert keeper.monitor.get_health_metrics()["restarts"] == 1


async def test_a_service_is_seen_healthy_although_nobody_else_runs_its_check(keeper: Keeper) -> None:
    """The monitor drives checks where there is no systemd."""
    await keeper.start()
    await keeper.until(lambda: keeper.service("db").health is HealthState.HEALTHY, "db healthy")
    status = await keeper.monitor.check_service_health("db")
    assert status.status == "healthy"
    assert status.last_check is not None
    assert "health.changed" in keeper.kinds()


async def test_an_unhealthy_service_is_restarted(keeper: Keeper) -> None:
    """Its process lives, its check fails."""
    await keeper.start()
    await keeper.until(lambda: keeper.service("db").health is HealthState.HEALTHY, "db healthy")
    keeper.engine.script("db", Behaviour(healthy_after_s=None))
    await keeper.until(lambda: "health.restarted" in keeper.kinds(), "the restart")
    keeper.engine.script("db", Behaviour())


async def test_a_crash_loop_is_given_up_with_one_word(keeper: Keeper) -> None:
    """Three attempts, then `health.given_up` once."""
    await keeper.start()
    keeper.engine.script("web", Behaviour(exits_after_s=0.0, exit_code=1))
    keeper.engine.die("demo_web_1", 1)
    await keeper.until(lambda: "health.given_up" in keeper.kinds(), "giving up")
    assert keeper.kinds().count("health.restarted") == 3
    await asyncio.sleep(0)
    assert keeper.kinds().count("health.given_up") == 1


async def test_nothing_is_restarted_while_somebody_applies(keeper: Keeper) -> None:
    """The project's lock is respected, and the service is restarted once it is free."""
    await keeper.start(monitored=False)
    keeper.locks.holder = "an apply"
    keeper.engine.die("demo_web_1", 137)
    await keeper.until(lambda: str(keeper.service("web").state) == "exited", "the death")
    (refused,) = await keeper.monitor.restart_unhealthy_services()
    assert (refused.restarted, "an apply" in refused.reason) == (False, True)
    await keeper.monitor.start_monitoring()
    await keeper.clock.sleep(0.2)
    assert "health.restarted" not in keeper.kinds()
    keeper.locks.holder = ""
    await keeper.until(lambda: "health.restarted" in keeper.kinds(), "the restart")


async def test_nothing_is_restarted_where_monitoring_is_off_until_it_is_on(keeper: Keeper) -> None:
    """What the environment says counts at each look."""
    keeper.settings = keeper.settings.model_copy(update={"enabled": False})
    await keeper.start()
    keeper.engine.die("demo_web_1", 137)
    await keeper.until(lambda: "container.died" in keeper.kinds(), "the death")
    await keeper.clock.sleep(0.2)
    assert "health.restarted" not in keeper.kinds()
    keeper.settings = keeper.settings.model_copy(update={"enabled": True})
    await keeper.until(lambda: "health.restarted" in keeper.kinds(), "the restart")


async def test_what_a_person_stopped_stays_stopped(keeper: Keeper) -> None:
    """An orderly stop is no failure."""
    await keeper.start()
    await keeper.engine.stop_container(keeper.service("web").id)
    await keeper.until(lambda: str(keeper.service("web").state) == "exited", "it stopped")
    assert await keeper.monitor.restart_unhealthy_services() == []
    assert "health.restarted" not in keeper.kinds()


async def test_what_a_person_killed_stays_dead(keeper: Keeper) -> None:
    """Although its exit code is that of a failure."""
    await keeper.start()
    await keeper.engine.kill_container(keeper.service("web").id)
    await keeper.until(lambda: keeper.service("web").exit_code == 137, "its death")
    await keeper.clock.sleep(0.2)
    assert "health.restarted" not in keeper.kinds()


async def test_what_outlived_a_signal_is_restarted_when_it_dies_later(keeper: Keeper) -> None:
    """`kill -s HUP` reloads a configuration: it does not say that the service is to stay down for ever."""
    await keeper.start()
    web = keeper.service("web")
    hour_ago_ns = int((keeper.clock.now().timestamp() - 3600) * 1e9)
    await keeper.events.handle_container_event(
        EngineEvent(type="container", action="kill", id=web.id, name=web.name, at_ns=hour_ago_ns)
    )
    keeper.engine.die("demo_web_1", 1)
    await keeper.until(lambda: "health.restarted" in keeper.kinds(), "the restart")


async def test_what_a_person_paused_is_left_alone(keeper: Keeper) -> None:
    """It is neither dead nor ill, and it is not checked meanwhile."""
    await keeper.start()
    await keeper.engine.pause_container(keeper.service("db").id)
    await keeper.until(lambda: str(keeper.service("db").state) == "paused", "the pause")
    await keeper.clock.sleep(0.2)
    assert "health.restarted" not in keeper.kinds()
    assert keeper.engine.container("demo_db_1").checks_failed == 0


async def test_an_engine_that_goes_and_comes_back_is_told_and_looked_at_afresh(keeper: Keeper) -> None:
    """Disconnected, connected, resynchronised; what happened meanwhile is in the picture."""
    await keeper.start(monitored=False)
    keeper.engine.vanish()
    await keeper.until(lambda: "server.engine_disconnected" in keeper.kinds(), "the break")
    assert keeper.events.disconnected is not None
    keeper.engine.come_back()
    await keeper.until(lambda: keeper.kinds().count("server.resynchronised") == 2, "the second look")
    assert keeper.events.disconnected is None


async def test_an_event_that_is_delivered_twice_is_told_once(keeper: Keeper) -> None:
    """Podman delivers old events again when its log is rotated."""
    await keeper.start(monitored=False)
    event = EngineEvent(
        type="container",
        action="died",
        id=keeper.service("web").id,
        name="demo_web_1",
        at_ns=1,
        attributes={"com.docker.compose.project": "demo", "com.docker.compose.service": "web"},
    )
    await keeper.events.handle_container_event(event)
    await keeper.events.handle_container_event(event)
    await keeper.until(lambda: "container.died" in keeper.kinds(), "the event")
    assert keeper.kinds().count("container.died") == 1


async def test_of_two_looks_at_once_the_later_answer_stays(keeper: Keeper) -> None:
    """A slow answer, from before the container was removed, does not bring it back."""
    await keeper.start(monitored=False)
    engine = SlowFirstAnswer(keeper.engine)
    events = EventIntegration(engine=engine.provide, bus=keeper.bus, clock=keeper.clock)
    async with asyncio.TaskGroup() as group:
        group.create_task(events.refresh(keeper.stack.name))
        await engine.looked.wait()
        await keeper.engine.remove_container(keeper.service("web").id)
        group.create_task(events.refresh(keeper.stack.name))
        await keeper.clock.sleep(0.05)
        engine.answers.set()
    assert [c.service for c in events.world.of_project(keeper.stack.name)] == ["db"]


async def test_a_look_that_fails_is_tried_again(keeper: Keeper) -> None:
    """One error does not leave an old picture."""
    await keeper.start(monitored=False)
    await keeper.clock.sleep(0.1)  # the first looks are over
    keeper.engine.fail_next("snapshot", EngineError(ErrorCode.TIMEOUT, "too slow"))
    recipe = translation_of(keeper.stack).containers[ServiceName("web")]
    await keeper.engine.create_container("demo_web_2", recipe, {})
    await keeper.until(lambda: len(keeper.events.world.of_project(keeper.stack.name)) == 3, "the third")


async def test_what_a_transaction_did_is_looked_at_even_if_its_events_are_lost(keeper: Keeper) -> None:
    """Podman loses events now and then."""
    await keeper.start(monitored=False)
    await keeper.clock.sleep(0.1)  # the first looks are over
    keeper.engine.mute()
    await keeper.engine.remove_container(keeper.service("web").id)
    finished = TransactionFinished(
        at=keeper.clock.now(),
        source="execution",
        project=keeper.stack.name,
        verb="down",
        outcome="committed",
        duration_s=0.1,
    )
    keeper.bus.publish(finished)
    await keeper.until(lambda: len(keeper.events.world.of_project(keeper.stack.name)) == 1, "it gone")


async def test_file_changes_and_life_cycle_events_reach_the_bus(keeper: Keeper) -> None:
    """What the watcher and hooks tell."""
    await keeper.start(monitored=False)
    changed = FileChanged(at=keeper.clock.now(), source="watching", paths=("/w/compose.yaml",))
    await keeper.events.handle_file_change_event(changed)
    await keeper.events.emit_container_lifecycle_event("reload", {"project": "demo", "service": "web"})
    await keeper.until(lambda: {"file.changed", "container.lifecycle"} <= set(keeper.kinds()), "both")


async def test_a_restart_that_the_engine_refuses_is_told_and_tried_again(keeper: Keeper) -> None:
    """With back-off, up to the limit."""
    await keeper.start()
    refusal = EngineError(ErrorCode.ENGINE_ERROR, "no")
    keeper.engine.fail_next("start_container", refusal, "demo_web_1")
    keeper.engine.die("demo_web_1", 137)
    await keeper.until(lambda: "health.restart_failed" in keeper.kinds(), "the refusal")
    await keeper.until(lambda: "health.restarted" in keeper.kinds(), "the second attempt")


async def test_metrics_count_services_by_state(keeper: Keeper) -> None:
    """Absent services are stopped; those without a check are healthy while they run."""
    await keeper.start(monitored=False)
    keeper.stack = project(services={"web": {}, "db": {"healthcheck": CHECK}, "later": {}})
    metrics = keeper.monitor.get_health_metrics()
    assert (metrics["healthy"], metrics["starting"], metrics["stopped"]) == (1, 1, 1)
    assert set(metrics["services"]) == {"web", "db", "later"}
