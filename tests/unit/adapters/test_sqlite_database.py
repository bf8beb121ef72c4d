"""Our database on disks and in files that are not what they should be."""

import asyncio
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from containers.adapters.sqlite_database import SqliteDatabase
from containers.adapters.sqlite_journal import SqliteJournal
from containers.model.base import ProjectName
from containers.model.errors import ErrorCode, StateError

IGNORE = "INSERT INTO ignored_drift (project, store, fingerprint) VALUES (?, 's', 'f')"
NAMES = "SELECT project FROM ignored_drift ORDER BY rowid"
LATE = "INSERT INTO steps (transaction_id, step) VALUES ('nobody', 's')"


def set_aside(folder: Path) -> list[Path]:
    """Damaged files that were set aside."""
    return list(folder.glob("*.damaged-*"))


async def names(path: Path) -> list[str]:
    """What is in a database."""
    database = SqliteDatabase(path)
    found = [row[0] for row in await database.read(NAMES)]
    database.close()
    return found


async def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    """It holds what people run."""
    database = SqliteDatabase(tmp_path / "state" / "state.db")
    await database.write(IGNORE, ("a",))
    assert stat.S_IMODE((tmp_path / "state" / "state.db").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    database.close()


async def test_what_is_queued_is_written_with_the_next_or_at_the_end(tmp_path: Path) -> None:
    """In the order in which it was queued."""
    path = tmp_path / "state.db"
    database = SqliteDatabase(path)
    await database.write(IGNORE, ("a",))
    database.queue(IGNORE, ("b",))
    assert await database.write(IGNORE, ("c",)) == 1
    database.queue(IGNORE, ("d",))
    database.close()
    assert await names(path) == ["a", "b", "c", "d"]


async def test_a_write_that_is_refused_leaves_nothing_and_loses_nothing(tmp_path: Path) -> None:
    """What was queued before it is written with the next; the refusal has a code."""
    path = tmp_path / "state.db"
    database = SqliteDatabase(path)
    database.queue(IGNORE, ("a",))
    with pytest.raises(StateError) as caught:
        await database.write(LATE, ())
    assert caught.value.code is ErrorCode.STATE_UNUSABLE
    assert await names(path) == []
    await database.write(IGNORE, ("b",))
    database.close()
    assert await names(path) == ["a", "b"]


@pytest.mark.parametrize("content", [b"garbage" * 9000, b"SQLite format 3\x00" + b"\xff" * 9000])
async def test_a_file_that_is_no_database_is_set_aside(tmp_path: Path, content: bytes) -> None:
    """What was there is kept under another name; what is written goes into a new one."""
    path = tmp_path / "state.db"
    path.write_bytes(content)
    database = SqliteDatabase(path)
    await database.write(IGNORE, ("a",))
    assert database.set_aside is not None
    assert database.set_aside.read_bytes() == content
    database.close()
    assert await names(path) == ["a"]


async def test_a_write_that_meets_the_damage_is_done_on_the_new_file(tmp_path: Path) -> None:
    """With all that was queued before it: begin() must not answer as if it had written."""
    path = tmp_path / "state.db"
    database = SqliteDatabase(path)
    await database.write(IGNORE, ("lost",))
    database.close()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)  # its schema can be read, its tables can not
    path.write_bytes(content)
    database = SqliteDatabase(path)
    database.queue(IGNORE, ("queued",))
    await database.write(IGNORE, ("written",))
    database.close()
    assert await names(path) == ["queued", "written"]


async def test_who_meets_the_damage_second_leaves_the_new_file_alone(tmp_path: Path) -> None:
    """Of several processes one sets the file aside."""
    path = tmp_path / "state.db"
    path.write_bytes(b"garbage" * 9000)
    first, second = SqliteDatabase(path), SqliteDatabase(path)
    second._opened = path.stat().st_ino
    await first.write(IGNORE, ("a",))
    second._set_aside(sqlite3.DatabaseError("malformed"))
    await second.write(IGNORE, ("b",))
    first.close()
    second.close()
    assert await names(path) == ["a", "b"]
    assert len(set_aside(tmp_path)) == 1


WRITER = """
import asyncio, sys
from pathlib import Path
from containers.adapters.sqlite_database import SqliteDatabase

async def main():
    database = SqliteDatabase(Path(sys.argv[1]))
    for number in range(20):
        await database.write(
            "INSERT INTO ignored_drift (project, store, fingerprint) VALUES (?, 's', 'f')",
            (f"{sys.argv[2]}-{number}",),
        )
    database.close()

asyncio.run(main())
"""


@pytest.mark.parametrize("content", [None, b"garbage" * 9000], ids=["new", "damaged"])
async def test_several_processes_begin_it_at_once(tmp_path: Path, content: bytes | None) -> None:
    """Also where what they find is damaged: each write is there in the end."""
    path = tmp_path / "state.db"
    if content is not None:
        path.write_bytes(content)
    writers = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", WRITER, str(path), str(number), stderr=subprocess.PIPE
        )
        for number in range(4)
    ]
    for writer in writers:
        _, stderr = await writer.communicate()
        assert writer.returncode == 0, stderr.decode()
    assert len(await names(path)) == 80


async def test_one_of_a_newer_podkeeper_is_left_alone(tmp_path: Path) -> None:
    """Neither read nor set aside."""
    path = tmp_path / "state.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    database = SqliteDatabase(path)
    with pytest.raises(StateError, match="newer Podkeeper") as caught:
        await database.read(NAMES)
    assert caught.value.code is ErrorCode.STATE_UNUSABLE
    assert set_aside(tmp_path) == []
    database.close()


async def test_a_folder_that_can_not_be_made_is_refused_with_a_code(tmp_path: Path) -> None:
    """A file is in its place."""
    (tmp_path / "state").write_text("")
    database = SqliteDatabase(tmp_path / "state" / "state.db")
    with pytest.raises(StateError) as caught:
        await database.read(NAMES)
    assert caught.value.code is ErrorCode.STATE_UNUSABLE
    database.close()


@pytest.mark.parametrize("record", ['{"half": 1', "{}", "null"])
async def test_an_account_that_can_not_be_read_is_ended(tmp_path: Path, record: str) -> None:
    """Nobody could: history says so, and the next verb goes on."""
    database = SqliteDatabase(tmp_path / "state.db")
    journal = SqliteJournal(database)
    await database.write(
        "INSERT INTO transactions (id, project, store, verb, environment, phase, started_at, pid, changes,"
        " record) VALUES ('01T', 'demo', 's', 'up', '', 'applying', '2026-01-01T00:00:00+00:00', 1, 1, ?)",
        (record,),
    )
    demo = ProjectName("demo")
    assert await journal.unfinished(demo, "s") == ()
    (told,) = await journal.history(demo)
    assert told.phase == "stuck"
    assert "can not be read" in told.message
    journal.close()
