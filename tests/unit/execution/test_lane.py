"""One apply at a time, at most one waiting."""

import asyncio
from contextlib import suppress

import pytest

from containers.execution.lane import Lane
from containers.model.errors import ErrorCode, LockHeldError, PodkeeperError


async def test_work_is_done_one_after_the_other() -> None:
    """The second begins when the first has ended."""
    lane, order, gate = Lane(), [], asyncio.Event()

    async def work(name: str) -> str:
        order.append(f"{name} begins")
        await gate.wait()
        order.append(f"{name} ends")
        return name

    async with asyncio.TaskGroup() as group:
        first = group.create_task(lane.run(lambda: work("first")))
        await asyncio.sleep(0)
        second = group.create_task(lane.run(lambda: work("second")))
        await asyncio.sleep(0)
        assert lane.is_busy
        gate.set()
    assert (first.result(), second.result()) == ("first", "second")
    assert order == ["first begins", "first ends", "second begins", "second ends"]
    assert not lane.is_busy


async def test_a_newer_request_takes_the_place_of_the_one_that_waits() -> None:
    """Never of the one that runs."""
    lane, gate, done = Lane(), asyncio.Event(), []

    async def work(name: str) -> None:
        await gate.wait()
        done.append(name)

    async def waits() -> None:
        with pytest.raises(PodkeeperError) as replaced:
            await lane.run(lambda: work("replaced"))
        assert replaced.value.code is ErrorCode.CANCELLED

    async with asyncio.TaskGroup() as group:
        _ = group.create_task(lane.run(lambda: work("running")))
        await asyncio.sleep(0)
        _ = group.create_task(waits())
        await asyncio.sleep(0)
        _ = group.create_task(lane.run(lambda: work("newest")))
        await asyncio.sleep(0)
        gate.set()
    assert done == ["running", "newest"]


async def test_what_does_not_wait_takes_nobodys_place() -> None:
    """Symptom: what the monitor made again had a change dropped that a person had asked for."""
    lane, gate, done = Lane(), asyncio.Event(), []

    async def work(name: str) -> None:
        await gate.wait()
        done.append(name)

    async with asyncio.TaskGroup() as group:
        _ = group.create_task(lane.run(lambda: work("running")))
        await asyncio.sleep(0)
        _ = group.create_task(lane.run(lambda: work("a person's")))
        await asyncio.sleep(0)
        with pytest.raises(LockHeldError):
            await lane.run(lambda: work("automatic"), waits=False)
        gate.set()
    assert done == ["running", "a person's"]
    await lane.run(lambda: work("automatic"), waits=False)
    assert done[-1] == "automatic"


async def test_work_that_fails_frees_the_lane() -> None:
    """What it raised reaches who asked."""
    lane = Lane()

    async def fails() -> None:
        msg = "broken"
        raise ValueError(msg)

    with pytest.raises(ValueError, match="broken"):
        await lane.run(fails)
    assert not lane.is_busy


async def test_one_that_is_cancelled_just_as_its_turn_comes_does_not_keep_the_lane() -> None:
    """It was given the lane and never came to use it; whoever came later waited for ever."""
    lane = Lane()
    go_on = asyncio.Event()

    async def work() -> str:
        await go_on.wait()
        return "done"

    async def waiting() -> None:
        with suppress(asyncio.CancelledError):
            await lane.run(work)

    async def under_way(other: asyncio.Task[None]) -> None:
        await lane.run(work)
        other.cancel()  # it has its turn, and has not gone on yet

    async with asyncio.TaskGroup() as group:
        turn = asyncio.Event()

        async def second() -> None:
            await turn.wait()
            await waiting()

        other = group.create_task(second())
        group.create_task(under_way(other))
        await asyncio.sleep(0)
        turn.set()
        for _ in range(5):
            await asyncio.sleep(0)
        go_on.set()
    assert not lane.is_busy
    assert await lane.run(work) == "done"


async def test_what_waits_can_be_withdrawn_by_who_asked_for_it_alone() -> None:
    """What is under way goes on, and so does what others wait for."""
    lane, gate = Lane(), asyncio.Event()

    async with asyncio.TaskGroup() as group:
        first = group.create_task(lane.run(gate.wait))
        await asyncio.sleep(0)

        async def asks() -> None:
            with pytest.raises(PodkeeperError, match="cancelled before it began"):
                await lane.run(gate.wait)

        second = group.create_task(asks())
        await asyncio.sleep(0)
        assert lane.is_doing(first)
        assert not lane.is_doing(second)
        assert not lane.withdraw(first)
        assert lane.withdraw(second)
        await second
        assert not lane.withdraw(second)
        gate.set()
    assert first.result()
    assert not lane.is_busy
