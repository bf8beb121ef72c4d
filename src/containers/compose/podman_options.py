"""What podman-compose makes of each key of a service, and the options that stand for what it drops.

Every key of the Compose Specification's service is in exactly one of four tables, so nothing is lost in
silence: podman-compose translates it, we add the options ourselves, Podkeeper carries it out at another
time, or it can not be had with Podman and becomes a warning.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

from containers.compose.hiding import unescaped
from containers.compose.measures import NANOSECONDS, duration_ns

TRANSLATED: frozenset[str] = frozenset(
    [
        "annotations",
        "cap_add",
        "cap_drop",
        "command",
        "container_name",
        "cpu_shares",
        "cpus",
        "cpuset",
        "device_cgroup_rules",
        "devices",
        "dns",
        "dns_opt",
        "dns_search",
        "entrypoint",
        "environment",
        "expose",
        "extra_hosts",
        "group_add",
        "healthcheck",
        "hostname",
        "image",
        "init",
        "labels",
        "links",
        "logging",
        "mac_address",
        "mem_limit",
        "mem_reservation",
        "network_mode",
        "networks",
        "pid",
        "pids_limit",
        "platform",
        "ports",
        "privileged",
        "read_only",
        "restart",
        "runtime",
        "secrets",
        "security_opt",
        "shm_size",
        "stdin_open",
        "stop_signal",
        "sysctls",
        "tmpfs",
        "tty",
        "ulimits",
        "user",
        "userns_mode",
        "volumes",
        "working_dir",
    ]
)
"""What podman-compose turns into options by itself, once `rendering` has put it into words it knows."""

RESHAPED: frozenset[str] = frozenset({"configs", "deploy", "gpus"})
"""What `rendering` expresses with other keys: mounts, and the devices of a reservation."""

ELSEWHERE: Mapping[str, str] = {
    "attach": "is about the output of `up`, which shows logs of its own",
    "build": "images are built before containers are created",
    "depends_on": "the plan orders and waits",
    "develop": "watching syncs and rebuilds",
    "env_file": "is read into `environment`",
    "extends": "is resolved",
    "label_file": "is read into `labels`",
    "post_start": "is run when a container has started",
    "pre_stop": "is run before a container is stopped",
    "profiles": "services are chosen before they are translated",
    "pull_policy": "images are pulled before containers are created",
    "pull_refresh_after": "images are pulled before containers are created",
    "scale": "the plan creates every replica",
}
"""What Podkeeper does at another time, or what has been dealt with when the document is canonical."""

UNAVAILABLE: Mapping[str, str] = {
    "cpu_count": "exists on Windows only",
    "cpu_percent": "exists on Windows only",
    "credential_spec": "exists on Windows only",
    "domainname": "Podman can not set a domain name; write it into `hostname`",
    "external_links": "Podman has no links; let both containers join one network",
    "isolation": "exists on Windows only",
    "models": "Podman runs no models",
    "pre_start": "is not run",
    "provider": "Podman has no providers; start it by hand",
    "use_api_socket": "Podman offers no such mount; bind its socket yourself",
}
"""What can not be expressed with Podman, and why."""

_CONNECTION = frozenset({"aliases", "interface_name", "ipv4_address", "ipv6_address", "mac_address"})
"""What a service can say about one of its networks, and podman-compose understands."""

OptionsOf: TypeAlias = Callable[[Any, "Context"], Iterator[str]]
"""From a key's canonical value to options of `podman create`."""


class Context(NamedTuple):
    """What a table entry may need beside its value."""

    containers: Mapping[str, str]
    """Service to the name of its first container."""

    def namespace(self, value: str) -> str:
        """A namespace as Podman says it: `service:x` is the container of `x`."""
        kind, _, service = value.partition(":")
        return f"container:{self.containers.get(service, service)}" if kind == "service" else value


def _text(option: str) -> OptionsOf:
    """The value as it is, after its option."""

    def options(value: Any, _context: Context) -> Iterator[str]:
        yield from (option, str(value))

    return options


def _flag(option: str) -> OptionsOf:
    """An option without a value, where the value is true."""

    def options(value: Any, _context: Context) -> Iterator[str]:
        if value:
            yield option

    return options


def _namespace(option: str) -> OptionsOf:
    def options(value: Any, context: Context) -> Iterator[str]:
        yield from (option, context.namespace(value))

    return options


def _stop_timeout(value: Any, _context: Context) -> Iterator[str]:
    yield from ("--stop-timeout", str(math.ceil(duration_ns(value) / NANOSECONDS)))


def _storage_options(value: Any, _context: Context) -> Iterator[str]:
    for key, text in value.items():
        yield from ("--storage-opt", f"{key}={text}")


def _volumes_from(value: Any, context: Context) -> Iterator[str]:
    for entry in value:
        kind, *rest = entry.split(":")
        name, *mode = rest if kind == "container" else (context.containers.get(kind, kind), *rest)
        yield from ("--volumes-from", ":".join((name, *mode)))


