"""Builds what the engine would show of a project."""

from datetime import UTC, datetime

from containers.model.base import ContainerId, ImageId, ServiceName, TransactionId
from containers.model.health import HealthState
from containers.model.observed import (
    ContainerState,
    ObservedContainer,
    ObservedNetwork,
    ObservedState,
    ObservedVolume,
)
from containers.model.project import ResolvedProject
from containers.planning.labels import of_service

AT = datetime(2026, 1, 1, tzinfo=UTC)
OURS = "io.podman.compose.project"


def image_of(reference: str) -> ImageId:
    """The id that a reference has in these tests."""
    return ImageId(f"sha256:{abs(hash(reference)):064x}"[:71])


def container(
    project: ResolvedProject,
    service: str,
    *,
    number: int = 1,
    state: ContainerState = ContainerState.RUNNING,
    health: HealthState | None = None,
    exit_code: int | None = None,
) -> ObservedContainer:
    """The container that applying `project` would have left for a service."""
    config = project.services[ServiceName(service)]
    if health is None:
        is_well = config.health_check is not None and state is ContainerState.RUNNING
        health = HealthState.HEALTHY if is_well else HealthState.NONE
    return ObservedContainer(
        id=ContainerId(f"{service}-{number}-id"),
        name=project.container_name(config, number),
        project=project.name,
        service=ServiceName(service),
        number=number,
        image=config.image,
        image_id=image_of(config.image),
        state=state,
        health=health,
        exit_code=exit_code,
        created_at=AT,
        labels=of_service(config, TransactionId("0" * 26)),
    )


def nothing(project: ResolvedProject) -> ObservedState:
    """An engine that has the images and nothing else."""
    return ObservedState(
        project=project.name, images={s.image: image_of(s.image) for s in project.services.values()}
    )


def applied(project: ResolvedProject, *changed: ObservedContainer) -> ObservedState:
    """An engine on which `project` runs as asked, but for the containers given."""
    instead = {c.id: c for c in changed}
    containers = [
        container(project, name, number=number)
        for name, service in project.services.items()
        for number in range(1, service.replicas + 1)
    ]
    return nothing(project).model_copy(
        update={
            "containers": tuple(instead.get(c.id, c) for c in containers),
            "networks": tuple(
                ObservedNetwork(name=n.name, labels={OURS: project.name}) for n in project.networks.values()
            ),
            "volumes": tuple(
                ObservedVolume(name=v.name, labels={OURS: project.name}) for v in project.volumes.values()
            ),
        }
    )
