"""Our one SQLite database: opened at first use, on a thread of its own, several writes in one go."""

import asyncio
import contextlib
import fcntl
import logging
import os
import shutil
import sqlite3
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from containers.adapters.private_files import make_private_folder
from containers.model.errors import ErrorCode, StateError

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

_PATIENCE_S = 5.0
"""Other processes write for milliseconds."""
_TRANSACTIONS = """
CREATE TABLE transactions (
  id TEXT PRIMARY KEY,
  project TEXT NOT NULL,
  store TEXT NOT NULL,
  verb TEXT NOT NULL,
  environment TEXT NOT NULL,
  phase TEXT NOT NULL,
  started_at TEXT NOT NULL,
  finished_at TEXT,
  pid INTEGER NOT NULL,
  revision INTEGER,
  changes INTEGER NOT NULL,
  failed_at TEXT,
  message TEXT NOT NULL DEFAULT '',
  recovered INTEGER NOT NULL DEFAULT 0,
  record TEXT
);
CREATE INDEX transactions_of_project ON transactions (project, store, started_at);
CREATE TABLE steps (
  number INTEGER PRIMARY KEY,
  transaction_id TEXT NOT NULL REFERENCES transactions (id) ON DELETE CASCADE,
  step TEXT NOT NULL,
  outcome TEXT,
  UNIQUE (transaction_id, step)
);
CREATE TABLE ignored_drift (
  project TEXT NOT NULL,
  store TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  PRIMARY KEY (project, store, fingerprint)
);
"""
_HEALTH = """
CREATE TABLE series (
  id INTEGER PRIMARY KEY,
  project TEXT NOT NULL,
  store TEXT NOT NULL,
  service TEXT NOT NULL,
  container TEXT NOT NULL,
  UNIQUE (project, store, service, container)
);
CREATE TABLE samples (
  span_s INTEGER NOT NULL,
  at INTEGER NOT NULL,
  series INTEGER NOT NULL,
  state TEXT NOT NULL,
  health TEXT NOT NULL,
  checked_at INTEGER,
  response_s REAL,
  restarts INTEGER NOT NULL,
  uptime_s REAL,
  cpu_percent REAL,
  memory_bytes INTEGER,
  memory_limit_bytes INTEGER,
  network_in_bytes INTEGER,
  network_out_bytes INTEGER,
  block_in_bytes INTEGER,
  block_out_bytes INTEGER,
  processes INTEGER,
  PRIMARY KEY (span_s, at, series)
) WITHOUT ROWID;
CREATE TABLE folded (
  span_s INTEGER PRIMARY KEY,
  until INTEGER NOT NULL
);
CREATE TABLE spans (
  project TEXT NOT NULL,
  store TEXT NOT NULL,
  service TEXT NOT NULL,
  began_at INTEGER NOT NULL,
  until INTEGER NOT NULL,
  wellness TEXT NOT NULL,
  PRIMARY KEY (project, store, service, began_at)
) WITHOUT ROWID;
CREATE INDEX spans_by_end ON spans (until);
CREATE TABLE incidents (
  id TEXT PRIMARY KEY,
  project TEXT NOT NULL,
  store TEXT NOT NULL,
  service TEXT NOT NULL,
  container TEXT NOT NULL,
  opened_at INTEGER NOT NULL,
  reason TEXT NOT NULL,
  exit_code INTEGER,
  closed_at INTEGER,
  duration_s REAL,
  restarts INTEGER NOT NULL DEFAULT 0,
  how TEXT
);
CREATE INDEX incidents_by_time ON incidents (opened_at);
CREATE TABLE transitions (
  project TEXT NOT NULL,
  store TEXT NOT NULL,
  service TEXT NOT NULL,
  at INTEGER NOT NULL,
  before TEXT NOT NULL,
  after TEXT NOT NULL
);
CREATE INDEX transitions_by_time ON transitions (at);
"""
_EVENTS = """
CREATE TABLE events (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  process TEXT NOT NULL,
  project TEXT NOT NULL,
  at INTEGER NOT NULL,
  kind TEXT NOT NULL,
  event TEXT NOT NULL
);
"""
_MIGRATIONS = (_TRANSACTIONS, _HEALTH, _EVENTS)
"""What each version adds to the one before; how many there are is the version."""
_VERSION = len(_MIGRATIONS)
_LEAST_ROOM_BYTES = 64 << 10
_DAMAGED = ("malformed", "not a database", "corrupt", "unsupported file format")
_FULL = ("disk is full", "disk full", "no space left")


