"""HealthMonitor as one of several, where people and Podman have their say, on a scripted engine."""

from collections.abc import AsyncIterator

import pytest
from tests.fakes.clock import LoopClock
from tests.fakes.fake_container import Behaviour
from tests.fakes.fake_engine import FakeEngine
from tests.fakes.keeper import Keeper
from tests.fakes.projects import BUSYBOX, project
from tests.fakes.stack import translation_of
from tests.fakes.supervision import Lease

from containers.model.base import ContainerId, ServiceName
from containers.model.errors import EngineError, ErrorCode
from containers.model.events import (
    IncidentClosed,
    ServiceGivenUp,
    ServiceRestarted,
    SupervisorChanged,
)
from containers.model.health import HealthState
from containers.model.observed import ContainerDetail, ContainerState
from containers.model.own_config import OutsideProbe, OwnConfig
from containers.model.project import ResolvedProject
from containers.model.supervision import Standing
from containers.supervision.acts import MOST_UNANSWERED
from containers.supervision.deaths import LOCK_RETRY_S

RESTART = {"condition": "service_started", "restart": True}
CHECK = {"test": ["CMD", "true"], "interval": "50ms", "timeout": "100ms", "retries": 1}


@pytest.fixture
async def keeper() -> AsyncIterator[Keeper]:
    """A web that api restarts with, and a db with a check; not started yet."""
    made = Keeper(
        project(
            services={
                "web": {},
                "api": {"depends_on": {"web": RESTART}},
                "db": {"healthcheck": CHECK},
                "loop": {"restart": "always"},
                "slow": {"healthcheck": {**CHECK, "retries": 99}},
            }
        )
    )
    yield made
    await made.stop()


async def test_a_second_supervisor_only_watches_and_takes_over(keeper: Keeper) -> None:
    """Nothing is restarted before it has the lease; what failed meanwhile is mended then."""
    keeper.lease.table[keeper.stack.name] = "another"
    await keeper.start()
    assert not keeper.monitor.is_supervisor
    keeper.engine.die("demo_web_1", 137)
    await keeper.until(lambda: "container.died" in keeper.kinds(), "the death")
    await keeper.clock.sleep(0.3)
    assert "incident.opened" not in keeper.kinds()
    assert keeper.engine.container("demo_db_1").health is HealthState.STARTING, "it drives no check"
    del keeper.lease.table[keeper.stack.name]
    await keeper.until(lambda: "health.restarted" in keeper.kinds(), "it taking over")
    assert [e.is_ours for e in keeper.seen if isinstance(e, SupervisorChanged)] == [False, True]


async def test_a_monitor_that_ends_lets_another_supervise(keeper: Keeper) -> None:
    """At once."""
    await keeper.start()
    assert keeper.monitor.is_supervisor
    await keeper.monitor.stop_monitoring()
    assert await Lease("other", keeper.lease.table).take(keeper.stack.name) is None


async def test_a_held_service_is_left_alone_until_it_is_released(keeper: Keeper) -> None:
    """Told as it is noticed."""
    await keeper.start()
    await keeper.override.hold(["web"])
    await keeper.until(lambda: "health.override" in keeper.kinds(), "the hold")
    keeper.engine.die("demo_web_1", 137)
    await keeper.clock.sleep(0.3)
    assert "health.restarted" not in keeper.kinds()
    assert keeper.override.latest.standing_of(ServiceName("web")) is Standing.HELD
    await keeper.override.release(["web"])
    await keeper.until(lambda: "health.restarted" in keeper.kinds(), "it back")


