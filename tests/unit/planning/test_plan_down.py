"""What `down`, `stop` and `restart` plan."""

from tests.fakes.observed import applied, container
from tests.fakes.projects import project

from containers.model.base import ServiceName
from containers.model.observed import ContainerState
from containers.planning.down import plan_down, plan_restart, plan_stop
from containers.planning.options import DownOptions

STACK = project(
    services={
        "web": {"depends_on": {"api": {"condition": "service_started", "required": True, "restart": True}}},
        "api": {"depends_on": {"db": {"condition": "service_healthy", "required": True}}},
        "db": {
            "healthcheck": {"test": ["CMD", "true"]},
            "volumes": [{"type": "volume", "source": "data", "target": "/d", "volume": {}}],
        },
    }
)


def ids(plan: object) -> list[str]:
    """The ids of a plan's steps, in order."""
    return [s.id for s in plan.steps]  # type: ignore[attr-defined]


def test_down_removes_dependents_first_and_the_network_last() -> None:
    """Reverse order of dependencies; volumes stay."""
    plan = plan_down(STACK.name, STACK, applied(STACK))
    assert ids(plan) == [
        "remove:demo_web_1",
        "remove:demo_api_1",
        "remove:demo_db_1",
        "remove-network:demo_default",
    ]


def test_down_removes_volumes_only_when_asked() -> None:
    """Data goes with `--volumes` alone."""
    plan = plan_down(STACK.name, STACK, applied(STACK), DownOptions(volumes=True))
    assert "remove-volume:demo_data" in ids(plan)


def test_down_of_one_service_leaves_the_network() -> None:
    """The others still use it."""
    plan = plan_down(STACK.name, STACK, applied(STACK), DownOptions(services=(ServiceName("web"),)))
    assert ids(plan) == ["remove:demo_web_1"]


def test_down_leaves_external_networks_alone() -> None:
    """What the project did not make it does not remove."""
    stack = project(
        services={"a": {"networks": {"shared": None}}}, networks={"shared": {"external": True, "name": "x"}}
    )
    assert ids(plan_down(stack.name, stack, applied(stack))) == ["remove:demo_a_1"]


def test_down_keeps_orphans_and_their_network_and_says_so() -> None:
    """They go with `--remove-orphans`."""
    smaller = project(services={"db": {}})
    plan = plan_down(smaller.name, smaller, applied(STACK))
    assert ids(plan) == ["remove:demo_db_1"]
    assert "demo_api_1, demo_web_1" in plan.warnings[0]


def test_stop_stops_dependents_first_and_only_what_runs() -> None:
    """A stopped container is left alone."""
    observed = applied(STACK, container(STACK, "db", state=ContainerState.EXITED, exit_code=0))
    assert ids(plan_stop(STACK, observed)) == ["stop:demo_web_1", "stop:demo_api_1"]


def test_restart_of_one_service_takes_along_who_asks_for_it() -> None:
    """`restart: true` dependents follow, after the gate of what they depend on."""
    plan = plan_restart(STACK, applied(STACK), (ServiceName("api"),))
    restarts = [s for s in plan.steps if s.kind == "restart_container"]
    assert [s.service for s in restarts] == ["api", "web"]
    assert restarts[1].needs == ("restart:api:1",)
