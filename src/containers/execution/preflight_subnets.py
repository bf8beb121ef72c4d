"""Preflight of the subnets that new networks ask for."""

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_network

from containers.model.errors import ErrorCode
from containers.model.observed import ObservedState
from containers.model.outcome import Problem
from containers.model.plan import CreateNetwork, Plan, RemoveNetwork
from containers.model.project import ResolvedProject
from containers.ports.machine import HostFacts


def subnet_problems(
    project: ResolvedProject, plan: Plan, observed: ObservedState, host: HostFacts | None
) -> Iterator[Problem]:
    """Every subnet of a new network that another network, or this machine, has already."""
    new = [step for step in plan.steps if isinstance(step, CreateNetwork)]
    gone = {step.name for step in plan.steps if isinstance(step, RemoveNetwork)}
    asked = [(step.key, subnet) for step in new for subnet in _asked(project, step.key)]
    if not asked:
        return
    leaving = {subnet for n in observed.networks if n.name in gone for subnet in n.subnets}
    taken = [
        (subnet, f"the network {n.name}")
        for n in observed.networks
        if n.name not in gone
        for subnet in n.subnets
    ]
    known = leaving | {subnet for subnet, _ in taken}
    if host is not None:
        routes = host.subnets().items()
        taken += [(subnet, f"this machine's {device}") for subnet, device in routes if subnet not in known]
    for key, subnet in asked:
        for other, owner in taken:
            if _overlap(subnet, ip_network(other, strict=False)):
                location = project.location_of("networks", key, "ipam")
                place = f"{location}: " if location else ""
                yield Problem(
                    code=ErrorCode.SUBNET_IN_USE,
                    message=f"{place}network {key}: the subnet {subnet} overlaps {other} of {owner}",
                    remedy="Choose another subnet; `podman network ls` shows the networks that there are.",
                )
                break


def _asked(project: ResolvedProject, key: str) -> Iterator[IPv4Network | IPv6Network]:
    declared = (project.document.get("networks") or {}).get(key) or {}
    for pool in (declared.get("ipam") or {}).get("config") or ():
        try:
            yield ip_network(str(pool.get("subnet")), strict=False)
        except ValueError:
            continue  # none is asked for, or what is written is none: Podman says so


def _overlap(one: IPv4Network | IPv6Network, other: IPv4Network | IPv6Network) -> bool:
    if isinstance(one, IPv4Network) and isinstance(other, IPv4Network):
        return one.overlaps(other)
    return isinstance(one, IPv6Network) and isinstance(other, IPv6Network) and one.overlaps(other)
