"""The engine's events to ours, and the world that they fold into."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.fakes.observed import AT, applied, container
from tests.fakes.projects import project

from containers.model.base import ContainerId, ProjectName
from containers.model.health import HealthState
from containers.model.observed import ContainerState, EngineEvent, ObservedContainer
from containers.observation.event_translation import is_health_check, project_of, translate
from containers.observation.statuses import statuses_of
from containers.observation.world import WorldState, health_changes

STACK = project(services={"web": {"healthcheck": {"test": ["CMD", "true"]}}, "db": {}})
LABELS = {"io.podman.compose.project": "demo", "com.docker.compose.service": "web"}


def event(action: str, **attributes: str) -> EngineEvent:
    """An event of the web service's container."""
    return EngineEvent(
        type="container",
        action=action,
        id="web-1-id",
        name="demo_web_1",
        at_ns=1_700_000_000_500_000_000,
        attributes={**LABELS, **attributes},
    )


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ("create", "container.created"),
        ("start", "container.started"),
        ("died", "container.died"),
        ("die", "container.died"),
        ("remove", "container.removed"),
        ("pause", "container.paused"),
        ("rename", "container.renamed"),
    ],
)
def test_each_action_of_a_container_has_its_kind(action: str, kind: str) -> None:
    """Both spellings of the two interfaces are known."""
    told = translate(event(action))
    assert told is not None
    assert (told.kind, told.service, told.project) == (kind, "web", "demo")
    assert told.at == datetime(2023, 11, 14, 22, 13, 20, 500_000, tzinfo=UTC)


@pytest.mark.parametrize("action", ["exec", "exec_died", "cleanup", "init", "stop", "attach", "mount"])
def test_what_is_no_change_of_life_is_no_event(action: str) -> None:
    """Health checks send `exec_died`, and `stop` comes for half of all stops."""
    assert translate(event(action)) is None


def test_the_exit_code_is_told_only_of_a_death() -> None:
    """Podman 4 sends a meaningless 0 with everything."""
    died, started = translate(event("died", containerExitCode="137")), translate(event("start"))
    assert died is not None
    assert started is not None
    assert (died.exit_code, started.exit_code) == (137, None)


def test_containers_of_no_project_are_none_of_our_business() -> None:
    """Without labels there is no event and no project."""
    other = EngineEvent(type="container", action="died", id="x", at_ns=1)
    assert translate(other) is None
    assert project_of(other) is None


def test_a_health_status_event_only_says_look() -> None:
    """Its word is the previous state below Podman 5."""
    assert is_health_check(event("health_status"))
    assert translate(event("health_status")) is None


def web_of(world: WorldState) -> ObservedContainer:
    """The web service's container in it."""
    return next(c for c in world.of_project(STACK.name) if c.service == "web")


def test_the_world_follows_events_and_snapshots() -> None:
    """Died and started change what is known; removed forgets it."""
    world = WorldState().with_snapshot(applied(STACK))
    died, started, removed = (translate(event(a, containerExitCode="3")) for a in ("died", "start", "remove"))
    assert died
    assert started
    assert removed
    web = next(c for c in world.with_event(died).of_project(STACK.name) if c.service == "web")
    assert (web.state, web.exit_code) == (ContainerState.EXITED, 3)
    again = next(
        c for c in world.with_event(died).with_event(started).of_project(STACK.name) if c.service == "web"
    )
    assert (again.state, again.exit_code, again.health) == (
        ContainerState.RUNNING,
        None,
        HealthState.STARTING,
    )
    assert [c.service for c in world.with_event(removed).of_project(STACK.name)] == ["db"]


def test_an_event_about_an_unknown_container_waits_for_the_snapshot() -> None:
    """An event does not tell ports or images."""
    started = translate(event("start"))
    assert started
    assert WorldState().with_event(started).of_project(ProjectName("demo")) == ()


def test_changed_health_is_found_between_two_looks() -> None:
    """Also of a container that is new; none of those without a check."""
    before = WorldState()
    after = before.with_snapshot(applied(STACK))
    ((container, was),) = health_changes(before, after, STACK.name)
    assert (container.id, was, container.health) == (
        ContainerId("web-1-id"),
        HealthState.NONE,
        HealthState.HEALTHY,
    )
    assert health_changes(after, after, STACK.name) == ()


@pytest.mark.parametrize(
    ("service", "after_s", "shown"),
    [("web", 1.0, HealthState.STARTING), ("web", 3600.0, HealthState.NONE), ("db", 1.0, HealthState.NONE)],
)
def test_a_service_whose_first_check_has_not_begun_is_starting(
    service: str, after_s: float, shown: HealthState
) -> None:
    """Until its check could have said so; a container without a check is just running."""
    running = container(STACK, service, health=HealthState.NONE).model_copy(update={"started_at": AT})
    statuses = statuses_of(STACK, [running], AT + timedelta(seconds=after_s))
    assert statuses[running.service].health is shown
