"""How each kind of step is done on the engine."""

import functools
from collections.abc import Iterator, Mapping
from typing import Any

from containers.execution.anonymous_volumes import anonymous_volumes, remove_for_good, with_inherited_volumes
from containers.execution.context import Context
from containers.execution.gate import await_gate
from containers.execution.hooks import after_start, before_stop
from containers.model.base import ContainerId, ServiceName, StepId
from containers.model.errors import EngineError, ErrorCode
from containers.model.outcome import Done, NotRun
from containers.model.plan import (
    BuildImage,
    CreateContainer,
    CreateNetwork,
    CreateVolume,
    Gate,
    KeepContainer,
    PullImage,
    RemoveContainer,
    RemoveImage,
    RemoveNetwork,
    RemoveVolume,
    ReplaceContainer,
    RestartContainer,
    StartContainer,
    Step,
    StopContainer,
)
from containers.ports.translation import ContainerRecipe, Translation


async def perform(context: Context, step: Step, running: dict[tuple[ServiceName, int], ContainerId]) -> Any:
    """Do one step.

    Args:
        context: the transaction's surroundings.
        step: what to do.
        running: the container that each replica has by now; steps that make or start one update it.

    Returns:
        `Done` without its time, or `NotRun` for a gate that was left because the transaction stops.

    Raises:
        EngineError: the engine refused.
        GateFailedError: a gate's verdict.
    """
    return await _perform(step, context, running)


@functools.singledispatch
async def _perform(step: Step, context: Context, running: Any) -> Done | NotRun:
    msg = f"no way to do {step!r} with {context!r} and {running!r}"
    raise TypeError(msg)


def _done(step: Step, container: ContainerId | None = None, *, created: bool = True) -> Done:
    return Done(step=step.id, duration_s=0.0, container=container, created=created)


@_perform.register
async def _(step: PullImage, context: Context, _running: Any) -> Done:
    await context.engine.pull_image(step.image)
    return _done(step)


@_perform.register
async def _(step: BuildImage, context: Context, _running: Any) -> Done:
    build = context.project.services[step.service].build if context.project else None
    if build is None:
        raise EngineError(
            ErrorCode.BUILD_FAILED, f"{step.service} has no build section", service=step.service
        )
    await context.engine.build_image(step.image, build)
    return _done(step)


@_perform.register
async def _(step: CreateNetwork, context: Context, _running: Any) -> Done:
    options = (*_translation(context).networks.get(step.name, ()), *_labelled(context, step.name))
    return _done(step, created=await context.engine.create_network(step.name, options))


@_perform.register
async def _(step: CreateVolume, context: Context, _running: Any) -> Done:
    options = (*_translation(context).volumes.get(step.name, ()), *_labelled(context, step.name))
    return _done(step, created=await context.engine.create_volume(step.name, options))


@_perform.register
async def _(step: CreateContainer, context: Context, running: dict[Any, ContainerId]) -> Done:
    name = context.names.waiting(step) if step.replaces else step.name
    translation = _translation(context)
    recipe = _recipe(translation, step)
    if recipe.numbered_options:
        own = recipe.numbered_options[step.number - 1]
        recipe = recipe.model_copy(update={"options": (*recipe.options, *own)})
    recipe = _bound_to_what_runs(recipe, context, step, running)
    if pin := context.pins.get(recipe.image):
        recipe = recipe.model_copy(update={"image": pin})
    recipe = await with_inherited_volumes(context, step, recipe)
    labels = dict(context.labels.get(step.service, {}))
    if step.number != 1:
        labels["com.docker.compose.container-number"] = str(step.number)
        labels["io.podman.compose.container-number"] = str(step.number)
    async with context.slots:
        for volume in recipe.volumes:
            await context.engine.create_volume(volume, translation.volumes.get(volume, ()))
        container = await context.engine.create_container(name, recipe, labels)
    context.containers[step.id] = container
    if step.replaces is None:
        running[step.service, step.number] = container
    return _done(step, container)


@_perform.register
async def _(step: StartContainer, context: Context, running: dict[Any, ContainerId]) -> Done:
    container = step.container or context.containers[_made_by(step)]
    async with context.slots:
        await context.engine.start_container(container)
    await after_start(context, step.service, container)
    running[step.service, step.number] = container
    return _done(step, container)


