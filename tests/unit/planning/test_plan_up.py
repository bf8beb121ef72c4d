"""What `up` plans, from what is and what should be."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.observed import applied, container, nothing
from tests.fakes.projects import project

from containers.model.base import ImageId, ServiceName
from containers.model.errors import ErrorCode, PodkeeperError
from containers.model.health import HealthState
from containers.model.observed import ContainerState
from containers.model.plan import Gate, GateKind, Plan
from containers.planning.options import Recreate, UpOptions
from containers.planning.plan_text import plan_lines
from containers.planning.up import plan_up

CHECK = {"test": ["CMD", "true"]}


def depends(**conditions: str) -> dict[str, Any]:
    """A canonical `depends_on`."""
    return {name: {"condition": f"service_{how}", "required": True} for name, how in conditions.items()}


THREE = project(
    services={
        "web": {"depends_on": depends(api="healthy")},
        "api": {"depends_on": depends(db="healthy", migrate="completed_successfully"), "healthcheck": CHECK},
        "migrate": {"depends_on": depends(db="started")},
        "db": {
            "healthcheck": CHECK,
            "volumes": [{"type": "volume", "source": "data", "target": "/d", "volume": {}}],
        },
    }
)


def step(plan: Plan, step_id: str) -> Any:
    """The step of that id."""
    return next(s for s in plan.steps if s.id == step_id)


def test_first_up_creates_everything_with_a_reason_for_each() -> None:
    """On an empty engine: network, volume, then every container once, dependencies first."""
    lines = plan_lines(plan_up(THREE, nothing(THREE)))
    assert lines[0] == "+ create network demo_default: it does not exist yet"
    assert "+ create volume demo_data: it does not exist yet" in lines
    assert "+ create demo_web_1: it does not exist yet" in lines
    assert sum("create demo_" in line for line in lines) == 4


def test_a_dependent_starts_after_the_gate_that_its_condition_names() -> None:
    """`service_healthy` waits for a healthy gate, `completed` for its end, `started` for the start."""
    plan = plan_up(THREE, nothing(THREE))
    assert "gate:api:1:healthy" in step(plan, "start:web:1").needs
    assert {"gate:db:1:healthy", "gate:migrate:1:completed"} <= set(step(plan, "start:api:1").needs)
    assert "start:db:1" in step(plan, "start:migrate:1").needs
    assert not any(n.startswith("gate:db") for n in step(plan, "start:migrate:1").needs)


def test_containers_are_created_without_waiting_for_dependencies() -> None:
    """Only networks and volumes come before a create, so that all creates can go side by side."""
    plan = plan_up(THREE, nothing(THREE))
    assert step(plan, "create:web:1").needs == ("network:demo_default",)


def test_second_up_of_an_unchanged_stack_touches_nothing() -> None:
    """Running, healthy and completed services are kept, and nothing is waited for."""
    observed = applied(THREE, container(THREE, "migrate", state=ContainerState.EXITED, exit_code=0))
    plan = plan_up(THREE, observed)
    assert plan.is_empty
    assert {s.kind for s in plan.steps} == {"keep_container"}
    assert plan_lines(plan) == ("demo: nothing to do",)


def test_only_the_changed_service_is_replaced_and_the_fields_are_named() -> None:
    """A changed environment and image are told by name; values are not shown."""
    before = project(services={"a": {"image": "x:1.4", "environment": {"K": "1"}}, "b": {}})
    after = project(services={"a": {"image": "x:1.5", "environment": {"K": "secret"}}, "b": {}})
    plan = plan_up(after, applied(before).model_copy(update={"images": nothing(after).images}))
    assert plan_lines(plan) == ("~ recreate demo_a_1: image x:1.4 -> x:1.5; environment changed",)


def test_an_image_that_moved_under_its_tag_replaces_its_container() -> None:
    """The id that runs is compared with the id that the reference has now."""
    one = project(services={"a": {"image": "x:1"}})
    moved = applied(one).model_copy(update={"images": {"x:1": ImageId("sha256:" + "f" * 64)}})
    (line,) = plan_lines(plan_up(one, moved))
    assert line.startswith("~ recreate demo_a_1: image x:1 is now ffffffffffff, it runs ")


def test_dependents_restart_only_where_they_ask_for_it() -> None:
    """`restart: true` restarts a dependent of a replaced service; without it, it is left alone."""

    def stack(value: str) -> Any:
        wants = {"db": {"condition": "service_started", "required": True, "restart": True}}
        return project(
            services={
                "db": {"environment": {"V": value}},
                "api": {"depends_on": wants},
                "web": {"depends_on": depends(db="started")},
            }
        )

    lines = plan_lines(plan_up(stack("2"), applied(stack("1"))))
    assert lines == (
        "~ recreate demo_db_1: environment changed",
        "~ restart demo_api_1: it depends on db with `restart: true`",
    )


def test_a_service_in_the_network_of_a_replaced_one_is_replaced_with_it() -> None:
    """A shared namespace is bound to the very container, so the sharer must be made anew, after it."""

    def stack(value: str) -> Any:
        return project(
            services={
                "vpn": {"environment": {"V": value}},
                "app": {"network_mode": "service:vpn", "depends_on": depends(vpn="started")},
            }
        )

    plan = plan_up(stack("2"), applied(stack("1")))
    assert "replace:vpn:1" in step(plan, "create:app:1").needs
    assert "shares namespaces or volumes with vpn" in step(plan, "replace:app:1").cause


def test_an_unhealthy_service_is_restarted_and_a_stopped_one_started() -> None:
    """`up` mends what is not well, with its reason."""
    two = project(services={"a": {"healthcheck": CHECK}, "b": {}})
    observed = applied(
        two,
        container(two, "a", health=HealthState.UNHEALTHY),
        container(two, "b", state=ContainerState.EXITED, exit_code=3),
    )
    assert set(plan_lines(plan_up(two, observed))) == {
        "~ restart demo_a_1: it is unhealthy",
        "> start demo_b_1: it has exited with 3",
    }


def test_missing_images_are_pulled_or_built_before_anything_is_created() -> None:
    """A create waits for its image's step, and two services of one image share it."""
    stack = project(
        services={"a": {"image": "x:1"}, "b": {"image": "x:1"}, "c": {"build": {"context": "/src"}}}
    )
    plan = plan_up(stack, nothing(stack).model_copy(update={"images": {}}))
    pull = step(plan, "pull:x:1")
    assert pull.services == ("a", "b")
    assert "pull:x:1" in step(plan, "create:b:1").needs
    built = [s for s in plan.steps if s.kind == "build_image"]
    assert [s.service for s in built] == ["c"]
    assert built[0].id in step(plan, "create:c:1").needs


