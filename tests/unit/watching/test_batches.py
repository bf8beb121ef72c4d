"""Gathering changes into batches, and telling temporary files from real ones."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from pathlib import Path

import pytest
from tests.fakes.manual_clock import ManualClock
from tests.fakes.scripted_watcher import ScriptedWatcher
from tests.fakes.tasks import LoopTasks

from containers.file_batches import LONGEST_S, QUIET_S, batches
from containers.model.files import FileEntry, WatchRoot
from containers.watching.debounce import FEW, Debounce
from containers.watching.known import KnownFiles
from containers.watching.noise import is_noise

A, B = Path("/w/a"), Path("/w/b")


def test_a_batch_ends_after_a_short_silence() -> None:
    """Each change puts the end off."""
    debounce = Debounce(0.1, 0.3, 10.0)
    debounce.note([A], 0.0)
    debounce.note([B], 0.09)
    assert debounce.take(0.15) == ()
    assert debounce.take(0.19) == (A, B)
    assert (debounce.take(9.0), debounce.due_at) == ((), None)


def test_a_batch_does_not_wait_for_ever() -> None:
    """Where something always changes."""
    debounce = Debounce(0.1, 0.3, 1.0)
    for tenth in range(20):
        debounce.note([A], tenth * 0.05)
    assert debounce.due_at == 1.0
    assert debounce.take(1.0) == (A,)


def test_many_files_are_waited_for_longer() -> None:
    """A checkout pauses longer than an editor does."""
    debounce = Debounce(0.1, 0.3, 1.0)
    debounce.note([Path(f"/w/{number}") for number in range(FEW + 1)], 0.0)
    assert debounce.take(0.2) == ()
    assert len(debounce.take(0.3)) == FEW + 1


def test_a_file_that_changes_often_is_in_a_batch_once() -> None:
    """An editor truncates, writes, and sets the mode."""
    debounce = Debounce(0.1, 0.3, 1.0)
    debounce.note([A, A, B, A], 0.0)
    assert debounce.take(0.2) == (A, B)


async def test_changes_come_in_batches_and_the_first_says_that_it_has_begun() -> None:
    """A checkout of five hundred files is one."""
    clock, watcher = ManualClock(), ScriptedWatcher()
    got: list[int] = []

    async def read(group: asyncio.TaskGroup) -> None:
        async with aclosing(batches(watcher, (), clock, group, print)) as found:
            async for _, paths in found:
                got.append(len(paths))

    async with asyncio.TaskGroup() as group:
        task = group.create_task(read(group))
        await clock.advance(0)
        assert got == [0]
        for number in range(500):
            watcher.changed.put_nowait((Path(f"/w/{number}"),))
        for _ in range(60):
            await asyncio.sleep(0)
        await clock.advance(QUIET_S / 2)
        assert got == [0]
        while sum(got) < 500:
            await clock.advance(LONGEST_S)
        assert got == [0, 500]
        task.cancel()
    assert watcher.closed


class BrokenWatcher:
    """The port `FileWatcher`: it breaks when it has begun."""

    async def changes(
        self, roots: Iterable[WatchRoot], degraded: Callable[[str], None]
    ) -> AsyncGenerator[tuple[Path, ...], None]:
        """Begin, then break."""
        del roots, degraded
        yield ()
        raise ConnectionError("the watcher broke")


async def test_a_watcher_that_breaks_ends_the_batches() -> None:
    """Who reads them must not wait for ever for what nobody will tell."""
    tasks = LoopTasks()
    follow = batches(BrokenWatcher(), (), ManualClock(), tasks, print)
    async with asyncio.timeout(5), aclosing(follow) as found:
        assert [paths async for _, paths in found] in ([], [()])
    with pytest.raises(ConnectionError):
        await tasks.cancel()


@pytest.mark.parametrize(
    "name",
    [
        "4913",
        "a.txt~",
        ".a.txt.swp",
        ".a.txt.swx",
        ".#a.txt",
        "#a.txt#",
        "a.txt___jb_tmp___",
        ".goutputstream-X1",
        ".git/index.lock",
        ".nfs000000a1",
    ],
)
def test_what_editors_leave_for_a_moment_is_noise(name: str) -> None:
    """Nobody means these files."""
    assert is_noise(Path(name))


@pytest.mark.parametrize("name", ["a.txt", "49130", "swp", "a.swift", ".env", ".gitignore", "x/.github/y"])
def test_what_only_looks_like_it_is_not(name: str) -> None:
    """These are written by people."""
    assert not is_noise(Path(name))


def entry(path: str, kind: str = "file", stamp: int = 1) -> FileEntry:
    """Something that is there."""
    return FileEntry(Path(path), kind, stamp=(stamp, 0, 0))  # type: ignore[arg-type]


def test_a_folder_that_is_gone_is_one_path_and_what_never_was_is_none() -> None:
    """A temporary file that came and went within a batch needs no removal."""
    known = KnownFiles()
    known.learn([entry("/w", "folder"), entry("/w/d", "folder"), entry("/w/d/x"), entry("/w/y")])
    asked = [Path("/w/d"), Path("/w/d/x"), Path("/w/tmp")]
    difference = known.differ(asked, dict.fromkeys(asked), frozenset(asked))
    assert difference == ((), (Path("/w/d"),))


def test_everything_below_a_folder_is_compared_with_what_was_there() -> None:
    """After events were lost a folder stands for all that is in it."""
    known = KnownFiles()
    known.learn([entry("/w", "folder"), entry("/w/same"), entry("/w/other"), entry("/w/gone")])
    found = {
        e.path: e
        for e in (entry("/w", "folder"), entry("/w/same"), entry("/w/other", stamp=2), entry("/w/n"))
    }
    difference = known.differ([Path("/w")], found, frozenset([Path("/w")]))
    assert {e.path.name for e in difference.present} == {"other", "n"}
    assert difference.vanished == (Path("/w/gone"),)


def test_a_file_that_was_told_counts_although_it_looks_the_same() -> None:
    """Two writes within one tick of the clock."""
    known = KnownFiles()
    known.learn([entry("/w/a")])
    assert known.differ([A], {A: entry("/w/a")}, frozenset([A])).present == (entry("/w/a"),)
    assert known.differ([A], {A: entry("/w/a")}, frozenset()).present == ()
