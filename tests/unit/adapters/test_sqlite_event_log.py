"""What processes tell each other through our database."""

import asyncio
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from containers.adapters import sqlite_event_log
from containers.adapters.sqlite_database import SqliteDatabase
from containers.adapters.sqlite_event_log import SqliteEventLog
from containers.model.base import ProjectName, ServiceName, TransactionId
from containers.model.events import EventBase, ServiceRestarted, TransactionFinished

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
DEMO = ProjectName("demo")
ENDED = TransactionFinished(
    at=BEGAN,
    source="transaction",
    project=DEMO,
    cause=TransactionId("T"),
    verb="up",
    outcome="committed",
    duration_s=1.5,
)


def restarted(attempt: int, project: str = "demo") -> ServiceRestarted:
    """The first attempt is one second after `BEGAN`, the second two."""
    return ServiceRestarted(
        id=f"E{attempt}",
        sequence=attempt,
        at=BEGAN + timedelta(seconds=attempt),
        source="health",
        project=ProjectName(project),
        service=ServiceName("web"),
        attempt=attempt,
        reason="died",
    )


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[tuple[SqliteEventLog, SqliteEventLog]]:
    """Those of two processes, on one file."""
    databases = [SqliteDatabase(tmp_path / "state.db") for _ in range(2)]
    yield SqliteEventLog(databases[0]), SqliteEventLog(databases[1])
    for database in databases:
        database.close()


async def test_events_are_told_to_other_processes_and_each_once(
    logs: tuple[SqliteEventLog, SqliteEventLog],
) -> None:
    """As they were told, in the order in which they were written."""
    one, other = logs
    assert await one.newest() == 0
    await one.add(restarted(1))
    await one.add(ENDED)
    assert await one.after(0) == (2, ())
    assert await other.after(0) == (2, (restarted(1), ENDED))
    await other.add(restarted(2))
    assert await other.after(2) == (3, ())
    assert await one.after(2) == (3, (restarted(2),))


async def test_who_looks_often_reads_only_what_was_written(
    logs: tuple[SqliteEventLog, SqliteEventLog], tmp_path: Path
) -> None:
    """Two writes may leave the same stamp on the file, so one that is fresh is read again."""
    one, other = logs
    await one.add(ENDED)
    assert other.may_have_more()
    await other.after(0)
    await asyncio.sleep(0.1)
    assert other.may_have_more()
    file = tmp_path / "state.db-wal"
    os.utime(file, (BEGAN.timestamp(), BEGAN.timestamp()))
    await other.after(1)
    assert not other.may_have_more()
    await one.add(restarted(1))
    assert other.may_have_more()


async def test_the_past_of_a_project_is_read_between_two_moments(
    logs: tuple[SqliteEventLog, SqliteEventLog],
) -> None:
    """Whoever told it; other projects are left out."""
    one, other = logs
    for attempt in (1, 2, 3):
        await one.add(restarted(attempt))
    await one.add(restarted(2, "other"))
    found: tuple[EventBase, ...] = await other.between(DEMO, BEGAN + timedelta(seconds=2), None)
    assert found == (restarted(2), restarted(3))
    assert await one.between(DEMO, None, BEGAN + timedelta(seconds=1)) == (restarted(1),)


async def test_the_oldest_gives_way_and_what_is_unknown_is_left_out(
    logs: tuple[SqliteEventLog, SqliteEventLog], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The log is bounded; a newer Podkeeper may tell what this one does not know."""
    monkeypatch.setattr(sqlite_event_log, "KEPT", 3)
    one, other = logs
    for attempt in range(1, 6):
        await one.add(restarted(attempt))
    assert await other.after(0) == (5, (restarted(3), restarted(4), restarted(5)))
    database = SqliteDatabase(tmp_path / "state.db")
    for kind, event in (("later.told", "{}"), ("health.restarted", '{"at": 1}')):
        await database.write(
            "INSERT INTO events (process, project, at, kind, event) VALUES ('p', 'demo', 0, ?, ?)",
            (kind, event),
        )
    database.close()
    assert await other.after(5) == (7, ())


async def test_a_new_database_in_place_of_a_damaged_one_is_read_from_its_beginning(
    logs: tuple[SqliteEventLog, SqliteEventLog],
) -> None:
    """Its numbers begin at 1 again."""
    one, other = logs
    await one.add(ENDED)
    assert await other.after(20) == (1, (ENDED,))
