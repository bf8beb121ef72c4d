"""A log that is followed over breaks: no line is lost, none comes twice."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from containers.model.base import ContainerId
from containers.model.observed import ContainerDetail, ContainerState
from containers.model.operations import LogQuery
from containers.observation.followed_log import FollowedLog

START = datetime(2026, 1, 1, tzinfo=UTC)
AN_HOUR = timedelta(hours=1)
Written = list[tuple[int, str]]
"""Lines with their times, in nanoseconds after the start."""


def container(state: ContainerState = ContainerState.RUNNING, life: int = 0) -> ContainerDetail:
    """One that began its life so many seconds after the start."""
    started = START + timedelta(seconds=life)
    return ContainerDetail(id=ContainerId("c1"), name="demo_web_1", state=state, started_at=started)


def wire(written: Written, query: LogQuery, *, finely: bool) -> list[str]:
    """What Podman answers: in nanoseconds since version 5, in seconds before; `since` is exact in both."""
    since = -1 if query.since is None else round((query.since - START) / timedelta(microseconds=1)) * 1000
    chosen = written if query.lines is None else written[len(written) - min(query.lines, len(written)) :]
    return [f"{_stamp(at, finely=finely)} {text}" for at, text in chosen if at > since]


def _stamp(at_ns: int, *, finely: bool) -> str:
    seconds, rest = divmod(at_ns, 1_000_000_000)
    whole = (START + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{rest:09}Z" if finely else f"{whole}Z"


def taken(log: FollowedLog, lines: Iterable[str]) -> list[str]:
    """What of them is told."""
    return [text for line in lines if (text := log.take(line)) is not None]


def begun(log: FollowedLog, created_at: datetime = START - AN_HOUR) -> LogQuery:
    """Begin to read the running container."""
    query = log.query(container(), created_at)
    assert query is not None
    return query


@given(
    steps_ns=st.lists(st.integers(0, 900_000_000), max_size=12),
    texts=st.lists(st.sampled_from(["", "a", "b", "a b"]), min_size=12, max_size=12),
    breaks=st.lists(st.integers(0, 12), max_size=4),
    finely=st.booleans(),
)
def test_whatever_breaks_the_stream_each_line_is_told_once_and_in_order(
    *, steps_ns: list[int], texts: list[str], breaks: list[int], finely: bool
) -> None:
    """Also within a moment, and where lines say the same."""
    at_ns, written = 0, []
    for step, text in zip(steps_ns, texts, strict=False):
        at_ns += step
        written.append((at_ns, text))
    log = FollowedLog(200, START)
    told: list[str] = []
    for seen in [*sorted(breaks), len(written)]:
        told += taken(log, wire(written[:seen], begun(log), finely=finely))
    assert told == [text for _, text in written]


@given(lines=st.integers(0, 8), seen=st.integers(0, 8), finely=st.booleans())
def test_what_was_before_the_asked_for_lines_stays_out(*, lines: int, seen: int, finely: bool) -> None:
    """Although reading on begins with the whole moment in which they are."""
    written = [(n * 1000, f"line {n}") for n in range(8)]
    log = FollowedLog(lines, START)
    told = taken(log, wire(written[:seen], begun(log), finely=finely))
    log.ended()
    assert told == [text for _, text in written[max(seen - lines, 0) : seen]]
    if told:
        assert taken(log, wire(written, begun(log), finely=finely)) == [text for _, text in written[seen:]]


def test_a_reading_that_failed_before_its_first_line_is_made_again_as_it_was() -> None:
    """Symptom: after an error nothing but new lines was asked for."""
    log = FollowedLog(200, START)
    assert begun(log).lines == 200
    assert begun(log).lines == 200
    log.ended()
    assert begun(log) == LogQuery(follow=True, timestamps=True)


def test_where_no_line_was_wanted_and_none_came_the_next_life_is_read_from_the_beginning_on() -> None:
    """There is no line's time to go on from."""
    log = FollowedLog(0, START)
    assert begun(log).lines == 0
    log.ended()
    assert begun(log) == LogQuery(follow=True, timestamps=True, since=START)


def test_a_container_made_while_its_service_is_followed_is_read_whole() -> None:
    """Whatever number of lines was asked for."""
    assert begun(FollowedLog(5, START), START + AN_HOUR).lines is None


def test_a_life_is_read_to_its_end_once() -> None:
    """One that ended writes no more; the next one does, though it ended as well."""
    log = FollowedLog(200, START)
    ended = container(ContainerState.EXITED)
    assert log.query(ended, START) is not None
    log.ended()
    assert log.query(ended, START) is None
    assert log.query(container(ContainerState.EXITED, life=1), START) is not None
    assert log.query(container(), START) is not None


def test_the_rest_of_a_line_that_was_cut_goes_with_its_beginning() -> None:
    """It has no time of its own; it may begin with something like one."""
    log = FollowedLog(200, START)
    lines = ["2026-01-01T00:00:00Z long", "est line", "2026-01-01T00:00:00 is no time of the engine"]
    begun(log)
    assert taken(log, lines) == ["long", *lines[1:]]
    begun(log)
    assert taken(log, [*lines, "2026-01-01T00:00:01Z next"]) == ["next"]
