"""A loop of Podman's own, which has no pause: it is stopped for good, or told as what can not be."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from tests.fakes.fake_container import Behaviour
from tests.fakes.keeper import Keeper
from tests.fakes.projects import project

from containers.model.base import ContainerId, ServiceName
from containers.model.errors import EngineError, ErrorCode
from containers.model.events import RestartFailed
from containers.model.observed import ContainerDetail, ContainerState
from containers.model.supervision import Standing
from containers.supervision import acts, illness, repairs

LIFE_S = 0.2


@pytest.fixture
async def keeper() -> AsyncIterator[Keeper]:
    """One service that Podman restarts; not started yet."""
    made = Keeper(project(services={"loop": {"restart": "always"}}))
    yield made
    await made.stop()


async def test_a_loop_of_podmans_own_is_stopped_and_its_incident_stays_open(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than three restarts by `restart: always`. That we stopped it does not make it any better."""
    monkeypatch.setattr(illness, "_REMOVAL", timedelta())
    await keeper.start()
    keeper.engine.script("loop", Behaviour(exits_after_s=0.0, exit_code=2))
    keeper.engine.die("demo_loop_1", 2)
    await keeper.until(lambda: "health.given_up" in keeper.kinds(), "giving up")
    assert str(keeper.engine.container("demo_loop_1").state) == "exited"
    assert "health.restarted" not in keeper.kinds()
    await keeper.clock.sleep(1.0)
    assert keeper.kinds().count("incident.opened") == 1
    assert "incident.closed" not in keeper.kinds()


async def test_a_loop_whose_stops_are_lost_between_its_lives_is_made_ready_and_stopped_then(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of a process that ends at once: what is not cleaned up after is not believed to have stopped."""
    engine = keeper.engine
    stop, inspect = engine.stop_container, engine.inspect_container
    done = list[str]()

    async def lost(container: ContainerId, timeout_s: float | None = None) -> None:
        done.append("stop")
        if "ready" in done:
            await stop(container, timeout_s)

    async def ready(container: ContainerId) -> None:
        del container
        done.append("ready")

    async def between_lives(container: ContainerId) -> ContainerDetail:
        detail = await inspect(container)
        ended = {"state": ContainerState.EXITED, "is_cleaned_up": "ready" in done}
        return detail.model_copy(update=ended if "stop" in done else {})

    monkeypatch.setattr(repairs, "CLEANING_S", 0.01)
    await keeper.start()
    monkeypatch.setattr(engine, "stop_container", lost)
    monkeypatch.setattr(engine, "ready_container", ready)
    monkeypatch.setattr(engine, "inspect_container", between_lives)
    engine.script("loop", Behaviour(exits_after_s=0.0, exit_code=2))
    engine.die("demo_loop_1", 2)
    await keeper.until(lambda: "health.given_up" in keeper.kinds(), "giving up")
    assert (done.count("ready"), done[-2:]) == (1, ["ready", "stop"])
    assert done.count("stop") > 1
    assert str(engine.container("demo_loop_1").state) == "exited"


async def test_a_loop_that_can_not_be_stopped_is_told_as_such(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not as one that was given up, which it would seem to stay."""

    async def lost(container: ContainerId, timeout_s: float | None = None) -> None:
        del container, timeout_s

    monkeypatch.setattr(repairs, "STOPPING_S", 0.5)
    monkeypatch.setattr(acts, "STOP_RETRY_S", 0.2)
    await keeper.start()
    monkeypatch.setattr(keeper.engine, "stop_container", lost)
    keeper.engine.script("loop", Behaviour(exits_after_s=0.0, exit_code=2))
    keeper.engine.die("demo_loop_1", 2)
    await keeper.until(lambda: "health.restart_failed" in keeper.kinds(), "word of it")
    (told,) = [e for e in keeper.seen if isinstance(e, RestartFailed)]
    assert "could not stop" in told.reason
    note = await keeper.notes.read(keeper.stack.name)
    assert note.standing_of(ServiceName("loop")) is not Standing.GIVEN_UP
    monkeypatch.undo()
    await keeper.until(lambda: "health.given_up" in keeper.kinds(), "another try")
    assert str(keeper.engine.container("demo_loop_1").state) == "exited"


async def test_a_life_that_podman_began_while_it_did_not_answer_is_no_restart_of_ours(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop goes on, and what was asked for was a stop."""
    engine = keeper.engine
    stop, asked = engine.stop_container, list[str]()

    async def unanswered(container: ContainerId, timeout_s: float | None = None) -> None:
        asked.append("stop")
        if len(asked) > 1:
            await stop(container, timeout_s)
            return
        await keeper.clock.sleep(2 * LIFE_S)
        raise EngineError(ErrorCode.DAEMON_UNREACHABLE, "nobody answers")

    monkeypatch.setattr(acts, "AWAY_RETRY_S", 0.05)
    await keeper.start()
    monkeypatch.setattr(engine, "stop_container", unanswered)
    engine.script("loop", Behaviour(exits_after_s=LIFE_S, exit_code=2))
    engine.die("demo_loop_1", 2)
    await keeper.until(lambda: "health.given_up" in keeper.kinds(), "giving up")
    assert len(asked) > 1
    assert "health.restarted" not in keeper.kinds()
