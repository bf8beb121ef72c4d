"""Ending a transaction whose process died: forwards where there is no way back, else back."""

import logging

from containers.execution.anonymous_volumes import remove_for_good
from containers.execution.context import Context
from containers.execution.gate import record_health
from containers.execution.rollback import roll_back
from containers.model.errors import EngineError, ErrorCode
from containers.model.health import HealthState
from containers.model.journal import OpenTransaction, Phase
from containers.model.observed import ObservedState
from containers.model.outcome import Done, StepOutcome, Unknown
from containers.model.plan import (
    CreateContainer,
    CreateNetwork,
    CreateVolume,
    Gate,
    GateKind,
    RemoveContainer,
    RemoveNetwork,
    RemoveVolume,
    ReplaceContainer,
    Step,
)

log = logging.getLogger(__name__)

FORWARD_ONLY = frozenset({"down", "rm"})
"""Verbs that remove: what is gone is gone, so their rest is done."""
_LANDING_S = 4.0
"""What was sent to Podman is done by then, unless it waits for a container to stop, which can be seen."""
_CREATING_S = 2.0
"""How long a create takes on a busy machine, from being sent until it can be seen."""
_LOOK_AGAIN_S = 0.2


def goes_forward(found: OpenTransaction) -> bool:
    """Whether the rest of the transaction is to be done, rather than what was done undone."""
    return found.phase is Phase.COMMITTING or found.record.plan.verb in FORWARD_ONLY


async def recover(context: Context, found: OpenTransaction) -> tuple[Phase, tuple[str, ...]]:
    """Bring the stack to the state after the transaction, or the one before it.

    Args:
        context: made for this transaction's id.
        found: what its journal says.

    Returns:
        The phase that it ends in, and what is left to look at, a sentence each.
    """
    plan = found.record.plan
    await _let_land(context, found)
    if not goes_forward(found):
        rest = await roll_back(context, plan, found.record.before, is_recovery=True)
        return (Phase.STUCK if rest else Phase.ROLLED_BACK), rest
    outcomes = {outcome.step: outcome for outcome in found.outcomes}
    rest = ()
    # Podman removes no container that another one is bound to, so dependents' old ones go first.
    replaced = [step for step in reversed(plan.steps) if isinstance(step, ReplaceContainer)]
    others = [step for step in plan.steps if not isinstance(step, ReplaceContainer)]
    for step in (*replaced, *others):
        if _is_to_finish(step, outcomes[step.id], removes=plan.verb in FORWARD_ONLY):
            message = await _finish(context, step)
            rest = (*rest, message) if message else rest
    if found.phase is Phase.COMMITTING:
        await _record_healths(context, found)
    return (Phase.STUCK if rest else Phase.COMMITTED), rest


async def _let_land(context: Context, found: OpenTransaction) -> None:
    """Wait for what the process that died had asked of Podman: its death has not called that back.

    A container that appears, or gets another name, after we have looked would be left over.
    """
    plan = found.record.plan
    unsure = {outcome.step for outcome in found.outcomes if isinstance(outcome, Unknown)}
    awaited = tuple(step for step in plan.steps if step.id in unsure)
    seen: object = None
    waited_s = 0.0
    while waited_s < _LANDING_S:
        try:
            now = await context.engine.snapshot(plan.project)
        except EngineError as error:
            log.info("recovery: can not look yet", exc_info=error)
            return
        here = {(c.id, c.name, c.state, c.is_stopping) for c in now.containers}
        is_missing = any(_is_missing(step, now, context.transaction) for step in awaited)
        if here == seen and not (is_missing and waited_s < _CREATING_S):
            return
        seen = here
        await context.clock.sleep(_LOOK_AGAIN_S)
        waited_s += _LOOK_AGAIN_S


def _is_missing(step: Step, now: ObservedState, transaction: str) -> bool:
    """Whether something that the step was about to make is not there, or not yet."""
    match step:
        case CreateContainer():
            made = (c for c in now.containers if c.transaction == transaction)
            return not any((c.service, c.number) == (step.service, step.number) for c in made)
        case CreateNetwork():
            return all(n.name != step.name for n in now.networks)
        case CreateVolume():
            return all(v.name != step.name for v in now.volumes)
        case _:
            return False


def _is_to_finish(step: Step, outcome: StepOutcome, *, removes: bool) -> bool:
    """Whether a step removes what is not needed any more.

    Where everything has passed that is what stepped aside, and what is too many. A network or volume that was
    removed is there again by then, a new one; and an optional service whose replacement failed runs on in its
    old container.
    """
    if removes:
        return isinstance(step, RemoveContainer | RemoveNetwork | RemoveVolume)
    if isinstance(step, RemoveContainer):
        return not step.makes_way
    return isinstance(step, ReplaceContainer) and isinstance(outcome, Done)


async def _record_healths(context: Context, found: OpenTransaction) -> None:
    """Have Podman note as healthy what has passed its gate: the process may have died before it could."""
    gates = (step for step in found.record.plan.steps if isinstance(step, Gate))
    passed = {(g.service, g.number) for g in gates if g.gate is GateKind.HEALTHY}
    try:
        now = await context.engine.snapshot(found.record.project)
    except EngineError as error:
        log.info("recovery: can not look", exc_info=error)
        return
    for container in now.containers:
        is_known = container.health is HealthState.HEALTHY
        if (container.service, container.number) in passed and container.is_running and not is_known:
            try:
                await record_health(context, container.id)
            except EngineError as error:
                log.warning("could not record the health of %s: %s", container.name, error)


async def _finish(context: Context, step: Step) -> str:
    """Remove what a step would have removed; why not, where that fails."""
    engine = context.engine
    try:
        match step:
            case RemoveContainer():
                await engine.stop_container(step.container, context.grace_s(step.service))
                await remove_for_good(context, step)
            case ReplaceContainer():
                await engine.remove_container(step.old)
            case RemoveNetwork():
                await engine.remove_network(step.name)
            case RemoveVolume():
                await engine.remove_volume(step.name)
            case _:
                pass
    except EngineError as error:
        if error.code is ErrorCode.NOT_FOUND:
            return ""
        log.info("recovery: %s failed", step.id, exc_info=error)
        return f"{getattr(step, 'name', step.id)}: {error}"
    return ""
