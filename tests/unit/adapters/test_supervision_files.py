"""Leases and notes that processes share."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from containers.adapters.supervision_files import FileSupervisionNotes, FileSupervisorLeases
from containers.model.base import ProjectName, ServiceName
from containers.model.errors import StateError
from containers.model.supervision import ServiceMemory, Standing, SupervisionNote, place_of, place_service

SHOP = ProjectName("shop")
WEB = ServiceName("web")
HOLDER = """
import asyncio, sys
from pathlib import Path
from containers.adapters.supervision_files import FileSupervisorLeases
lease = FileSupervisorLeases(Path(sys.argv[1]))
print(asyncio.run(lease.take("shop")), flush=True)
sys.stdin.read()
"""


def another_process(state_dir: Path) -> subprocess.Popen[str]:
    """One that takes the lease and says what came of it."""
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(state_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


async def test_one_has_the_lease_and_the_next_gets_it_when_it_lets_go(tmp_path: Path) -> None:
    """Taking it twice is once; letting go of what one has not does nothing."""
    first, second = FileSupervisorLeases(tmp_path), FileSupervisorLeases(tmp_path)
    assert await first.holder(SHOP) is None
    assert await first.take(SHOP) is None
    assert await first.take(SHOP) is None
    assert str(await second.take(SHOP)).startswith("process ")
    assert await second.holder(SHOP) == await first.holder(SHOP)
    assert await second.take(ProjectName("other")) is None
    await second.let_go(SHOP)
    assert await second.take(SHOP) is not None
    await first.let_go(SHOP)
    assert await second.take(SHOP) is None


async def test_the_lease_of_a_killed_process_is_free(tmp_path: Path) -> None:
    """The kernel drops it."""
    holder = another_process(tmp_path)
    assert holder.stdout is not None
    assert holder.stdin is not None
    with holder:
        assert holder.stdout.readline() == "None\n"
        mine = FileSupervisorLeases(tmp_path)
        assert f"process {holder.pid}" in str(await mine.take(SHOP))
        holder.kill()
        holder.wait()
        assert await mine.take(SHOP) is None
        await mine.let_go(SHOP)


async def test_a_note_of_one_process_is_read_by_another(tmp_path: Path) -> None:
    """Also when it was changed after it had been read; a broken file is an empty note."""
    one, other = FileSupervisionNotes(tmp_path), FileSupervisionNotes(tmp_path)
    assert await other.read(SHOP) == SupervisionNote()
    await one.change(SHOP, lambda note: note.model_copy(update={"held": note.held | {WEB}}))
    assert (await other.read(SHOP)).standing_of(WEB) is Standing.HELD
    memory = ServiceMemory(attempts=(1.0,), given_up=True, reason="why")
    await other.change(SHOP, lambda note: note.with_memory("web/1", memory))
    assert (await one.read(SHOP)).memories == {"web/1": memory}
    (tmp_path / "supervision" / "shop.json").write_text("{")
    assert await one.read(SHOP) == SupervisionNote()


async def test_a_folder_that_can_not_be_written_is_told_with_a_code(tmp_path: Path) -> None:
    """A file where the folder should be."""
    (tmp_path / "supervision").write_text("")
    with pytest.raises(StateError):
        await FileSupervisorLeases(tmp_path).take(SHOP)
    with pytest.raises(StateError):
        await FileSupervisionNotes(tmp_path).change(SHOP, lambda note: note)


def test_what_was_given_up_is_so_for_its_service_until_it_is_forgotten() -> None:
    """Held comes first; a place names its service, whatever that is called."""
    assert place_service(place_of(ServiceName("a/b"), 2)) == "a/b"
    note = SupervisionNote().with_memory("web/2", ServiceMemory(given_up=True))
    assert note.standing_of(WEB) is Standing.GIVEN_UP
    assert note.standing_of(ServiceName("we")) is None
    assert note.model_copy(update={"held": frozenset({WEB})}).standing_of(WEB) is Standing.HELD
    assert note.with_memory("web/2", ServiceMemory()).standing_of(WEB) is None
    assert note.without_memories(frozenset({WEB})) == SupervisionNote()


async def test_a_lease_whose_file_is_gone_is_taken_anew_or_lost(tmp_path: Path) -> None:
    """Somebody removed the state folder: another process may have made one, and taken the lease in it."""
    first, second = FileSupervisorLeases(tmp_path), FileSupervisorLeases(tmp_path)
    assert await first.take(SHOP) is None
    shutil.rmtree(tmp_path / "supervision")
    assert await first.take(SHOP) is None
    assert await second.take(SHOP) is not None
    shutil.rmtree(tmp_path / "supervision")
    assert await second.take(SHOP) is None
    assert await first.take(SHOP) is not None
    await second.let_go(SHOP)
    assert await first.take(SHOP) is None
    await first.let_go(SHOP)


async def test_whether_the_state_folder_can_be_written_to_is_shown(tmp_path: Path) -> None:
    """Nothing of it stays."""
    leases = FileSupervisorLeases(tmp_path)
    await leases.prove(SHOP)
    assert not any(names for _, _, names in os.walk(tmp_path))
    shutil.rmtree(tmp_path / "locks")
    (tmp_path / "locks").write_text("in the way")
    with pytest.raises(StateError):
        await leases.prove(SHOP)


@pytest.mark.parametrize("lock", ["locks/shop.lock", "supervision/shop.lease"])
async def test_a_lock_that_can_not_be_opened_is_no_folder_to_write_to(tmp_path: Path, lock: str) -> None:
    """A `sudo` leaves such. Symptom: supervision was said to fail, and to work again, each second."""
    leases = FileSupervisorLeases(tmp_path)
    assert await leases.take(SHOP) is None
    await leases.prove(SHOP)
    assert await FileSupervisorLeases(tmp_path).take(SHOP) is not None
    await leases.let_go(SHOP)
    (tmp_path / lock).unlink(missing_ok=True)
    (tmp_path / lock).mkdir()  # what root may not open either
    with pytest.raises(StateError):
        await leases.prove(SHOP)
