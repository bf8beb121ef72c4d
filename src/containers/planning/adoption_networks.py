"""How a container is reached and what it reaches: networks, names, published ports, shared namespaces."""

from collections.abc import Iterator, Mapping
from typing import Any

from containers.model.described import Attachment
from containers.model.project import PortMapping
from containers.planning.adoption_subject import Finding, Findings, Subject

_ANY_ADDRESS = frozenset({"", "0.0.0.0"})  # noqa: S104  (compared, not bound)


def ports(value: Any, subject: Subject) -> Findings:
    """Each published port; where the engine chooses, any will do."""
    del value
    seen = list(subject.seen.ports)
    if not seen and subject.shares_network:
        return
    # What asks for one port takes it before what is content with any.
    for wanted in sorted(subject.service.ports, key=lambda p: (not p.published, "-" in p.published)):
        found = next((port for port in seen if _is_port(port, wanted)), None)
        words = f"ports {wanted.published}:{wanted.target}" if wanted.published else f"ports {wanted.target}"
        if found is None:
            yield Finding(words)
        else:
            seen.remove(found)
    for port in seen:
        yield Finding(f"ports {port.published}:{port.target}")


def _is_port(seen: PortMapping, wanted: PortMapping) -> bool:
    if (seen.target, seen.protocol) != (wanted.target, wanted.protocol):
        return False
    if _address(seen.host_ip) != _address(wanted.host_ip):
        return False
    first, dash, last = wanted.published.partition("-")
    if dash:
        return int(first) <= int(seen.published) <= int(last)
    return not first or first == seen.published


def _address(text: str) -> str:
    return "" if text in _ANY_ADDRESS else text.strip("[]")


def networks(value: Any, subject: Subject) -> Findings:
    """Which ones, and under which names and addresses in each."""
    if subject.service.network_mode is not None or value is None:
        return
    seen = subject.seen.networks
    names = {key: subject.project.networks[key].name for key in value if key in subject.project.networks}
    for key, name in names.items():
        if name not in seen:
            yield Finding(f"networks {key}")
        else:
            yield from _connection(key, value[key] or {}, seen[name], subject)
    for name in sorted(seen.keys() - names.values()):
        yield Finding(f"networks {name}")


def _connection(key: str, settings: Mapping[str, Any], seen: Attachment, subject: Subject) -> Findings:
    aliases = {subject.service.name, *(settings.get("aliases") or ())}
    usual = {subject.seen.name, str(subject.seen.id)[:12], subject.seen.hostname, *_links(subject)}
    if not aliases <= seen.aliases or not seen.aliases <= aliases | usual:
        yield Finding(f"networks {key} aliases")
    for field in ("ipv4_address", "ipv6_address", "mac_address"):
        if wanted := settings.get(field):
            if not subject.seen.running:
                yield Finding(f"networks {key} {field}", known=False)
            elif getattr(seen, field).lower() != wanted.lower():
                yield Finding(f"networks {key} {field}")
    if settings.get("interface_name"):
        yield Finding(f"networks {key} interface_name", known=False)


def _links(subject: Subject) -> Iterator[str]:
    """Names that other services give to this one, and that podman-compose gives it in its networks."""
    for service in subject.project.document.get("services", {}).values():
        for link in service.get("links") or ():
            name, _, alias = link.partition(":")
            if name == subject.service.name and alias:
                yield alias


def network_mode(value: Any, subject: Subject) -> Findings:
    """The mode, and for one that is shared, whose network it is."""
    seen = subject.seen.network_mode
    if value is None:
        if subject.shares_network or seen == "none":
            yield Finding("network_mode")
    elif value == "bridge":
        if seen != "bridge" or not subject.seen.networks.keys() <= {"podman", "bridge"}:
            yield Finding("network_mode")
    else:
        yield from _namespace("network_mode", value, seen, subject)


def _namespace(key: str, value: str, seen: str, subject: Subject) -> Findings:
    if value.startswith(("service:", "container:")):
        same = subject.is_namespace_of(value, seen)
        if not same:
            yield Finding(key, known=same is not None)
    elif seen != value:
        yield Finding(key)


def mac_address(value: Any, subject: Subject) -> Findings:
    """That of its first network."""
    if value is None:
        return
    if not subject.seen.running:
        yield Finding("mac_address", known=False)
    elif all(a.mac_address.lower() != value.lower() for a in subject.seen.networks.values()):
        yield Finding("mac_address")


def ipc(value: Any, subject: Subject) -> Findings:
    """Podman shares it on request; docker compose does not say."""
    seen = subject.seen.ipc_mode
    if value in {None, "private", "shareable"}:
        if seen not in {"", "private", "shareable"} or (value == "shareable" and seen != "shareable"):
            yield Finding("ipc")
    else:
        yield from _namespace("ipc", value, seen, subject)


def pid(value: Any, subject: Subject) -> Findings:
    """Its own, where the service says nothing."""
    seen = subject.seen.pid_mode
    if value is None:
        if seen not in {"", "private"}:
            yield Finding("pid")
    else:
        yield from _namespace("pid", value, seen, subject)


def uts(value: Any, subject: Subject) -> Findings:
    """Its own, where the service says nothing; a container in the host's network may share it."""
    seen = subject.seen.uts_mode
    usual = {"", "private", "host"} if subject.shares_network else {"", "private"}
    if (seen not in usual) if value is None else seen != value:
        yield Finding("uts")


def userns_mode(value: Any, subject: Subject) -> Findings:
    """Only whether it is the usual one can be seen."""
    seen = subject.seen.userns_mode
    if value in {None, "", "host"}:
        if seen not in {"", "host"}:
            yield Finding("userns_mode")
    elif seen != value:
        yield Finding("userns_mode", known=seen in {"", "host"})


def cgroup(value: Any, subject: Subject) -> Findings:
    """Where the service names one; the engine's usual one depends on the host."""
    if value is not None and subject.seen.cgroup_mode != value:
        yield Finding("cgroup")


def dns(value: Any, subject: Subject) -> Findings:
    """Name servers, in their order."""
    if tuple(value or ()) != subject.seen.dns:
        yield Finding("dns")


def dns_opt(value: Any, subject: Subject) -> Findings:
    """Options of the resolver."""
    if set(value or ()) != set(subject.seen.dns_options):
        yield Finding("dns_opt")


def dns_search(value: Any, subject: Subject) -> Findings:
    """Domains, in their order."""
    if tuple(value or ()) != subject.seen.dns_search:
        yield Finding("dns_search")


def extra_hosts(value: Any, subject: Subject) -> Findings:
    """By name and address; that of the host itself is found out when a container is made."""
    pairs = [(host, address) for host, _, address in (entry.partition("=") for entry in value or ())]
    wanted = {(host, address) for host, address in pairs if address != "host-gateway"}
    of_host = {host for host, address in pairs if address == "host-gateway"}
    seen = subject.seen.extra_hosts
    same = wanted <= seen and of_host <= {host for host, _ in seen}
    if not same or any(host not in of_host for host, _ in seen - wanted):
        yield Finding("extra_hosts")
