"""The port `HealthHistory` in our database. Times are milliseconds since 1970, in UTC."""

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from containers.adapters import sqlite_history_tidying
from containers.adapters.sqlite_database import SqliteDatabase
from containers.adapters.sqlite_history_rows import (
    COLUMNS,
    insert_samples,
    sample_of,
    to_ms,
    to_time,
)
from containers.model.base import ServiceName
from containers.model.metrics import Incident, Notes, Sample, Span, Totals, Transition
from containers.model.place import Place
from containers.settings import HistorySettings

_EXACT_S: Final = 3600.0
"""A window up to this is added up from the samples themselves; a longer one from means, which are fewer."""
_IN_PLACE = "project = ? AND store = ?"
_OF_SERIES = f"samples JOIN series ON series.id = samples.series AND series.{_IN_PLACE}"
_SUMS = ("network_in_bytes", "network_out_bytes", "block_in_bytes", "block_out_bytes")


class SqliteHistory:
    """Samples, spans and incidents, in the file that the journal is in.

    It has a connection, and so a thread, of its own: a busy or broken history never keeps a change waiting.
    """

    def __init__(self, database: SqliteDatabase, settings: HistorySettings) -> None:
        self._database = database
        self._tidying = sqlite_history_tidying.Tidying(settings)

    async def note(self, notes: Notes) -> None:
        """Remember all of it or, where this raises, nothing."""
        written = await self._database.change(lambda connection: _write(connection, notes))
        self._tidying.added(written)

    async def give_up_open(self, place: Place, before: datetime) -> None:
        """End, as `unobserved`, the incidents that an earlier process did not live to close.

        The last that was seen of their service is taken as their end, or else their beginning.
        """
        last_seen = (
            "SELECT max(until) FROM spans WHERE project = incidents.project AND store = incidents.store"
            " AND service = incidents.service AND until >= incidents.opened_at AND until <= ?"
        )
        await self._database.write(
            f"UPDATE incidents SET how = 'unobserved', closed_at = coalesce(({last_seen}), opened_at)"  # noqa: S608
            f" WHERE {_IN_PLACE} AND closed_at IS NULL AND opened_at < ?",
            (to_ms(before), place.project, place.store, to_ms(before)),
        )

    async def tidy(self, now: datetime) -> bool:
        """Make one span's means, or remove one chunk; True where more is due."""
        if self._tidying.is_count_due:
            # reading keeps no writer waiting, so not within the step's transaction
            ((samples,),) = await self._database.read("SELECT count(*) FROM samples")
            self._tidying.counted(samples)
        return await self._database.change(lambda connection: self._tidying.step(connection, to_ms(now)))

    async def latest(self, place: Place, since: datetime) -> tuple[Sample, ...]:
        """The last sample of each container that has one since then."""
        rows = await self._database.read(
            # SQLite takes the other columns from the row that has the maximum
            f"SELECT service, container, span_s, max(at), {COLUMNS} FROM {_OF_SERIES}"  # noqa: S608
            " WHERE span_s = 0 AND at >= ? GROUP BY series.id ORDER BY service, container",
            (place.project, place.store, to_ms(since)),
        )
        return tuple(sample_of(row) for row in rows)

    async def samples(
        self, place: Place, since: datetime, until: datetime, span_s: int = 0
    ) -> tuple[Sample, ...]:
        """The samples that were taken, or the means of `span_s`, oldest first."""
        rows = await self._database.read(
            f"SELECT service, container, span_s, at, {COLUMNS} FROM {_OF_SERIES}"  # noqa: S608
            " WHERE span_s = ? AND at >= ? AND at <= ? ORDER BY at, service, container",
            (place.project, place.store, span_s, to_ms(since), to_ms(until)),
        )
        return tuple(sample_of(row) for row in rows)

    async def totals(self, place: Place, since: datetime) -> Mapping[ServiceName, Totals]:
        """What each service came to since then: each part of the time from what there is finest of it.

        Of several containers the processor is that of all together, and the memory that of the largest.
        """

        def work(connection: sqlite3.Connection) -> list[tuple[Any, ...]]:
            found = []
            for span_s, from_ms, to in self._tidying.parts(connection, to_ms(since), _EXACT_S):
                found += connection.execute(
                    f"SELECT service, container, max(span_s, 1), count(cpu_percent), sum(cpu_percent),"  # noqa: S608
                    f" max(memory_bytes), sum(restarts), {', '.join(f'sum({name})' for name in _SUMS)}"
                    f" FROM {_OF_SERIES} WHERE span_s = ? AND at >= ? AND at < ? GROUP BY series.id",
                    (place.project, place.store, span_s, from_ms, to),
                ).fetchall()
            return found

        return _totals(await self._database.change(work), self._tidying.settings.every_s)

    async def spans(self, place: Place, since: datetime) -> tuple[Span, ...]:
        """The spans that had not ended before, oldest first."""
        rows = await self._database.read(
            f"SELECT service, wellness, began_at, until FROM spans WHERE {_IN_PLACE} AND until >= ?"  # noqa: S608
            " ORDER BY began_at",
            (place.project, place.store, to_ms(since)),
        )
        return tuple(
            Span(service=ServiceName(s), wellness=w, began_at=to_time(b), until=to_time(u))
            for s, w, b, u in rows
        )

    async def incidents(self, place: Place, since: datetime) -> tuple[Incident, ...]:
        """The incidents that had not ended before, oldest first."""
        fields = (
            *("id", "service", "container", "opened_at", "reason", "exit_code"),
            *("closed_at", "duration_s", "restarts", "how"),
        )
        rows = await self._database.read(
            f"SELECT {', '.join(fields)} FROM incidents WHERE {_IN_PLACE}"  # noqa: S608
            " AND (closed_at IS NULL OR closed_at >= ?) ORDER BY opened_at",
            (place.project, place.store, to_ms(since)),
        )
        found = (dict(zip(fields, row, strict=True)) for row in rows)
        return tuple(
            Incident.model_validate(
                each
                | {
                    "opened_at": to_time(each["opened_at"]),
                    "closed_at": to_time(each["closed_at"]) if each["closed_at"] is not None else None,
                }
            )
            for each in found
        )

    async def transitions(self, place: Place, since: datetime) -> tuple[Transition, ...]:
        """How health changed, oldest first."""
        rows = await self._database.read(
            f"SELECT service, at, before, after FROM transitions WHERE {_IN_PLACE} AND at >= ? ORDER BY at",  # noqa: S608
            (place.project, place.store, to_ms(since)),
        )
        return tuple(
            Transition(service=ServiceName(s), at=to_time(at), before=before, after=after)
            for s, at, before, after in rows
        )

    async def rows(self) -> Mapping[str, int]:
        """How many rows each table has."""
        tables = ("samples", "series", "spans", "incidents", "transitions")
        counts = ", ".join(f"(SELECT count(*) FROM {table})" for table in tables)  # noqa: S608
        (found,) = await self._database.read(f"SELECT {counts}")
        return dict(zip(tables, found, strict=True))

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()


