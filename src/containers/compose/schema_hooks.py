"""`hooks`, in `podkeeper.yaml` and in an `environment.yaml`. The descriptions are what editors show."""

from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias

from containers.compose.schema_extension import Duration
from containers.compose.schema_parts import ABSENT, Keyed, ListOfStrings, NonEmptyKeys, Shape

_Value: TypeAlias = str | float | bool | None


class EventHook(Shape):
    """What is done when something happens; exactly one of `run`, `verb`, `restart`, `notify`, `webhook`."""

    on: str | ListOfStrings
    """A kind of event such as `container.died`, a prefix such as `health.*`, or a list of them."""
    when: Annotated[Mapping[str, _Value | list[_Value]], NonEmptyKeys] = ABSENT
    """Fields of the event, each with the value, or a list of the values, that it must have."""
    run: str | list[str] = ABSENT
    """A command, with the event as JSON on its standard input. No shell runs it: a text is split at its
    spaces, and quotes hold together."""
    verb: str | list[str] = ABSENT
    """A verb of Podkeeper with its arguments, such as `logs --tail 20 api`."""
    restart: str = ABSENT
    """A service to restart, with what depends on it."""
    notify: str = ABSENT
    """A message to show; `{service}` and the like are filled in from the event."""
    level: Literal["info", "warning", "error"] = ABSENT
    """How grave the message is. Default: `info`."""
    webhook: str = ABSENT
    """A URL of this machine, or of a host among `allow_hosts`, to post the event to as JSON."""
    timeout: Duration = ABSENT
    """How long it may take. Default: `30s`."""


EventHooks: TypeAlias = Annotated[Mapping[str, EventHook], Keyed]


class ProjectFile(Shape):
    """What Podkeeper does for a project in every environment."""

    hooks: EventHooks = ABSENT
    """What is done when something happens, by name."""
    allow_hosts: ListOfStrings = ABSENT
    """Hosts, beside this machine, that webhooks may be sent to."""
