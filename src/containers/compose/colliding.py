"""What two environments of a stack cannot both have on one machine."""

from collections.abc import Iterator

from containers.model.diagnostics import Diagnostic, Severity
from containers.model.errors import ErrorCode
from containers.model.project import PortMapping, ResolvedProject

_EVERYWHERE = frozenset({"", "0.0.0.0", "::"})  # noqa: S104  (as people write it)


def collisions(project: ResolvedProject, other: ResolvedProject, environment: str) -> Iterator[Diagnostic]:
    """What `project` shares with that of another environment: its name, container names, host ports."""
    if project.name == other.name:
        yield Diagnostic(
            code=ErrorCode.CONFLICT,
            severity=Severity.WARNING,
            message=f"the environment {environment} has the project name {project.name}, too: "
            "bringing one up changes the other",
            location=project.location_of("name"),
            hint="give each its own `project_name`",
        )
        return
    names = {service.container_name for service in other.services.values()} - {None}
    for name, service in project.services.items():
        if service.container_name in names:
            yield _shared(
                project,
                ("services", name, "container_name"),
                f"{service.container_name} is its name",
                environment,
            )
        for index, port in enumerate(service.ports):
            taken = next((s for s, p in _published(other) if _meet(port, p)), None)
            if taken is not None:
                said = f"port {port.published} is published by {taken}"
                yield _shared(project, ("services", name, "ports", index), said, environment)


def _shared(project: ResolvedProject, path: tuple[str | int, ...], what: str, environment: str) -> Diagnostic:
    return Diagnostic(
        code=ErrorCode.CONFLICT,
        severity=Severity.INFORMATION,
        message=f"{what} in the environment {environment}, too: the two cannot run at the same time",
        location=project.location_of(*path),
        service=str(path[1]),
        hint="take it from a variable that each environment sets",
    )


def _published(project: ResolvedProject) -> Iterator[tuple[str, PortMapping]]:
    for name, service in project.services.items():
        for port in service.ports:
            yield name, port


def _meet(ours: PortMapping, theirs: PortMapping) -> bool:
    if not ours.published or ours.published != theirs.published or ours.protocol != theirs.protocol:
        return False
    hosts = {ours.host_ip, theirs.host_ip}
    return len(hosts) == 1 or bool(hosts & _EVERYWHERE)