async def test_what_was_given_up_is_tried_again_when_somebody_asks(keeper: Keeper) -> None:
    """And what a supervisor gave up is so for the next one, too."""
    await keeper.start()
    keeper.engine.script("web", Behaviour(exits_after_s=0.0, exit_code=1, log=("no room",)))
    keeper.engine.die("demo_web_1", 1)
    await keeper.until(lambda: "health.given_up" in keeper.kinds(), "giving up")
    (told,) = [e for e in keeper.seen if isinstance(e, ServiceGivenUp)]
    assert (told.attempts, told.exit_code, told.log_tail[-1]) == (3, 1, "no room")
    note = await keeper.notes.read(keeper.stack.name)
    assert note.standing_of(ServiceName("web")) is Standing.GIVEN_UP
    keeper.engine.script("web", Behaviour())
    before = keeper.kinds().count("health.restarted")
    await keeper.clock.sleep(0.2)
    assert keeper.kinds().count("health.restarted") == before
    await keeper.override.retry(["web"])
    await keeper.until(lambda: keeper.kinds().count("health.restarted") > before, "another try")
    await keeper.until(lambda: "incident.closed" in keeper.kinds(), "it well")


async def test_a_check_of_the_life_before_that_is_noted_late_restarts_nothing(keeper: Keeper) -> None:
    """Symptom: a frozen service was restarted twice. The next check says how it is."""
    await keeper.start()
    await keeper.until(lambda: keeper.service("db").health is HealthState.HEALTHY, "its check")
    gate = keeper.engine.hold("run_health_check")
    keeper.engine.note_late("demo_db_1")
    await keeper.until(lambda: "incident.opened" in keeper.kinds(), "it seen")
    await keeper.clock.sleep(0.1)
    gate.set()
    await keeper.until(lambda: "incident.closed" in keeper.kinds(), "it well")
    assert "health.restarted" not in keeper.kinds()


async def test_failures_of_the_life_before_are_no_incident_of_the_next(keeper: Keeper) -> None:
    """Symptom: Podman goes on counting, so that the first failed check of a slow start made it unhealthy."""
    await keeper.start()
    await keeper.until(lambda: keeper.service("slow").health is HealthState.HEALTHY, "its check")
    keeper.engine.script("slow", Behaviour(healthy_after_s=None))
    await keeper.engine.restart_container(keeper.service("slow").id, 0.0)
    keeper.engine.note_late("demo_slow_1")
    await keeper.until(lambda: keeper.engine.container("demo_slow_1").checks_failed > 0, "a failed check")
    keeper.engine.script("slow", Behaviour())
    await keeper.until(lambda: not keeper.engine.container("demo_slow_1").is_ill_of_before, "one that passes")
    await keeper.clock.sleep(0.1)
    assert not {"incident.opened", "health.restarted"} & set(keeper.kinds())


async def test_checks_that_podman_drives_count_in_the_next_life_as_well(keeper: Keeper) -> None:
    """Symptom, with systemd: a service that had died once was never again restarted for being unhealthy."""
    keeper.engine.has_timers()
    await keeper.start()
    database = keeper.service("db").id
    keeper.engine.die("demo_db_1", 137)
    await keeper.until(lambda: "container.started" in keeper.kinds(), "it back")
    await keeper.engine.run_health_check(database)
    await keeper.until(lambda: "incident.closed" in keeper.kinds(), "it well")
    keeper.engine.script("db", Behaviour(healthy_after_s=None))
    await keeper.engine.run_health_check(database)
    await keeper.until(lambda: keeper.kinds().count("health.restarted") == 2, "it restarted as unhealthy")