def test_a_healthy_wait_on_a_service_without_a_check_is_a_warning_not_a_hang() -> None:
    """The gate falls back to running."""
    stack = project(services={"db": {}, "api": {"depends_on": depends(db="healthy")}})
    plan = plan_up(stack, nothing(stack))
    assert "db has no health check" in plan.warnings[0]
    gates = [s for s in plan.steps if isinstance(s, Gate) and s.service == "db"]
    assert {g.gate for g in gates} == {GateKind.RUNNING}


def test_chosen_services_bring_their_dependencies_along() -> None:
    """As docker compose does; `--no-deps` leaves them out."""
    chosen = UpOptions(services=(ServiceName("api"),))
    services = {getattr(s, "service", None) for s in plan_up(THREE, nothing(THREE), chosen).steps}
    assert services == {None, "api", "migrate", "db"}
    alone = chosen.model_copy(update={"with_dependencies": False})
    plan = plan_up(THREE, nothing(THREE), alone)
    assert {s.service for s in plan.steps if s.kind == "create_container"} == {"api"}


def test_removals_come_after_everything_that_can_be_undone() -> None:
    """Orphans and surplus replicas go last, and orphans only when asked."""
    two = project(services={"a": {}, "gone": {}})
    one = project(services={"a": {"environment": {"NEW": "1"}}})
    assert "--remove-orphans" in plan_up(one, applied(two)).warnings[0]
    plan = plan_up(one, applied(two), UpOptions(remove_orphans=True))
    assert plan.steps[-1].id == "remove:demo_gone_1"
    assert "gate:a:1:running" in plan.steps[-1].needs


def test_fewer_replicas_remove_the_surplus() -> None:
    """The highest numbers go."""

    def scaled(count: int) -> Any:
        return project(services={"a": {"deploy": {"replicas": count}}})

    lines = plan_lines(plan_up(scaled(1), applied(scaled(3))))
    assert {line.split(":")[0] for line in lines} == {"- remove demo_a_2", "- remove demo_a_3"}


