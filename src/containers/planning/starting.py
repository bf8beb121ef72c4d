"""The plans of `start` and `rm`: containers that exist, started or taken away."""

from containers.model.base import ServiceName, StepId
from containers.model.errors import ErrorCode, PodkeeperError
from containers.model.health import HealthState
from containers.model.observed import ContainerState, ObservedState
from containers.model.plan import Gate, GateKind, Plan, RemoveContainer, StartContainer, Step
from containers.model.project import DependencyCondition, ResolvedProject
from containers.planning.graph import in_order, service_order


def plan_start(
    project: ResolvedProject, observed: ObservedState, services: tuple[ServiceName, ...] = ()
) -> Plan:
    """Start containers that exist and do not run, each when what it depends on is as its condition asks.

    Raises:
        PodkeeperError: `not_found`: a service that was named has no container.
    """
    for name in services:
        if not observed.of_service(name):
            raise PodkeeperError(
                ErrorCode.NOT_FOUND,
                f"service {name} has no container to start",
                remedy=f"`podkeeper up {name}` creates it.",
                service=name,
            )
    chosen = set(services or project.services)
    steps: dict[StepId, Step] = {}
    gates: dict[ServiceName, dict[DependencyCondition, list[StepId]]] = {}
    for name in service_order(project):
        if name not in chosen:
            continue
        needs = tuple(
            step
            for needed, dependency in project.services[name].depends_on.items()
            for step in gates.get(needed, {}).get(dependency.condition, ())
        )
        for container in observed.of_service(name):
            is_done = project.is_job(name) and container.exit_code == 0 and name not in services
            if container.is_running or is_done or container.state is ContainerState.REMOVING:
                continue
            start = StartContainer(
                id=StepId(f"start:{name}:{container.number}"),
                cause="asked to start",
                needs=needs,
                service=name,
                number=container.number,
                name=container.name,
                container=container.id,
            )
            has_check = project.services[name].health_check is not None or (
                container.health is not HealthState.NONE
            )
            kind = GateKind.HEALTHY if has_check else GateKind.RUNNING
            kind = GateKind.COMPLETED if project.is_job(name) else kind
            gate = Gate(
                id=StepId(f"gate:{name}:{container.number}:{kind}"),
                cause="readiness is waited for",
                needs=(start.id,),
                service=name,
                number=container.number,
                gate=kind,
            )
            steps |= {start.id: start, gate.id: gate}
            mine = gates.setdefault(name, {})
            for condition in DependencyCondition:
                is_start = condition is DependencyCondition.STARTED
                mine.setdefault(condition, []).append(start.id if is_start else gate.id)
    return Plan(project=project.name, verb="start", steps=in_order(steps.values()))


def plan_rm(
    project: ResolvedProject,
    observed: ObservedState,
    services: tuple[ServiceName, ...] = (),
    *,
    running_too: bool = False,
    volumes: bool = False,
) -> Plan:
    """Remove the containers of services: those that do not run, or, `running_too`, all of them.

    Their anonymous volumes stay, unless `volumes` has them go, too.
    """
    chosen = set(services or (*project.services, *project.disabled_services))
    steps = [
        RemoveContainer(
            id=StepId(f"remove:{container.name}"),
            cause="asked to remove",
            service=container.service,
            name=container.name,
            container=container.id,
            running=container.is_running,
            volumes=volumes,
        )
        for container in observed.containers
        if container.service in chosen and (running_too or not container.is_running)
    ]
    return Plan(project=project.name, verb="rm", steps=in_order(steps))
