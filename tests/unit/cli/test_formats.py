"""Tables, templates, times and sizes as the command line prints and reads them."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.fakes.observed import container
from tests.fakes.projects import project

from containers.cli.container_rows import state_counts
from containers.cli.containers import _in_service, given_variables
from containers.cli.formats import filter_value, templated
from containers.cli.moments import parse_moment
from containers.cli.reading_logs import _line_count, _prefixes
from containers.cli.words import binary_size, decimal_size, shortened, span, status_words
from containers.model.base import ContainerId
from containers.model.errors import ErrorCode, PodkeeperError
from containers.model.health import HealthState
from containers.model.observed import ContainerDetail, ContainerState, PublishedPort
from containers.model.text_columns import columns

NOW = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
ROWS = [{"Name": "web", "Size": 3, "Labels": {"a": "b"}}, {"Name": "database", "Size": 20, "Labels": {}}]


def test_columns_are_as_wide_as_their_texts() -> None:
    """Three spaces between them, none at the end."""
    assert columns(("A", "LONG"), [("first", "x"), ("2", "")]) == ["A       LONG", "first   x", "2"]


def test_a_template_is_filled_for_each_row() -> None:
    """Fields, JSON of one or all, tabs, and headings."""
    assert templated("{{.Name}} has {{ .Size }}", ROWS) == ["web has 3", "database has 20"]
    assert templated("{{json .Labels}}", ROWS) == ['{"a":"b"}', "{}"]
    assert templated("json", ROWS[:1]) == templated("{{json .}}", ROWS[:1])
    lines = templated(r"table {{.Name}}\t{{.Size}}", ROWS, {"Size": "HOW MANY"})
    assert lines == ["NAME       HOW MANY", "web        3", "database   20"]


@pytest.mark.parametrize("template", ["{{.Nothing}}", "{{range .}}{{.Name}}{{end}}", "{{.Name | upper}}"])
def test_a_template_that_is_not_understood_is_refused(template: str) -> None:
    """Never printed half filled."""
    with pytest.raises(PodkeeperError) as refused:
        templated(template, ROWS)
    assert refused.value.code is ErrorCode.USAGE
    assert refused.value.remedy


def test_filters_have_known_keys() -> None:
    """Repeated ones are kept."""
    assert filter_value(["status=a", "status=b"], "status") == {"status": ["a", "b"]}
    for text in ("status", "name=x"):
        with pytest.raises(PodkeeperError):
            filter_value([text], "status")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "Less than a second"),
        (1, "1 second"),
        (59, "59 seconds"),
        (61, "About a minute"),
        (150, "2 minutes"),
        (3600, "About an hour"),
        (47 * 3600, "47 hours"),
        (48 * 3600, "2 days"),
        (15 * 86400, "2 weeks"),
        (61 * 86400, "2 months"),
        (800 * 86400, "2 years"),
    ],
)
def test_times_are_told_as_docker_tells_them(seconds: float, words: str) -> None:
    """At every border between two units."""
    assert span(seconds) == words


def test_sizes_are_told_as_docker_tells_them() -> None:
    """Decimal for disks and networks, binary for memory."""
    assert [decimal_size(n) for n in (0, 426, 1810, 2131047)] == ["0B", "426B", "1.81kB", "2.13MB"]
    assert [binary_size(n) for n in (0, 647168, 25276510208)] == ["0B", "632KiB", "23.54GiB"]
    assert shortened("sh -c trap exit TERM; echo", 20) == "sh -c trap exit TER…"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("42m", NOW - timedelta(minutes=42)),
        ("1h30m", NOW - timedelta(minutes=90)),
        ("1.5s", NOW - timedelta(seconds=1.5)),
        ("2026-01-01T13:23:37Z", datetime(2026, 1, 1, 13, 23, 37, tzinfo=UTC)),
        ("2026-01-01T13:23:37+02:00", datetime(2026, 1, 1, 11, 23, 37, tzinfo=UTC)),
        ("1767312000", datetime(2026, 1, 2, tzinfo=UTC)),
    ],
)
def test_a_moment_is_a_time_or_how_long_ago(text: str, moment: datetime) -> None:
    """As docker compose reads `--since`."""
    assert parse_moment(text, NOW) == moment


@pytest.mark.parametrize(
    "text", ["noon", "5 minutes", "-3m", "2026-13-01", "99999999999d", "9999999d", "9" * 20]
)
def test_what_is_no_moment_is_refused(text: str) -> None:
    """With an example of one."""
    with pytest.raises(PodkeeperError) as refused:
        parse_moment(text, NOW)
    assert refused.value.code is ErrorCode.USAGE
    assert "42m" in refused.value.remedy


def test_a_line_count_is_a_number_or_all() -> None:
    """Anything else is refused."""
    assert (_line_count("all"), _line_count("5")) == (None, 5)
    with pytest.raises(PodkeeperError):
        _line_count("-1")


def test_log_prefixes_line_up_and_have_colours_of_their_own() -> None:
    """Without colours they are plain text."""
    assert _prefixes(["web-1", "db-1"], colours=False) == ["web-1  | ", "db-1   | "]
    first, second = _prefixes(["web-1", "db-1"], colours=True)
    assert first[:5] != second[:5]


def test_only_a_service_and_a_path_are_in_a_container() -> None:
    """A path with a colon in it is one here when it says so."""
    assert _in_service("web:/etc/x") == ("web", "/etc/x")
    assert [_in_service(t) for t in ("-", "plain", "./a:b", "/a:b", "folder/a:b")] == [None] * 5


def test_a_bare_variable_takes_our_value() -> None:
    """And is left out where we have none."""
    assert given_variables(["A=1", "B=", "C", "D"], {"C": "3"}) == {"A": "1", "B": "", "C": "3"}


def test_states_are_counted_by_name() -> None:
    """What lives, or everything."""
    states = (ContainerState.RUNNING, ContainerState.EXITED, ContainerState.RUNNING, ContainerState.PAUSED)
    assert state_counts(states, everything=False) == "paused(1), running(2)"
    assert state_counts(states, everything=True) == "exited(1), paused(1), running(2)"


def test_an_address_can_be_connected_to() -> None:
    """Every interface is 0.0.0.0; version 6 stands in brackets."""
    ports = [PublishedPort(host_ip=ip, host_port=80, container_port=1) for ip in ("", "127.0.0.1", "::1")]
    assert [p.address for p in ports] == ["0.0.0.0:80", "127.0.0.1:80", "[::1]:80"]


def test_a_status_says_since_when_and_how_well() -> None:
    """Each state in docker compose's words."""
    detail = ContainerDetail(
        id=ContainerId("1"),
        name="web",
        state=ContainerState.EXITED,
        exit_code=3,
        finished_at=NOW - timedelta(hours=2),
    )

    def words(state: ContainerState, **more: object) -> str:
        seen = container(project(services={"web": {}}), "web", state=state).model_copy(
            update={"started_at": NOW - timedelta(minutes=3), **more}
        )
        return status_words(seen, detail, NOW)

    assert words(ContainerState.RUNNING) == "Up 3 minutes"
    assert words(ContainerState.RUNNING, health=HealthState.UNHEALTHY) == "Up 3 minutes (unhealthy)"
    assert words(ContainerState.PAUSED) == "Up 3 minutes (Paused)"
    assert words(ContainerState.EXITED, exit_code=3) == "Exited (3) 2 hours ago"
    assert words(ContainerState.CREATED) == "Created"
    assert words(ContainerState.RESTARTING) == "Restarting (3) 2 hours ago"