def test_force_recreate_replaces_what_is_unchanged_and_no_recreate_keeps_what_changed() -> None:
    """The two flags of docker compose."""
    before = project(services={"a": {"environment": {"V": "1"}}})
    after = project(services={"a": {"environment": {"V": "2"}}})
    forced = plan_up(before, applied(before), UpOptions(recreate=Recreate.ALWAYS))
    assert plan_lines(forced) == ("~ recreate demo_a_1: asked to recreate",)
    kept = plan_up(after, applied(before), UpOptions(recreate=Recreate.NEVER))
    assert kept.is_empty


@st.composite
def stacks(draw: st.DrawFn) -> Any:
    """Projects of up to eight services; each may depend on those before it, in any of the three ways."""
    count = draw(st.integers(1, 8))
    services: dict[str, Any] = {}
    for number in range(count):
        earlier = list(services)
        needed = draw(st.lists(st.sampled_from(earlier), unique=True, max_size=3)) if earlier else []
        how = st.sampled_from(["started", "healthy", "completed_successfully"])
        services[f"s{number}"] = {
            "depends_on": depends(**{n: draw(how) for n in needed}),
            "environment": {"V": draw(st.sampled_from(["1", "2"]))},
            **({"healthcheck": CHECK} if draw(st.booleans()) else {}),
        }
    return project(services=services)


@given(stacks())
def test_every_plan_is_in_order_and_every_step_has_a_cause(stack: Any) -> None:
    """What a step needs stands before it, exists, and each step says why."""
    plan = plan_up(stack, nothing(stack))
    seen: set[str] = set()
    for each in plan.steps:
        assert set(each.needs) <= seen
        assert each.cause
        seen.add(each.id)


@given(stacks())
def test_applying_a_plan_and_planning_again_finds_nothing(stack: Any) -> None:
    """A stack that is as its file says needs no steps."""
    assert plan_up(stack, applied(stack)).is_empty


@given(stacks(), stacks())
def test_only_services_that_differ_are_replaced(before: Any, after: Any) -> None:
    """A service with the same hash is never replaced."""
    plan = plan_up(after, applied(before).model_copy(update={"images": nothing(after).images}))
    replaced = {s.service for s in plan.steps if s.kind == "replace_container"}
    same = {
        n
        for n, s in after.services.items()
        if n in before.services and before.services[n].config_hash == s.config_hash
    }
    assert not replaced & same


@pytest.mark.parametrize("kind", ["network", "volume"])
def test_what_is_external_must_be_there(kind: str) -> None:
    """Podman would make a missing volume in silence, and with it an empty data base."""
    uses: dict[str, dict[str, Any]] = {
        "network": {"networks": {"shared": None}},
        "volume": {"volumes": [{"type": "volume", "source": "shared", "target": "/d"}]},
    }
    external: dict[str, Any] = {f"{kind}s": {"shared": {"external": True, "name": "x"}}}
    one = project(services={"db": uses[kind]}, **external)
    with pytest.raises(PodkeeperError, match=f"service db: the {kind} x is external") as caught:
        plan_up(one, nothing(one))
    assert (caught.value.code, caught.value.service) == (ErrorCode.NOT_FOUND, "db")


def test_the_hosts_own_network_is_always_there() -> None:
    """Docker lists it as a network; Podman has it as a mode."""
    host = {"shared": {"external": True, "name": "host"}}
    one = project(services={"db": {"networks": {"shared": None}}}, networks=host)
    assert step(plan_up(one, nothing(one)), "create:db:1")


def test_only_what_nobody_needs_is_optional() -> None:
    """`required: false` from everybody, also through others; a name that was asked for is not."""
    maybe = {"condition": "service_started", "required": False}
    some = project(
        services={
            "web": {"depends_on": {"cache": maybe, "db": maybe}},
            "cache": {"depends_on": depends(store="started")},
            "store": {},
            "api": {"depends_on": depends(db="started")},
            "db": {},
        }
    )
    assert plan_up(some, nothing(some)).optional == {"cache", "store"}
    named = UpOptions(services=(ServiceName("web"), ServiceName("cache")))
    assert plan_up(some, nothing(some), named).optional == {"db"}
