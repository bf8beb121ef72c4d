"""Preflight of published ports: who has them, and whether Podman may publish them at all."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from containers.model.base import ServiceName
from containers.model.errors import ErrorCode
from containers.model.observed import EngineInfo, Neighbour, ObservedState, PublishedPort
from containers.model.outcome import Problem
from containers.model.plan import CreateContainer, Plan, ReplaceContainer, StartContainer
from containers.model.project import PortMapping, ResolvedProject
from containers.ports.machine import HostFacts

_EVERYWHERE = frozenset({"", "0.0.0.0", "::"})  # noqa: S104  (compared, not bound)


class WantedPort(NamedTuple):
    """A port of the host that a container of the plan is to have."""

    service: ServiceName
    place: int
    """Of the service's `ports`."""
    port: PublishedPort


def wanted_ports(project: ResolvedProject, plan: Plan, observed: ObservedState) -> tuple[WantedPort, ...]:
    """What the containers that the plan starts publish."""
    made = {step.id for step in plan.steps if isinstance(step, CreateContainer)}
    found: list[WantedPort] = []
    for step in plan.steps:
        if isinstance(step, ReplaceContainer) and not step.start:
            continue
        if isinstance(step, ReplaceContainer | StartContainer):
            if step.created_by in made:
                found.extend(_of_service(project, step.service, step.number))
            elif isinstance(step, StartContainer):
                existing = (c for c in observed.containers if c.id == step.container)
                found.extend(WantedPort(step.service, 0, port) for c in existing for port in c.ports)
    return tuple(found)


def _of_service(project: ResolvedProject, name: ServiceName, number: int) -> Iterator[WantedPort]:
    service = project.services[name]
    mode = service.network_mode or ""
    if mode in {"host", "none"} or ":" in mode:
        return
    for index, mapping in enumerate(service.ports):
        port = _chosen(mapping, number)
        if port:
            host_ip = "" if mapping.host_ip in _EVERYWHERE else mapping.host_ip.strip("[]")
            published = PublishedPort(
                host_ip=host_ip, host_port=port, container_port=mapping.target, protocol=mapping.protocol
            )
            yield WantedPort(name, index, published)


def _chosen(mapping: PortMapping, number: int) -> int | None:
    """The replica's port of the host; None where Podman chooses, or what is written is no port."""
    first, _, last = mapping.published.partition("-")
    if not first.isdecimal() or (last and not last.isdecimal()):
        return None
    port = int(first) + (number - 1 if last else 0)
    return port if port <= int(last or first) else None


def port_problems(
    project: ResolvedProject,
    ports: Sequence[WantedPort],
    observed: ObservedState,
    held: Sequence[Neighbour],
    host: HostFacts | None,
) -> Iterator[Problem]:
    """Every port that a container or process which is none of the plan's has."""
    strangers = {n.id for n in held}
    own = [port for c in observed.containers if c.is_running and c.id not in strangers for port in c.ports]
    holders = {}
    for wanted in ports:
        for neighbour in held:
            if neighbour.is_running and any(_clash(wanted.port, port) for port in neighbour.ports):
                holders[wanted] = f" by the container {neighbour.name}"
    rest = [w for w in ports if w not in holders and not any(_clash(w.port, port) for port in own)]
    if host is not None and rest:
        processes = host.holders({w.port for w in rest})
        named = {port: f" by {process}" if process else "" for port, process in processes.items()}
        holders |= {w: named[w.port] for w in rest if w.port in named}
    for wanted in ports:
        if wanted in holders:
            yield _taken(project, wanted, holders[wanted])


def _taken(project: ResolvedProject, wanted: WantedPort, holder: str) -> Problem:
    port = wanted.port
    address = port.address if port.host_ip else str(port.host_port)
    return Problem(
        code=ErrorCode.PORT_IN_USE,
        message=f"{_place(project, wanted)}port {address} is already in use{holder}",
        remedy="Stop what uses the port, or publish another one.",
        service=wanted.service,
    )


def floor_problems(
    project: ResolvedProject, ports: Sequence[WantedPort], info: EngineInfo
) -> Iterator[Problem]:
    """Every port that is reserved for root, where Podman runs as somebody else."""
    for wanted in ports:
        if wanted.port.host_port < info.first_unprivileged_port:
            yield Problem(
                code=ErrorCode.PERMISSION_DENIED,
                message=f"{_place(project, wanted)}port {wanted.port.host_port} is reserved for root, "
                "and Podman runs as an ordinary user",
                remedy=f"Publish a port from {info.first_unprivileged_port} on, "
                "or lower the sysctl net.ipv4.ip_unprivileged_port_start.",
                service=wanted.service,
            )


def _place(project: ResolvedProject, wanted: WantedPort) -> str:
    location = project.location_of("services", wanted.service, "ports", wanted.place)
    return f"{location}: " if location else ""


def _clash(one: PublishedPort, other: PublishedPort) -> bool:
    if (one.host_port, one.protocol) != (other.host_port, other.protocol):
        return False
    addresses = {one.host_ip, other.host_ip}
    return len(addresses) == 1 or not addresses.isdisjoint(_EVERYWHERE)
