"""The kernel's word that a process has ended."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from containers.adapters.process_watch import PidfdWatch
from containers.model.base import ContainerId

CONTAINER = ContainerId("8cd045b0b25518db512ed22beecbcdc6b84237bfbdd8b7239515ba54f52245bf")
PATIENCE_S = 5.0


@contextmanager
def a_process(*more: str) -> Iterator[subprocess.Popen[bytes]]:
    """One that runs until it is killed."""
    argv = [sys.executable, "-c", "import time; print('', flush=True); time.sleep(60)", *more]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def proc_of(folder: Path, pid: int, cgroup: str = "", parent: str = "") -> Path:
    """A `/proc` in which a process is in a control group, and has a parent called with arguments."""
    (folder / str(pid)).mkdir()
    (folder / str(pid) / "cgroup").write_text(cgroup)
    (folder / str(pid) / "stat").write_text(f"{pid} (a (very) odd) name) S 77 1 1 0")
    (folder / "77").mkdir()
    (folder / "77" / "cmdline").write_bytes(parent.replace(" ", "\0").encode())
    return folder


def open_descriptors() -> int:
    """How many files this process has open."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def ended(event: asyncio.Event) -> bool:
    """Whether the end is told in time."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            await event.wait()
    except TimeoutError:
        return False
    return True


@pytest.mark.parametrize(
    ("cgroup", "parent"),
    [
        (f"0::/libpod_parent/libpod-{CONTAINER}", ""),
        ("0::/user.slice", f"/usr/bin/conmon --api-version 1 -c {CONTAINER} -n web"),
    ],
)
async def test_an_end_is_told_once_and_its_descriptor_closed(
    tmp_path: Path, cgroup: str, parent: str
) -> None:
    """Whether the control group or the monitor above says whose process it is."""
    before = open_descriptors()
    told = asyncio.Event()
    with a_process() as process:
        watch = PidfdWatch(proc_of(tmp_path, process.pid, cgroup, parent))
        assert watch.watch(CONTAINER, process.pid, told.set)
        assert len(watch) == 1
        process.kill()
        assert await ended(told)
        assert len(watch) == 0
    assert open_descriptors() == before


async def test_a_process_of_somebody_else_is_not_watched(tmp_path: Path) -> None:
    """A number of another machine or another process namespace names any process here."""
    before = open_descriptors()
    with a_process() as process:
        watch = PidfdWatch(proc_of(tmp_path, process.pid, "0::/init.scope", "/sbin/init"))
        assert not watch.watch(CONTAINER, process.pid, lambda: None)
        assert not PidfdWatch().watch(CONTAINER, os.getpid(), lambda: None)
    assert not watch.watch(CONTAINER, process.pid, lambda: None)
    assert not watch.watch(CONTAINER, 0, lambda: None)
    assert open_descriptors() in {before, before - 1}


async def test_what_is_forgotten_is_not_told(tmp_path: Path) -> None:
    """Nor what is watched anew as another process; nothing stays open."""
    before = open_descriptors()
    told: list[int] = []
    again = asyncio.Event()
    with a_process() as first, a_process() as second:
        folder = proc_of(tmp_path, first.pid, CONTAINER)
        (folder / str(second.pid)).mkdir()
        (folder / str(second.pid) / "cgroup").write_text(CONTAINER)
        watch = PidfdWatch(folder)
        assert watch.watch(CONTAINER, first.pid, lambda: told.append(1))
        assert watch.watch(CONTAINER, second.pid, again.set)
        first.kill()
        second.kill()
        assert await ended(again)
        assert told == []
        watch.forget(CONTAINER)
        watch.close()
    assert open_descriptors() == before
