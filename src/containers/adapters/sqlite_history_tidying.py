"""Means of old samples, and forgetting the oldest: in steps of a few milliseconds each."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from containers.adapters.sqlite_history_rows import COLUMNS, insert_samples, sample_of
from containers.health.downsampling import fold
from containers.model.base import ProjectName
from containers.model.metrics import Sample
from containers.model.place import Place
from containers.settings import HistorySettings

_LATE_MS: Final = 60_000
"""A span's means are made so long after it ended: then every process has written its samples of it."""
_COUNT_EVERY: Final = 60
"""Steps between two counts of all rows, which take some milliseconds for each hundred thousand."""
_MOST_SERIES: Final = 5000
"""Names of containers; those of which nothing is kept are looked for only when there are so many."""
_ENTRIES = {"spans": "until", "incidents": "opened_at", "transitions": "at"}
_FOREVER_MS: Final = 1 << 62


class Tidying:
    """What is due in the tables of the history; used from the database's thread alone.

    Several processes may do this at once: a step is one transaction, and doing it twice is as doing it once.
    """

    def __init__(self, settings: HistorySettings) -> None:
        self.settings = settings
        self._rungs = (
            (0, settings.raw_s),
            (settings.short_span_s, settings.short_s),
            (settings.long_span_s, settings.long_s),
        )
        self._samples = 0
        """How many there are: as counted last, and those that were written since."""
        self._steps = 0

    def added(self, samples: int) -> None:
        """Count what was written."""
        self._samples += samples

    @property
    def is_count_due(self) -> bool:
        """Whether the rows are to be counted before the next step."""
        return self._steps % _COUNT_EVERY == 0

    def counted(self, samples: int) -> None:
        """Take up how many samples there are."""
        self._samples = samples

    def step(self, connection: sqlite3.Connection, now_ms: int) -> bool:
        """Do the first thing that is due; True where it was some."""
        is_turn = self.is_count_due
        self._steps += 1
        return (
            self._fold(connection, now_ms, 0, self.settings.short_span_s)
            or self._fold(connection, now_ms, self.settings.short_span_s, self.settings.long_span_s)
            or self._forget(connection, now_ms)
            or self._cut(connection)
            or (is_turn and self._forget_entries(connection, now_ms))
        )

    def parts(
        self, connection: sqlite3.Connection, since_ms: int, exact_s: float
    ) -> Iterator[tuple[int, int, int]]:
        """Which samples cover the time since then, each moment once: their span, from when, until when."""
        (latest,) = connection.execute("SELECT max(at) FROM samples WHERE span_s = 0").fetchone()
        if latest is not None and latest - since_ms <= exact_s * 1000:
            yield 0, since_ms, _FOREVER_MS
            return
        short_s, long_s = self.settings.short_span_s, self.settings.long_span_s
        folded = max(_folded(connection, short_s), since_ms)
        yield 0, folded, _FOREVER_MS
        (oldest,) = connection.execute("SELECT min(at) FROM samples WHERE span_s = ?", (short_s,)).fetchone()
        first = folded if oldest is None else oldest
        # what short means do not reach back to is taken from long ones, up to the first full one of them
        whole = -(-first // (long_s * 1000)) * long_s * 1000
        (has_long,) = connection.execute(
            "SELECT count(*) FROM (SELECT 1 FROM samples WHERE span_s = ? AND at < ? LIMIT 1)",
            (long_s, first),
        ).fetchone()
        begin = max(since_ms // (short_s * 1000) * short_s * 1000, whole if has_long else first)
        yield short_s, begin, folded
        if has_long:
            yield long_s, since_ms // (long_s * 1000) * long_s * 1000, min(begin, whole)

    def _fold(self, connection: sqlite3.Connection, now_ms: int, from_s: int, to_s: int) -> bool:
        """Make the means of the next span that has samples and is over."""
        length_ms = to_s * 1000
        done = _folded(connection, to_s)
        (first,) = connection.execute(
            "SELECT min(at) FROM samples WHERE span_s = ? AND at >= ?", (from_s, done)
        ).fetchone()
        if first is None:
            return False
        begin = first // length_ms * length_ms
        end = begin + length_ms
        if end > now_ms - _LATE_MS or (from_s and self._has_unfolded(connection, from_s, end)):
            return False
        rows = connection.execute(
            f"SELECT project, store, service, container, span_s, at, {COLUMNS} FROM samples"  # noqa: S608
            " JOIN series ON series.id = samples.series WHERE span_s = ? AND at >= ? AND at < ?",
            (from_s, begin, end),
        ).fetchall()
        by_place: defaultdict[Place, list[Sample]] = defaultdict(list)
        for project, store, *row in rows:
            by_place[Place(ProjectName(project), store)].append(sample_of(row))
        for place, samples in by_place.items():
            means = fold(samples, to_s)
            insert_samples(connection, place, means)
            self._samples += len(means)
        connection.execute("INSERT OR REPLACE INTO folded (span_s, until) VALUES (?, ?)", (to_s, end))
        return True

    def _has_unfolded(self, connection: sqlite3.Connection, span_s: int, before_ms: int) -> bool:
        """Whether there are samples from before that will yet become means of `span_s`."""
        (first,) = connection.execute(
            "SELECT min(at) FROM samples WHERE span_s = 0 AND at >= ?", (_folded(connection, span_s),)
        ).fetchone()
        return first is not None and first < before_ms

    def _forget(self, connection: sqlite3.Connection, now_ms: int) -> bool:
        """Remove a chunk of what is older than its kind is kept, and is in the means already."""
        next_rung = {0: self.settings.short_span_s, self.settings.short_span_s: self.settings.long_span_s}
        for span_s, kept_s in self._rungs:
            before = now_ms - round(kept_s * 1000)
            if span_s in next_rung:
                before = min(before, _folded(connection, next_rung[span_s]))
            if self._remove_oldest(connection, span_s, before):
                return True
        return False

    def _cut(self, connection: sqlite3.Connection) -> bool:
        """Where there are more than may be: remove a chunk of the oldest of the finest."""
        if self._samples <= self.settings.most_rows:
            return False
        return any(self._remove_oldest(connection, span_s, _FOREVER_MS) for span_s, _ in self._rungs)

    def _remove_oldest(self, connection: sqlite3.Connection, span_s: int, before_ms: int) -> int:
        removed = connection.execute(
            "DELETE FROM samples WHERE (span_s, at, series) IN (SELECT span_s, at, series FROM samples"
            " WHERE span_s = ? AND at < ? ORDER BY at LIMIT ?)",
            (span_s, before_ms, self.settings.chunk),
        ).rowcount
        self._samples -= removed
        return removed

    def _forget_entries(self, connection: sqlite3.Connection, now_ms: int) -> bool:
        """Remove what is too old, or too many, of spans, incidents and transitions; and unused series."""
        before = now_ms - round(self.settings.long_s * 1000)
        removed = 0
        for table, column in _ENTRIES.items():
            (count,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608
            extra = min(max(count - self.settings.most_entries, 0), self.settings.chunk)
            oldest = connection.execute(
                f"SELECT {column} FROM {table} ORDER BY {column} LIMIT 1 OFFSET ?",  # noqa: S608
                (extra,),
            ).fetchone()
            until = max(before, oldest[0]) if extra and oldest else before
            removed += connection.execute(f"DELETE FROM {table} WHERE {column} < ?", (until,)).rowcount  # noqa: S608
        (count,) = connection.execute("SELECT count(*) FROM series").fetchone()
        if count > _MOST_SERIES:
            connection.execute("DELETE FROM series WHERE id NOT IN (SELECT series FROM samples)")
        return removed > 0


def _folded(connection: sqlite3.Connection, span_s: int) -> int:
    """Up to when there are means of so many seconds."""
    found = connection.execute("SELECT until FROM folded WHERE span_s = ?", (span_s,)).fetchone()
    return int(found[0]) if found else 0
