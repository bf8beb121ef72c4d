"""Whether a container is what its service asked for, by what Podman says of it."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.podman.stack_services import Fate

Inspected = Mapping[str, Any]


def state_complaints(container: Inspected, fate: Fate, *, checked: bool) -> Iterator[str]:
    """What is wrong with how the container is doing."""
    state = container["State"]
    status, code = state["Status"], state["ExitCode"]
    if fate is Fate.RUNS and status != "running":
        yield f"is {status} ({code}), should run"
    if fate is Fate.ENDS and (status, code) != ("exited", 0):
        yield f"is {status} ({code}), should have ended"
    if fate is Fate.EITHER and status != "running" and (status, code) != ("exited", 0):
        yield f"is {status} ({code})"
    health = (state.get("Health") or state.get("Healthcheck") or {}).get("Status")
    if checked and fate is Fate.RUNS and health != "healthy":
        yield f"is {health}, should be healthy"


def lost_keys(container: Inspected, service: Mapping[str, Any], networks: Mapping[str, str]) -> Iterator[str]:
    """The keys of a canonical service that the container does not show.

    Args:
        container: as inspected.
        service: as written.
        networks: a network's key to its name on the engine.
    """
    for key, look in _LOOKS.items():
        wanted = service.get(key)
        if wanted not in (None, [], {}, "", False) and not look(_meant(wanted), container):
            yield key
    if not service.get("network_mode"):
        yield from _lost_networks(container, service.get("networks") or {}, networks)


def _meant(value: Any) -> Any:
    """A canonical value with `$$` undone."""
    if isinstance(value, str):
        return value.replace("$$", "$")
    if isinstance(value, list):
        return [_meant(item) for item in value]
    if isinstance(value, dict):
        return {key: _meant(item) for key, item in value.items()}
    return value


def _lost_networks(
    container: Inspected, wanted: Mapping[str, Any], names: Mapping[str, str]
) -> Iterator[str]:
    joined = container["NetworkSettings"]["Networks"]
    for key, settings in wanted.items():
        found = joined.get(names[key])
        if found is None:
            yield f"networks.{key}"
            continue
        aliases = set(found.get("Aliases") or ())
        if not set((settings or {}).get("aliases") or ()) <= aliases:
            yield f"networks.{key}.aliases"
        if container["State"]["Running"]:
            address = (settings or {}).get("ipv4_address")
            if address and found["IPAddress"] != address:
                yield f"networks.{key}.ipv4_address"


def _config(path: str) -> Callable[[Any, Inspected], bool]:
    """The value is the one at a path of the inspection."""

    def look(wanted: Any, container: Inspected) -> bool:
        found: Any = container
        for part in path.split("."):
            found = found[part]
        return bool(found == wanted)

    return look


def _number(path: str, factor: float = 1) -> Callable[[Any, Inspected], bool]:
    def look(wanted: Any, container: Inspected) -> bool:
        return _config(path)(round(float(wanted) * factor), container)

    return look


def _contains(path: str) -> Callable[[Any, Inspected], bool]:
    """Every wanted item is in the list at a path."""

    def look(wanted: Any, container: Inspected) -> bool:
        found: Any = container
        for part in path.split("."):
            found = found[part]
        return {str(w) for w in wanted} <= {str(f) for f in found or ()}

    return look


def _environment(wanted: Any, container: Inspected) -> bool:
    return {f"{k}={v}" for k, v in wanted.items() if v is not None} <= set(container["Config"]["Env"])


def _labels(wanted: Any, container: Inspected) -> bool:
    return bool({k: v or "" for k, v in wanted.items()}.items() <= container["Config"]["Labels"].items())


def _ports(wanted: Any, container: Inspected) -> bool:
    bindings = container["HostConfig"]["PortBindings"] or {}
    if container["HostConfig"]["NetworkMode"] == "host":
        return True
    return all(
        any(
            not port.get("published") or "-" in port["published"] or b["HostPort"] == port["published"]
            for b in bindings.get(f"{port['target']}/{port.get('protocol', 'tcp')}") or ()
        )
        for port in wanted
    )


def _volumes(wanted: Any, container: Inspected) -> bool:
    found = {m["Destination"].rstrip("/") for m in container["Mounts"]} | {
        path.rstrip("/") for path in container["HostConfig"]["Tmpfs"] or {}
    }
    return {v["target"].rstrip("/") for v in wanted} <= found


def _grants(wanted: Any, container: Inspected) -> bool:
    """Files are mounted; Podman's own secrets are listed."""
    mounted = {m["Destination"] for m in container["Mounts"]}
    listed = container["Config"].get("Secrets") or ()
    targets = [g.get("target") or g["source"] for g in wanted]
    return sum(any(m.endswith(f"/{t.lstrip('/')}") for m in mounted) for t in targets) + len(listed) >= len(
        wanted
    )