async def test_what_podman_itself_restarts_when_it_is_unhealthy_is_left_to_it(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By `--health-on-failure`; it is looked at again now and then, not all the time."""
    looks = 0
    inspect = keeper.engine.inspect_container

    async def look(container: ContainerId) -> ContainerDetail:
        nonlocal looks
        looks += 1
        return (await inspect(container)).model_copy(update={"on_unhealthy": "restart"})

    await keeper.start()
    await keeper.until(lambda: keeper.service("db").health is HealthState.HEALTHY, "its check")
    monkeypatch.setattr(keeper.engine, "inspect_container", look)
    keeper.engine.script("db", Behaviour(healthy_after_s=None))
    await keeper.until(lambda: "incident.opened" in keeper.kinds(), "it unhealthy")
    await keeper.clock.sleep(10 * LOCK_RETRY_S)
    assert "health.restarted" not in keeper.kinds()
    assert 1 <= looks <= 12


async def test_a_death_that_podman_mends_is_an_incident_that_ends_by_itself(keeper: Keeper) -> None:
    """Nothing is done about it."""
    await keeper.start()
    keeper.engine.die("demo_loop_1", 2)
    await keeper.until(lambda: "incident.closed" in keeper.kinds(), "the end of it")
    (closed,) = [e for e in keeper.seen if isinstance(e, IncidentClosed)]
    assert (closed.how, closed.restarts) == ("by_itself", 0)


async def test_dependents_that_ask_for_it_are_restarted_after(keeper: Keeper) -> None:
    """Not those that depend on it otherwise."""
    await keeper.start()
    keeper.engine.die("demo_web_1", 137)
    await keeper.until(lambda: keeper.kinds().count("health.restarted") == 2, "both")
    told = [e.service for e in keeper.seen if isinstance(e, ServiceRestarted)]
    assert told == ["web", "api"]


async def test_what_was_removed_while_it_ran_is_made_again(keeper: Keeper) -> None:
    """Once; the incident is one and ends."""
    await keeper.start()
    await keeper.engine.remove_container(keeper.service("web").id)
    await keeper.until(lambda: "incident.closed" in keeper.kinds(), "it back")
    assert keeper.recreated == [("web",)]
    assert keeper.kinds().count("incident.opened") == 1


async def test_what_was_made_again_and_taken_away_once_more_is_not_forgotten(keeper: Keeper) -> None:
    """As where another service of the same change can not be made."""
    await keeper.start()
    keeper.undone = 1
    await keeper.engine.remove_container(keeper.service("web").id)
    await keeper.until(lambda: "incident.closed" in keeper.kinds(), "it back")
    assert keeper.recreated == [("web",), ("web",)]
    (closed,) = [e for e in keeper.seen if isinstance(e, IncidentClosed)]
    assert closed.how == "restarted"


async def test_what_is_removed_while_it_is_restarted_is_made_again(keeper: Keeper) -> None:
    """Symptom: the restart found nothing to do, and nobody knew of the removal."""
    await keeper.start()
    web = keeper.service("web")
    starting = keeper.engine.hold("start_container")
    keeper.engine.die("demo_web_1", 137)
    await keeper.until(lambda: "web/1" in keeper.monitor._acts.under_way, "its restart")
    await keeper.engine.remove_container(web.id)
    await keeper.until(lambda: "container.removed" in keeper.kinds(), "the removal")
    starting.set()
    await keeper.until(lambda: bool(keeper.recreated), "it made again")
    assert keeper.recreated == [("web",)]


async def test_a_place_stays_empty_when_the_end_of_what_was_to_take_it_is_told_late(keeper: Keeper) -> None:
    """Nothing tells of that one whether it ran, and it is not what the person had."""
    await keeper.start()
    web = keeper.service("web")
    keeper.undone = 1
    await keeper.engine.remove_container(web.id)
    await keeper.until(lambda: "incident.opened" in keeper.kinds(), "that it is gone")
    undone = web.model_copy(update={"id": ContainerId("undone")})
    keeper.monitor._removals.note("web/1", undone, keeper.clock.now())
    await keeper.until(lambda: "incident.closed" in keeper.kinds(), "it back")
    assert keeper.recreated == [("web",)] * 2


async def test_what_was_stopped_and_then_removed_stays_away(keeper: Keeper) -> None:
    """A person did not want it any more."""
    await keeper.start()
    web = keeper.service("web").id
    await keeper.engine.stop_container(web)
    await keeper.until(lambda: str(keeper.service("web").state) == "exited", "it stopped")
    await keeper.engine.remove_container(web)
    await keeper.clock.sleep(0.4)
    assert keeper.recreated == []


async def test_what_our_own_transaction_removes_is_no_incident(keeper: Keeper) -> None:
    """Whichever process runs it."""
    await keeper.start()
    keeper.is_changing = True
    await keeper.engine.remove_container(keeper.service("web").id)
    await keeper.clock.sleep(0.4)
    assert keeper.recreated == []
    assert "incident.opened" not in keeper.kinds()


async def test_what_our_own_transaction_restarts_is_no_incident(keeper: Keeper) -> None:
    """Symptom: `podkeeper restart` beside a monitor was one, on Podman 5, which tells it as a crash."""
    await keeper.start()
    keeper.is_changing = keeper.is_restarting = True
    keeper.engine.die("demo_web_1", 137)
    await keeper.until(lambda: "health.restarted" in keeper.kinds(), "it back, as nobody brought it back")
    assert "incident.opened" not in keeper.kinds()


async def test_what_dies_amid_the_change_that_started_it_is_an_incident(keeper: Keeper) -> None:
    """`up` may take a while after that."""
    await keeper.start()
    keeper.is_changing = True
    keeper.engine.die("demo_web_1", 137)
    await keeper.until(lambda: "incident.closed" in keeper.kinds(), "it back")


async def test_what_our_own_transaction_kills_and_removes_is_no_incident(keeper: Keeper) -> None:
    """Also where it is gone before Podman's log was read, which shows a crash."""
    await keeper.start()
    keeper.is_changing = True
    container = keeper.service("web")
    dead = container.model_copy(update={"state": ContainerState.EXITED, "exit_code": 137})
    reading = keeper.engine.hold("past_events")
    keeper.engine.die("demo_web_1", 137)
    attending = keeper.tasks.create_task(
        keeper.monitor._deaths.attend("web/1", dead, keeper.clock.now()), name="attend"
    )
    await keeper.clock.sleep(0.1)
    await keeper.engine.remove_container(container.id)
    await keeper.until(lambda: "container.removed" in keeper.kinds(), "the removal")
    reading.set()
    await attending
    await keeper.clock.sleep(0.1)
    assert "incident.opened" not in keeper.kinds()


async def test_a_stop_that_took_a_kill_is_no_crash(keeper: Keeper) -> None:
    """Podman's events tell them apart, although the exit code does not."""
    keeper.engine.script("web", Behaviour(stop_code=137))
    await keeper.start()
    await keeper.engine.stop_container(keeper.service("web").id)
    await keeper.until(lambda: str(keeper.service("web").state) == "exited", "it stopped")
    await keeper.clock.sleep(0.4)
    assert "health.restarted" not in keeper.kinds()


async def test_a_container_whose_end_nothing_tells_of_is_left_as_it_is(keeper: Keeper) -> None:
    """Nothing is restarted on a guess."""
    await keeper.start()
    keeper.engine.mute()
    keeper.engine.die("demo_web_1", 137)
    await keeper.events.refresh(keeper.stack.name)
    await keeper.clock.sleep(0.4)
    assert "health.restarted" not in keeper.kinds()


async def test_an_engine_that_comes_back_has_nothing_restarted(keeper: Keeper) -> None:
    """What died meanwhile is mended, nothing else."""
    await keeper.start()
    keeper.engine.vanish()
    await keeper.until(lambda: "server.engine_disconnected" in keeper.kinds(), "the break")
    await keeper.clock.sleep(0.2)
    keeper.engine.come_back()
    await keeper.until(lambda: keeper.kinds().count("server.resynchronised") == 2, "the second look")
    await keeper.clock.sleep(0.3)
    assert "incident.opened" not in keeper.kinds()
    keeper.engine.die("demo_web_1", 137)
    await keeper.until(lambda: "health.restarted" in keeper.kinds(), "it still watching")


@pytest.fixture
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Podman that did not answer is asked again at once."""
    monkeypatch.setattr("containers.supervision.acts.AWAY_RETRY_S", 0.01)


@pytest.mark.usefixtures("short_waits")
@pytest.mark.parametrize("method", ["start_container", "inspect_container"])
async def test_an_engine_that_does_not_answer_uses_up_no_attempt(keeper: Keeper, method: str) -> None:
    """Symptom: a Podman that came and went had what died in between given up, and never restarted."""
    await keeper.start()
    away = EngineError(ErrorCode.DAEMON_UNREACHABLE, "Podman does not answer")
    for _ in range(MOST_UNANSWERED):
        keeper.engine.fail_next(method, away, "demo_web_1")
    keeper.engine.die("demo_web_1", 137)
    await keeper.until(lambda: "incident.closed" in keeper.kinds(), "it back")
    assert not {"health.restart_failed", "health.given_up"} & set(keeper.kinds())
    (restarted,) = [e for e in keeper.seen if isinstance(e, ServiceRestarted) and e.service == "web"]
    assert restarted.attempt == 1


@pytest.mark.usefixtures("short_waits")
async def test_a_start_that_an_engine_which_is_there_never_answers_counts_in_the_end(keeper: Keeper) -> None:
    """Symptom: what Podman panics at was tried once a second for ever, and nobody was told."""
    await keeper.start()
    away = EngineError(ErrorCode.DAEMON_UNREACHABLE, "the connection was closed without an answer")
    for _ in range(MOST_UNANSWERED + 20):
        keeper.engine.fail_next("start_container", away, "demo_web_1")
    keeper.engine.die("demo_web_1", 137)
    await keeper.until(lambda: "health.given_up" in keeper.kinds(), "it given up")
    assert "health.restart_failed" in keeper.kinds()


@pytest.mark.usefixtures("short_waits")
async def test_a_start_of_which_only_the_answer_was_lost_is_told_as_one(keeper: Keeper) -> None:
    """Symptom: it came back `by_itself`, and what depends on it was not restarted."""
    await keeper.start()
    real, calls = keeper.engine.start_container, []

    async def start(container: ContainerId) -> None:
        await real(container)
        calls.append(container)
        if len(calls) == 1:
            raise EngineError(ErrorCode.DAEMON_UNREACHABLE, "the answer was lost")

    keeper.engine.start_container = start  # type: ignore[method-assign]
    keeper.engine.die("demo_web_1", 137)
    await keeper.until(lambda: "incident.closed" in keeper.kinds(), "it back")
    (closed,) = [e for e in keeper.seen if isinstance(e, IncidentClosed)]
    assert (closed.how, closed.restarts, len(calls)) == ("restarted", 1, 1)
    assert "health.restarted" in keeper.kinds()


@pytest.mark.usefixtures("short_waits")
async def test_an_engine_that_does_not_answer_as_what_is_gone_is_made_uses_up_no_attempt(
    keeper: Keeper,
) -> None:
    """The same for what was removed."""
    await keeper.start()
    keeper.undone, keeper.undone_for = 4, ErrorCode.DAEMON_UNREACHABLE
    await keeper.engine.remove_container(keeper.service("web").id)
    await keeper.until(lambda: "incident.closed" in keeper.kinds(), "it back")
    assert keeper.recreated == [("web",)] * 5
    assert not {"health.restart_failed", "health.given_up"} & set(keeper.kinds())


async def test_a_try_that_was_asked_for_says_that_the_engine_does_not_answer(keeper: Keeper) -> None:
    """Somebody waits for it."""
    await keeper.start()
    await keeper.engine.stop_container(keeper.service("web").id)
    await keeper.until(lambda: not keeper.service("web").is_running, "its stop seen")
    away = EngineError(ErrorCode.DAEMON_UNREACHABLE, "Podman does not answer")
    keeper.engine.fail_next("start_container", away, "demo_web_1")
    await keeper.override.retry(["web"])
    await keeper.until(lambda: "health.restart_failed" in keeper.kinds(), "the refusal")


async def test_a_fault_in_the_handling_of_one_service_leaves_the_others_supervised(keeper: Keeper) -> None:
    """It is told once, and when it is over."""
    await keeper.start()
    drive = keeper.monitor._checks.drive

    def broken(container: object, config: object, **more: object) -> float:
        if getattr(container, "service", "") == "db":
            raise ValueError("a fault")
        return drive(container, config, **more)  # type: ignore[arg-type]

    keeper.monitor._checks.drive = broken  # type: ignore[method-assign]
    keeper.engine.die("demo_web_1", 137)
    await keeper.until(lambda: "health.restarted" in keeper.kinds(), "web back")
    await keeper.until(lambda: "server.part_failed" in keeper.kinds(), "the fault told")
    keeper.monitor._checks.drive = drive  # type: ignore[method-assign]
    await keeper.until(lambda: "server.part_recovered" in keeper.kinds(), "the end of it")
    assert keeper.kinds().count("server.part_failed") == 1


async def test_an_outside_check_that_fails_makes_a_service_unhealthy_and_restarted() -> None:
    """Where its port is published; where it is not, none is run and that is told."""
    probe = OutsideProbe(kind="tcp", port=80, interval_s=0.03, retries=2)
    stack = _with_probe(project(services={"web": {}, "far": {}}), probe)
    keeper = Keeper(stack)
    keeper.options["web"] = ("--publish", "127.0.0.1:8080:80")
    try:
        await keeper.start()
        await keeper.until(lambda: ("127.0.0.1", 8080) in keeper.network.asked, "a check")
        await keeper.until(lambda: "server.part_failed" in keeper.kinds(), "far told")
        assert "health.restarted" not in keeper.kinds()
        keeper.network.dead.add(("127.0.0.1", 8080))
        await keeper.until(lambda: "health.restarted" in keeper.kinds(), "the restart")
        assert keeper.monitor.get_health_metrics()["services"]["far"]["status"] == "healthy"
        keeper.network.dead.clear()
        await keeper.until(lambda: "incident.closed" in keeper.kinds(), "it well")
    finally:
        await keeper.stop()


def _with_probe(stack: ResolvedProject, probe: OutsideProbe) -> ResolvedProject:
    services = {n: s.model_copy(update={"own": OwnConfig(probe=probe)}) for n, s in stack.services.items()}
    return stack.model_copy(update={"services": services})


async def test_a_retry_of_what_is_held_is_refused(keeper: Keeper) -> None:
    """With what to do; and a name that is none, too."""
    await keeper.override.hold(["web"])
    with pytest.raises(Exception, match="is held") as refused:
        await keeper.override.retry(["web"])
    assert getattr(refused.value, "remedy", "") == "run `podkeeper release web`"
    with pytest.raises(Exception, match="no such service"):
        await keeper.override.hold(["nobody"])
    assert await keeper.override.standings() == {"web": Standing.HELD}
    assert await keeper.override.supervisor() is None


async def test_an_engine_error_while_finding_out_is_no_reason_to_restart(keeper: Keeper) -> None:
    """It is asked again."""
    await keeper.start()
    keeper.engine.fail_next("past_events", EngineError(ErrorCode.TIMEOUT, "too slow"))
    keeper.engine.die("demo_web_1", 137)
    await keeper.until(lambda: "health.restarted" in keeper.kinds(), "the restart")
    assert keeper.kinds().count("incident.opened") == 1


async def test_the_fake_of_a_stop_cleans_up_twice() -> None:
    """As Podman 4.3 does: what the monitor goes by."""
    engine = FakeEngine(LoopClock(), images=[BUSYBOX])
    recipe = translation_of(project(services={"web": {}})).containers[ServiceName("web")]
    made = await engine.create_container("demo_web_1", recipe, {})
    await engine.start_container(made)
    await engine.stop_container(made)
    told = [e.action for e in await engine.past_events(0, container=made)]
    assert told.count("cleanup") == 2