def _block_io(value: Any, _context: Context) -> Iterator[str]:
    if value.get("weight") is not None:
        yield from ("--blkio-weight", str(value["weight"]))
    for key, option, amount in (
        ("weight_device", "--blkio-weight-device", "weight"),
        ("device_read_bps", "--device-read-bps", "rate"),
        ("device_read_iops", "--device-read-iops", "rate"),
        ("device_write_bps", "--device-write-bps", "rate"),
        ("device_write_iops", "--device-write-iops", "rate"),
    ):
        for entry in value.get(key) or ():
            device = {name.lower(): item for name, item in entry.items()}  # docker compose prints `Path`
            yield from (option, f"{device['path']}:{device[amount]}")


ADDED: Mapping[str, OptionsOf] = {
    "blkio_config": _block_io,
    "cgroup": _text("--cgroupns"),
    "cgroup_parent": _text("--cgroup-parent"),
    "cpu_period": _text("--cpu-period"),
    "cpu_quota": _text("--cpu-quota"),
    "cpu_rt_period": _text("--cpu-rt-period"),
    "cpu_rt_runtime": _text("--cpu-rt-runtime"),
    "ipc": _namespace("--ipc"),
    "mem_swappiness": _text("--memory-swappiness"),
    "memswap_limit": _text("--memory-swap"),
    "oom_kill_disable": _flag("--oom-kill-disable"),
    "oom_score_adj": _text("--oom-score-adj"),
    "stop_grace_period": _stop_timeout,
    "storage_opt": _storage_options,
    "uts": _text("--uts"),
    "volumes_from": _volumes_from,
}
"""What podman-compose drops without a word, and Podman can do."""


def added_options(service: Mapping[str, Any], context: Context) -> tuple[str, ...]:
    """The options for what podman-compose drops, `$$` undone."""
    options: list[str] = []
    for key, value in service.items():
        if key in ADDED and value is not None:
            options.extend(ADDED[key](value, context))
    if not service.get("restart"):
        options.extend(_restart(service.get("deploy") or {}))
    options.extend(_health_command(service.get("healthcheck") or {}))
    return tuple(unescaped(option) for option in options)


def _restart(deploy: Mapping[str, Any]) -> Iterator[str]:
    """`deploy.restart_policy`, which gives way to `restart` as it does in docker compose."""
    policy = deploy.get("restart_policy") or {}
    attempts = policy.get("max_attempts")
    match policy.get("condition", "any" if policy else "none"):
        case "any":
            yield from ("--restart", "always")
        case "on-failure":
            yield from ("--restart", f"on-failure:{attempts}" if attempts else "on-failure")
        case _:
            pass


def _health_command(check: Mapping[str, Any]) -> Iterator[str]:
    """A check of a single word: podman-compose's list of one would run it through a shell.

    An image without a shell would never get healthy. Podman keeps the last `--health-cmd`.
    """
    match check.get("test"):
        case ["CMD", str(word)] if not check.get("disable") and not re.search(r"\s", word):
            yield from ("--health-cmd", f"CMD {word}")
        case _:
            pass


def lost(service: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The dotted keys of a service that have no effect, each with the reason."""
    for key, value in service.items():
        if value in (None, False, {}, []) or key.startswith("x-"):
            continue
        if key in UNAVAILABLE:
            yield key, UNAVAILABLE[key]
        elif key not in TRANSLATED | RESHAPED | ADDED.keys() | ELSEWHERE.keys():
            yield key, "is not known"
    yield from _lost_of_deploy(service.get("deploy") or {})
    if (policy := str(service.get("pull_policy"))).startswith(("daily", "every_", "refresh", "weekly")):
        yield "pull_policy", f"`{policy}` is taken as `missing`; `podkeeper up --pull always` pulls anew"
    yield from _lost_of_networks(service.get("networks") or {})
    if any(gpu.get("driver", "nvidia") != "nvidia" for gpu in service.get("gpus") or ()):
        yield "gpus", "Podman knows NVIDIA's devices only (CDI)"
    check = service.get("healthcheck") or {}
    if check and not check.get("test") and not check.get("disable"):
        yield "healthcheck", "without `test` can not adjust the image's own check"


def _lost_of_deploy(deploy: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key in ("endpoint_mode", "labels", "placement", "rollback_config", "update_config"):
        if deploy.get(key):
            yield f"deploy.{key}", "has an effect in a Swarm only"
    policy = deploy.get("restart_policy") or {}
    for key in ("delay", "window"):
        if policy.get(key):
            yield f"deploy.restart_policy.{key}", "Podman restarts at once and counts without a window"
    if policy.get("max_attempts") and policy.get("condition", "any") == "any":
        yield "deploy.restart_policy.max_attempts", "Podman counts attempts with `on-failure` only"
    reserved = (deploy.get("resources") or {}).get("reservations") or {}
    for key in ("cpus", "generic_resources"):
        if reserved.get(key):
            yield f"deploy.resources.reservations.{key}", "has an effect in a Swarm only"
    for device in reserved.get("devices") or ():
        if "gpu" not in (device.get("capabilities") or ()) or device.get("driver", "nvidia") != "nvidia":
            yield "deploy.resources.reservations.devices", "Podman knows NVIDIA's devices only (CDI)"


def _lost_of_networks(networks: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, network in networks.items():
        for key in network or {}:
            if key not in _CONNECTION and not key.startswith("x-"):
                yield f"networks.{name}.{key}", "Podman has no such setting for one connection"
