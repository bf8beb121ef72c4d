"""Making containers ready while they wait: which, when, and what becomes of one that can not be."""

from typing import Any

import pytest
from tests.fakes.fake_container import Behaviour
from tests.fakes.projects import BUSYBOX, project
from tests.fakes.stack import Bench

from containers.model.errors import EngineError, ErrorCode
from containers.model.outcome import Committed

CHECK = {"test": ["CMD", "true"], "interval": "30s"}
WAITS = {"db": {"condition": "service_healthy", "required": True}}


def shop(*, db: dict[str, Any] | None = None, **api: Any) -> Any:
    """A service and the database that it waits for."""
    return project(services={"db": {"healthcheck": CHECK, **(db or {})}, "api": {"depends_on": WAITS, **api}})


@pytest.fixture
def bench() -> Bench:
    """The database takes two seconds."""
    made = Bench(BUSYBOX)
    made.engine.script("db", Behaviour(healthy_after_s=2.0))
    return made


def order(bench: Bench) -> list[tuple[str, str]]:
    """What was readied and started, in order."""
    return [call for call in bench.engine.calls if call[0] in {"ready_container", "start_container"}]


async def test_a_container_is_made_ready_while_it_waits(bench: Bench) -> None:
    """The database waits for nothing, so that it is just started."""
    assert isinstance(await bench.up(shop()), Committed)
    assert order(bench) == [
        ("start_container", "demo_db_1"),
        ("ready_container", "demo_api_1"),
        ("start_container", "demo_api_1"),
    ]


@pytest.mark.parametrize(("podman", "readied"), [("4.3.1", []), ("5.4.2", ["demo_web_1"])])
async def test_where_joining_disturbs_those_who_ask_nothing_is_made_ready_once_a_dependent_runs(
    bench: Bench, podman: str, readied: list[str]
) -> None:
    """Below Podman 5.1; the interface asks for the database as it begins."""
    bench.engine.turn_into(podman)
    bench.engine.script("db", Behaviour(healthy_after_s=0.0))
    bench.engine.script("api", Behaviour(healthy_after_s=2.0))
    stack = project(
        services={
            "db": {"healthcheck": CHECK},
            "api": {"depends_on": WAITS, "healthcheck": CHECK},
            "web": {"depends_on": {"api": WAITS["db"]}},
        }
    )
    assert isinstance(await bench.up(stack), Committed)
    assert [name for call, name in order(bench) if call == "ready_container"] == readied


@pytest.mark.parametrize(("podman", "readied"), [("4.3.1", []), ("5.4.2", ["demo_api_1"])])
async def test_where_joining_disturbs_those_who_ask_nothing_is_made_ready_beside_what_ran_before(
    bench: Bench, podman: str, readied: list[str]
) -> None:
    """Nobody knows whom it asks for, and when."""
    bench.engine.turn_into(podman)
    ran = {"cache": {"healthcheck": CHECK}}
    assert isinstance(await bench.up(project(services=ran)), Committed)
    bench.engine.calls.clear()
    stack: dict[str, Any] = {**ran, "db": {"healthcheck": CHECK}, "api": {"depends_on": WAITS}}
    assert isinstance(await bench.up(project(services=stack)), Committed)
    assert [name for call, name in order(bench) if call == "ready_container"] == readied


async def test_nothing_is_made_ready_where_the_wait_is_over_at_once(bench: Bench) -> None:
    """It would take longer than a start alone."""
    bench.engine.script("db", Behaviour(healthy_after_s=0.0))
    assert isinstance(await bench.up(shop()), Committed)
    assert [call for call in order(bench) if call[0] == "ready_container"] == []


async def test_what_keeps_it_from_being_made_ready_is_left_to_its_start_to_say(bench: Bench) -> None:
    """It may have passed by then."""
    bench.engine.fail_next("ready_container", EngineError(ErrorCode.PORT_IN_USE, "port 80 is taken"))
    assert isinstance(await bench.up(shop()), Committed)
    assert order(bench)[-1] == ("start_container", "demo_api_1")


def volume(source: str, kind: str = "volume") -> list[dict[str, Any]]:
    """One mount of a canonical service."""
    return [{"type": kind, "source": source, "target": "/data"}]


def ports(published: str) -> list[dict[str, Any]]:
    """One port of a canonical service."""
    return [{"target": 80, "published": published, "protocol": "tcp", "mode": "ingress"}]


@pytest.mark.parametrize(
    ("api", "db", "is_readied"),
    [
        pytest.param({"volumes": volume("rows")}, {}, True, id="a volume of its own"),
        pytest.param({"volumes": volume("rows")}, {"volumes": volume("rows")}, False, id="a shared volume"),
        pytest.param(
            {"volumes": volume("/srv/certs", "bind")},
            {"volumes": volume("/srv/certs", "bind")},
            True,
            id="a shared folder, whose content shows in both",
        ),
        pytest.param(
            {"volumes": volume("/srv/certs/ca.pem", "bind")},
            {"volumes": volume("/srv/certs", "bind")},
            False,
            id="a file that the other may write anew",
        ),
        pytest.param({"network_mode": "service:db"}, {}, False, id="a shared namespace"),
        pytest.param({"ports": ports("80")}, {"ports": ports("81")}, True, id="a port of its own"),
        pytest.param({"ports": ports("80")}, {"ports": ports("80")}, False, id="a port that both publish"),
        pytest.param({"ports": ports("80")}, {"ports": ports("70-90")}, False, id="a port of a range"),
        pytest.param({"ports": ports("")}, {"ports": ports("80")}, True, id="whichever port is free"),
        pytest.param({"ports": ports("80")}, {"network_mode": "host"}, False, id="one of the host's ports"),
        pytest.param({}, {"network_mode": "host"}, True, id="no port beside the host's"),
    ],
)
async def test_only_what_others_can_not_change_is_made_ready_early(
    bench: Bench, api: dict[str, Any], db: dict[str, Any], *, is_readied: bool
) -> None:
    """The first to mount a volume fills it; a mount stays at the file that was there."""
    stack = project(
        services={"db": {"healthcheck": CHECK, **db}, "api": {"depends_on": WAITS, **api}},
        volumes={"rows": {"name": "demo_rows"}},
    )
    assert isinstance(await bench.up(stack), Committed)
    assert (("ready_container", "demo_api_1") in order(bench)) == is_readied


async def test_nothing_is_made_ready_where_something_that_runs_makes_room_for_it(bench: Bench) -> None:
    """The new one may be meant to have its port."""
    before = project(services={"db": {"healthcheck": CHECK}})
    assert isinstance(await bench.up(before), Committed)
    bench.engine.calls.clear()
    assert isinstance(await bench.up(shop(db={"environment": {"V": "2"}})), Committed)
    assert [call for call in order(bench) if call[0] == "ready_container"] == []
