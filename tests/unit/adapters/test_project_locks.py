"""One writer a project, across processes."""

import asyncio
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from containers.adapters.project_locks import FileProjectLocks
from containers.model.base import ProjectName
from containers.model.errors import ErrorCode, LockHeldError

DEMO = ProjectName("demo")

HOLDER = """
import asyncio, sys
from pathlib import Path
from containers.adapters.project_locks import FileProjectLocks

async def main():
    async with FileProjectLocks(Path(sys.argv[1])).hold("demo", "up"):
        print("held", flush=True)
        await asyncio.to_thread(sys.stdin.read)

asyncio.run(main())
"""


async def test_a_held_lock_is_refused_at_once(tmp_path: Path) -> None:
    """The message tells who has it, for what and since when, and that waiting helps."""
    locks = FileProjectLocks(tmp_path)
    async with locks.hold(DEMO, "up"):
        with pytest.raises(LockHeldError, match=rf"process {os.getpid()} has it for up since \d") as caught:
            async with FileProjectLocks(tmp_path).hold(DEMO, "down"):
                pytest.fail("two hold it")
    assert caught.value.code is ErrorCode.LOCK_HELD
    assert caught.value.is_transient


async def test_a_lock_is_free_afterwards(tmp_path: Path) -> None:
    """Also when what was done under it failed."""
    locks = FileProjectLocks(tmp_path)
    with pytest.raises(ZeroDivisionError):
        async with locks.hold(DEMO, "up"):
            raise ZeroDivisionError
    async with locks.hold(DEMO, "down"):
        pass
    assert not (tmp_path / "locks" / "demo.json").exists()


async def test_projects_do_not_wait_for_each_other(tmp_path: Path) -> None:
    """One lock each, even for names that are no file names."""
    locks = FileProjectLocks(tmp_path)
    async with locks.hold(DEMO, "up"), locks.hold(ProjectName("../other"), "up"):
        names = sorted(entry.name for entry in os.scandir(tmp_path / "locks"))
        assert [name for name in names if name.endswith(".json")] == ["..%2Fother.json", "demo.json"]


async def test_nobody_else_can_read_who_works_on_what(tmp_path: Path) -> None:
    """The folder and the notes are private."""
    async with FileProjectLocks(tmp_path).hold(DEMO, "up"):
        folder = tmp_path / "locks"
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


async def test_a_lock_without_a_note_is_held_all_the_same(tmp_path: Path) -> None:
    """The note is written after the lock is taken."""
    locks = FileProjectLocks(tmp_path)
    async with locks.hold(DEMO, "up"):
        (tmp_path / "locks" / "demo.json").unlink()
        with pytest.raises(LockHeldError, match="just taken"):
            async with locks.hold(DEMO, "down"):
                pytest.fail("two hold it")


async def test_a_killed_process_leaves_no_lock(tmp_path: Path) -> None:
    """The kernel drops it; the note that stays behind counts for nothing."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    other = await asyncio.create_subprocess_exec(
        *command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ
    )
    assert other.stdout is not None
    assert await other.stdout.readline() == b"held\n"
    with pytest.raises(LockHeldError, match=rf"process {other.pid} has it for up"):
        async with FileProjectLocks(tmp_path).hold(DEMO, "down"):
            pytest.fail("two hold it")
    other.kill()
    await other.wait()
    assert (tmp_path / "locks" / "demo.json").exists()
    async with FileProjectLocks(tmp_path).hold(DEMO, "down"):
        pass
