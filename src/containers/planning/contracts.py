"""Whether what services wait for is what they need: said before anything is started."""

from collections.abc import Iterator

from containers.model.project import DependencyCondition, ResolvedProject


def contract_warnings(project: ResolvedProject) -> Iterator[str]:
    """Dependencies that promise more, or ask for less, than the service they are on can tell.

    A condition (Compose Specification, `depends_on`) is a contract: who waits for `service_started` of a
    service that has a health check may begin long before it is ready, and there is nothing that could make a
    service without one healthy.
    """
    for name, service in project.services.items():
        for needed, dependency in service.depends_on.items():
            target = project.services.get(needed)
            if target is None:
                continue
            has_check = target.health_check is not None
            if dependency.condition is DependencyCondition.STARTED and has_check:
                yield (
                    f"{name} starts as soon as {needed} has started, though {needed} has a health check: "
                    "`condition: service_healthy` would wait until it is ready"
                )
            elif dependency.condition is DependencyCondition.HEALTHY and not has_check:
                yield (
                    f"{name} waits for {needed} to be healthy, but {needed} has no health check: "
                    "it is waited for to run"
                )
