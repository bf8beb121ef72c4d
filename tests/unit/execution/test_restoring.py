"""What it takes to get back, from two looks: pure."""

from typing import Any

import pytest
from tests.fakes.observed import applied, container
from tests.fakes.projects import project

from containers.execution.restoring import Restoration, restoration
from containers.model.base import ContainerId, StepId, TransactionId
from containers.model.health import HealthState
from containers.model.observed import (
    TRANSACTION_LABEL,
    ContainerState,
    ObservedContainer,
    ObservedNetwork,
    ObservedState,
    ObservedVolume,
)
from containers.model.plan import CreateNetwork, KeepContainer, Plan, ReplaceContainer, Step, StopContainer

MINE = TransactionId("01MINE0000000000000000MINE")
DEMO = project(services={"api": {"healthcheck": {"test": ["CMD", "true"]}}, "web": {}})
API, WEB = container(DEMO, "api"), container(DEMO, "web")
BEFORE = applied(DEMO)


def step(kind: type[Any], of: ObservedContainer, **more: Any) -> Step:
    """A step on a container."""
    named: Step = kind(
        id=StepId(f"{kind.__name__}:{of.service}"), cause="test", service=of.service, name=of.name, **more
    )
    return named


REPLACE_API = step(ReplaceContainer, API, number=1, created_by=StepId("create:api:1"), old=API.id)
PLAN = Plan(project=DEMO.name, verb="up", steps=(REPLACE_API,))


def made(name: str = "demo_api_1_new_00000000", by: str = MINE) -> ObservedContainer:
    """A container that a transaction made."""
    labels = {**API.labels, TRANSACTION_LABEL: by}
    return API.model_copy(update={"id": ContainerId("made"), "name": name, "labels": labels})


def now(*containers: ObservedContainer, **more: Any) -> ObservedState:
    """A look that saw these containers; networks and volumes as before, where nothing else is said."""
    return BEFORE.model_copy(update={"containers": containers, **more})


def back(seen: ObservedState, plan: Plan = PLAN, **more: Any) -> Restoration:
    """What it takes to get from a look to BEFORE."""
    return restoration(plan, BEFORE, seen, MINE, **more)


def test_where_nothing_has_changed_there_is_nothing_to_do() -> None:
    """So a rollback may be begun anew at any time."""
    assert back(BEFORE).is_empty


def test_what_the_transaction_made_is_removed_and_nothing_else() -> None:
    """A container that somebody else made meanwhile is not ours to take away."""
    mine, other = made(), made("demo_api_2", by="01OTHER")
    assert back(now(API, WEB, mine, other.model_copy(update={"id": ContainerId("x")}))).removed == (mine,)


def test_a_container_that_was_there_before_is_never_removed() -> None:
    """Not even where it carries this very transaction's label."""
    mine = made("demo_api_1")
    before = BEFORE.model_copy(update={"containers": (mine, WEB)})
    assert restoration(PLAN, before, now(mine, WEB), MINE).removed == ()


def test_what_stepped_aside_gets_its_name_and_its_life_back() -> None:
    """The very container, under the name that it had."""
    aside = API.model_copy(update={"name": "demo_api_1_old_0000mine", "state": ContainerState.EXITED})
    found = back(now(aside, WEB, made("demo_api_1")))
    assert found.renamed == ((aside, "demo_api_1"),)
    assert [c.id for c in found.started] == [API.id]
    assert [c.id for c in found.removed] == ["made"]
    assert found.lost == ()


def test_a_container_that_is_about_to_stop_is_let_stop_and_started_again() -> None:
    """It still runs, but would not for long, and can not be started before."""
    stopping = API.model_copy(update={"is_stopping": True})
    found = back(now(stopping, WEB))
    assert found.stopping == (stopping,)
    assert found.started == (API,)


def test_a_container_that_was_about_to_stop_before_may_have() -> None:
    """Somebody else had asked for it."""
    before = BEFORE.model_copy(update={"containers": (API.model_copy(update={"is_stopping": True}), WEB)})
    exited = API.model_copy(update={"state": ContainerState.EXITED})
    assert restoration(PLAN, before, now(exited, WEB), MINE).is_empty


def test_a_container_that_did_not_run_is_stopped_again() -> None:
    """`start` and `up` start what exists."""
    stopped = API.model_copy(update={"state": ContainerState.EXITED})
    before = BEFORE.model_copy(update={"containers": (stopped, WEB)})
    assert restoration(PLAN, before, now(API, WEB), MINE).stopped == (API,)


def test_what_the_plan_does_not_touch_is_left_alone() -> None:
    """A person may have stopped it meanwhile; a plan that keeps it has no opinion."""
    stopped = WEB.model_copy(update={"state": ContainerState.EXITED})
    keep = step(KeepContainer, WEB, number=1, container=WEB.id)
    both = PLAN.model_copy(update={"steps": (REPLACE_API, keep)})
    assert back(now(API, stopped)).is_empty
    assert back(now(API, stopped), both).is_empty
    stop = PLAN.model_copy(update={"steps": (step(StopContainer, WEB, container=WEB.id),)})
    assert back(now(API, stopped), stop).started == (WEB,)


def test_a_container_that_is_gone_is_said_to_be_lost() -> None:
    """Nothing brings this very one back."""
    assert back(now(WEB)).lost == (API,)


def test_networks_are_removed_that_the_plan_made_and_volumes_of_the_project_that_are_new() -> None:
    """What was there before stays, and so does what belongs to others."""
    network = CreateNetwork(id=StepId("network:n"), cause="test", key="n", name="demo_n")
    plan = PLAN.model_copy(update={"steps": (REPLACE_API, network)})
    label = {"com.docker.compose.project": "demo"}
    seen = now(
        API,
        WEB,
        networks=(*BEFORE.networks, ObservedNetwork(name="demo_n"), ObservedNetwork(name="others")),
        volumes=(*BEFORE.volumes, ObservedVolume(name="v", labels=label), ObservedVolume(name="theirs")),
    )
    found = back(seen, plan)
    assert (found.networks, found.volumes) == (("demo_n",), ("v",))
    some = back(seen, plan, services={"api"})
    assert (some.networks, some.volumes) == ((), ())


def test_of_chosen_services_only_theirs_is_put_back() -> None:
    """What failed of an optional service is undone while the others go on."""
    aside = API.model_copy(update={"state": ContainerState.EXITED})
    assert back(now(aside, WEB), services={"web"}).is_empty
    assert back(now(aside, WEB), services={"api"}).started == (API,)


@pytest.mark.parametrize("health", [HealthState.STARTING, HealthState.UNHEALTHY])
def test_what_was_healthy_and_is_not_yet_is_waited_for(health: HealthState) -> None:
    """There is nothing to do about it, so it does not count as something to do."""
    found = back(now(API.model_copy(update={"health": health}), WEB))
    assert found.unready == (API,)
    assert found.is_empty
