"""Carrying plans out: order, gates, and getting back to where it was from any failure."""

import asyncio
from typing import Any

import pytest
from tests.fakes.fake_container import Behaviour
from tests.fakes.projects import BUSYBOX, project
from tests.fakes.stack import Bench

from containers.model.base import ServiceName
from containers.model.errors import EngineError, ErrorCode
from containers.model.events import StepFinished, StepStarted, TransactionFinished
from containers.model.outcome import Committed, RolledBack, Stuck
from containers.model.project import ResolvedProject
from containers.planning.down import plan_down, plan_restart
from containers.planning.options import Recreate, UpOptions

CHECK = {"test": ["CMD", "true"], "interval": "30s", "retries": 3}


def depends(**conditions: str) -> dict[str, Any]:
    """A canonical `depends_on`."""
    return {name: {"condition": f"service_{how}", "required": True} for name, how in conditions.items()}


def stack(version: str = "1", **changes: dict[str, Any]) -> Any:
    """Three layers; `version` changes every service."""
    services: dict[str, Any] = {
        "web": {"depends_on": depends(api="healthy"), "environment": {"V": version}},
        "api": {
            "depends_on": depends(db="healthy", migrate="completed_successfully"),
            "healthcheck": CHECK,
            "environment": {"V": version},
        },
        "migrate": {"depends_on": depends(db="healthy"), "environment": {"V": version}},
        "db": {"healthcheck": CHECK, "environment": {"V": version}},
    }
    for name, change in changes.items():
        services[name] = {**services[name], **change}
    return project(services=services)


@pytest.fixture
def bench() -> Bench:
    """An engine that has busybox; the migration ends by itself."""
    made = Bench(BUSYBOX)
    made.engine.script("migrate", Behaviour(exits_after_s=1.0))
    return made


async def test_up_starts_each_service_when_what_it_waits_for_is_ready(bench: Bench) -> None:
    """Order by condition, seen in the events; everything ends well."""
    bench.engine.script("db", Behaviour(healthy_after_s=2.0))
    outcome = await bench.up(stack())
    assert isinstance(outcome, Committed)
    order = [e.step for e in bench.recorder.events if isinstance(e, StepFinished) and e.outcome == "done"]
    wanted = [
        "start:db:1",
        "gate:db:1:healthy",
        "start:migrate:1",
        "gate:migrate:1:completed",
        "start:api:1",
        "gate:api:1:healthy",
        "start:web:1",
        "gate:web:1:running",
    ]
    assert [s for s in order if s in wanted] == wanted
    health = {name: (state, health) for name, (_, state, health) in (await bench.state("demo")).items()}
    assert health["demo_db_1"] == ("running", "healthy")
    assert health["demo_migrate_1"][0] == "exited"


async def test_a_second_up_has_nothing_to_do(bench: Bench) -> None:
    """Finished jobs are not run again."""
    await bench.up(stack())
    calls = len(bench.engine.calls)
    assert (await bench.plan(stack())).is_empty
    assert isinstance(await bench.up(stack()), Committed)
    assert len(bench.engine.calls) == calls


async def test_a_service_that_never_gets_healthy_rolls_the_first_up_back_to_nothing(bench: Bench) -> None:
    """The problem names the service, and the engine is as empty as before."""
    bench.engine.script("api", Behaviour(healthy_after_s=None, log=("listening nowhere",)))
    outcome = await bench.up(stack())
    assert isinstance(outcome, RolledBack)
    (problem,) = outcome.problems
    assert (problem.code, problem.service) == (ErrorCode.GATE_FAILED, "api")
    assert "listening nowhere" in problem.log_tail
    assert await bench.state("demo") == {}
    observed = await bench.engine.snapshot(stack().name)
    assert "demo_default" not in {n.name for n in observed.networks}


