"""The port `Journal` in our database: transactions, and each of their steps."""

import logging
from collections.abc import Iterable
from datetime import UTC, datetime

from pydantic import TypeAdapter

from containers.adapters.sqlite_database import SqliteDatabase
from containers.model.base import ProjectName, StepId, TransactionId
from containers.model.errors import ErrorCode, StateError
from containers.model.journal import JournalRecord, OpenTransaction, Phase, StepTime, TransactionSummary
from containers.model.outcome import StepOutcome

_log = logging.getLogger(__name__)

_OUTCOME: TypeAdapter[StepOutcome] = TypeAdapter(StepOutcome)
_KEPT = 500
"""Transactions of the past, of each project."""
_FIELDS = (
    "transaction",
    "project",
    "verb",
    "environment",
    "phase",
    "started_at",
    "finished_at",
    "pid",
    "revision",
    "changes",
    "message",
    "recovered",
    "recovery_s",
)
_COLUMNS = (
    "id, project, verb, environment, phase, started_at, finished_at, pid, revision, changes, message,"
    " recovered,"
    " (julianday(finished_at) - julianday(failed_at)) * 86400"
)


class SqliteJournal:
    """Transactions in a database that other processes write to as well.

    Their order is that in which they were begun (`rowid`), whatever the clock said then.
    """

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    async def begin(self, record: JournalRecord) -> None:
        """Note a transaction before anything of it is done; it is on the disk when this returns."""
        self._database.queue(
            "DELETE FROM transactions WHERE project = ? AND store = ? AND record IS NULL AND id NOT IN"
            " (SELECT id FROM transactions WHERE project = ? AND store = ? ORDER BY rowid DESC LIMIT ?)",
            (record.project, record.store, record.project, record.store, _KEPT),
        )
        plan = record.plan
        await self._database.write(
            "INSERT INTO transactions (id, project, store, verb, environment, phase, started_at, pid,"
            " changes, record) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                record.transaction,
                record.project,
                record.store,
                plan.verb,
                record.environment,
                Phase.APPLYING.value,
                record.started_at.isoformat(),
                record.pid,
                len(plan.changes),
                record.model_dump_json(),
            ),
            durable=True,
        )

    async def step_begun(self, transaction: TransactionId, step: StepId) -> None:
        """Note that a step is about to be done."""
        await self._database.write(
            "INSERT OR IGNORE INTO steps (transaction_id, step) VALUES (?, ?)", (transaction, step)
        )

    def step_ended(self, transaction: TransactionId, outcome: StepOutcome) -> None:
        """Note what came of a step, with the next thing that is waited for."""
        self._database.queue(
            "INSERT INTO steps (transaction_id, step, outcome) VALUES (?, ?, ?)"
            " ON CONFLICT (transaction_id, step) DO UPDATE SET outcome = excluded.outcome",
            (transaction, outcome.step, outcome.model_dump_json()),
        )

    async def enter(self, transaction: TransactionId, phase: Phase, revision: int | None = None) -> None:
        """Note that a transaction has come to another phase; on the disk when this returns.

        Raises:
            StateError: `state_damaged` where it is not known any more: a new database took the place of a
                damaged one, and whoever came after a kill would not know of it.
        """
        failed_at = datetime.now(UTC).isoformat() if phase is Phase.ROLLING_BACK else None
        changed = await self._database.write(
            "UPDATE transactions SET phase = ?, revision = coalesce(?, revision), failed_at = ? WHERE id = ?",
            (phase.value, revision, failed_at, transaction),
            durable=True,
        )
        if not changed:
            raise StateError(
                ErrorCode.STATE_DAMAGED,
                f"the account of transaction {transaction} is lost: its database was replaced meanwhile",
                remedy="Run the command again.",
            )

    async def held_by(self, transaction: TransactionId, pid: int) -> None:
        """Note which process is at work on a transaction, or `NOBODY`."""
        await self._database.write("UPDATE transactions SET pid = ? WHERE id = ?", (pid, transaction))

    async def conclude(
        self, transaction: TransactionId, phase: Phase, message: str = "", *, recovered: bool = False
    ) -> None:
        """Note that a transaction has ended; what only recovery needs is forgotten."""
        await self._database.write(
            "UPDATE transactions SET phase = ?, message = ?, recovered = ?, finished_at = ?, record = NULL"
            " WHERE id = ?",
            (phase.value, message, int(recovered), datetime.now(UTC).isoformat(), transaction),
            durable=True,
        )

    async def unfinished(self, project: ProjectName, store: str) -> tuple[OpenTransaction, ...]:
        """The transactions of a project that nobody has ended, oldest first.

        One whose account can not be read any more is ended here: nobody could.
        """
        rows = await self._database.read(
            "SELECT id, phase, revision, record FROM transactions WHERE project = ? AND store = ?"
            " AND finished_at IS NULL AND record IS NOT NULL ORDER BY rowid",
            (project, store),
        )
        found = []
        for transaction, phase, revision, text in rows:
            steps = await self._database.read(
                "SELECT step, outcome FROM steps WHERE transaction_id = ? ORDER BY number", (transaction,)
            )
            try:
                found.append(
                    OpenTransaction(
                        record=JournalRecord.model_validate_json(text),
                        phase=Phase(phase),
                        revision=revision,
                        begun=frozenset(StepId(step) for step, _ in steps),
                        ended=tuple(_OUTCOME.validate_json(o) for _, o in steps if o is not None),
                    )
                )
            except ValueError as error:
                _log.warning("the account of transaction %s can not be read", transaction)
                _log.debug("this is why", exc_info=error)
                message = "its account can not be read, so nobody can end it"
                await self.conclude(transaction, Phase.STUCK, message, recovered=True)
        return tuple(found)

    async def history(
        self, project: ProjectName | None = None, store: str | None = None, *, limit: int = 100
    ) -> tuple[TransactionSummary, ...]:
        """Transactions of the past, newest first; of all projects where none is named."""
        rows = await self._database.read(
            f"SELECT {_COLUMNS} FROM transactions WHERE (?1 IS NULL OR project = ?1)"  # noqa: S608
            " AND (?2 IS NULL OR store = ?2) ORDER BY rowid DESC LIMIT ?3",
            (project, store, limit),
        )
        return tuple(
            TransactionSummary.model_validate(dict(zip(_FIELDS, row, strict=True)), strict=False)
            for row in rows
        )

    async def step_times(self, transaction: TransactionId) -> tuple[StepTime, ...]:
        """The steps of a transaction, in the order in which they began."""
        rows = await self._database.read(
            "SELECT step, outcome FROM steps WHERE transaction_id = ? ORDER BY number", (transaction,)
        )
        return tuple(
            StepTime.of(_OUTCOME.validate_json(outcome))
            if outcome is not None
            else StepTime(step=StepId(step), outcome="unknown", duration_s=0.0)
            for step, outcome in rows
        )

    async def ignored_drift(self, project: ProjectName, store: str) -> frozenset[str]:
        """The fingerprints of drift that somebody said is all right."""
        rows = await self._database.read(
            "SELECT fingerprint FROM ignored_drift WHERE project = ? AND store = ?", (project, store)
        )
        return frozenset(str(row[0]) for row in rows)

    async def ignore_drift(self, project: ProjectName, store: str, fingerprints: Iterable[str]) -> None:
        """Note that drift is all right; none forgets what was noted."""
        given = tuple(fingerprints)
        for fingerprint in given:
            self._database.queue(
                "INSERT OR IGNORE INTO ignored_drift (project, store, fingerprint) VALUES (?, ?, ?)",
                (project, store, fingerprint),
            )
        forget = "DELETE FROM ignored_drift WHERE project = ? AND store = ? AND ?"
        await self._database.write(forget, (project, store, int(not given)), durable=True)

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()
