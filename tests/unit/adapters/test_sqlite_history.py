"""The history of health in a real database: written, folded, forgotten, bounded."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from containers.adapters.sqlite_database import SqliteDatabase
from containers.adapters.sqlite_history import SqliteHistory
from containers.adapters.sqlite_journal import SqliteJournal
from containers.model.base import ContainerId, ProjectName, ServiceName
from containers.model.health import HealthState
from containers.model.metrics import Figures, Incident, IncidentEnd, Notes, Sample, Span, Transition
from containers.model.observed import ContainerState
from containers.model.place import Place
from containers.settings import HistorySettings

API = ServiceName("api")
HERE = Place(ProjectName("demo"), "store")
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
SETTINGS = HistorySettings(most_rows=400, most_entries=50, chunk=60)


@pytest.fixture
async def history(tmp_path: Path) -> AsyncIterator[SqliteHistory]:
    """A history with small bounds, in a new database."""
    made = SqliteHistory(SqliteDatabase(tmp_path / "state.db"), SETTINGS)
    yield made
    made.close()


def at(seconds: float) -> datetime:
    """So long after noon."""
    return NOON + timedelta(seconds=seconds)


def sample(seconds: float, cpu: float | None = 10.0, service: ServiceName = API) -> Sample:
    """One sample of a service."""
    return Sample(
        service=service,
        container=f"{service}-1",
        at=at(seconds),
        state=ContainerState.RUNNING,
        health=HealthState.HEALTHY,
        checked_at=at(seconds - 1),
        response_s=0.25,
        restarts=1,
        uptime_s=seconds,
        figures=Figures(cpu_percent=cpu, memory_bytes=1000, network_in_bytes=3),
    )


def incident(name: str, seconds: float) -> Incident:
    """One incident, just opened."""
    return Incident(
        id=name, service=API, container=ContainerId("c"), opened_at=at(seconds), reason="died", exit_code=137
    )


async def tidy_wholly(history: SqliteHistory, now: datetime) -> None:
    """Do all that is due."""
    for _ in range(1000):
        if not await history.tidy(now):
            return
    pytest.fail("tidying does not end")


async def test_what_is_noted_is_read_back_as_it_was(history: SqliteHistory) -> None:
    """Samples with figures that are there and that are not, spans, transitions, incidents."""
    blind = sample(10, service=ServiceName("blind")).model_copy(update={"figures": Figures()})
    span = Span(service=API, wellness="down", began_at=at(0), until=at(9.5))
    change = Transition(service=API, at=at(1), before=HealthState.HEALTHY, after=HealthState.UNHEALTHY)
    await history.note(
        Notes(
            place=HERE,
            samples=(sample(0), sample(10), blind),
            spans=(span,),
            transitions=(change,),
            opened=(incident("one", 1),),
        )
    )
    assert await history.latest(HERE, at(0)) == (sample(10), blind)
    assert await history.samples(HERE, at(0), at(5)) == (sample(0),)
    assert await history.spans(HERE, at(5)) == (span,)
    assert await history.spans(HERE, at(10)) == ()
    assert await history.transitions(HERE, at(0)) == (change,)
    assert await history.incidents(HERE, at(500)) == (incident("one", 1),)


async def test_another_project_and_another_engine_have_a_history_of_their_own(
    history: SqliteHistory,
) -> None:
    """All of them are in one file."""
    await history.note(Notes(place=HERE, samples=(sample(0),), opened=(incident("one", 1),)))
    for place in (Place(ProjectName("other"), "store"), Place(ProjectName("demo"), "elsewhere")):
        assert await history.latest(place, at(0)) == ()
        assert await history.incidents(place, at(0)) == ()
        assert await history.totals(place, at(0)) == {}


async def test_a_span_that_grows_stays_one_row(history: SqliteHistory) -> None:
    """It is written with each set of samples."""
    for end in (10, 20, 30):
        span = Span(service=API, wellness="up", began_at=at(0), until=at(end))
        await history.note(Notes(place=HERE, spans=(span,)))
    assert [s.until for s in await history.spans(HERE, at(0))] == [at(30)]
    assert (await history.rows())["spans"] == 1


async def test_an_incident_is_closed_by_its_id(history: SqliteHistory) -> None:
    """With how long it was, how many restarts it took, and how it ended."""
    await history.note(Notes(place=HERE, opened=(incident("one", 1), incident("two", 2))))
    end = IncidentEnd(id="one", at=at(4), duration_s=3.0, restarts=2, how="restarted")
    await history.note(Notes(place=HERE, closed=(end,)))
    one, two = await history.incidents(HERE, at(0))
    assert (one.closed_at, one.duration_s, one.restarts, one.how) == (at(4), 3.0, 2, "restarted")
    assert two.how is None


async def test_incidents_that_a_killed_monitor_left_open_end_where_it_looked_last(
    history: SqliteHistory,
) -> None:
    """Not with those that were opened since; and what is seen of their end after all is what counts."""
    span = Span(service=API, wellness="down", began_at=at(1), until=at(50))
    await history.note(Notes(place=HERE, opened=(incident("old", 1),), spans=(span,)))
    await history.note(Notes(place=HERE, opened=(incident("new", 1000),)))
    await history.give_up_open(HERE, at(900))
    old, new = await history.incidents(HERE, at(0))
    assert (old.how, old.closed_at, old.duration_s) == ("unobserved", at(50), None)
    assert new.how is None


async def test_samples_become_means_and_are_forgotten_when_they_are_old(history: SqliteHistory) -> None:
    """After a day the samples are gone, after a month the short means; what was counted stays the same."""
    for number in range(60):
        await history.note(Notes(place=HERE, samples=(sample(number * 10.0, cpu=float(number % 2)),)))
    await tidy_wholly(history, at(700))
    means = await history.samples(HERE, at(0), at(3600), 300)
    assert [(m.at, m.restarts, m.figures.network_in_bytes) for m in means] == [
        (at(0), 30, 90),
        (at(300), 30, 90),
    ]
    assert means[0].figures.cpu_percent == pytest.approx(0.5)
    day = 86_400
    await tidy_wholly(history, at(day + 3 * 3600))
    assert await history.samples(HERE, at(0), at(day)) == ()
    (long,) = await history.samples(HERE, at(0), at(day), 3600)
    assert (long.at, long.restarts) == (NOON, 60)
    await tidy_wholly(history, at(31 * day))
    assert await history.samples(HERE, at(0), at(day), 300) == ()
    assert (await history.totals(HERE, at(0)))[API].restarts == 60
    await tidy_wholly(history, at(366 * day))
    assert (await history.rows())["samples"] == 0


async def test_a_span_that_is_not_over_is_not_folded(history: SqliteHistory) -> None:
    """Another process may still write samples of it."""
    await history.note(Notes(place=HERE, samples=(sample(0),)))
    await tidy_wholly(history, at(330))
    assert await history.samples(HERE, at(0), at(300), 300) == ()


async def test_totals_count_each_moment_once_wherever_it_is_kept(history: SqliteHistory) -> None:
    """Two hours: the first part from means, the rest from samples that are in no mean yet."""
    for number in range(0, 7200, 60):
        await history.note(Notes(place=HERE, samples=(sample(float(number)),)))
        await tidy_wholly(history, at(number))
    total = (await history.totals(HERE, at(0)))[API]
    assert (total.restarts, total.network_in_bytes, total.most_memory_bytes) == (120, 360, 1000)
    assert total.mean_cpu_percent == pytest.approx(10.0)
    assert (await history.totals(HERE, at(7000)))[API].restarts == 3


async def test_there_are_never_many_more_rows_than_may_be(history: SqliteHistory) -> None:
    """The oldest samples go first, whatever their age."""
    for number in range(1200):
        await history.note(Notes(place=HERE, samples=(sample(float(number)),)))
        await history.tidy(at(number))
        if number % 100 == 0:
            assert (await history.rows())["samples"] <= SETTINGS.most_rows + SETTINGS.chunk
    await tidy_wholly(history, at(1200))
    assert (await history.rows())["samples"] <= SETTINGS.most_rows
    assert (await history.latest(HERE, at(0)))[0].at == at(1199)


async def test_spans_incidents_and_transitions_are_bounded_too(history: SqliteHistory) -> None:
    """A service that fails for ever makes some each time."""
    for number in range(300):
        span = Span(service=API, wellness="up", began_at=at(number), until=at(number + 0.5))
        change = Transition(service=API, at=at(number), before=HealthState.NONE, after=HealthState.HEALTHY)
        opened = incident(str(number), number)
        await history.note(Notes(place=HERE, spans=(span,), transitions=(change,), opened=(opened,)))
        await history.tidy(at(number))
    for _ in range(600):
        await history.tidy(at(300))
    rows = await history.rows()
    assert max(rows["spans"], rows["incidents"], rows["transitions"]) <= SETTINGS.most_entries
    assert (await history.spans(HERE, at(0)))[-1].began_at == at(299)


async def test_a_step_of_tidying_is_short_however_much_is_due(tmp_path: Path) -> None:
    """A month that nobody tidied is caught up with step by step; nobody waits for the file meanwhile."""
    database = SqliteDatabase(tmp_path / "state.db")
    history = SqliteHistory(database, HistorySettings())
    services = [ServiceName(f"s{n:02}") for n in range(20)]
    for begin in range(0, 20_000, 1000):
        moments = range(begin, begin + 1000, 10)
        await history.note(
            Notes(place=HERE, samples=tuple(sample(m, service=s) for m in moments for s in services))
        )

    async def changed() -> int:
        return await database.change(lambda connection: connection.total_changes)

    most, before = 0, await changed()
    for _ in range(100):
        await history.tidy(at(40 * 86_400))
        after = await changed()
        most, before = max(most, after - before), after
    assert 0 < most <= 1000
    history.close()


async def test_two_processes_tidy_the_same_history_without_harm(tmp_path: Path) -> None:
    """Whatever the order of their steps, the means are the same."""
    one, two = (SqliteHistory(SqliteDatabase(tmp_path / "state.db"), SETTINGS) for _ in range(2))
    for number in range(60):
        await one.note(Notes(place=HERE, samples=(sample(number * 10.0),)))
    async with asyncio.TaskGroup() as group:
        for each in (one, two):
            group.create_task(tidy_wholly(each, at(700)))
    means = await two.samples(HERE, at(0), at(3600), 300)
    assert [m.restarts for m in means] == [30, 30]
    one.close()
    two.close()


async def test_a_database_of_the_version_before_is_taken_up_with_what_it_has(tmp_path: Path) -> None:
    """Its transactions stay."""
    path = tmp_path / "state.db"
    journal = SqliteJournal(SqliteDatabase(path))
    await journal.ignore_drift(HERE.project, HERE.store, ["known"])
    journal.close()
    with sqlite3.connect(path) as connection:
        for table in ("series", "samples", "folded", "spans", "incidents", "transitions", "events"):
            connection.execute(f"DROP TABLE {table}")
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    database = SqliteDatabase(path)
    history, journal = SqliteHistory(database, SETTINGS), SqliteJournal(database)
    await history.note(Notes(place=HERE, samples=(sample(0),)))
    assert (await history.rows())["samples"] == 1
    assert await journal.ignored_drift(HERE.project, HERE.store) == {"known"}
    history.close()
