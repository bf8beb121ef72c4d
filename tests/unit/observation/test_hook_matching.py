"""Which hooks an event sets off."""

from datetime import UTC, datetime

import pytest

from containers.model.base import ContainerId, ProjectName, ServiceName
from containers.model.events import ContainerEvent, EventBase, HookFinished, PartFailed, WorldChanged
from containers.model.hooks import EventHook, Notify, RestartService, Wanted
from containers.observation.hook_matching import MOST_CHANGES, MOST_RUNS, filled_in, matches, may_run

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DIED = ContainerEvent(
    kind="container.died",
    at=NOW,
    source="engine",
    project=ProjectName("demo"),
    service=ServiceName("web"),
    container=ContainerId("c"),
    name="demo_web_1",
    exit_code=1,
)


def hook(*topics: str, when: dict[str, tuple[Wanted, ...]] | None = None) -> EventHook:
    """One that tells."""
    return EventHook(name="h", topics=topics, when=when or {}, action=Notify(message=""))


@pytest.mark.parametrize(
    ("topic", "does"),
    [
        ("container.died", True),
        ("container.*", True),
        ("*", True),
        ("container", False),
        ("container.d*", False),
        ("health.*", False),
    ],
)
def test_a_topic_is_a_kind_or_a_prefix(topic: str, does: bool) -> None:  # noqa: FBT001
    """As subscribers name them."""
    assert matches(hook(topic), DIED) is does
    assert matches(hook("health.*", topic), DIED) is does


@pytest.mark.parametrize(
    ("when", "does"),
    [
        ({"service": ("web",)}, True),
        ({"service": ("api", "web")}, True),
        ({"service": ("web",), "exit_code": (0,)}, False),
        ({"exit_code": (1.0,)}, True),
        ({"exit_code": (True,)}, False),
        ({"exit_code": ("1",)}, False),
        ({"cause": (None,)}, True),
        ({"colour": ("red",)}, False),
    ],
)
def test_every_field_must_have_one_of_its_values(when: dict[str, tuple[Wanted, ...]], does: bool) -> None:  # noqa: FBT001
    """Equal in value and kind: true is not 1, and "1" is not 1."""
    assert matches(hook("*", when=when), DIED) is does


@pytest.mark.parametrize(
    "event",
    [
        HookFinished(at=NOW, source="server", hook="h", topic="container.died", ok=True, duration_s=0.1),
        PartFailed(at=NOW, source="server", part="hook h", reason="it fails"),
    ],
)
def test_what_hooks_do_sets_off_no_hook(event: EventBase) -> None:
    """Whatever the topic: there are no loops."""
    assert not matches(hook("*", "server.*", str(getattr(event, "kind", ""))), event)


def test_a_part_that_fails_sets_off_a_hook() -> None:
    """Unless it is a hook itself."""
    assert matches(hook("server.*"), PartFailed(at=NOW, source="server", part="history", reason="full"))


def test_that_views_draw_again_has_to_be_asked_for_by_name() -> None:
    """It follows nearly every other event."""
    drawn = WorldChanged(at=NOW, source="server")
    assert not matches(hook("*", "server.*"), drawn)
    assert matches(hook("server.world_changed"), drawn)


def test_a_hook_rests_when_it_ran_often() -> None:
    """One that changes the stack much sooner; after a minute it may again."""
    tells = hook("*")
    changes = tells.model_copy(update={"action": RestartService(service=ServiceName("web"))})
    assert may_run(changes, [0.0] * (MOST_CHANGES - 1), 1.0)
    assert not may_run(changes, [0.0] * MOST_CHANGES, 1.0)
    assert may_run(tells, [0.0] * MOST_CHANGES, 1.0)
    assert not may_run(tells, [0.0] * MOST_RUNS, 59.9)
    assert may_run(tells, [0.0] * MOST_RUNS, 60.0)


def test_a_message_is_filled_in_from_the_event() -> None:
    """Fields alone: no code, no attributes; what is no field stays."""
    text = "{service} ended with {exit_code}, {cause}{service.upper} {__class__} {} {"
    assert filled_in(text, DIED) == "web ended with 1, {service.upper} {__class__} {} {"
