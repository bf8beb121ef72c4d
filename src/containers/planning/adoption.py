"""Whether a container that another program started is what its service says, field by field.

Nobody else's fingerprints are looked at: what the service says is compared with how the container was made,
less what its image and its engine bring along. Every key of a service is in one of two tables, so that none
is overlooked: compared, or known not to shape a container.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from containers.model.base import ContainerId, ServiceName
from containers.model.described import ContainerDescription
from containers.model.observed import ObservedContainer, ObservedState
from containers.model.project import ResolvedProject, ServiceConfig
from containers.planning import adoption_limits as limits
from containers.planning import adoption_mounts as mounts
from containers.planning import adoption_networks as networks
from containers.planning import adoption_process as process
from containers.planning.adoption_subject import Finding, Subject, plain

COMPARED: Final[Mapping[str, limits.Comparison]] = {
    "annotations": process.annotations,
    "blkio_config": limits.block_io,
    "cap_add": process.cap_add,
    "cap_drop": process.cap_drop,
    "cgroup": networks.cgroup,
    "cgroup_parent": limits.cgroup_parent,
    "command": process.command,
    "configs": mounts.configs,
    "container_name": process.container_name,
    "cpu_period": limits.cpu_period,
    "cpu_quota": limits.cpu_quota,
    "cpu_rt_period": limits.amount("cpu_rt_period"),
    "cpu_rt_runtime": limits.amount("cpu_rt_runtime"),
    "cpu_shares": limits.amount("cpu_shares"),
    "cpus": limits.cpus,
    "cpuset": limits.cpuset,
    "deploy": limits.deploy,
    "device_cgroup_rules": limits.told("--device-cgroup-rule", "device_cgroup_rules"),
    "devices": limits.devices,
    "dns": networks.dns,
    "dns_opt": networks.dns_opt,
    "dns_search": networks.dns_search,
    "entrypoint": process.entrypoint,
    "environment": process.environment,
    "extra_hosts": networks.extra_hosts,
    "gpus": limits.unknown("gpus"),
    "group_add": limits.group_add,
    "healthcheck": process.health_check,
    "hostname": process.hostname,
    "init": limits.flag("init", lambda s: s.seen.init),
    "ipc": networks.ipc,
    "labels": process.labels,
    "logging": limits.logging,
    "mac_address": networks.mac_address,
    "mem_limit": limits.mem_limit,
    "mem_reservation": limits.mem_reservation,
    "mem_swappiness": limits.amount("mem_swappiness", frozenset({0, -1})),
    "memswap_limit": limits.memswap_limit,
    "models": limits.unknown("models"),
    "network_mode": networks.network_mode,
    "networks": networks.networks,
    "oom_kill_disable": limits.flag(
        "oom_kill_disable", lambda s: bool(s.seen.limits.get("oom_kill_disable"))
    ),
    "oom_score_adj": limits.amount("oom_score_adj"),
    "pid": networks.pid,
    "pids_limit": limits.pids_limit,
    "platform": limits.platform,
    "ports": networks.ports,
    "privileged": limits.flag("privileged", lambda s: s.seen.privileged),
    "read_only": limits.flag("read_only", lambda s: s.seen.read_only),
    "restart": process.restart,
    "runtime": limits.runtime,
    "secrets": mounts.secrets,
    "security_opt": process.security_options,
    "shm_size": limits.shm_size,
    "stdin_open": limits.flag("stdin_open", lambda s: s.seen.stdin_open),
    "stop_signal": process.stop_signal,
    "storage_opt": limits.told("--storage-opt", "storage_opt"),
    "sysctls": limits.told("--sysctl", "sysctls"),
    "tmpfs": mounts.tmpfs,
    "tty": limits.flag("tty", lambda s: s.seen.tty),
    "ulimits": limits.ulimits,
    "umask": process.umask,
    "use_api_socket": limits.unknown("use_api_socket"),
    "user": process.user,
    "userns_mode": networks.userns_mode,
    "uts": networks.uts,
    "volumes": mounts.volumes,
    "volumes_from": mounts.volumes_from,
    "working_dir": process.working_dir,
}
"""What is compared, and how; a key that the service does not have is, too, since the container may."""

NOT_COMPARED: Final[Mapping[str, str]] = {
    "attach": "is about the output of `up`",
    "build": "makes the image, which is compared by its id",
    "cpu_count": "exists on Windows only",
    "cpu_percent": "exists on Windows only",
    "credential_spec": "exists on Windows only",
    "depends_on": "is about order",
    "develop": "is about watching",
    "domainname": "can not be had with Podman",
    "env_file": "is read into `environment`",
    "expose": "containers of one network reach every port",
    "extends": "is resolved",
    "external_links": "can not be had with Podman",
    "image": "is compared by its id",
    "isolation": "exists on Windows only",
    "label_file": "is read into `labels`",
    "links": "gives names to other services' containers",
    "post_start": "is not run by Podkeeper",
    "pre_start": "is not run by Podkeeper",
    "pre_stop": "is not run by Podkeeper",
    "profiles": "chooses services",
    "provider": "is no container",
    "pull_policy": "is about images",
    "pull_refresh_after": "is about images",
    "scale": "is about the number of containers",
    "stop_grace_period": "is handed over with every stop",
    "x-podkeeper": "says what Podkeeper does with it",
}
"""What does not shape a container, and why."""


def compare(
    project: ResolvedProject,
    service: ServiceConfig,
    seen: ContainerDescription,
    containers: Mapping[ServiceName, Sequence[ContainerId]],
) -> tuple[Finding, ...]:
    """In what a container is not what its service says; empty when it is, but for its image."""
    document = plain(project.document.get("services", {}).get(service.name) or {})
    subject = Subject(project, service, document, seen, containers)
    found: list[Finding] = []
    for key, comparison in COMPARED.items():
        found.extend(comparison(document.get(key), subject))
    return tuple(dict.fromkeys(found))


def differences(
    project: ResolvedProject, service: ServiceConfig, mine: ObservedContainer, observed: ObservedState
) -> str:
    """In words why another program's container can not stay, such as `environment DEBUG` differs."""
    seen = observed.foreign.get(mine.id)
    if seen is None:
        return "how it was made is not known"
    containers: dict[ServiceName, list[ContainerId]] = {}
    for each in observed.containers:
        containers.setdefault(each.service, []).append(each.id)
    parts = []
    if image := _image_difference(project, service, mine, observed):
        parts.append(image)
    findings = compare(project, service, seen, containers)
    known = [f"`{finding.field}`" for finding in findings if finding.known]
    if known:
        parts.append(f"{', '.join(known)} {'differs' if len(known) == 1 else 'differ'}")
    unknown = [f"`{finding.field}`" for finding in findings if not finding.known]
    if unknown:
        parts.append(f"{', '.join(unknown)} can not be compared")
    return "; ".join(parts)


def _image_difference(
    project: ResolvedProject, service: ServiceConfig, mine: ObservedContainer, observed: ObservedState
) -> str:
    current = observed.images.get(service.image)
    if current is None:
        return "" if is_built_by_other(project, service, mine) else f"image {mine.image} -> {service.image}"
    if current != mine.image_id:
        return f"image {service.image} is now {_short(current)}, it runs {_short(mine.image_id)}"
    return ""


def is_built_by_other(project: ResolvedProject, service: ServiceConfig, mine: ObservedContainer) -> bool:
    """Whether it runs what podman-compose built for a service that names no image."""
    if service.build is None or service.image != f"{project.name}-{service.name}":
        return False
    name = mine.image.rpartition("/")[2].partition(":")[0]
    return name == f"{project.name}_{service.name}"


def program_of(container: ObservedContainer) -> str:
    """Who started a container, by its labels."""
    if any(label.startswith("io.podman.compose.") for label in container.labels):
        return "podman-compose"
    if any(label.startswith("com.docker.compose.") for label in container.labels):
        return "docker compose"
    return "another program"


def _short(image_id: str) -> str:
    return image_id.removeprefix("sha256:")[:12]
