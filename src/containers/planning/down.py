"""The plans of `down`, `stop`, `start` and `restart`."""

from collections.abc import Iterable

from containers.model.base import ProjectName, ServiceName, StepId
from containers.model.health import HealthState
from containers.model.observed import ObservedContainer, ObservedState
from containers.model.plan import (
    Gate,
    GateKind,
    Plan,
    RemoveContainer,
    RemoveImage,
    RemoveNetwork,
    RemoveVolume,
    RestartContainer,
    Step,
    StopContainer,
)
from containers.model.project import DependencyCondition, ResolvedProject
from containers.planning.graph import in_order, namespace_hosts, service_order
from containers.planning.options import DownOptions

_PROJECT_LABELS = ("io.podman.compose.project", "com.docker.compose.project")


def plan_down(
    name: ProjectName,
    project: ResolvedProject | None,
    observed: ObservedState,
    options: DownOptions | None = None,
) -> Plan:
    """Remove containers, dependents first, then the project's own networks and, if asked, volumes.

    Services that the active profiles leave out go too: they are the project's. `project` is None when the
    files can not be read; then everything with the project's label goes, newest first.
    """
    options = options or DownOptions()
    warnings: list[str] = []
    containers = [c for c in observed.containers if not options.services or c.service in options.services]
    if project is not None and not options.services and not options.remove_orphans:
        known = {*project.services, *project.disabled_services}
        orphans = [c for c in containers if c.service not in known]
        if orphans:
            names = ", ".join(sorted(c.name for c in orphans))
            warnings.append(
                f"containers of services that are not in the file stay: {names} (--remove-orphans)"
            )
            containers = [c for c in containers if c.service in known]
    steps: list[Step] = list(_removals(project, containers, volumes=options.volumes))
    if not options.services:
        after = tuple(s.id for s in steps)
        is_whole = len(containers) == len(observed.containers)
        steps.extend(_resource_removals(name, project, observed, options, after, is_whole=is_whole))
    if options.images and project is not None:
        after = tuple(s.id for s in steps)
        chosen = [s for n, s in project.services.items() if not options.services or n in options.services]
        images = [s.image for s in chosen if options.images == "all" or s.image == f"{name}-{s.name}"]
        steps.extend(
            RemoveImage(id=StepId(f"remove-image:{i}"), cause="asked to remove images", needs=after, image=i)
            for i in dict.fromkeys(images)
        )
    return Plan(project=name, verb="down", steps=in_order(steps), warnings=tuple(warnings))


def _removals(
    project: ResolvedProject | None, containers: list[ObservedContainer], *, volumes: bool
) -> Iterable[RemoveContainer]:
    dependents = _dependents(project)
    ids = {c.id: StepId(f"remove:{c.name}") for c in containers}
    for container in containers:
        above = {s for s in dependents.get(container.service, ()) if s != container.service}
        yield RemoveContainer(
            id=ids[container.id],
            cause="the stack is taken down",
            needs=tuple(ids[c.id] for c in containers if c.service in above),
            service=container.service,
            name=container.name,
            container=container.id,
            running=container.is_running,
            volumes=volumes,
        )


def _dependents(project: ResolvedProject | None) -> dict[ServiceName, set[ServiceName]]:
    """Service to those that need it."""
    found: dict[ServiceName, set[ServiceName]] = {}
    if project is not None:
        for name, service in project.services.items():
            for needed in {*service.depends_on, *namespace_hosts(project, name)}:
                found.setdefault(needed, set()).add(name)
    return found


def _resource_removals(
    name: ProjectName,
    project: ResolvedProject | None,
    observed: ObservedState,
    options: DownOptions,
    after: tuple[StepId, ...],
    *,
    is_whole: bool,
) -> Iterable[Step]:
    external = set()
    if project is not None:
        external = {r.name for r in (*project.networks.values(), *project.volumes.values()) if r.external}
    if is_whole:
        for network in observed.networks:
            if _belongs(network.labels, name) and network.name not in external:
                step_id = StepId(f"remove-network:{network.name}")
                yield RemoveNetwork(
                    id=step_id, cause="the stack is taken down", needs=after, name=network.name
                )
    if options.volumes:
        for volume in observed.volumes:
            if _belongs(volume.labels, name) and volume.name not in external:
                step_id = StepId(f"remove-volume:{volume.name}")
                yield RemoveVolume(id=step_id, cause="asked to remove volumes", needs=after, name=volume.name)


