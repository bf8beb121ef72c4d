"""Carrying out compensation: back to the very containers that ran before."""

import logging
from collections.abc import Sequence

from containers.execution.compensation import (
    Action,
    RemoveMade,
    RemoveMadeNetwork,
    RemoveMadeVolume,
    StartAgain,
    StepBack,
    StopAgain,
)
from containers.execution.context import Context
from containers.model.base import ContainerId
from containers.model.errors import EngineError
from containers.model.observed import ContainerState, ObservedState

log = logging.getLogger(__name__)


async def roll_back(context: Context, actions: Sequence[Action], before: ObservedState) -> tuple[str, ...]:
    """Do every action, one after the other; what failed is returned, a sentence each.

    One that fails does not keep the others from being tried.
    """
    left = []
    for action in actions:
        try:
            await _act(context, action, before)
        except EngineError as error:
            log.warning("rollback: %s failed", action.kind, exc_info=error)
            left.append(f"{_subject(action)}: {error}")
    return tuple(left)


async def _act(context: Context, action: Action, before: ObservedState) -> None:
    engine = context.engine
    match action:
        case StepBack():
            await _step_back(context, action)
        case RemoveMade():
            container = action.container or await _find(context, action, before)
            if container is not None:
                await engine.remove_container(container, volumes=True)
        case StopAgain():
            await engine.stop_container(action.container, context.grace_s(action.service))
        case StartAgain():
            await engine.start_container(action.container)
        case RemoveMadeNetwork():
            await engine.remove_network(action.name)
        case RemoveMadeVolume():
            await engine.remove_volume(action.name)


async def _step_back(context: Context, action: StepBack) -> None:
    """Undo a replacement from wherever it stopped."""
    engine, step = context.engine, action.step
    new = context.containers.get(step.created_by)
    old = await engine.inspect_container(step.old)
    if new is not None:
        detail = await engine.inspect_container(new)
        if detail.state in {ContainerState.RUNNING, ContainerState.PAUSED, ContainerState.RESTARTING}:
            await engine.kill_container(new)
            await engine.stop_container(new, 0)
        if detail.name == step.name:
            await engine.rename_container(new, context.names.waiting(step))
    if old.name != step.name:
        await engine.rename_container(step.old, step.name)
    if step.old_was_running and old.state is not ContainerState.RUNNING:
        await engine.start_container(step.old)


async def _find(context: Context, action: RemoveMade, before: ObservedState) -> ContainerId | None:
    """The container of a create of unknown end, by the name it would have; never one that was there."""
    wanted = context.names.waiting(action.step) if action.step.replaces else action.step.name
    known = {c.id for c in before.containers}
    now = await context.engine.snapshot(before.project)
    return next((c.id for c in now.containers if c.name == wanted and c.id not in known), None)


def _subject(action: Action) -> str:
    match action:
        case StepBack() | RemoveMade():
            return action.step.name
        case StopAgain() | StartAgain() | RemoveMadeNetwork() | RemoveMadeVolume():
            return action.name
