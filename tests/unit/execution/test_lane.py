"""One apply at a time, at most one waiting."""

import asyncio

import pytest

from containers.execution.lane import Lane
from containers.model.errors import ErrorCode, PodkeeperError


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


async def test_work_that_fails_frees_the_lane() -> None:
    """What it raised reaches who asked."""
    lane = Lane()

    async def fails() -> None:
        msg = "broken"
        raise ValueError(msg)

    with pytest.raises(ValueError, match="broken"):
        await lane.run(fails)
    assert not lane.is_busy