async def test_a_service_that_dies_at_once_is_told_with_its_exit_code(bench: Bench) -> None:
    """No waiting for a deadline: it will not come back."""
    bench.engine.script("db", Behaviour(exits_after_s=0.0, exit_code=3))
    outcome = await bench.up(stack())
    assert isinstance(outcome, RolledBack)
    assert outcome.problems[0].code is ErrorCode.SERVICE_EXITED
    assert "exited with code 3" in outcome.problems[0].message
    assert outcome.duration_s < 5


async def test_a_failed_job_fails_the_up(bench: Bench) -> None:
    """`service_completed_successfully` means exit code 0."""
    bench.engine.script("migrate", Behaviour(exits_after_s=0.5, exit_code=1))
    outcome = await bench.up(stack())
    assert isinstance(outcome, RolledBack)
    assert outcome.problems[0].service == "migrate"


async def test_a_failed_update_puts_the_very_containers_back(bench: Bench) -> None:
    """Same ids, same names, running again: nothing was made anew."""
    await bench.up(stack())
    before = await bench.state("demo")
    bench.engine.script("web", Behaviour(exits_after_s=0.0, exit_code=1))
    broken = stack(web={"environment": {"V": "broken"}})
    outcome = await bench.up(broken)
    assert isinstance(outcome, RolledBack)
    after = await bench.state("demo")
    assert {n: i for n, (i, _, _) in after.items()} == {n: i for n, (i, _, _) in before.items()}


async def test_an_update_replaces_under_the_same_name_and_leaves_nothing_aside(bench: Bench) -> None:
    """The old containers are gone once all gates have passed."""
    await bench.up(stack())
    before = await bench.state("demo")
    assert isinstance(await bench.up(stack("2")), Committed)
    after = await bench.state("demo")
    assert set(after) == set(before)
    assert not {i for i, _, _ in after.values()} & {i for i, _, _ in before.values()}


STEPS = ("create_container", "start_container", "stop_container", "rename_container")


@pytest.mark.parametrize("method", STEPS)
@pytest.mark.parametrize("code", [ErrorCode.ENGINE_ERROR, ErrorCode.TIMEOUT])
@pytest.mark.parametrize("nth", [0, 1, 2])
async def test_an_update_that_fails_anywhere_leaves_the_old_stack(
    bench: Bench, method: str, code: ErrorCode, nth: int
) -> None:
    """Whichever call fails, and whether or not it is known to have failed: the same containers run."""
    await bench.up(stack())
    before = await bench.state("demo")
    gate = _FailNth(bench, method, EngineError(code, "refused"), nth)
    outcome = await bench.up(stack("2"))
    if not gate.has_failed:
        pytest.fail(f"{method} is called less than {nth + 1} times")
    assert isinstance(outcome, RolledBack), outcome
    after = await bench.state("demo")
    assert {n: (i, s) for n, (i, s, _) in after.items()} == {n: (i, s) for n, (i, s, _) in before.items()}


class _FailNth:
    """Lets `nth` calls of a method through, then fails one."""

    def __init__(self, bench: Bench, method: str, error: EngineError, nth: int) -> None:
        self.has_failed = False
        real = getattr(bench.engine, method)
        count = 0

        async def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal count
            count += 1
            if count == nth + 1:
                self.has_failed = True
                raise error
            return await real(*args, **kwargs)

        setattr(bench.engine, method, call)


async def test_what_can_not_be_undone_is_said(bench: Bench) -> None:
    """The engine goes away for good in the middle: stuck, with what is left."""
    await bench.up(stack())
    held = bench.engine.hold("rename_container")

    async def vanish() -> None:
        await bench.clock.sleep(5)
        bench.engine.vanish()
        held.set()

    async with asyncio.TaskGroup() as group:
        _ = group.create_task(vanish())
        outcome = await bench.up(stack("2"))
    assert isinstance(outcome, Stuck)
    assert outcome.left
    assert outcome.problems[0].code is ErrorCode.DAEMON_UNREACHABLE


