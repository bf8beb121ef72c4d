"""Killed at every instant between two effects, on the engine in memory: the old stack or the new one."""

import os
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fakes.fake_container import Behaviour
from tests.fakes.projects import BUSYBOX, project
from tests.fakes.workshop import Workshop
from tests.torture.fake_sequences import Sequence, changes

from containers.model.errors import EngineError, ErrorCode
from containers.model.journal import NOBODY
from containers.model.outcome import Committed, RolledBack, Stuck
from containers.model.project import ResolvedProject
from containers.planning.options import UpOptions

CHECK = {"test": ["CMD", "true"], "interval": "30s", "retries": 3}
ORPHANS = UpOptions(remove_orphans=True)
MOST_INSTANTS = 120


def stack(version: str, **more: Any) -> ResolvedProject:
    """Three services; `version` changes two of them."""
    healthy = {"db": {"condition": "service_healthy", "required": True}}
    data = [{"type": "volume", "source": "data", "target": "/data"}]
    return project(
        services={
            "db": {"healthcheck": CHECK, "environment": {"V": version}, "volumes": data},
            "api": {"depends_on": healthy, "environment": {"V": version}},
            "web": {},
            **more,
        }
    )


OLD = stack("1", first={}, second={}, third={})
NEW = stack("2", extra={"volumes": [{"type": "volume", "source": "more", "target": "/more"}]})
OPTIONAL = {"cache": {"condition": "service_started", "required": False}}
WITH_CACHE = stack("1", cache={}, shop={"depends_on": OPTIONAL}, first={}, second={})
BAD_CACHE = stack("2", cache={"image": "broken"}, shop={"depends_on": OPTIONAL})


async def established(old: ResolvedProject = OLD) -> Workshop:
    """An engine on which the old stack runs."""
    broken = Behaviour(start_error=EngineError(ErrorCode.START_FAILED, "no such program"))
    workshop = Workshop(
        BUSYBOX,
        "broken",
        "ill",
        behaviours={"broken": broken, "ill": Behaviour(exits_after_s=0.0, exit_code=3)},
    )
    result = await workshop.up(old)
    assert result is not None
    assert result.ok, result.problems
    return workshop


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(OLD, NEW, id="update"),
        pytest.param(OLD, stack("2", first={"image": "ill"}), id="failing"),
        pytest.param(WITH_CACHE, BAD_CACHE, id="optional"),
    ],
)
async def test_a_kill_at_any_instant_leaves_the_old_stack_or_the_new_one(
    old: ResolvedProject, new: ResolvedProject
) -> None:
    """Also where several containers are removed at once, or an optional service runs on as it was."""
    undisturbed = await established(old)
    await undisturbed.up(new, ORPHANS)
    wanted = {c.name for c in (await undisturbed.look(new)).containers}
    for instant in range(undisturbed.instants):
        workshop = await established(old)
        before = await workshop.look(old)
        assert await workshop.up(new, ORPHANS, killed_at=instant) is None
        told = await workshop.recover(new)
        assert told is not None
        assert not [p for p in told if p.code is ErrorCode.ROLLBACK_FAILED], (instant, told)
        now = await workshop.look(new)
        wrong = list(changes(before, now))
        assert not wrong or ({c.name for c in now.containers} == wanted), (instant, wrong)
        assert all(c.is_running for c in now.containers), instant
        assert await workshop.open_transactions(new) == []
        assert workshop.revisions.staged is None
    assert 0 < undisturbed.instants < MOST_INSTANTS


async def test_the_old_container_of_an_optional_service_survives_a_kill_while_tidying_up() -> None:
    """It was put back, so it is no leftover: recovery removed it as one that had been replaced."""
    undisturbed = await established(WITH_CACHE)
    await undisturbed.up(BAD_CACHE, ORPHANS)
    for instant in range(undisturbed.instants):
        workshop = await established(WITH_CACHE)
        cache = workshop.engine.container("demo_cache_1").id
        assert await workshop.up(BAD_CACHE, ORPHANS, killed_at=instant) is None
        await workshop.recover(BAD_CACHE)
        assert workshop.engine.container("demo_cache_1").id == cache, instant
        assert workshop.engine.container("demo_cache_1").runs, instant


async def test_several_removals_at_once_stage_one_revision() -> None:
    """Each is the first that asks whether there is a way back; one staging at a time."""
    workshop = await established()
    staged = 0
    real = workshop.revisions.stage

    async def stage(revision: Any) -> None:
        nonlocal staged
        staged += 1
        await workshop.clock.sleep(0.1)
        await real(revision)

    workshop.revisions.stage = stage  # type: ignore[method-assign]
    result = await workshop.up(NEW, ORPHANS)
    assert result is not None
    assert isinstance(result.outcome, Committed)
    assert staged == 1


