"""Threads for clients: bounded, one client each, and never in the loop's way."""

import asyncio
import threading

import pytest
from podman.api.client import APIClient

from containers.adapters.podman_threads import ClientThreads


class Opened:
    """Counts the clients that were opened and closed."""

    def __init__(self) -> None:
        self.clients: list[APIClient] = []

    def open(self) -> APIClient:
        """A client that reaches nothing."""
        client = APIClient(base_url="unix:///nowhere.sock")
        self.clients.append(client)
        return client


async def until_idle(threads: ClientThreads[APIClient]) -> None:
    """Wait until every thread waits for work: one that has answered is still busy for an instant."""
    async with asyncio.timeout(30):
        while threads._unclaimed > -threads._threads:  # noqa: ASYNC110  (nothing tells)
            await asyncio.sleep(0.01)


async def test_threads_are_reused_and_bounded() -> None:
    """Ten calls at once on three threads use three clients; one after the other, one."""
    opened = Opened()
    threads = ClientThreads(opened.open, most=3)
    for _ in range(5):
        await threads.call(lambda client: client)
        await until_idle(threads)
    assert len(opened.clients) == 1
    gate = threading.Event()

    async def wait() -> None:
        await threads.call(lambda _: gate.wait(30))

    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        for _ in range(10):
            group.create_task(wait())
        while len(opened.clients) < 3:  # noqa: ASYNC110  (a thread opens it: nothing tells)
            await asyncio.sleep(0.01)
        gate.set()
    assert len(opened.clients) == 3
    threads.close()


async def test_each_thread_keeps_its_own_client() -> None:
    """A requests session is not safe to share."""
    opened = Opened()
    threads = ClientThreads(opened.open, most=4)
    seen: set[tuple[int, int]] = set()
    barrier = threading.Barrier(4)

    def work(client: APIClient) -> None:
        barrier.wait(5)
        seen.add((threading.get_ident(), id(client)))

    for _ in range(3):
        async with asyncio.TaskGroup() as group:
            for _ in range(4):
                group.create_task(threads.call(work))
    assert len(seen) == 4
    threads.close()


async def test_what_the_work_raises_comes_out() -> None:
    """In the awaiting task, with its own type."""
    threads = ClientThreads(Opened().open, most=1)

    def fail(_: APIClient) -> None:
        raise LookupError("no")

    with pytest.raises(LookupError):
        await threads.call(fail)
    assert await threads.call(lambda _: 1) == 1
    threads.close()


async def test_cancelling_stops_the_waiting_at_once() -> None:
    """The thread goes on, and is of use again afterwards."""
    threads = ClientThreads(Opened().open, most=1)
    gate = threading.Event()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await threads.call(lambda _: gate.wait(5))
    gate.set()
    assert await threads.call(lambda _: "again") == "again"
    threads.close()


async def test_nothing_is_taken_after_closing() -> None:
    """A call on a closed engine is a mistake of ours."""
    threads = ClientThreads(Opened().open, most=1)
    threads.close()
    with pytest.raises(RuntimeError):
        await threads.call(lambda _: 1)