async def test_cancelling_stops_and_rolls_back(bench: Bench) -> None:
    """What had begun is undone; nothing more is begun."""
    bench.engine.script("db", Behaviour(healthy_after_s=60))

    async def cancel() -> None:
        await bench.clock.sleep(3)
        assert bench.context is not None
        bench.context.stop.set()

    async with asyncio.TaskGroup() as group:
        _ = group.create_task(cancel())
        outcome = await bench.up(stack())
    assert isinstance(outcome, RolledBack)
    assert outcome.problems[0].code is ErrorCode.CANCELLED
    assert await bench.state("demo") == {}


async def test_down_goes_on_past_a_failure_and_says_what_is_left(bench: Bench) -> None:
    """One container that will not go does not keep the others."""
    await bench.up(stack())
    down = plan_down(stack().name, stack(), await bench.engine.snapshot(stack().name))
    refusal = EngineError(ErrorCode.ENGINE_ERROR, "device or resource busy")
    bench.engine.fail_next("remove_container", refusal, "demo_api_1")
    outcome = await bench.carry_out(down, stack())
    assert isinstance(outcome, Stuck)
    assert "device or resource busy" in outcome.left[0]
    assert set(await bench.state("demo")) == {"demo_api_1"}


async def test_down_leaves_nothing(bench: Bench) -> None:
    """Containers and network."""
    await bench.up(stack())
    observed = await bench.engine.snapshot(stack().name)
    assert isinstance(await bench.carry_out(plan_down(stack().name, stack(), observed), stack()), Committed)
    assert await bench.state("demo") == {}


async def test_restart_keeps_the_containers_and_waits_for_health(bench: Bench) -> None:
    """Same ids; each is healthy again."""
    await bench.up(stack())
    before = await bench.state("demo")
    plan = plan_restart(stack(), await bench.engine.snapshot(stack().name))
    assert isinstance(await bench.carry_out(plan, stack()), Committed)
    after = await bench.state("demo")
    assert {n: i for n, (i, _, _) in after.items()} == {n: i for n, (i, _, _) in before.items()}
    assert after["demo_db_1"][2] == "healthy"


def with_optional(condition: str = "service_healthy", image: str = BUSYBOX) -> ResolvedProject:
    """A service, and one that it can do without."""
    optional = {"cache": {"condition": condition, "required": False}}
    cache = {"healthcheck": CHECK, "image": image}
    return project(services={"cache": cache, "web": {"depends_on": optional}})


async def test_an_optional_service_that_does_not_get_ready_is_only_warned_about(bench: Bench) -> None:
    """Also when it is itself brought up, with all the others."""
    bench.engine.script("cache", Behaviour(healthy_after_s=None))
    outcome = await bench.up(with_optional())
    assert isinstance(outcome, Committed)
    assert outcome.warnings[0].service == "cache"
    assert (await bench.state("demo"))["demo_web_1"][1] == "running"


@pytest.mark.parametrize("condition", ["service_started", "service_healthy"])
async def test_an_optional_service_that_does_not_start_is_only_warned_about(
    bench: Bench, condition: str
) -> None:
    """Its dependent starts nevertheless, whatever it would have waited for."""
    error = EngineError(ErrorCode.START_FAILED, "no such program")
    bench.engine.script("cache", Behaviour(start_error=error))
    outcome = await bench.up(with_optional(condition))
    assert isinstance(outcome, Committed)
    assert [w.message for w in outcome.warnings] == ["no such program (its dependents do without it)"]
    assert (await bench.state("demo"))["demo_web_1"][1] == "running"


async def test_an_optional_service_whose_replacement_fails_runs_on_as_it_was() -> None:
    """The old container is put back, although the others go on."""
    bench = Bench(BUSYBOX, "broken")
    bench.engine.script("broken", Behaviour(start_error=EngineError(ErrorCode.START_FAILED, "no")))
    await bench.up(with_optional())
    before = await bench.state("demo")
    outcome = await bench.up(with_optional(image="broken"), UpOptions(recreate=Recreate.ALWAYS))
    assert isinstance(outcome, Committed)
    after = await bench.state("demo")
    assert after["demo_cache_1"][:2] == before["demo_cache_1"][:2]
    assert set(after) == set(before)
    assert after["demo_web_1"][0] != before["demo_web_1"][0]