@_perform.register
async def _(step: ReplaceContainer, context: Context, running: dict[Any, ContainerId]) -> Done:
    new = context.containers[step.created_by]
    if step.old_was_running:
        await before_stop(context, step.service, step.old)
    async with context.slots:
        if step.old_was_running:
            await context.engine.stop_container(step.old, context.grace_s(step.service))
        await context.engine.rename_container(step.old, context.names.aside(step))
        await context.engine.rename_container(new, step.name)
        if step.start:
            await context.engine.start_container(new)
    if step.start:
        await after_start(context, step.service, new)
    running[step.service, step.number] = new
    return _done(step, new)


@_perform.register
async def _(step: RestartContainer, context: Context, running: dict[Any, ContainerId]) -> Done:
    await before_stop(context, step.service, step.container)
    async with context.slots:
        await context.engine.restart_container(step.container, context.grace_s(step.service))
    await after_start(context, step.service, step.container)
    running[step.service, step.number] = step.container
    return _done(step, step.container)


@_perform.register
async def _(step: StopContainer, context: Context, _running: Any) -> Done:
    await before_stop(context, step.service, step.container)
    await context.engine.stop_container(step.container, context.grace_s(step.service))
    return _done(step, step.container)


@_perform.register
async def _(step: RemoveContainer, context: Context, _running: Any) -> Done:
    if step.running:
        await before_stop(context, step.service, step.container)
    if step.makes_way:
        context.anonymous_volumes[step.name] = await anonymous_volumes(context.engine, step.container)
    grace_s = context.grace_s(step.service) if step.running else 0.0
    await remove_for_good(context, step, grace_s)
    return _done(step, step.container)


@_perform.register
async def _(step: RemoveNetwork, context: Context, _running: Any) -> Done:
    await context.engine.remove_network(step.name)
    return _done(step)


@_perform.register
async def _(step: RemoveVolume, context: Context, _running: Any) -> Done:
    await context.engine.remove_volume(step.name)
    return _done(step)


@_perform.register
async def _(step: RemoveImage, context: Context, _running: Any) -> Done:
    await context.engine.remove_image(step.image)
    return _done(step)


@_perform.register
async def _(step: KeepContainer, _context: Context, running: dict[Any, ContainerId]) -> Done:
    running.setdefault((step.service, step.number), step.container)
    return _done(step, step.container, created=False)


@_perform.register
async def _(step: Gate, context: Context, running: dict[Any, ContainerId]) -> Done | NotRun:
    container = running.get((step.service, step.number))
    if container is None:
        raise EngineError(
            ErrorCode.NOT_FOUND, f"{step.service} has no container to wait for", service=step.service
        )
    if await await_gate(context, step, container):
        return _done(step, container)
    return NotRun(step=step.id)


def _bound_to_what_runs(
    recipe: ContainerRecipe,
    context: Context,
    step: CreateContainer,
    running: Mapping[tuple[ServiceName, int], ContainerId],
) -> ContainerRecipe:
    """The recipe with the containers it is bound to by id: another program named those it made otherwise."""
    hosts = context.hosts.get(step.service, frozenset()) if context.project else frozenset[ServiceName]()
    ids = {
        context.project.container_name(context.project.services[host], 1): running[host, 1]
        for host in hosts
        if context.project is not None and (host, 1) in running
    }
    options = tuple(_with_ids(option, ids) for option in recipe.options)
    return recipe if options == recipe.options else recipe.model_copy(update={"options": options})


def _with_ids(option: str, ids: Mapping[str, ContainerId]) -> str:
    head, separator, name = option.rpartition("container:")
    if separator or name in ids:
        return head + separator + ids.get(name, ContainerId(name))
    return option


def _labelled(context: Context, resource: str) -> Iterator[str]:
    for name, value in context.resource_labels.get(resource, {}).items():
        yield from ("--label", f"{name}={value}")


def _made_by(step: StartContainer) -> StepId:
    if step.created_by is None:
        msg = f"{step.id} names neither a container nor the step that makes it"
        raise ValueError(msg)
    return step.created_by


def _translation(context: Context) -> Translation:
    if context.translation is None:
        msg = "a plan that creates needs a translation"
        raise ValueError(msg)
    return context.translation


def _recipe(translation: Translation, step: CreateContainer) -> ContainerRecipe:
    recipe = translation.containers.get(step.service)
    if recipe is None:
        raise EngineError(
            ErrorCode.COMPOSE_PROVIDER_FAILED,
            f"podman-compose made no container of {step.service}",
            service=step.service,
        )
    return recipe
