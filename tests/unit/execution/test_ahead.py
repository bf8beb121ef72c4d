"""Work begun before it is known whether it is needed."""

import asyncio

import pytest

from containers.execution.ahead import ahead
from containers.model.errors import EngineError, ErrorCode


async def test_the_result_is_there_for_who_asks() -> None:
    """It has been worked on beside the block."""
    begun = asyncio.Event()

    async def work() -> str:
        begun.set()
        return "done"

    async with ahead(work()) as result:
        await begun.wait()
        assert await result() == "done"


async def test_what_nobody_asks_for_is_cancelled() -> None:
    """A long translation must not hold up a plan that is empty."""
    cancelled = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async with ahead(work()):
        await asyncio.sleep(0)
    assert cancelled.is_set()


async def test_its_error_is_for_who_asks() -> None:
    """Bare, as if the work had been done on the spot."""

    async def work() -> None:
        raise EngineError(ErrorCode.TIMEOUT, "late")

    with pytest.raises(EngineError, match="late"):
        async with ahead(work()) as result:
            await result()


async def test_an_error_that_nobody_asks_for_is_nobodys() -> None:
    """A plan that creates nothing needs no translation, so it does not matter that there is none."""

    async def work() -> None:
        raise EngineError(ErrorCode.TIMEOUT, "late")

    async with ahead(work()):
        await asyncio.sleep(0)
        await asyncio.sleep(0)


async def test_the_blocks_own_error_comes_out_bare() -> None:
    """The caller expects what it would expect without the work."""

    async def work() -> None:
        await asyncio.Event().wait()

    with pytest.raises(EngineError, match="own"):
        async with ahead(work()):
            raise EngineError(ErrorCode.NOT_FOUND, "own")
