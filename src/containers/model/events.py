"""Everything that is told on the bus. An event is past tense, strict, and numbered by its publisher."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from typing import Annotated, Any, Literal, TypeAlias, cast, get_args

from pydantic import ConfigDict, Field

from containers.model.base import (
    DESCRIBED,
    ContainerId,
    Model,
    ProjectName,
    ServiceName,
    StepId,
    TransactionId,
)
from containers.model.health import HealthState


class EventBase(Model):
    """What every event carries."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=DESCRIBED, strict=True, defer_build=True
    )

    id: str = ""
    """A ULID; the bus fills it in."""
    sequence: int = 0
    """Grows by one with each event of this process; the bus fills it in."""
    at: datetime
    """When it happened, aware, UTC."""
    source: str
    """Which part told it: `engine`, `transaction`, `health`, `watching`, `server`, `bus`."""
    project: ProjectName | None = None
    cause: TransactionId | None = None
    """The transaction that brought it about, where one did."""


class ContainerEvent(EventBase):
    """A container came, went, or changed."""

    kind: Literal[
        "container.created",
        "container.started",
        "container.died",
        "container.removed",
        "container.paused",
        "container.unpaused",
        "container.restarted",
        "container.renamed",
    ]
    service: ServiceName
    container: ContainerId
    name: str
    exit_code: int | None = None


class HealthChanged(EventBase):
    """A service's health is another than it was."""

    kind: Literal["health.changed"] = "health.changed"
    service: ServiceName
    container: ContainerId
    before: HealthState
    after: HealthState
    output: str = ""


class ServiceRestarted(EventBase):
    """The monitor restarted a service."""

    kind: Literal["health.restarted"] = "health.restarted"
    service: ServiceName
    attempt: int
    reason: str


class RestartFailed(EventBase):
    """The monitor could not restart a service."""

    kind: Literal["health.restart_failed"] = "health.restart_failed"
    service: ServiceName
    attempt: int
    reason: str


class ServiceGivenUp(EventBase):
    """The monitor stopped trying to bring a service back; told once, until somebody retries or mends it."""

    kind: Literal["health.given_up"] = "health.given_up"
    service: ServiceName
    container: ContainerId
    attempts: int
    reason: str
    exit_code: int | None = None
    out_of_memory: bool = False
    check_output: str = ""
    """What its health check said last."""
    log_tail: tuple[str, ...] = ()
    """The last lines of its log."""


class OverrideChanged(EventBase):
    """A person took a service out of the monitor's hands, or gave it back."""

    kind: Literal["health.override"] = "health.override"
    service: ServiceName
    override: Literal["held", "released", "retried"]


class IncidentOpened(EventBase):
    """A service failed: it died, is unhealthy, or its container is gone."""

    kind: Literal["incident.opened"] = "incident.opened"
    incident: str
    """A ULID, the same one when it closes."""
    service: ServiceName
    container: ContainerId
    reason: str
    exit_code: int | None = None


class IncidentClosed(EventBase):
    """A service that had failed is well again, or no longer meant to run."""

    kind: Literal["incident.closed"] = "incident.closed"
    incident: str
    service: ServiceName
    duration_s: float
    restarts: int
    how: Literal["restarted", "by_itself", "by_hand"]


class PlanComputed(EventBase):
    """A plan was made."""

    kind: Literal["plan.computed"] = "plan.computed"
    verb: str
    changes: int


class TransactionStarted(EventBase):
    """A plan begins to be carried out."""

    kind: Literal["transaction.started"] = "transaction.started"
    verb: str
    steps: int


class StepStarted(EventBase):
    """One step is about to be done."""

    kind: Literal["transaction.step_started"] = "transaction.step_started"
    step: StepId
    step_kind: str
    service: ServiceName | None = None
    subject: str = ""
    """What it is done to: a container's, image's, network's or volume's name."""


class StepFinished(EventBase):
    """One step is done, failed, or of unknown end."""

    kind: Literal["transaction.step_finished"] = "transaction.step_finished"
    step: StepId
    step_kind: str
    service: ServiceName | None = None
    subject: str = ""
    outcome: Literal["done", "failed", "unknown", "not_run"]
    duration_s: float
    message: str = ""


class TransactionFinished(EventBase):
    """A transaction ended."""

    kind: Literal["transaction.finished"] = "transaction.finished"
    verb: str
    outcome: Literal["committed", "rolled_back", "stuck"]
    duration_s: float
    message: str = ""


class TransactionRecovered(EventBase):
    """A transaction that another process had left open was ended."""

    kind: Literal["transaction.recovered"] = "transaction.recovered"
    verb: str
    outcome: Literal["committed", "rolled_back", "stuck"]
    message: str


class DriftChanged(EventBase):
    """What runs differs otherwise than before from what was applied."""

    kind: Literal["drift.changed"] = "drift.changed"
    revision: int | None
    found: tuple[str, ...]
    """A sentence each; empty when all is as it was applied."""


class SelfTestFailed(EventBase):
    """The last known good revision could not be gone back to."""

    kind: Literal["drift.selftest_failed"] = "drift.selftest_failed"
    problems: tuple[str, ...]