async def test_where_the_point_of_no_return_can_not_be_noted_nothing_is_removed() -> None:
    """None of several removals goes through, and everything is put back."""
    workshop = await established()
    before = await workshop.look(OLD)
    workshop.revisions.is_full = True
    result = await workshop.up(NEW, ORPHANS)
    assert result is not None
    assert isinstance(result.outcome, RolledBack)
    assert result.problems[0].code is ErrorCode.NO_SPACE
    assert list(changes(before, await workshop.look(OLD))) == []


@pytest.mark.parametrize("instant", [5, 20, 30])
async def test_a_container_that_is_about_to_stop_when_we_come_runs_again(instant: int) -> None:
    """Its stop was under way when the process was killed, and goes on without it."""
    workshop = await established()
    before = await workshop.look(OLD)
    assert await workshop.up(NEW, ORPHANS, killed_at=instant) is None
    workshop.engine.begin_stop(
        next(c.name for c in (await workshop.look(OLD)).containers if c.service == "api")
    )
    told = await workshop.recover(NEW)
    assert told is not None
    assert [p.code for p in told] == [ErrorCode.INTERRUPTED]
    assert list(changes(before, await workshop.look(OLD))) == []
    assert not any(c.is_stopping for c in (await workshop.look(OLD)).containers)


async def test_who_ends_what_was_left_open_is_at_work_meanwhile() -> None:
    """Symptom: a monitor took what a recovery removed for an accident, and had it made again."""
    workshop = await established()
    assert await workshop.up(NEW, ORPHANS, killed_at=20) is None
    (left, *_) = await workshop.journal.history()
    await workshop.journal.held_by(left.transaction, 1)
    at_work: list[int] = []
    real = workshop.engine.remove_container

    async def remove(*args: Any, **kwargs: Any) -> Any:
        at_work.append((await workshop.journal.history())[0].pid)
        return await real(*args, **kwargs)

    workshop.engine.remove_container = remove  # type: ignore[method-assign]
    assert await workshop.recover(NEW) is not None
    assert set(at_work) == {os.getpid()}


async def test_what_podman_did_not_answer_for_is_ended_by_the_next() -> None:
    """The rollback gave up, and is not closed for that."""
    workshop = await established()
    before = await workshop.look(OLD)
    real = workshop.engine.rename_container

    async def vanish(*args: Any) -> None:
        workshop.engine.vanish()
        await real(*args)

    workshop.engine.rename_container = vanish  # type: ignore[assignment, method-assign]
    result = await workshop.up(NEW, ORPHANS)
    assert result is not None
    assert isinstance(result.outcome, Stuck)
    assert (await workshop.journal.history())[0].pid == NOBODY
    workshop.engine.rename_container = real  # type: ignore[method-assign]
    workshop.engine.come_back()
    told = await workshop.recover(NEW)
    assert told is not None
    assert [p.code for p in told] == [ErrorCode.INTERRUPTED]
    assert list(changes(before, await workshop.look(OLD))) == []


async def test_an_update_with_a_broken_check_is_rolled_back_to_the_old_one() -> None:
    """The old container is gated by the check that it was made with, not by the one that failed."""
    workshop = await established()
    before = await workshop.look(OLD)
    asked: list[tuple[str, ...]] = []
    real = workshop.engine.execute

    async def execute(container: Any, command: Any, timeout_s: float, hook: Any = None) -> Any:
        asked.append(tuple(command))
        answer = await real(container, command, timeout_s, hook)
        return answer.model_copy(update={"exit_code": 1}) if command[-1] == "false" else answer

    workshop.engine.execute = execute  # type: ignore[method-assign]
    bad = {"test": ["CMD", "false"], "interval": "1s", "timeout": "1s", "retries": 1}
    result = await workshop.up(project(services={"db": {"healthcheck": bad}}))
    assert result is not None
    assert isinstance(result.outcome, RolledBack), result.outcome
    assert ("false",) in asked
    assert list(changes(before, await workshop.look(OLD))) == []


@given(st.integers(0, 1 << 32))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
async def test_after_random_edits_the_plan_is_empty_or_everything_is_as_before(seed: int) -> None:
    """With kills between; `./dev torture sequences` runs thousands, and on Podman."""
    await Sequence(random.Random(seed)).run(6)  # noqa: S311  (to be repeated)
