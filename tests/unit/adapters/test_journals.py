"""One suite for both journals: the one in SQLite, and the one that tests use in its place."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.fakes.memory_journal import MemoryJournal

from containers.adapters.sqlite_database import SqliteDatabase
from containers.adapters.sqlite_journal import SqliteJournal
from containers.model.base import ProjectName, ServiceName, StepId, TransactionId
from containers.model.errors import ErrorCode, StateError
from containers.model.journal import JournalRecord, Phase
from containers.model.observed import ObservedState
from containers.model.outcome import Done, NotRun, Problem, Unknown
from containers.model.plan import CreateContainer, Plan, StartContainer
from containers.ports.stores import Journal

DEMO = ProjectName("demo")
STORE = "/var/lib/containers"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
CREATE, START = StepId("create:web:1"), StepId("start:web:1")


@pytest.fixture(params=["memory", "sqlite"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Journal]:
    """Each journal in turn, empty."""
    made: Journal = MemoryJournal()
    if request.param == "sqlite":
        made = SqliteJournal(SqliteDatabase(tmp_path / "state.db"))
    yield made
    made.close()


def record(
    number: int = 1, project: ProjectName = DEMO, store: str = STORE, at: datetime = NOON
) -> JournalRecord:
    """A transaction with two steps."""
    web = ServiceName("web")
    create = CreateContainer(id=CREATE, cause="new", service=web, number=1, name="demo_web_1")
    start = StartContainer(
        id=START, cause="new", service=web, number=1, name="demo_web_1", created_by=CREATE, needs=(CREATE,)
    )
    return JournalRecord(
        transaction=TransactionId(f"01T{number:023}"),
        project=project,
        store=store,
        plan=Plan(project=project, verb="up", steps=(create, start)),
        before=ObservedState(project=project),
        started_at=at,
        pid=4242,
        environment="development",
    )


async def test_what_was_begun_and_not_ended_is_found_as_it_was_written(journal: Journal) -> None:
    """The plan, the look before it, and how far it has come."""
    begun = record()
    await journal.begin(begun)
    await journal.step_begun(begun.transaction, CREATE)
    done = Done(step=CREATE, duration_s=0.25)
    journal.step_ended(begun.transaction, done)
    await journal.step_begun(begun.transaction, START)
    (found,) = await journal.unfinished(DEMO, STORE)
    assert found.record == begun
    assert (found.phase, found.revision) == (Phase.APPLYING, None)
    assert found.begun == {CREATE, START}
    assert found.ended == (done,)
    created, started = found.outcomes
    assert created == done
    assert isinstance(started, Unknown)


async def test_who_is_at_work_on_a_transaction_is_known(journal: Journal) -> None:
    """At first who began it."""
    begun = record()
    await journal.begin(begun)
    assert [each.pid for each in await journal.history()] == [4242]
    await journal.held_by(begun.transaction, 4243)
    assert [each.pid for each in await journal.history()] == [4243]


async def test_a_step_that_was_not_begun_was_not_run(journal: Journal) -> None:
    """Nothing of it can have happened."""
    begun = record()
    await journal.begin(begun)
    (found,) = await journal.unfinished(DEMO, STORE)
    assert found.outcomes == (NotRun(step=CREATE), NotRun(step=START))


async def test_a_step_may_be_begun_twice(journal: Journal) -> None:
    """What it came to stays known."""
    begun = record()
    await journal.begin(begun)
    await journal.step_begun(begun.transaction, CREATE)
    journal.step_ended(begun.transaction, Done(step=CREATE, duration_s=0.1))
    await journal.step_begun(begun.transaction, CREATE)
    (found,) = await journal.unfinished(DEMO, STORE)
    assert [o.step for o in found.ended] == [CREATE]


async def test_a_phase_is_kept_with_the_revision_that_it_was_entered_with(journal: Journal) -> None:
    """Entering a later one without a revision forgets none."""
    begun = record()
    await journal.begin(begun)
    await journal.enter(begun.transaction, Phase.COMMITTING, 7)
    await journal.enter(begun.transaction, Phase.COMMITTING)
    (found,) = await journal.unfinished(DEMO, STORE)
    assert (found.phase, found.revision) == (Phase.COMMITTING, 7)


async def test_a_transaction_that_is_not_known_can_not_go_on(journal: Journal) -> None:
    """Its account went with a damaged database: it must not pass a point that nobody would know of."""
    with pytest.raises(StateError) as caught:
        await journal.enter(TransactionId("01NEVER"), Phase.COMMITTING)
    assert caught.value.code is ErrorCode.STATE_DAMAGED
    assert caught.value.remedy


@pytest.mark.parametrize("phase", [Phase.COMMITTED, Phase.ROLLED_BACK, Phase.STUCK])
async def test_what_has_ended_is_history(journal: Journal, phase: Phase) -> None:
    """Not unfinished any more, and told with its message, its steps and who ended it."""
    begun = record()
    await journal.begin(begun)
    await journal.step_begun(begun.transaction, CREATE)
    await journal.enter(begun.transaction, Phase.COMMITTING, 3)
    problem = Problem(code=ErrorCode.TIMEOUT, message="too slow")
    journal.step_ended(begun.transaction, Unknown(step=CREATE, duration_s=1.5, problem=problem))
    await journal.conclude(begun.transaction, phase, "why", recovered=True)
    assert await journal.unfinished(DEMO, STORE) == ()
    (told,) = await journal.history(DEMO, STORE)
    assert (told.transaction, told.phase, told.message) == (begun.transaction, phase, "why")
    assert (told.verb, told.environment, told.changes, told.revision) == ("up", "development", 2, 3)
    assert told.recovered
    assert told.started_at == NOON
    assert told.finished_at is not None
    (time,) = await journal.step_times(begun.transaction)
    assert (time.step, time.outcome, time.duration_s, time.message) == (CREATE, "unknown", 1.5, "too slow")


async def test_projects_and_engines_do_not_see_each_other(journal: Journal) -> None:
    """The same name on another engine is another stack."""
    await journal.begin(record(1))
    await journal.begin(record(2, project=ProjectName("other")))
    await journal.begin(record(3, store="/elsewhere"))
    assert [t.record.transaction[-1] for t in await journal.unfinished(DEMO, STORE)] == ["1"]
    assert [t.transaction[-1] for t in await journal.history(DEMO)] == ["3", "1"]
    assert [t.transaction[-1] for t in await journal.history()] == ["3", "2", "1"]
    assert [t.transaction[-1] for t in await journal.history(limit=1)] == ["3"]


async def test_order_is_that_of_being_begun_whatever_the_clock_said(journal: Journal) -> None:
    """A clock that is set back reorders nothing."""
    for number in (1, 2, 3):
        await journal.begin(record(number, at=NOON - timedelta(hours=number)))
    assert [t.record.transaction[-1] for t in await journal.unfinished(DEMO, STORE)] == ["1", "2", "3"]
    assert [t.transaction[-1] for t in await journal.history(DEMO)] == ["3", "2", "1"]