def _write(connection: sqlite3.Connection, notes: Notes) -> int:
    """Write notes; how many samples that were."""
    place = (notes.place.project, notes.place.store)
    insert_samples(connection, notes.place, notes.samples)
    connection.executemany(
        "INSERT INTO spans (project, store, service, began_at, until, wellness) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET until = excluded.until, wellness = excluded.wellness",
        [(*place, s.service, to_ms(s.began_at), to_ms(s.until), s.wellness) for s in notes.spans],
    )
    connection.executemany(
        "INSERT INTO transitions (project, store, service, at, before, after) VALUES (?, ?, ?, ?, ?, ?)",
        [(*place, t.service, to_ms(t.at), t.before.value, t.after.value) for t in notes.transitions],
    )
    connection.executemany(
        "INSERT OR IGNORE INTO incidents (project, store, id, service, container, opened_at, reason,"
        " exit_code) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (*place, i.id, i.service, i.container, to_ms(i.opened_at), i.reason, i.exit_code)
            for i in notes.opened
        ],
    )
    connection.executemany(
        "UPDATE incidents SET closed_at = ?, duration_s = ?, restarts = ?, how = ? WHERE id = ?",
        [(to_ms(i.at), i.duration_s, i.restarts, i.how, i.id) for i in notes.closed],
    )
    return len(notes.samples)


def _totals(rows: Sequence[tuple[Any, ...]], every_s: float) -> dict[ServiceName, Totals]:
    """Rows of service, container, span, how many, processor, memory, restarts and sums, added up.

    A mean stands for as many seconds as it spans, a sample for the time to the next.
    """
    percent: dict[tuple[ServiceName, str], list[tuple[float, float]]] = {}
    added: dict[ServiceName, dict[str, Any]] = {}
    for service, container, span, count, processor, memory, restarts, *sums in rows:
        name = ServiceName(service)
        total = added.setdefault(name, {"restarts": 0})
        total["restarts"] += restarts or 0
        if memory is not None:
            total["most_memory_bytes"] = max(total.get("most_memory_bytes", 0), memory)
        for field, value in zip(_SUMS, sums, strict=True):
            if value is not None:
                total[field] = total.get(field, 0) + value
        if count:
            stands_for_s = every_s if span == 1 else float(span)
            percent.setdefault((name, container), []).append((count * stands_for_s, processor * stands_for_s))
    for (name, _), parts in percent.items():
        mean = sum(p for _, p in parts) / sum(s for s, _ in parts)
        added[name]["mean_cpu_percent"] = added[name].get("mean_cpu_percent", 0.0) + mean
    return {name: Totals.model_validate(total) for name, total in added.items()}
