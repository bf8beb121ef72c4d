"""Lines that a thread writes, for a reader who may stall."""

import asyncio
import os
import subprocess
import sys
from textwrap import dedent

from tests.fakes.readers import Reader

from containers.cli.writing import MOST_LINES, Writer

PATIENCE_S = 5.0


async def test_lines_are_written_in_order_and_whole() -> None:
    """More than may wait at once; one that ends its line is given no second end."""
    reader = Reader()
    writer = Writer(reader.write)
    lines = [f"line {n}" for n in range(3 * MOST_LINES)]
    async with asyncio.timeout(PATIENCE_S):
        for line in lines:
            await writer.put(line)
        await writer.put("the end\n")
        await writer.flushed()
    assert reader.lines == [*lines, "the end"]
    writer.close()


async def test_who_puts_waits_for_a_reader_that_stalls_and_nobody_else_does() -> None:
    """Then all comes, in order."""
    reader = Reader(stalls=True)
    writer = Writer(reader.write)
    lines = [f"line {n}" for n in range(2 * MOST_LINES)]

    async def put_all() -> None:
        for line in lines:
            await writer.put(line)

    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        putting = group.create_task(put_all())
        for _ in range(10):
            await asyncio.sleep(0)
        assert not putting.done()
        reader.read_on()
    async with asyncio.timeout(PATIENCE_S):
        await writer.flushed()
    assert reader.lines == lines
    writer.close()


async def test_notes_that_nobody_reads_leave_out_the_oldest_and_say_so() -> None:
    """They may be offered by who must not wait."""
    reader = Reader(stalls=True)
    writer = Writer(reader.write)
    for n in range(2 * MOST_LINES):
        writer.offer(f"note {n}")
    reader.read_on()
    async with asyncio.timeout(PATIENCE_S):
        await writer.flushed()
    *_, last = reader.lines
    assert last == f"note {2 * MOST_LINES - 1}"
    assert len(reader.lines) <= MOST_LINES + 2
    assert [line for line in reader.lines if "lines are missing here" in line]
    writer.close()


async def test_a_reader_who_goes_ends_the_writing_for_everybody() -> None:
    """Who waits for room, for the end and for the failure."""
    reader = Reader(stalls=True)
    writer = Writer(reader.write)
    for n in range(MOST_LINES + 1):
        writer.offer(f"line {n}")
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        group.create_task(writer.put("one more"))
        group.create_task(writer.flushed())
        failing = group.create_task(writer.failure())
        await asyncio.sleep(0)
        reader.go()
    assert isinstance(failing.result(), BrokenPipeError)
    assert reader.lines == []


STUCK = dedent(
    """
    import asyncio
    from containers.cli.globals import Globals
    from containers.cli.terminal import Terminal

    async def main():
        terminal = Terminal(Globals())
        async with terminal.in_background() as out:
            for n in range(400):
                await out.put("x" * 1000)  # a pipe holds 64 KiB
            await asyncio.sleep(0.1)
            terminal.note("still here")
        terminal.note("the end")

    asyncio.run(main())
    """
)


def test_a_process_whose_reader_never_reads_ends_all_the_same() -> None:
    """Its thread is stuck in a write for ever; neither the loop nor the interpreter waits for it.

    Mechanism: a thread of `asyncio.to_thread` is joined at the end, and one that is stuck in `sys.stdout`
    has its lock, without which the interpreter aborts.
    """
    reading, writing = os.pipe()
    try:
        ended = subprocess.run(
            [sys.executable, "-c", STUCK],
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            timeout=20,
            check=False,
        )
    finally:
        os.close(reading)
        os.close(writing)
    assert (ended.returncode, ended.stderr) == (0, "still here\nthe end\n")
