"""What somebody wants done when something happens."""

from collections.abc import Mapping
from typing import Literal, TypeAlias

from containers.model.base import Model, ServiceName

Wanted: TypeAlias = str | int | float | bool | None


class RunCommand(Model):
    """A program of the person's own."""

    kind: Literal["run"] = "run"
    argv: tuple[str, ...]


class RunVerb(Model):
    """One of Podkeeper's own verbs, in a process of its own."""

    kind: Literal["verb"] = "verb"
    argv: tuple[str, ...]


class RestartService(Model):
    """A service is restarted, with what depends on it."""

    kind: Literal["restart"] = "restart"
    service: ServiceName


class Notify(Model):
    """The person is told."""

    kind: Literal["notify"] = "notify"
    message: str
    """With placeholders such as `{service}`: the event's fields."""
    level: Literal["info", "warning", "error"] = "info"


class CallWebhook(Model):
    """The event is posted to a URL."""

    kind: Literal["webhook"] = "webhook"
    url: str


HookAction: TypeAlias = RunCommand | RunVerb | RestartService | Notify | CallWebhook


class EventHook(Model):
    """What is done when events of certain kinds happen."""

    name: str
    topics: tuple[str, ...]
    """Kinds, and prefixes such as `health.*`."""
    when: Mapping[str, tuple[Wanted, ...]] = {}
    """Fields of the event, and the values of which each must have one."""
    action: HookAction
    timeout_s: float = 30.0
