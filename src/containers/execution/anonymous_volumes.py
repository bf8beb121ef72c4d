"""Volumes that an image asks for and nobody named: a container that takes another's place takes them over.

Docker compose does so, and Podman does not: what a database keeps where its image has a volume would be gone
with each change of its configuration. They go with `down --volumes` and `rm --volumes`, and nothing else.
"""

import logging
from collections.abc import Mapping

from containers.execution.context import Context
from containers.model.base import ContainerId
from containers.model.errors import EngineError, ErrorCode
from containers.model.plan import CreateContainer, RemoveContainer
from containers.ports.engine import ContainerEngine
from containers.ports.translation import ContainerRecipe

log = logging.getLogger(__name__)


async def anonymous_volumes(engine: ContainerEngine, container: ContainerId) -> Mapping[str, str]:
    """Those of a container, by where they are mounted; none where it is gone.

    Raises:
        EngineError: Podman can not be asked.
    """
    try:
        return await engine.anonymous_volumes(container)
    except EngineError as error:
        if error.code is not ErrorCode.NOT_FOUND:
            raise
        return {}


async def with_inherited_volumes(
    context: Context, step: CreateContainer, recipe: ContainerRecipe
) -> ContainerRecipe:
    """The recipe, with the anonymous volumes of the container in whose place the new one is.

    Only where its image asks for a volume, and nothing else is mounted.

    Raises:
        EngineError: Podman can not be asked.
    """
    service = context.project.services.get(step.service) if context.project else None
    if service is None or step.renews_volumes:
        return recipe
    old: Mapping[str, str] = context.anonymous_volumes.get(step.name, {})
    if step.replaces is not None:
        old = await anonymous_volumes(context.engine, step.replaces)
    own = {mount.target for mount in service.volumes}
    free = {place: volume for place, volume in old.items() if place not in own}
    if not free:
        return recipe
    image = await context.engine.image_facts(recipe.image)
    wanted = image.volumes if image else ()
    options = [part for place in wanted if place in free for part in ("--volume", f"{free[place]}:{place}")]
    return recipe.model_copy(update={"options": (*recipe.options, *options)})


async def remove_for_good(
    context: Context, step: RemoveContainer, stop_timeout_s: float | None = 0.0
) -> None:
    """Remove a container; where its anonymous volumes go, too, also those that it took over.

    Podman itself removes those that it made for this very container.

    Raises:
        EngineError: the container can not be removed. A volume that can not be is left.
    """
    engine = context.engine
    volumes = await anonymous_volumes(engine, step.container) if step.volumes else {}
    await engine.remove_container(step.container, volumes=step.volumes, stop_timeout_s=stop_timeout_s)
    for volume in volumes.values():
        try:
            await engine.remove_volume(volume)
        except EngineError as error:
            log.info("the volume %s stays: %s", volume, error)
