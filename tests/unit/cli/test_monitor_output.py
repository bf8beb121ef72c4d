"""What `podkeeper monitor` prints, and that a reader who stalls does not stop it."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from tests.fakes.clock import LoopClock
from tests.fakes.readers import Reader
from tests.fakes.tasks import LoopTasks

from containers.bus import QUEUE, EventBus
from containers.cli.keeping import print_events
from containers.cli.writing import MOST_LINES, Writer
from containers.model.base import ProjectName
from containers.model.events import DriftChanged, EventBase

SHOP = ProjectName("shop")
PATIENCE_S = 10.0


class Printing:
    """A bus, and the printing of its events about `shop`."""

    def __init__(self) -> None:
        self.clock = LoopClock()
        self.bus = EventBus(self.clock)
        self.tasks = LoopTasks()
        self.reader = Reader()
        self.heard: list[EventBase] = []
        self.task: asyncio.Task[None] | None = None

    def start(self, reader: Reader) -> None:
        """Begin to print to a reader."""
        self.task = self.tasks.create_task(self.print_to(reader))

    async def print_to(self, reader: Reader) -> None:
        """Print until the end."""
        self.reader = reader
        self.bus.start(self.tasks)
        self.bus.subscribe("test", self.heard.append, topics=("bus.*",))
        self.writer = Writer(reader.write)
        await print_events(self.bus, lambda: SHOP, self.writer, json=True)

    def tell(self, number: int, project: ProjectName | None = SHOP) -> None:
        """Something happened."""
        event = DriftChanged(
            at=self.clock.now(), source="drift", project=project, revision=number, found=("it moved",)
        )
        self.bus.publish(event)

    async def end(self) -> None:
        """As Ctrl-C does; then what waits is written."""
        assert self.task is not None
        self.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await self.task
        async with asyncio.timeout(PATIENCE_S):
            await self.writer.flushed()

    @property
    def printed(self) -> list[int]:
        """The numbers of the events that the reader got."""
        found = [json.loads(line) for line in self.reader.lines]
        return [event["revision"] for event in found if event["kind"] == "drift.changed"]


@pytest.fixture
async def printing() -> AsyncIterator[Printing]:
    """Not begun."""
    made = Printing()
    yield made
    made.reader.read_on()
    made.writer.close()
    await made.bus.close()
    await made.tasks.cancel()


async def test_what_was_told_is_printed_in_order_before_the_end(printing: Printing) -> None:
    """What was told before the printing began as well; not what another project did."""
    printing.tell(1)
    printing.start(Reader())
    await asyncio.sleep(0)
    printing.tell(2, ProjectName("other"))
    printing.tell(3, None)
    for number in range(4, 900):
        printing.tell(number)
    await asyncio.sleep(0)
    await printing.end()
    assert printing.printed == [1, *range(3, 900)]


async def test_a_stalled_reader_stops_nobody_and_misses_the_oldest(printing: Printing) -> None:
    """Symptom: supervision stood still, with the lease kept, while `monitor --json | consumer` was not read.

    The write blocked the event loop. Now what is too much for the bus's queue is left out, and that is told.
    """
    printing.start(Reader(stalls=True))
    await asyncio.sleep(0)
    most = MOST_LINES + QUEUE
    for number in range(2 * most):
        printing.tell(number)
        await asyncio.sleep(0)
    assert [e for e in printing.heard if getattr(e, "kind", "") == "bus.subscriber_lagged"]
    printing.reader.read_on()
    await printing.end()
    printed = printing.printed
    assert printed == sorted(printed)
    assert printed[:MOST_LINES] == list(range(MOST_LINES))
    assert printed[-1] == 2 * most - 1
    assert QUEUE < len(printed) < 2 * most


async def test_a_reader_who_has_gone_ends_the_monitor(printing: Printing) -> None:
    """With the error that the shell's pipes are used to."""
    reader = Reader()
    reader.go()
    printing.tell(1)
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(BrokenPipeError):
            await printing.print_to(reader)


async def test_ctrl_c_ends_the_printing_to_a_reader_who_never_reads(printing: Printing) -> None:
    """Within a moment: it must not keep the lease."""
    printing.start(Reader(stalls=True))
    await asyncio.sleep(0)
    for number in range(2 * MOST_LINES):
        printing.tell(number)
    await asyncio.sleep(0)
    assert printing.task is not None
    printing.task.cancel()
    async with asyncio.timeout(PATIENCE_S / 2):
        with pytest.raises(asyncio.CancelledError):
            await printing.task
