"""Watching real files: nothing is lost, and where inotify can not, they are polled and that is said."""

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

from containers.adapters import file_watcher
from containers.adapters.file_systems import silent_file_system
from containers.adapters.file_tree import LocalFileTree
from containers.adapters.file_watcher import WatchdogFileWatcher
from containers.adapters.system_clock import SystemClock
from containers.model.files import WatchRoot

PATIENCE_S = 10.0


class Seen:
    """What a watcher has told."""

    def __init__(self) -> None:
        self.paths: set[Path] = set()
        self.reasons: list[str] = []
        self._more = asyncio.Event()

    def note(self, paths: tuple[Path, ...]) -> None:
        """Take in what was told; a folder stands for what is in it, as its readers take it."""
        self.paths.update(LocalFileTree().look(paths))
        self._more.set()

    async def until(self, *wanted: Path) -> None:
        """Wait for paths."""
        async with asyncio.timeout(PATIENCE_S):
            while not set(wanted) <= self.paths:
                self._more.clear()
                await self._more.wait()


@asynccontextmanager
async def watching(watcher: WatchdogFileWatcher, *roots: WatchRoot) -> AsyncIterator[Seen]:
    """A watcher that has begun."""
    seen, begun = Seen(), asyncio.Event()

    async def follow() -> None:
        async with aclosing(watcher.changes(roots, seen.reasons.append)) as changes:
            async for paths in changes:
                seen.note(paths)
                begun.set()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(follow())
        async with asyncio.timeout(PATIENCE_S):
            await begun.wait()
        yield seen
        task.cancel()


def limited(number: int) -> Callable[[], BaseObserver]:
    """Makes observers whose limit is reached."""

    class Full(Observer):  # type: ignore[misc, valid-type]
        def schedule(self, *_arguments: object, **_options: object) -> None:
            raise OSError(number, "no space left on device")

    return Full


async def test_a_file_is_seen_through_every_way_of_saving_it(tmp_path: Path) -> None:
    """Written in place, replaced by renaming, removed; and its neighbours are not told."""
    file, other = tmp_path / "a.txt", tmp_path / "b.txt"
    file.write_text("1")
    async with watching(WatchdogFileWatcher(SystemClock()), WatchRoot(file, is_recursive=False)) as seen:
        for save in (lambda: file.write_text("2"), lambda: other.rename(file), file.unlink):
            other.write_text("3")
            seen.paths.clear()
            save()
            await seen.until(file)
        assert other not in seen.paths
        assert seen.reasons == []


async def test_what_is_made_within_a_new_folder_at_once_is_found(tmp_path: Path) -> None:
    """Long before anybody could watch the folder."""
    async with watching(WatchdogFileWatcher(SystemClock()), WatchRoot(tmp_path)) as seen:
        wanted = []
        for number in range(20):
            folder = tmp_path / f"d{number}" / "e" / "f"
            folder.mkdir(parents=True)
            wanted.append(folder / "x.txt")
            wanted[-1].write_text("x")
        await seen.until(*wanted)


async def test_a_root_that_comes_later_or_comes_back_is_watched(tmp_path: Path) -> None:
    """A folder that a checkout removes and makes anew."""
    root = tmp_path / "not" / "yet"
    async with watching(WatchdogFileWatcher(SystemClock()), WatchRoot(root)) as seen:
        root.mkdir(parents=True)
        (root / "a").write_text("x")
        await seen.until(root / "a")
        (root / "a").unlink()
        root.rmdir()
        await asyncio.sleep(0.1)
        root.mkdir()
        seen.paths.clear()
        (root / "b").write_text("x")
        await seen.until(root / "b")
        await asyncio.sleep(0.2)
        seen.paths.clear()
        (root / "b").write_text("y")
        await seen.until(root / "b")


