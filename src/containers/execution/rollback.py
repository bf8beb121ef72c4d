"""Getting back: to the very containers that ran before, and to their being ready."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable
from random import SystemRandom
from typing import TypeVar

from containers.execution.context import Context
from containers.execution.gate import GateFailedError, await_gate
from containers.execution.restoring import Restoration, restoration
from containers.model.base import ContainerId, ServiceName, StepId
from containers.model.errors import EngineError, ErrorCode
from containers.model.health import HealthState
from containers.model.observed import FIELDS_LABEL, ObservedContainer, ObservedState
from containers.model.plan import Gate, GateKind, Plan, RemoveContainer

log = logging.getLogger(__name__)

_T = TypeVar("_T")
_ATTEMPTS = 6
"""Podman may be restarting just now: about half a minute in all, then somebody has to look."""
_FIRST_WAIT_S = 0.2
_random = SystemRandom()


async def roll_back(
    context: Context,
    plan: Plan,
    before: ObservedState,
    *,
    services: Collection[str] | None = None,
    is_recovery: bool = False,
) -> tuple[str, ...]:
    """Put everything back that `plan` changed, and wait until what ran is ready again.

    It looks, acts and looks again until there is nothing left to do, so it may be begun anew at any time,
    also by another process.

    Args:
        context: the transaction's surroundings.
        plan: what was carried out, wholly or in part.
        before: the look that it was planned from.
        services: only these, and neither networks nor volumes; None means everything.
        is_recovery: wait also for what somebody else has started again already.

    Returns:
        What could not be put back, a sentence each.
    """
    failures: dict[str, str] = {}
    begun: dict[ContainerId, ObservedContainer] = {}
    wait_s = _FIRST_WAIT_S
    is_transient = False
    for _ in range(_ATTEMPTS):
        if is_transient:
            await context.clock.sleep(wait_s * (1 + _random.random() / 4))
            wait_s *= 2
        failures.clear()
        try:
            now = await context.engine.snapshot(before.project)
        except EngineError as error:
            failures["podman"] = str(error)
            is_transient = error.is_transient
        else:
            todo = restoration(plan, before, now, context.transaction, services=services)
            lost = {c.name: f"{c.name} is gone and can not be brought back as it was" for c in todo.lost}
            # one that was started and does not run any more has ended by itself: its gate says so
            todo = todo.model_copy(
                update={
                    "lost": (),
                    "stopping": tuple(c for c in todo.stopping if c.id not in begun),
                    "started": tuple(c for c in todo.started if c.id not in begun),
                }
            )
            is_transient = await _restore(context, plan, todo, failures)
            begun.update((c.id, c) for c in todo.started if c.name not in failures)
            failures.update(lost)
            if is_recovery:
                begun.update((c.id, c) for c in todo.unready)
            if todo.is_empty:
                break
        if failures and not is_transient:
            break
    context.is_unfinished = bool(failures) and is_transient
    if not failures:
        failures.update(await _until_ready(context, begun.values()))
    return tuple(failures.values())


async def _restore(context: Context, plan: Plan, todo: Restoration, failures: dict[str, str]) -> bool:
    """Do all of it, noting what fails; whether trying again may help."""
    engine = context.engine
    transient = False

    async def each(
        items: Iterable[_T], name: Callable[[_T], str], act: Callable[[_T], Awaitable[None]]
    ) -> None:
        async def one(item: _T) -> None:
            nonlocal transient
            try:
                async with context.slots:
                    await act(item)
            except EngineError as error:
                log.info("rollback: %s failed", name(item), exc_info=error)
                failures[name(item)] = f"{name(item)}: {error}"
                transient = transient or error.is_transient

        async with asyncio.TaskGroup() as group:
            for item in items:
                group.create_task(one(item))

    async def stop(container: ObservedContainer) -> None:
        await engine.stop_container(container.id, context.grace_s(container.service))

    # a new container may have taken over the volumes of one that made way for it, and is gone
    volumes = not any(isinstance(step, RemoveContainer) and step.makes_way for step in plan.steps)
    await each(todo.removed, _name, lambda c: engine.remove_container(c.id, volumes=volumes))
    await each(todo.renamed, lambda pair: pair[1], lambda pair: engine.rename_container(pair[0].id, pair[1]))
    await each((*todo.stopped, *todo.stopping), _name, stop)
    for layer in _layers(context, todo.started):
        await each(layer, _name, lambda c: engine.start_container(c.id))
    await each(todo.networks, str, engine.remove_network)
    await each(todo.volumes, str, engine.remove_volume)
    return transient


def _name(container: ObservedContainer) -> str:
    return container.name


def _layers(
    context: Context, containers: Collection[ObservedContainer]
) -> Iterable[tuple[ObservedContainer, ...]]:
    """The containers, each layer after those that it depends on."""
    depths = context.depths
    for depth in sorted({depths.get(c.service, 0) for c in containers}):
        yield tuple(c for c in containers if depths.get(c.service, 0) == depth)


async def _until_ready(context: Context, containers: Collection[ObservedContainer]) -> dict[str, str]:
    """Wait until what was started again is as well as it was; what did not get there."""
    failures: dict[str, str] = {}

    async def one(container: ObservedContainer) -> None:
        kind = GateKind.HEALTHY if container.health is HealthState.HEALTHY else GateKind.RUNNING
        gate = Gate(
            id=StepId(f"gate:{container.service}:{container.number}:{kind}"),
            cause="it ran before",
            service=ServiceName(container.service),
            number=container.number,
            gate=kind,
        )
        is_other = not _keeps_its_check(context, container)
        try:
            await await_gate(context, gate, container.id, by_its_own_check=is_other)
        except GateFailedError as error:
            failures[container.name] = f"{container.name} runs again, but: {error.problem.message}"
        except EngineError as error:
            if error.code is not ErrorCode.NOT_FOUND:
                failures[container.name] = f"{container.name} runs again, but: {error}"

    was_well = (c for c in containers if c.health in {HealthState.HEALTHY, HealthState.NONE})
    outer = context.group
    async with asyncio.TaskGroup() as group:
        context.group = group
        for container in was_well:
            group.create_task(one(container))
    context.group = outer
    return failures


def _keeps_its_check(context: Context, container: ObservedContainer) -> bool:
    """Whether the project's health check is the one that the container was made with."""
    config = context.project.services.get(container.service) if context.project else None
    if config is None:
        return False
    try:
        made_with = json.loads(container.labels.get(FIELDS_LABEL, "{}"))
    except ValueError:
        return False
    wanted = config.field_hashes.get("healthcheck")
    return isinstance(made_with, dict) and made_with.get("healthcheck") == wanted
