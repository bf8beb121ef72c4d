"""Who is restarted along with a service."""

from tests.fakes.projects import project

from containers.health.dependents import dependents_of
from containers.model.base import ServiceName


def test_dependents_that_ask_for_it_come_in_order() -> None:
    """Directly or not; one that depends on two of them comes after both, and the others are left alone."""
    restart = {"condition": "service_started", "restart": True}
    stack = project(
        services={
            "db": {},
            "front": {"depends_on": {"db": restart, "api": restart}},
            "api": {"depends_on": {"db": restart}},
            "other": {"depends_on": {"db": {"condition": "service_started"}}},
        }
    )
    assert dependents_of(stack, ServiceName("db")) == ("api", "front")
    assert dependents_of(stack, ServiceName("other")) == ()
