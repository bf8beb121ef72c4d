"""Everything that is told on the bus. An event is past tense, strict, and numbered by its publisher."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias

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


class FileChanged(EventBase):
    """Files that matter to a project changed."""

    kind: Literal["file.changed"] = "file.changed"
    paths: tuple[str, ...]


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
    | PlanComputed
    | TransactionStarted
    | StepStarted
    | StepFinished
    | TransactionFinished
    | FileChanged
    | ConfigValidated
    | EngineConnected
    | EngineDisconnected
    | Resynchronised
    | WorldChanged
    | HandlerFailed
    | SubscriberLagged
    | Lifecycle,
    Field(discriminator="kind"),
]
