"""What runs, compared with what was applied last and with what is asked for now."""

from collections.abc import Iterator, Mapping

from containers.model.base import ServiceName
from containers.model.drift import Drift, DriftKind
from containers.model.observed import (
    ContainerState,
    ObservedContainer,
    ObservedNetwork,
    ObservedState,
    ObservedVolume,
)
from containers.model.project import ResolvedProject, ResourceConfig, ServiceConfig
from containers.model.revision import RevisionInfo
from containers.planning.labels import CONFIG_HASH, Inputs


def find_drift(
    info: RevisionInfo,
    applied: ResolvedProject,
    observed: ObservedState,
    *,
    wanted: ResolvedProject | None = None,
    inputs: Mapping[ServiceName, Inputs] | None = None,
) -> tuple[Drift, ...]:
    """Everything that is not as the revision says, then everything that is asked for and not applied.

    Args:
        info: the last revision.
        applied: its project; secrets may be missing in it.
        observed: one fresh look, also at the revision's images.
        wanted: what the files say now; None while they are wrong.
        inputs: the fingerprints of the contents that services would be given now.
    """
    found = [
        *_of_services(info, applied, observed),
        *_of_resources(info, applied.networks, observed.networks, "network"),
        *_of_resources(info, applied.volumes, observed.volumes, "volume"),
        *_of_images(info, applied, observed),
    ]
    if wanted is not None:
        found += _of_files(info, wanted, inputs or {})
    return tuple(found)


def _of_services(info: RevisionInfo, applied: ResolvedProject, observed: ObservedState) -> Iterator[Drift]:
    for name, service in applied.services.items():
        containers = [c for c in observed.of_service(name) if not c.is_left_over]
        for number in range(1, service.replicas + 1):
            mine = next((c for c in containers if c.number == number), None)
            yield from _of_container(info, applied, service, number, mine)
        for surplus in containers:
            if surplus.number > service.replicas:
                message = f"{surplus.name} is one more than the {service.replicas} of {name}"
                yield _of_stack(DriftKind.ORPHAN, surplus.name, message, name)
    known = {*applied.services, *applied.disabled_services}
    for container in observed.containers:
        if container.is_one_off:
            continue
        if container.is_left_over:
            message = f"{container.name} was left by a change that nobody ended"
            yield _of_stack(DriftKind.ORPHAN, container.name, message, container.service)
        elif container.service not in known:
            message = f"{container.name} belongs to no service that was applied"
            yield _of_stack(DriftKind.ORPHAN, container.name, message)


def _of_container(
    info: RevisionInfo,
    applied: ResolvedProject,
    service: ServiceConfig,
    number: int,
    mine: ObservedContainer | None,
) -> Iterator[Drift]:
    name = service.name
    if mine is None:
        where = applied.container_name(service, number)
        yield _of_stack(DriftKind.CONTAINER_MISSING, where, f"{where} is gone", name)
        return
    is_done = applied.is_job(name) and mine.state is ContainerState.EXITED and mine.exit_code == 0
    if not mine.is_running and mine.state is not ContainerState.CREATED and not is_done:
        code = "" if mine.exit_code is None else f" (exit code {mine.exit_code})"
        yield _of_stack(DriftKind.CONTAINER_STOPPED, mine.name, f"{mine.name} does not run{code}", name)
    elif mine.state is ContainerState.CREATED and info.good:
        yield _of_stack(DriftKind.CONTAINER_STOPPED, mine.name, f"{mine.name} was never started", name)
    before = mine.labels.get(CONFIG_HASH)
    if before is None:
        if mine.created_at > info.created_at:
            message = f"{mine.name} was made by hand, or by another tool, after the last change"
            yield _of_stack(DriftKind.CONTAINER_FOREIGN, mine.name, message, name)
    elif before != info.services.get(name):
        message = f"{mine.name} was made from another configuration than that of revision {info.number}"
        yield _of_stack(DriftKind.CONFIGURATION, mine.name, message, name)


def _of_resources(
    info: RevisionInfo,
    declared: Mapping[str, ResourceConfig],
    here: tuple[ObservedNetwork, ...] | tuple[ObservedVolume, ...],
    what: str,
) -> Iterator[Drift]:
    found = {each.name: each for each in here}
    for resource in declared.values():
        identity = info.resources.get(resource.name)
        now = found.get(resource.name)
        if resource.external or identity is None:
            continue
        if now is None:
            kind = DriftKind.NETWORK_MISSING if what == "network" else DriftKind.VOLUME_MISSING
            yield _of_stack(kind, resource.name, f"the {what} {resource.name} is gone")
        elif now.identity and now.identity != identity:
            kind = DriftKind.NETWORK_ALTERED if what == "network" else DriftKind.VOLUME_ALTERED
            yield _of_stack(kind, resource.name, f"the {what} {resource.name} was made anew by somebody else")


def _of_images(info: RevisionInfo, applied: ResolvedProject, observed: ObservedState) -> Iterator[Drift]:
    for reference, image in info.images.items():
        now = observed.images.get(reference)
        if now is None or now == image:
            continue
        users = [name for name, service in applied.services.items() if service.image == reference]
        yield Drift(
            kind=DriftKind.IMAGE_MOVED,
            subject=reference,
            service=users[0] if users else None,
            message=f"{reference} is another image now: {now[:12]}, and was {image[:12]}",
            remedy=f"podkeeper up {' '.join(users)}".strip(),
        )


def _of_files(
    info: RevisionInfo, wanted: ResolvedProject, inputs: Mapping[ServiceName, Inputs]
) -> Iterator[Drift]:
    for name, service in wanted.services.items():
        before = info.services.get(name)
        if before is None:
            message = f"{name} is in the files and was not applied"
        elif before != service.config_hash:
            message = f"{name} is another in the files than it was when it was applied"
        else:
            yield from _of_inputs(name, info.inputs.get(name, {}), inputs.get(name, {}))
            continue
        yield _of_request(DriftKind.NOT_APPLIED, name, message, name)
    for name in info.services:
        if name not in wanted.services and name not in wanted.disabled_services:
            message = f"{name} is not in the files any more"
            yield Drift(
                kind=DriftKind.NOT_APPLIED,
                subject=name,
                service=name,
                message=message,
                remedy="podkeeper up --remove-orphans",
            )


def _of_inputs(name: ServiceName, before: Inputs, now: Inputs) -> Iterator[Drift]:
    for what, fingerprint in now.items():
        then = before.get(what)
        if then and then.partition(":")[0] == fingerprint.partition(":")[0] and then != fingerprint:
            message = f"the content of {what} of {name} changed since it was applied"
            yield _of_request(DriftKind.FILE_CHANGED, f"{name} {what}", message, name)


def _of_stack(kind: DriftKind, subject: str, message: str, service: ServiceName | None = None) -> Drift:
    remedy = f"podkeeper reconcile {service or ''}".strip()
    return Drift(kind=kind, subject=subject, service=service, message=message, remedy=remedy)


def _of_request(kind: DriftKind, subject: str, message: str, service: ServiceName) -> Drift:
    remedy = f"podkeeper up {service}"
    return Drift(kind=kind, subject=subject, service=service, message=message, remedy=remedy)
