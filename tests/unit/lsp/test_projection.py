"""States to what the editor shows, and only what changed of it."""

from typing import Any

import pytest
from tests.fakes.projects import project

from containers.lsp.projection import engine_view, patch_between, phase_of, project_view
from containers.model.base import ServiceName
from containers.model.drift import Drift, DriftKind
from containers.model.health import HealthState
from containers.model.observed import ContainerState, PublishedPort
from containers.model.outcome import ServiceStatus
from containers.model.supervision import ServiceMemory, SupervisionNote
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


def test_a_row_tells_drift_from_edits_and_what_was_never_applied_from_both() -> None:
    """What left the revision is drifted, what the files say since is edited; not created is neither."""
    made = project(services={"web": {}, "api": {}, "new": {}})
    statuses = {
        ServiceName("web"): status("web"),
        ServiceName("api"): status("api"),
        ServiceName("new"): ServiceStatus(service=ServiceName("new")),
    }
    drift = tuple(
        Drift(kind=kind, subject=name, service=ServiceName(name), message="it differs", remedy="podkeeper up")
        for name, kind in (
            ("web", DriftKind.CONFIGURATION),
            ("api", DriftKind.NOT_APPLIED),
            ("new", DriftKind.NOT_APPLIED),
        )
    )
    view = project_view(made, "/srv/demo", "development", statuses, {}, drift=drift)
    rows = {each.service: each.description for each in view.services}
    assert rows == {"web": "healthy · drifted", "api": "healthy · edited", "new": "not created"}
    assert all("it differs" in each.tooltip for each in view.services)


def test_what_does_not_work_stands_behind_what_does() -> None:
    """One line: where Podman answers, and which parts of ours have to do without."""
    assert engine_view("unix:///s", None, {}).text == "Podman at unix:///s"
    limited = engine_view("unix:///s", None, {"hook tell": "exit code 1", "history": "disk full"})
    told = "Podman at unix:///s · hook tell does not work: exit code 1; history does not work: disk full"
    assert (limited.connected, limited.text) == (True, told)
    gone = engine_view("", "no answer", {"history": "disk full"})
    assert (gone.connected, gone.text) == (False, "no answer · history does not work: disk full")


def test_a_service_that_is_held_or_given_up_says_so_and_what_to_do() -> None:
    """Behind its state, beside drift; not while something is being done to it."""
    stack = project(services={"web": {}, "api": {}})
    statuses = {name: ServiceStatus(service=name) for name in stack.services}
    memory = ServiceMemory(given_up=True)
    note = SupervisionNote(held=frozenset({ServiceName("web")}), memories={"api/2": memory})
    shown = project_view(stack, "/w", "development", statuses, {}, note=note).services
    assert [v.description for v in shown] == ["not created · held", "not created · given up"]
    assert "`podkeeper release web`" in shown[0].tooltip
    assert "`podkeeper retry api`" in shown[1].tooltip
    busy = dict.fromkeys(stack.services, "creating")
    shown = project_view(stack, "/w", "development", statuses, busy, note=note).services
    assert [v.description for v in shown] == ["creating", "creating"]