def _belongs(labels: object, name: ProjectName) -> bool:
    return isinstance(labels, dict) and any(labels.get(key) == name for key in _PROJECT_LABELS)


def plan_stop(
    project: ResolvedProject, observed: ObservedState, services: tuple[ServiceName, ...] = ()
) -> Plan:
    """Stop what runs, dependents first; containers stay."""
    dependents = _dependents(project)
    mine = (c for c in observed.containers if not c.is_one_off)
    running = [c for c in mine if c.is_running and (not services or c.service in services)]
    ids = {c.id: StepId(f"stop:{c.name}") for c in running}
    steps = [
        StopContainer(
            id=ids[c.id],
            cause="asked to stop",
            needs=tuple(ids[o.id] for o in running if o.service in dependents.get(c.service, set())),
            service=c.service,
            name=c.name,
            container=c.id,
        )
        for c in running
    ]
    return Plan(project=project.name, verb="stop", steps=in_order(steps))


def plan_restart(
    project: ResolvedProject, observed: ObservedState, services: tuple[ServiceName, ...] = ()
) -> Plan:
    """Restart the chosen services, and those that depend on them with `restart: true`.

    Each restarts when what it depends on is again as its condition asks; completed jobs are left alone.
    """
    chosen = set(services or project.services)
    steps: dict[StepId, Step] = {}
    causes: dict[ServiceName, str] = dict.fromkeys(chosen, "asked to restart")
    for name in service_order(project):
        service = project.services[name]
        if name not in causes:
            because = [n for n, d in service.depends_on.items() if d.restart and n in causes]
            if not because:
                continue
            causes[name] = f"it depends on {', '.join(because)} with `restart: true`"
        for container in observed.of_service(name):
            done = project.is_job(name) and not container.is_running and container.exit_code == 0
            if done and name not in services:
                continue
            step = RestartContainer(
                id=StepId(f"restart:{name}:{container.number}"),
                cause=causes[name],
                needs=_gates(project, observed, name, causes, steps),
                service=name,
                number=container.number,
                name=container.name,
                container=container.id,
            )
            steps[step.id] = step
            if project.is_job(name):
                kind = GateKind.COMPLETED
            else:
                has_check = service.health_check is not None or container.health is not HealthState.NONE
                kind = GateKind.HEALTHY if has_check else GateKind.RUNNING
            gate = _gate(name, container.number, kind, step.id)
            steps[gate.id] = gate
    return Plan(project=project.name, verb="restart", steps=in_order(steps.values()))


def _gate(service: ServiceName, number: int, kind: GateKind, after: StepId) -> Gate:
    return Gate(
        id=StepId(f"gate:{service}:{number}:{kind}"),
        cause="readiness is waited for",
        needs=(after,),
        service=service,
        number=number,
        gate=kind,
    )


def _gates(
    project: ResolvedProject,
    observed: ObservedState,
    name: ServiceName,
    restarting: dict[ServiceName, str],
    steps: dict[StepId, Step],
) -> tuple[StepId, ...]:
    """What a restart waits for: the steps of its dependencies that restart, by condition."""
    needs: list[StepId] = []
    for needed, dependency in project.services[name].depends_on.items():
        if needed not in restarting:
            continue
        for container in observed.of_service(needed):
            if dependency.condition is DependencyCondition.STARTED:
                wanted = [StepId(f"restart:{needed}:{container.number}")]
            else:
                wanted = [StepId(f"gate:{needed}:{container.number}:{kind}") for kind in GateKind]
            needs.extend(i for i in wanted if i in steps)
    return tuple(needs)
