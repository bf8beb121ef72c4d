"""Who has to be restarted when a service was."""

from containers.model.base import ServiceName
from containers.model.project import ResolvedProject


def dependents_of(project: ResolvedProject, service: ServiceName) -> tuple[ServiceName, ...]:
    """Who depends on `service` with `restart: true`, directly or not, each after what it needs."""
    found: list[ServiceName] = []
    waiting = [service]
    while waiting:
        current = waiting.pop(0)
        for name, config in project.services.items():
            dependency = config.depends_on.get(current)
            if dependency is not None and dependency.restart and name != service:
                if name in found:
                    found.remove(name)  # it comes after the last of what it depends on
                found.append(name)
                waiting.append(name)
    return tuple(found)
