"""States to what the editor shows, and only what changed of it."""

from typing import Any

import pytest
from tests.fakes.projects import project

from containers.lsp.projection import patch_between, phase_of, project_view
from containers.model.base import ServiceName
from containers.model.health import HealthState
from containers.model.observed import ContainerState, PublishedPort
from containers.model.outcome import ServiceStatus
from containers.model.view import EngineView, ProjectView, ViewState

STACK = project(services={"web": {}, "db": {}})


def status(service: str = "web", **fields: object) -> ServiceStatus:
    """A service's status; running and healthy if nothing else is said."""
    known = {"service": service, "state": ContainerState.RUNNING, "health": HealthState.HEALTHY}
    return ServiceStatus.model_validate({**known, **fields})


@pytest.mark.parametrize(
    ("fields", "phase"),
    [
        ({}, "healthy"),
        ({"health": HealthState.NONE}, "running"),
        ({"health": HealthState.STARTING}, "starting"),
        ({"health": HealthState.UNHEALTHY}, "unhealthy"),
        ({"state": ContainerState.EXITED, "exit_code": 1}, "exited"),
        ({"state": ContainerState.EXITED, "exit_code": 0}, "exited"),
        ({"state": ContainerState.EXITED, "exit_code": 0, "one_shot": True}, "completed"),
        ({"state": ContainerState.CREATED}, "created"),
        ({"state": ContainerState.PAUSED}, "paused"),
        ({"state": "absent"}, "absent"),
        ({"state": ContainerState.REMOVING}, "unknown"),
    ],
)
def test_state_and_health_are_one_word(fields: dict[str, Any], phase: str) -> None:
    """It picks the icon."""
    assert phase_of(status(**fields)) == phase


def shown(
    web: ServiceStatus, db: ServiceStatus, problem: str = "", busy: dict[str, str] | None = None
) -> ProjectView:
    """The view of the two-service stack."""
    statuses = {ServiceName("web"): web, ServiceName("db"): db}
    doing = {ServiceName(k): v for k, v in (busy or {}).items()}
    return project_view(STACK, "/w", "development", statuses, doing, engine_problem=problem)


def test_a_stack_is_summed_up_in_a_line() -> None:
    """For the status bar: how many are well, and how bad it is."""
    down = status("db", state="absent", health=HealthState.NONE)
    cases = [
        (status(), status("db"), "demo: 2/2 healthy", "ok"),
        (status(), status("db", health=HealthState.UNHEALTHY), "demo: 1/2 well", "error"),
        (status(health=HealthState.STARTING), status("db"), "demo: 1/2 up", "busy"),
        (status(), down, "demo: 1/2 up", "warning"),
        (status(state="absent", health=HealthState.NONE), down, "demo: down", "off"),
    ]
    for web, db, summary, level in cases:
        view = shown(web, db)
        assert (view.summary, view.level) == (summary, level)


def test_while_the_engine_is_away_nothing_is_claimed() -> None:
    """Services are unknown, not stopped."""
    view = shown(status(), status("db"), "Podman does not answer")
    assert {s.phase for s in view.services} == {"unknown"}
    assert view.problem == "Podman does not answer"


def test_a_line_says_what_is_done_and_where_it_answers() -> None:
    """Busy before phase, then at most two ports."""
    port = PublishedPort(host_ip="127.0.0.1", host_port=80, container_port=8080)
    view = shown(status(ports=(port,)), status("db"), busy={"web": "restarting"})
    assert view.services[0].description == "restarting · 127.0.0.1:80"


def test_only_what_changed_is_sent() -> None:
    """Equal states need no patch; a patch is one revision later."""
    first = project_view(STACK, "/w", "development", {}, {})
    before = ViewState(revision=4, projects=(first,))
    assert patch_between(before, before.model_copy()) is None
    patch = patch_between(before, ViewState(engine=EngineView(connected=True)))
    assert patch is not None
    assert (patch.revision, patch.removed, patch.projects) == (5, ("demo",), ())
    assert patch.engine == EngineView(connected=True)
