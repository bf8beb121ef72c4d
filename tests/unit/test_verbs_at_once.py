"""Two things that one window asks for at once: neither takes the other's place, nor its cancel."""

import asyncio

from tests.fakes.managed import Managed
from tests.fakes.projects import BUSYBOX

from containers.model.base import TransactionId
from containers.model.errors import ErrorCode
from containers.model.journal import NOBODY, JournalRecord
from containers.model.observed import ObservedState
from containers.model.plan import Plan

COMPOSE = f"services: {{web: {{image: {BUSYBOX}}}}}"


async def until_busy(made: Managed) -> None:
    """Wait until something is being applied, and another one that was asked for waits."""
    for _ in range(30):
        await asyncio.sleep(0)
    assert made.manager.is_busy


async def test_cancelling_the_verb_that_waits_leaves_the_other_one_to_its_end() -> None:
    """Each has a message of its own in the editor, with a button to cancel it."""
    made = Managed(COMPOSE, BUSYBOX)
    go_on = made.engine.hold("start_container")
    async with asyncio.TaskGroup() as group:
        first = group.create_task(made.manager.start_services())
        await until_busy(made)
        second = group.create_task(made.manager.restart_services())
        await until_busy(made)
        assert made.manager.cancel(second)
        cancelled = await second
        assert [p.message for p in cancelled.problems] == ["cancelled before it began"]
        go_on.set()
        while not first.done():
            await made.clock.skip()
    assert first.result().ok


async def test_cancelling_the_verb_that_is_under_way_lets_the_next_one_begin() -> None:
    """A cancel of before does not count for what comes after it."""
    made = Managed(COMPOSE, BUSYBOX)
    go_on = made.engine.hold("start_container")
    async with asyncio.TaskGroup() as group:
        first = group.create_task(made.manager.start_services())
        await until_busy(made)
        second = group.create_task(made.manager.start_services())
        await until_busy(made)
        assert made.manager.cancel(first)
        go_on.set()
        while not (first.done() and second.done()):
            await made.clock.skip()
    assert not first.result().ok
    assert second.result().ok


async def test_what_somebody_else_asked_for_is_not_cancelled() -> None:
    """Nor does a request that has just come take the cancel of the one before it back."""
    made = Managed(COMPOSE, BUSYBOX)
    go_on = made.engine.hold("snapshot")
    async with asyncio.TaskGroup() as group:
        first = group.create_task(made.manager.start_services())
        await until_busy(made)
        stranger = group.create_task(asyncio.sleep(0))
        assert not made.manager.cancel(stranger)
        assert made.manager.cancel(first)
        second = group.create_task(made.manager.start_services())
        await until_busy(made)
        go_on.set()
        while not (first.done() and second.done()):
            await made.clock.skip()
    assert not first.result().ok
    assert second.result().ok


async def test_ending_what_was_left_open_takes_no_place_in_the_queue() -> None:
    """A change ends that itself. Symptom: right after an `up` as a window opened, it was said to be busy."""
    made = Managed(COMPOSE, BUSYBOX)
    go_on = made.engine.hold("start_container")
    async with asyncio.TaskGroup() as group:
        first = group.create_task(made.manager.start_services())
        await until_busy(made)
        second = group.create_task(made.manager.start_services())
        await until_busy(made)
        ended = group.create_task(made.manager.end_interrupted(made.manager.require_project()))
        await until_busy(made)
        go_on.set()
        while not (first.done() and second.done() and ended.done()):
            await made.clock.skip()
    assert second.result().ok
    assert ended.result() == ()
    assert not made.manager.is_busy


async def test_what_a_verb_did_not_come_to_end_is_ended_after_it() -> None:
    """It was refused before that, say."""
    made = Managed(COMPOSE, BUSYBOX)
    project = made.manager.require_project()
    go_on = made.engine.hold("start_container")
    async with asyncio.TaskGroup() as group:
        first = group.create_task(made.manager.start_services())
        await until_busy(made)
        left = JournalRecord(
            transaction=TransactionId("left"),
            project=project.name,
            store=made.engine.store,
            plan=Plan(verb="up", project=project.name, steps=()),
            before=ObservedState(project=project.name),
            started_at=made.clock.now(),
            pid=NOBODY,
        )
        await made.journal.begin(left)
        ended = group.create_task(made.manager.end_interrupted(project))
        await until_busy(made)
        go_on.set()
        while not (first.done() and ended.done()):
            await made.clock.skip()
    assert [p.code for p in ended.result()] == [ErrorCode.INTERRUPTED]
