"""The port `EventLog` in our database. Times are milliseconds since 1970, in UTC."""

import sqlite3
import time
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from pydantic import ValidationError
from ulid import ULID

from containers.adapters.sqlite_database import SqliteDatabase
from containers.adapters.sqlite_history_rows import to_ms
from containers.model.base import ProjectName
from containers.model.events import EventBase, event_class

KEPT: Final = 20_000
"""Of all projects together: some 10 MB."""
_TICK_NS: Final = 50_000_000
"""Two writes within one tick of the kernel's clock (4 to 10 ms) may leave the same stamp on a file."""


class SqliteEventLog:
    """Events in a database that other processes write to as well, in the order in which they were written.

    Args:
        database: the journal's; it is not closed here.
    """

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database
        self._process = str(ULID())
        """Process ids are given again."""
        self._stamp: tuple[int, ...] | None = None
        self._may_change_unseen = False

    async def add(self, event: EventBase) -> None:
        """Note what this process told of a project; the oldest gives way where there are too many."""
        row = (
            *(self._process, event.project, to_ms(event.at), getattr(event, "kind", "")),
            event.model_dump_json(),
        )

        def work(connection: sqlite3.Connection) -> None:
            number = connection.execute(
                "INSERT INTO events (process, project, at, kind, event) VALUES (?, ?, ?, ?, ?)", row
            ).lastrowid
            connection.execute("DELETE FROM events WHERE number <= ?", ((number or 0) - KEPT,))

        await self._database.change(work)

    async def newest(self) -> int:
        """The number of the newest; 0 where there is none."""
        ((number,),) = await self._database.read("SELECT coalesce(max(number), 0) FROM events")
        return int(number)

    def may_have_more(self) -> bool:
        """Whether the database was written to since the last `after`, or may have been."""
        return self._may_change_unseen or self._database.stamp != self._stamp

    async def after(self, number: int) -> tuple[int, tuple[EventBase, ...]]:
        """What other processes told after that number, and the number of the last.

        Where the database was damaged and another one begun, what is in that one is told from its beginning.
        """
        stamp, taken_ns = self._database.stamp, time.time_ns()
        newest = await self.newest()
        rows = await self._database.read(
            "SELECT number, process, kind, event FROM events WHERE number > ? ORDER BY number",
            (number if newest >= number else 0,),
        )
        self._stamp = stamp
        self._may_change_unseen = stamp is not None and taken_ns - stamp[-1] < _TICK_NS
        last = rows[-1][0] if rows else newest
        return last, _read((kind, event) for _, process, kind, event in rows if process != self._process)

    async def between(
        self, project: ProjectName, since: datetime | None, until: datetime | None
    ) -> tuple[EventBase, ...]:
        """What was told of a project between two moments, by any process, oldest first."""
        rows = await self._database.read(
            "SELECT kind, event FROM events WHERE project = ? AND at >= ? AND at <= ? ORDER BY number",
            (project, to_ms(since) if since else 0, to_ms(until) if until else 1 << 62),
        )
        return _read(rows)


def _read(rows: Iterable[tuple[str, str]]) -> tuple[EventBase, ...]:
    """Events from their JSON; what another Podkeeper wrote otherwise is left out."""
    found = []
    for kind, event in rows:
        kind_class = event_class(kind)
        if kind_class is not None:
            try:
                found.append(kind_class.model_validate_json(event))
            except ValidationError:
                continue
    return tuple(found)
