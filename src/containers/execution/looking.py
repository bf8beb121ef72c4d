"""One fresh look at a project, with how what others started was made."""

from collections.abc import Sequence

from containers.model.base import ProjectName
from containers.model.observed import ObservedState
from containers.ports.engine import ContainerEngine


async def look(engine: ContainerEngine, project: ProjectName, images: Sequence[str]) -> ObservedState:
    """A snapshot; only containers that another program started cost more than that.

    Raises:
        EngineError: the engine could not be asked.
    """
    observed = await engine.snapshot(project, images)
    foreign = [container.id for container in observed.containers if container.is_foreign]
    if not foreign:
        return observed
    return observed.model_copy(update={"foreign": await engine.describe_containers(foreign)})