async def test_an_optional_service_that_is_named_must_get_ready(bench: Bench) -> None:
    """Who asked for it by name is told that it failed, and everything is as before."""
    bench.engine.script("cache", Behaviour(healthy_after_s=None))
    named = UpOptions(services=(ServiceName("cache"), ServiceName("web")))
    outcome = await bench.up(with_optional(), named)
    assert isinstance(outcome, RolledBack)
    assert outcome.problems[0].service == "cache"


async def test_a_service_that_runs_to_its_end_is_a_warning(bench: Bench) -> None:
    """Exit code 0 and nothing that restarts it: it has done what it was to do."""
    bench.engine.script("hello", Behaviour(exits_after_s=0.1))
    outcome = await bench.up(project(services={"hello": {}}))
    assert isinstance(outcome, Committed)
    assert [w.message for w in outcome.warnings] == ["hello has run to its end (exit code 0)"]


async def test_every_step_is_announced_before_and_reported_after(bench: Bench) -> None:
    """Intent and outcome, all under the transaction's id, then the end."""
    await bench.up(stack())
    begun = [e.step for e in bench.recorder.events if isinstance(e, StepStarted)]
    ended = [e.step for e in bench.recorder.events if isinstance(e, StepFinished)]
    assert sorted(begun) == sorted(ended)
    assert isinstance(bench.recorder.events[-1], TransactionFinished)
    assert {e.cause for e in bench.recorder.events} == {"01TESTTESTTESTTESTTESTTEST"}


async def test_a_service_that_is_healthy_for_a_moment_only_fails_the_up(bench: Bench) -> None:
    """The gate looks again after the settling time; dependents need not wait for that, the `up` does."""
    bench.engine.script("db", Behaviour(ill_after_s=0.15))
    outcome = await bench.up(stack())
    assert isinstance(outcome, RolledBack)
    assert outcome.problems[0].code is ErrorCode.GATE_FAILED
    assert "did not stay so" in outcome.problems[0].message
    assert await bench.state("demo") == {}


async def test_a_name_server_that_dies_meanwhile_is_brought_back_and_told(bench: Bench) -> None:
    """What can resolve no name does not get ready: that is no fault of the stack's."""
    bench.engine.resolves_names = False
    outcome = await bench.up(stack())
    assert isinstance(outcome, Committed)
    assert [w.message for w in outcome.warnings] == [
        "Podman's name server did not answer for the containers any more, and was brought back"
    ]


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        pytest.param({"run_health_check": ErrorCode.NOT_FOUND}, "has been removed", id="it is gone"),
        pytest.param(
            {"run_health_check": ErrorCode.SERVICE_EXITED, "inspect_container": ErrorCode.DAEMON_UNREACHABLE},
            "did not stay so",
            id="it ended, and nobody can say how",
        ),
    ],
)
async def test_a_service_that_is_lost_after_its_gate_fails_the_up_and_is_rolled_back(
    bench: Bench, answers: dict[str, ErrorCode], said: str
) -> None:
    """Whatever Podman answers when it is looked at once more."""
    gate = bench.engine.hold("run_health_check")
    async with asyncio.TaskGroup() as group:
        coming_up = group.create_task(bench.up(project(services={"db": {"healthcheck": CHECK}})))
        await bench.clock.sleep(0.3)
        for method, code in answers.items():
            bench.engine.fail_next(method, EngineError(code, "as scripted"))
        gate.set()
    outcome = coming_up.result()
    assert isinstance(outcome, RolledBack)
    assert said in outcome.problems[0].message


async def test_a_service_that_dies_after_its_gate_fails_the_up(bench: Bench) -> None:
    """Ready is not enough: it must still be there when everything else is."""
    bench.engine.script("db", Behaviour(exits_after_s=0.15, exit_code=3))
    outcome = await bench.up(project(services={"db": {"healthcheck": CHECK}}))
    assert isinstance(outcome, RolledBack)
    assert "exited with code 3" in outcome.problems[0].message
