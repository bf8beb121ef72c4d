"""Networks and volumes with other settings than they were made with: what uses them goes, then they do."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from containers.model.base import ServiceName, StepId
from containers.model.observed import ObservedNetwork, ObservedState, ObservedVolume
from containers.model.plan import (
    CreateNetwork,
    CreateVolume,
    RemoveContainer,
    RemoveNetwork,
    RemoveVolume,
    Step,
)
from containers.model.project import ResolvedProject, ResourceConfig, ServiceConfig
from containers.planning.graph import service_order
from containers.planning.labels import CONFIG_HASH

_CAUSE = "its settings changed"


class Changed(NamedTuple):
    """A network or volume that must be made anew to be as it should."""

    key: str
    name: str


class Way(NamedTuple):
    """What has to go, and what is made in its place."""

    steps: tuple[Step, ...] = ()
    gone: frozenset[ServiceName] = frozenset()
    """Services whose containers are removed, to be made anew."""
    made_anew: Mapping[str, StepId] = {}
    """Networks and volumes by their names on the engine, with the step that makes each."""
    irreversible: tuple[str, ...] = ()
    """What can not be undone about it, a sentence each."""


def changed_networks(project: ResolvedProject, observed: ObservedState) -> tuple[Changed, ...]:
    """The project's own networks whose definition is another than the one they were made from."""
    return tuple(_changed(project.networks, {n.name: n for n in observed.networks}))


def changed_volumes(project: ResolvedProject, observed: ObservedState) -> tuple[Changed, ...]:
    """The project's own volumes whose definition is another than the one they were made from."""
    return tuple(_changed(project.volumes, {v.name: v for v in observed.volumes}))


def make_way(
    project: ResolvedProject,
    observed: ObservedState,
    targets: Sequence[ServiceName],
    images_done: tuple[StepId, ...],
) -> Way:
    """Plan what has to go, so that networks and volumes can be as the project says.

    Args:
        project: what should be.
        observed: what is.
        targets: the services that are brought up; others go only where they have containers that use it.
        images_done: steps to come before, so that nothing is removed for want of an image.
    """
    networks = dict(changed_networks(project, observed))
    volumes = dict(changed_volumes(project, observed))
    if not networks and not volumes:
        return Way()
    steps: list[Step] = []
    removed: dict[str, list[StepId]] = {}
    gone = set()
    for name in reversed(service_order(project)):
        used = tuple(_used(project.services[name], networks, volumes))
        if not used or (name not in targets and not observed.of_service(name)):
            continue
        gone.add(name)
        for container in observed.of_service(name):
            step = RemoveContainer(
                id=StepId(f"make-way:{container.name}"),
                cause=f"{', '.join(used)} has other settings now",
                needs=images_done,
                service=name,
                name=container.name,
                container=container.id,
                running=container.is_running,
                makes_way=True,
            )
            steps.append(step)
            for resource in used:
                removed.setdefault(resource, []).append(step.id)
    made = {}
    told = []
    for key, resource in networks.items():
        away, back = StepId(f"remove-network:{resource}"), StepId(f"network:{resource}")
        needs = (*images_done, *removed.get(resource, ()))
        steps.append(RemoveNetwork(id=away, cause=_CAUSE, needs=needs, name=resource))
        steps.append(CreateNetwork(id=back, cause=_CAUSE, needs=(away,), key=key, name=resource))
        made[resource] = back
        told.append(
            f"the network {resource} has other settings now, so it and the containers in it are made anew; "
            "should that fail, they are made from the last good revision, not put back as they were"
        )
    for key, resource in volumes.items():
        away, back = StepId(f"remove-volume:{resource}"), StepId(f"volume:{resource}")
        needs = (*images_done, *removed.get(resource, ()))
        steps.append(RemoveVolume(id=away, cause=_CAUSE, needs=needs, name=resource))
        steps.append(CreateVolume(id=back, cause=_CAUSE, needs=(away,), key=key, name=resource))
        made[resource] = back
        told.append(f"the volume {resource} has other settings now: made anew, it loses the data in it")
    return Way(tuple(steps), frozenset(gone), made, tuple(told))


def _used(service: ServiceConfig, networks: Mapping[str, str], volumes: Mapping[str, str]) -> Iterator[str]:
    """The names of those among them that the service uses."""
    yield from (networks[key] for key in service.networks if key in networks)
    yield from (volumes[m.source] for m in service.volumes if m.type == "volume" and m.source in volumes)


def _changed(
    wanted: Mapping[str, ResourceConfig], here: Mapping[str, ObservedNetwork | ObservedVolume]
) -> Iterator[Changed]:
    for key, resource in wanted.items():
        found = here.get(resource.name)
        if found is None or resource.external:
            continue
        # One that somebody else made says nothing about its making, so there is nothing to compare with.
        before = found.labels.get(CONFIG_HASH)
        if before is not None and before != resource.config_hash:
            yield Changed(key, resource.name)