class SqliteDatabase:
    """One connection in WAL mode, used from one thread.

    A file that is no database, or is damaged, is set aside under a name that says when, and a new one is
    begun: what it held is history, and what Podman has is looked at anyway.

    Args:
        path: in a folder that is ours alone.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._opened: int | None = None
        """The file that was opened last, as its inode: others may have put a new one in its place."""
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="state")
        self._queued: deque[tuple[str, Sequence[Any]]] = deque()
        self.set_aside: Path | None = None
        """Where a damaged file went, if this process found one."""

    @property
    def stamp(self) -> tuple[int, ...] | None:
        """Another one after each write of any process; None while there is nothing to see."""
        try:
            status = self._path.with_name(f"{self._path.name}-wal").stat()
        except OSError:
            return None
        return status.st_ino, status.st_size, status.st_mtime_ns

    def queue(self, sql: str, parameters: Sequence[Any]) -> None:
        """Have a statement written together with the next that is waited for."""
        self._queued.append((sql, parameters))

    async def write(self, sql: str, parameters: Sequence[Any], *, durable: bool = False) -> int:
        """Write what is queued, then this; all of it or, where this raises, nothing.

        Args:
            sql: one statement.
            parameters: its values.
            durable: have it on the disk, not only out of our hands, when this returns.

        Returns:
            How many rows the statement changed.
        """
        return await self._run(lambda connection: self._drain(connection, (sql, parameters), durable=durable))

    async def change(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """Write what is queued, then do `work`, in one transaction on the database's thread."""

        def all_of_it(connection: sqlite3.Connection) -> _T:
            self._drain(connection)
            connection.execute("PRAGMA synchronous = NORMAL")
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                return work(connection)

        return await self._run(all_of_it)

    async def read(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Every row of a query, after what is queued has been written."""

        def work(connection: sqlite3.Connection) -> list[tuple[Any, ...]]:
            self._drain(connection)
            return connection.execute(sql, parameters).fetchall()

        return await self._run(work)

    def close(self) -> None:
        """Write what is queued and let go."""
        if self._connection is not None:
            with contextlib.suppress(RuntimeError):
                self._thread.submit(self._close)
        self._thread.shutdown(wait=True)

    def _close(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._drain(self._connection)
            self._connection.close()
            self._connection = None

    async def _run(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._guarded, work)

    def _guarded(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """Do `work`; once more on a new file, where this one turns out to be damaged."""
        try:
            return work(self._open())
        except sqlite3.DatabaseError as error:
            if not any(word in str(error) for word in _DAMAGED):
                raise _as_state_error(error, self._path) from error
            self._set_aside(error)
        except OSError as error:
            raise _as_state_error(error, self._path) from error
        try:
            return work(self._open())
        except (sqlite3.Error, OSError) as error:
            raise _as_state_error(error, self._path) from error

    def _drain(
        self,
        connection: sqlite3.Connection,
        last: tuple[str, Sequence[Any]] | None = None,
        *,
        durable: bool = False,
    ) -> int:
        """Write what is queued, then `last`; nothing leaves the queue before it is written."""
        queued = [self._queued[i] for i in range(len(self._queued))]  # others may append meanwhile
        if not queued and last is None:
            return 0
        connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        changed = 0
        with connection:
            for statement in (*queued, *((last,) if last else ())):
                changed = connection.execute(*statement).rowcount
        for _ in queued:
            self._queued.popleft()
        return changed

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            make_private_folder(self._path.parent)
            self._path.touch(mode=0o600)
            self._opened = self._path.stat().st_ino
            connection = sqlite3.connect(self._path, timeout=_PATIENCE_S, check_same_thread=False)
            try:
                # who turns a new file into WAL mode is told that it is locked, without any patience
                with _alone_in(self._path.parent):
                    connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA foreign_keys = ON")
                _refuse_newer(_migrate(connection), self._path)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _set_aside(self, error: Exception) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
        aside = self._path.with_name(f"{self._path.name}.damaged-{stamp}")
        try:
            with _alone_in(self._path.parent):
                if self._path.stat().st_ino != self._opened:
                    return  # another process met the same damage, and was first
                self._path.replace(aside)
                for ending in ("-wal", "-shm"):
                    self._path.with_name(self._path.name + ending).unlink(missing_ok=True)
        except FileNotFoundError:
            return
        except OSError as failure:
            raise _as_state_error(failure, self._path) from failure
        self.set_aside = aside
        _log.warning("the database was damaged (%s); it is now %s, and a new one is begun", error, aside)


def _migrate(connection: sqlite3.Connection) -> int:
    """Bring the tables up to date; the version that they had."""
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version < _VERSION:
            for statement in filter(str.strip, ";".join(_MIGRATIONS[version:]).split(";")):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {_VERSION}")
    return int(version)


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Of all processes that come here for a folder, one at a time; free again when the process ends."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _refuse_newer(version: int, path: Path) -> None:
    if version > _VERSION:
        raise StateError(
            ErrorCode.STATE_UNUSABLE,
            f"{path} was written by a newer Podkeeper",
            remedy="Update Podkeeper, or set PODKEEPER_STATE_DIR to another folder.",
        )


def _has_no_room(folder: Path) -> bool:
    """Whether the disk is as good as full: SQLite then often says no more than `disk I/O error`."""
    try:
        return shutil.disk_usage(folder).free < _LEAST_ROOM_BYTES
    except OSError:
        return False


def _as_state_error(error: Exception, path: Path) -> StateError:
    if any(word in str(error).lower() for word in _FULL) or _has_no_room(path.parent):
        return StateError(
            ErrorCode.NO_SPACE,
            f"there is no room left for {path}",
            remedy="Make room on that disk, or set PODKEEPER_STATE_DIR to a folder on another.",
        )
    return StateError(
        ErrorCode.STATE_UNUSABLE,
        f"{path} can not be used: {error}",
        remedy="Look at its owner and mode, or set PODKEEPER_STATE_DIR to a folder that you may write to.",
    )