class FileChanged(EventBase):
    """Files that matter to a project changed."""

    kind: Literal["file.changed"] = "file.changed"
    paths: tuple[str, ...]


class WatchingDegraded(EventBase):
    """Files can not be watched as they should be, such as by polling only."""

    kind: Literal["file.watching_degraded"] = "file.watching_degraded"
    reason: str


class FilesSynced(EventBase):
    """Changed files were brought into a service's containers, or it was restarted or rebuilt for them."""

    kind: Literal["file.synced"] = "file.synced"
    service: ServiceName
    action: str
    """As in `develop.watch`: `sync`, `rebuild`, `restart`, `sync+restart`, `sync+exec`; or `reload`."""
    copied: int
    """How many files went in."""
    removed: int
    """How many were removed there."""
    duration_s: float
    """From the first change of the batch to its end."""
    message: str = ""
    """What went wrong; empty where nothing did."""


class ImpactComputed(EventBase):
    """What applying the files, as they are now, would do."""

    kind: Literal["config.impact"] = "config.impact"
    changes: int
    effects: tuple[str, ...]
    """A sentence each, such as "recreates `api`"."""


class ConfigValidated(EventBase):
    """The compose files were read again."""

    kind: Literal["config.validated"] = "config.validated"
    ok: bool
    errors: int
    warnings: int


class EngineConnected(EventBase):
    """The engine's event stream is open."""

    kind: Literal["server.engine_connected"] = "server.engine_connected"
    socket: str


class EngineDisconnected(EventBase):
    """The engine's event stream broke."""

    kind: Literal["server.engine_disconnected"] = "server.engine_disconnected"
    reason: str


class Resynchronised(EventBase):
    """State was read afresh, since events may have been missed."""

    kind: Literal["server.resynchronised"] = "server.resynchronised"
    containers: int


class WorldChanged(EventBase):
    """The live picture of a project is another than it was; views draw it again."""

    kind: Literal["server.world_changed"] = "server.world_changed"


class SupervisorChanged(EventBase):
    """Who restarts the services of the project: this process, or another one."""

    kind: Literal["server.supervisor"] = "server.supervisor"
    is_ours: bool
    holder: str
    """Which process, in words."""


class PartFailed(EventBase):
    """A part of this process does not work; the others go on."""

    kind: Literal["server.part_failed"] = "server.part_failed"
    part: str
    """Such as `file watcher`, `history`, `metrics`."""
    reason: str


class PartRecovered(EventBase):
    """A part that did not work works again."""

    kind: Literal["server.part_recovered"] = "server.part_recovered"
    part: str


class HookFinished(EventBase):
    """A hook ran, or could not."""

    kind: Literal["server.hook_finished"] = "server.hook_finished"
    hook: str
    topic: str
    """The kind of the event that it ran for."""
    ok: bool
    duration_s: float
    message: str = ""


class HandlerFailed(EventBase):
    """A subscriber's handler raised; nobody else was harmed."""

    kind: Literal["bus.handler_failed"] = "bus.handler_failed"
    subscriber: str
    event_id: str
    error: str


class SubscriberLagged(EventBase):
    """A subscriber's queue was full and events were dropped."""

    kind: Literal["bus.subscriber_lagged"] = "bus.subscriber_lagged"
    subscriber: str
    dropped: int


class Lifecycle(EventBase):
    """A container life-cycle event that a caller told by hand."""

    kind: Literal["container.lifecycle"] = "container.lifecycle"
    event_type: str
    data: Mapping[str, Any] = {}


Event: TypeAlias = Annotated[
    ContainerEvent
    | HealthChanged
    | ServiceRestarted
    | RestartFailed
    | ServiceGivenUp
    | OverrideChanged
    | IncidentOpened
    | IncidentClosed
    | PlanComputed
    | TransactionStarted
    | StepStarted
    | StepFinished
    | TransactionFinished
    | TransactionRecovered
    | DriftChanged
    | SelfTestFailed
    | FileChanged
    | WatchingDegraded
    | FilesSynced
    | ImpactComputed
    | ConfigValidated
    | EngineConnected
    | EngineDisconnected
    | Resynchronised
    | WorldChanged
    | SupervisorChanged
    | PartFailed
    | PartRecovered
    | HookFinished
    | HandlerFailed
    | SubscriberLagged
    | Lifecycle,
    Field(discriminator="kind"),
]


@cache
def event_class(kind: str) -> type[EventBase] | None:
    """The class of a kind of event; None where there is none, such as one that a newer Podkeeper told."""
    for found in get_args(get_args(Event)[0]):
        if kind in get_args(found.model_fields["kind"].annotation):
            return cast("type[EventBase]", found)
    return None


def covers(topics: Iterable[str], kind: str) -> bool:
    """Whether one of `topics` covers `kind`: `*`, the kind itself, or a prefix such as `container.*`."""
    return any(
        topic in ("*", kind) or (topic.endswith(".*") and kind.startswith(topic[:-1])) for topic in topics
    )
