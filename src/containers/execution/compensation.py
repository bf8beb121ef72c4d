"""Pure: which actions take a half-done plan back to where it began.

Every action looks before it acts, so it is safe to repeat and right for a step of unknown end.
"""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from containers.model.base import ContainerId, Model, ServiceName
from containers.model.outcome import Done, Failed, StepOutcome, Unknown
from containers.model.plan import (
    CreateContainer,
    CreateNetwork,
    CreateVolume,
    Plan,
    ReplaceContainer,
    StartContainer,
    Step,
    StopContainer,
)


class RemoveMade(Model):
    """Remove a container that this transaction made."""

    kind: Literal["remove_made"] = "remove_made"
    step: CreateContainer
    container: ContainerId | None
    """None when creating had an unknown end: look for it by its name."""


class StepBack(Model):
    """Put the old container back under its name, and start it if it ran."""

    kind: Literal["step_back"] = "step_back"
    step: ReplaceContainer


class StopAgain(Model):
    """Stop a container that existed before and did not run."""

    kind: Literal["stop_again"] = "stop_again"
    service: ServiceName
    name: str
    container: ContainerId


class StartAgain(Model):
    """Start a container that ran before."""

    kind: Literal["start_again"] = "start_again"
    name: str
    container: ContainerId


class RemoveMadeNetwork(Model):
    """Remove a network that this transaction made."""

    kind: Literal["remove_made_network"] = "remove_made_network"
    name: str


class RemoveMadeVolume(Model):
    """Remove a volume that this transaction made."""

    kind: Literal["remove_made_volume"] = "remove_made_volume"
    name: str


Action: TypeAlias = Annotated[
    RemoveMade | StepBack | StopAgain | StartAgain | RemoveMadeNetwork | RemoveMadeVolume,
    Field(discriminator="kind"),
]


def compensate(plan: Plan, outcomes: tuple[StepOutcome, ...]) -> tuple[Action, ...]:
    """The actions that undo what was begun, last first.

    A step that failed left nothing, except the one that replaces: it has parts, so it is looked at again.
    Networks and volumes are undone only where this plan really made them.
    """
    by_id = {o.step: o for o in outcomes}
    actions = []
    for step in reversed(plan.steps):
        outcome = by_id.get(step.id)
        if isinstance(outcome, Done | Failed | Unknown):
            action = _undo(step, outcome)
            if action is not None:
                actions.append(action)
    return tuple(actions)


def _undo(step: Step, outcome: Done | Failed | Unknown) -> Action | None:
    was_made = isinstance(outcome, Unknown) or (isinstance(outcome, Done) and outcome.created)
    action: Action | None = None
    match step:
        case ReplaceContainer():
            action = StepBack(step=step)
        case CreateContainer() if was_made:
            action = RemoveMade(step=step, container=outcome.container if isinstance(outcome, Done) else None)
        case CreateNetwork() if was_made:
            action = RemoveMadeNetwork(name=step.name)
        case CreateVolume() if was_made:
            action = RemoveMadeVolume(name=step.name)
        case StartContainer() if step.container is not None and was_made:
            action = StopAgain(service=step.service, name=step.name, container=step.container)
        case StopContainer() if was_made:
            action = StartAgain(name=step.name, container=step.container)
        case _:
            action = None
    return action