async def test_what_lies_in_a_folder_that_may_not_be_searched_keeps_nothing_from_being_watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Symptom: with a secret in root's folder none of a stack's files was watched: asking for it raised.

    It is simply not there, from the beginning or from some moment on.
    """
    private, shared, file = tmp_path / "private", tmp_path / "shared", tmp_path / "a.txt"
    closed = {private}
    for folder in (private / "sub", shared / "sub", tmp_path / "deep"):
        folder.mkdir(parents=True)
    ask = os.stat

    def refuse(path: Any, *args: Any, **options: Any) -> os.stat_result:
        if isinstance(path, (str, Path)) and not closed.isdisjoint(Path(path).parents):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return ask(path, *args, **options)

    monkeypatch.setattr(os, "stat", refuse)
    roots = (
        WatchRoot(private / "sub" / "key", is_recursive=False),
        WatchRoot(private / "sub"),
        WatchRoot(shared / "sub"),
        WatchRoot(tmp_path / "deep"),
        WatchRoot(file, is_recursive=False),
    )
    async with watching(WatchdogFileWatcher(SystemClock()), *roots) as seen:
        file.write_text("x")
        await seen.until(file)
        closed.add(shared)
        (tmp_path / "deep" / "new").mkdir()
        await seen.until(tmp_path / "deep" / "new")
        seen.paths.clear()
        file.write_text("y")
        await seen.until(file)


async def test_after_so_much_at_once_that_events_may_be_lost_everything_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Symptom: 7,000 of 15,000 files were never seen; the kernel drops what its queue can not hold."""
    monkeypatch.setattr(file_watcher, "_queue_length", lambda: 100)
    async with watching(WatchdogFileWatcher(SystemClock()), WatchRoot(tmp_path)) as seen:
        for number in range(200):
            (tmp_path / str(number)).write_text("x")
        await seen.until(tmp_path)
        seen.paths.clear()
        await asyncio.sleep(0.5)
        (tmp_path / "later").write_text("x")
        await seen.until(tmp_path / "later")
        assert tmp_path not in seen.paths


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EMFILE])
async def test_where_inotify_is_at_its_limit_files_are_polled_and_that_is_said(
    tmp_path: Path, number: int
) -> None:
    """Once, with what to do about it."""
    watcher = WatchdogFileWatcher(SystemClock(), limited(number), poll_s=0.05)
    async with watching(watcher, WatchRoot(tmp_path)) as seen:
        (tmp_path / "d").mkdir()
        (tmp_path / "d" / "a").write_text("x")
        await seen.until(tmp_path / "d" / "a")
    (reason,) = seen.reasons
    assert "polled" in reason
    assert "max_user_watches" in reason


async def test_folders_that_do_not_fit_below_a_root_are_noticed(tmp_path: Path) -> None:
    """The limit is reached after the root was taken: what is below it would never be told of."""
    made = 0

    def make() -> BaseObserver:
        nonlocal made
        made += 1
        return Observer() if made == 1 else limited(errno.ENOSPC)()

    (tmp_path / "d").mkdir()
    async with watching(WatchdogFileWatcher(SystemClock(), make, poll_s=0.05), WatchRoot(tmp_path)) as seen:
        (tmp_path / "d" / "a").write_text("x")
        await seen.until(tmp_path / "d" / "a")
        assert any("polled" in reason for reason in seen.reasons)


async def test_a_network_file_system_is_polled(tmp_path: Path) -> None:
    """Others' changes to it are in no event."""
    watcher = WatchdogFileWatcher(SystemClock(), silent=lambda _: "nfs4", poll_s=0.05)
    async with watching(watcher, WatchRoot(tmp_path / "a.txt", is_recursive=False)) as seen:
        (tmp_path / "a.txt").write_text("x")
        await seen.until(tmp_path / "a.txt")
    assert "nfs4" in seen.reasons[0]


def test_the_innermost_mount_names_the_file_system(tmp_path: Path) -> None:
    """Also where its path has a space in it."""
    share = tmp_path / "my share"
    share.mkdir()
    mounts = tmp_path / "mounts"
    place = str(share).replace(" ", "\\040")
    mounts.write_text(f"/dev/sda / ext4 rw 0 0\nhost:/x {place} nfs4 rw 0 0\ntmpfs {place}/t tmpfs rw 0 0\n")
    assert silent_file_system(share / "a", mounts) == "nfs4"
    assert silent_file_system(share / "t" / "a", mounts) is None
    assert silent_file_system(tmp_path, mounts) is None
