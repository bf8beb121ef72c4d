"""What is observed of a project's containers, service by service, as `ps` and the tree show it."""

from collections.abc import Iterable
from datetime import datetime

from containers.model.base import ServiceName
from containers.model.health import HealthState
from containers.model.observed import ContainerState, ObservedContainer
from containers.model.outcome import ServiceStatus
from containers.model.project import HealthCheck, ResolvedProject


def statuses_of(
    project: ResolvedProject, containers: Iterable[ObservedContainer], now: datetime
) -> dict[ServiceName, ServiceStatus]:
    """One status a service: also of those without a container, and of containers the files do not name."""
    by_service: dict[ServiceName, list[ObservedContainer]] = {}
    for container in containers:
        if container.is_one_off:
            continue
        by_service.setdefault(container.service, []).append(container)
    names = (*project.services, *(s for s in by_service if s not in project.services))
    return {name: _status(project, name, by_service.get(name, []), now) for name in names}


def _status(
    project: ResolvedProject, name: ServiceName, containers: list[ObservedContainer], now: datetime
) -> ServiceStatus:
    config = project.services.get(name)
    one_shot = project.is_job(name)
    if not containers:
        return ServiceStatus(service=name, image=config.image if config else "", one_shot=one_shot)
    wanted = project.container_name(config, 1) if config else ""
    first = min(containers, key=lambda c: (c.name != wanted, c.number))
    uptime_s = 0.0
    if first.is_running and first.started_at is not None:
        uptime_s = max((now - first.started_at).total_seconds(), 0.0)
    return ServiceStatus(
        service=name,
        container=first.name,
        container_id=first.id,
        state=first.state,
        health=_health(first, config.health_check if config else None, uptime_s),
        image=first.image,
        ports=tuple(p for c in containers for p in c.ports),
        exit_code=first.exit_code if first.state is ContainerState.EXITED else None,
        uptime_s=uptime_s,
        one_shot=one_shot,
    )


def _health(container: ObservedContainer, check: HealthCheck | None, uptime_s: float) -> HealthState:
    """The engine says nothing until the first check has begun: that is starting, not just running."""
    unsaid = container.is_running and container.health is HealthState.NONE
    if unsaid and check is not None and uptime_s < check.deadline_s:
        return HealthState.STARTING
    return container.health
