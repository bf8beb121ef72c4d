"""A plan: steps from what is to what should be, each with its cause and what must come first."""

from enum import StrEnum
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from containers.model.base import ContainerId, Model, ProjectName, ServiceName, StepId


class StepBase(Model):
    """What every step has."""

    id: StepId
    """`<kind>:<what>`, unique in the plan and stable between runs."""
    cause: str
    """Why, in words a person understands."""
    needs: tuple[StepId, ...] = ()
    after: tuple[StepId, ...] = ()
    """Steps that must have ended before, however they ended."""
    """Steps that must be *done* before this one begins."""


class PullImage(StepBase):
    """Fetch an image that is missing, or that must be fetched always."""

    kind: Literal["pull_image"] = "pull_image"
    image: str
    services: tuple[ServiceName, ...]


class BuildImage(StepBase):
    """Build a service's image."""

    kind: Literal["build_image"] = "build_image"
    service: ServiceName
    image: str


class CreateNetwork(StepBase):
    """Create a network that is missing."""

    kind: Literal["create_network"] = "create_network"
    key: str
    name: str


class CreateVolume(StepBase):
    """Create a volume that is missing."""

    kind: Literal["create_volume"] = "create_volume"
    key: str
    name: str


class CreateContainer(StepBase):
    """Create a container; under a temporary name where one that runs has the name."""

    kind: Literal["create_container"] = "create_container"
    service: ServiceName
    number: int
    name: str
    """The final name."""
    replaces: ContainerId | None = None
    renews_volumes: bool = False
    """Whether its anonymous volumes are new ones, and not those of the container in whose place it is."""


class StartContainer(StepBase):
    """Start the container that `created_by` made, or one that exists and does not run."""

    kind: Literal["start_container"] = "start_container"
    service: ServiceName
    number: int
    name: str
    created_by: StepId | None = None
    container: ContainerId | None = None


class ReplaceContainer(StepBase):
    """Step the old container aside, put the new one in its place, and start it."""

    kind: Literal["replace_container"] = "replace_container"
    service: ServiceName
    number: int
    name: str
    created_by: StepId
    old: ContainerId
    old_was_running: bool = True
    start: bool = True
    """False leaves the new container created."""


class RestartContainer(StepBase):
    """Restart a running container."""

    kind: Literal["restart_container"] = "restart_container"
    service: ServiceName
    number: int
    name: str
    container: ContainerId


class StopContainer(StepBase):
    """Stop a running container and keep it."""

    kind: Literal["stop_container"] = "stop_container"
    service: ServiceName
    name: str
    container: ContainerId


class RemoveContainer(StepBase):
    """Stop, where it runs, and remove a container."""

    kind: Literal["remove_container"] = "remove_container"
    service: ServiceName
    name: str
    container: ContainerId
    running: bool
    makes_way: bool = False
    """Whether something else is made in its place, so that it goes before everything has passed."""
    volumes: bool = False
    """Whether its anonymous volumes go with it, and the data in them."""


class RemoveNetwork(StepBase):
    """Remove one of the project's networks."""

    kind: Literal["remove_network"] = "remove_network"
    name: str


class RemoveVolume(StepBase):
    """Remove one of the project's volumes, and the data in it."""

    kind: Literal["remove_volume"] = "remove_volume"
    name: str


class RemoveImage(StepBase):
    """Remove an image; one that something else still uses stays."""

    kind: Literal["remove_image"] = "remove_image"
    image: str


class KeepContainer(StepBase):
    """Leave a container alone."""

    kind: Literal["keep_container"] = "keep_container"
    service: ServiceName
    number: int
    name: str
    container: ContainerId


class GateKind(StrEnum):
    """What a gate waits for."""

    RUNNING = "running"
    """It runs and goes on running for the settling time."""
    HEALTHY = "healthy"
    COMPLETED = "completed"
    """It has exited with 0."""


class Gate(StepBase):
    """Wait until a service is what its dependents, or the person, need it to be."""

    kind: Literal["gate"] = "gate"
    service: ServiceName
    number: int
    gate: GateKind
    required: bool = True
    """When false, a gate that fails is a warning."""


Step: TypeAlias = Annotated[
    PullImage
    | BuildImage
    | CreateNetwork
    | CreateVolume
    | CreateContainer
    | StartContainer
    | ReplaceContainer
    | RestartContainer
    | StopContainer
    | RemoveContainer
    | RemoveNetwork
    | RemoveVolume
    | RemoveImage
    | KeepContainer
    | Gate,
    Field(discriminator="kind"),
]

PASSIVE_KINDS = frozenset({"keep_container", "gate"})
"""Steps that change nothing."""


Verb: TypeAlias = Literal[
    "up", "create", "start", "restart", "stop", "down", "rm", "rollback", "recover", "reconcile"
]
"""What a plan was made for."""


class Plan(Model):
    """Steps in an order that respects every `needs`."""

    project: ProjectName
    verb: Verb
    steps: tuple[Step, ...] = ()
    warnings: tuple[str, ...] = ()
    optional: frozenset[ServiceName] = frozenset()
    """Services that others can do without: what fails of theirs is only warned about."""
    irreversible: tuple[str, ...] = ()
    """What can not be undone should it fail, a sentence each; nothing is done before somebody agrees."""

    @property
    def changes(self) -> tuple[Step, ...]:
        """The steps that change something."""
        return tuple(s for s in self.steps if s.kind not in PASSIVE_KINDS)

    @property
    def is_empty(self) -> bool:
        """Whether nothing has to change."""
        return not self.changes