def _tmpfs(wanted: Any, container: Inspected) -> bool:
    return {t.partition(":")[0] for t in wanted} <= set(container["HostConfig"]["Tmpfs"] or {})


def _restart(wanted: Any, container: Inspected) -> bool:
    name = str(wanted).partition(":")[0]
    return bool((container["HostConfig"]["RestartPolicy"]["Name"] or "no") == name)


def _extra_hosts(wanted: Any, container: Inspected) -> bool:
    return {w.partition("=")[0] for w in wanted} <= {
        h.partition(":")[0] for h in container["HostConfig"]["ExtraHosts"] or ()
    }


def _capabilities(path: str) -> Callable[[Any, Inspected], bool]:
    def look(wanted: Any, container: Inspected) -> bool:
        if "ALL" in wanted:
            return True
        found = {str(c).removeprefix("CAP_") for c in container["HostConfig"][path] or ()}
        effective = {str(c).removeprefix("CAP_") for c in container.get("EffectiveCaps") or ()}
        names = {str(c).removeprefix("CAP_") for c in wanted}
        return names <= found or (names <= effective if path == "CapAdd" else not names & effective)

    return look


def _ulimits(wanted: Any, container: Inspected) -> bool:
    found = {u["Name"].removeprefix("RLIMIT_").lower() for u in container["HostConfig"]["Ulimits"] or ()}
    return set(wanted) <= found


def _security(wanted: Any, container: Inspected) -> bool:
    """Labels show only where SELinux is on."""
    shown = [w for w in wanted if not w.startswith("label")]
    return len(container["HostConfig"]["SecurityOpt"] or ()) >= len(shown)


def _health(wanted: Any, container: Inspected) -> bool:
    check = container["Config"].get("Healthcheck")
    if wanted.get("disable") or (wanted.get("test") or ["NONE"])[0] == "NONE":
        return not check or check["Test"][0] == "NONE"
    return bool(check)


_LOOKS: Mapping[str, Callable[[Any, Inspected], bool]] = {
    "annotations": lambda wanted, c: wanted.items() <= (c["Config"].get("Annotations") or {}).items(),
    "cap_add": _capabilities("CapAdd"),
    "cap_drop": _capabilities("CapDrop"),
    "cgroup_parent": _config("HostConfig.CgroupParent"),
    "command": lambda wanted, c: (c["Config"]["Cmd"] or [])[-len(wanted) :] == wanted,
    "configs": _grants,
    "cpu_shares": _number("HostConfig.CpuShares"),
    "cpus": _number("HostConfig.NanoCpus", 1e9),
    "cpuset": _config("HostConfig.CpusetCpus"),
    "dns": _contains("HostConfig.Dns"),
    "dns_opt": _contains("HostConfig.DnsOptions"),
    "dns_search": _contains("HostConfig.DnsSearch"),
    "environment": _environment,
    "extra_hosts": _extra_hosts,
    "group_add": _contains("HostConfig.GroupAdd"),
    "healthcheck": _health,
    "hostname": _config("Config.Hostname"),
    "init": _config("HostConfig.Init"),
    "labels": _labels,
    "mem_limit": _number("HostConfig.Memory"),
    "mem_reservation": _number("HostConfig.MemoryReservation"),
    "mem_swappiness": _number("HostConfig.MemorySwappiness"),
    "memswap_limit": lambda wanted, c: int(wanted) in {-1, c["HostConfig"]["MemorySwap"]},
    "oom_kill_disable": _config("HostConfig.OomKillDisable"),
    "oom_score_adj": _number("HostConfig.OomScoreAdj"),
    "pids_limit": lambda wanted, c: max(int(wanted), 0) == c["HostConfig"]["PidsLimit"],
    "ports": _ports,
    "privileged": _config("HostConfig.Privileged"),
    "read_only": _config("HostConfig.ReadonlyRootfs"),
    "restart": _restart,
    "secrets": _grants,
    "security_opt": _security,
    "shm_size": _number("HostConfig.ShmSize"),
    "stdin_open": _config("Config.OpenStdin"),
    "tmpfs": _tmpfs,
    "tty": _config("Config.Tty"),
    "ulimits": _ulimits,
    "user": _config("Config.User"),
    "volumes": _volumes,
    "working_dir": _config("Config.WorkingDir"),
}
"""What the keys of a service come to in an inspection."""
