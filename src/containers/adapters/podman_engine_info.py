"""What an engine can do here, in a person's words: who runs health checks, and which limits hold."""

from pathlib import Path

from containers.adapters.podman_connection import Connection
from containers.adapters.podman_info_records import HostRecord, InfoRecord
from containers.model.observed import EngineInfo, EngineVersion

_SYSTEMD = Path("/run/systemd/system")
_FIRST_OPEN_PORT = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
_USUAL_FIRST_OPEN_PORT = 1024
_CONTROLLERS = ("cpu", "cpuset", "io", "memory", "pids")


def describe_engine(record: InfoRecord, connection: Connection) -> EngineInfo:
    """The domain's view of `GET info`, and of the machine where the engine is on ours."""
    host = record.host
    timers = runs_timers(host, local=connection.local)
    version = EngineVersion(version=record.version.version or connection.version)
    return EngineInfo(
        version=version.version,
        rootless=host.security.rootless,
        socket=connection.named,
        chosen_because=connection.chosen_because,
        cgroup_version=host.cgroup_version,
        cgroup_manager=host.cgroup_manager,
        events_logger=host.event_logger,
        network_backend=host.network_backend,
        runtime=host.oci_runtime.name,
        health_driver="systemd" if timers else "podkeeper",
        selinux=host.security.selinux_enabled,
        first_unprivileged_port=_first_open_port() if host.security.rootless and connection.local else 1,
        unenforced=unenforced_by(host),
        limits=limits_of(host, version, timers=timers, local=connection.local),
    )


def runs_timers(host: HostRecord, *, local: bool, root: Path = Path("/")) -> bool:
    """Whether a systemd runs this engine's health checks.

    On this machine it can be seen. Elsewhere the cgroup manager tells: Podman takes `systemd` only where
    it found one.
    """
    if not local:
        return host.cgroup_manager == "systemd"
    if not (root / _SYSTEMD.relative_to("/")).is_dir():
        return False
    return not host.security.rootless or (root / f"run/user/{host.owner_uid}/bus").exists()


def unenforced_by(host: HostRecord) -> tuple[str, ...]:
    """The cgroup controllers that this engine cannot use."""
    if not host.security.rootless:
        return ()
    if host.cgroup_version == "v1":
        return _CONTROLLERS
    return tuple(c for c in _CONTROLLERS if c not in host.cgroup_controllers)


def limits_of(host: HostRecord, version: EngineVersion, *, timers: bool, local: bool) -> tuple[str, ...]:
    """What does not work here as people may expect, one sentence each."""
    limits = []
    rootless = host.security.rootless
    if rootless and host.cgroup_version == "v1":
        limits.append("Memory, CPU and process limits are ignored: Podman runs rootless on cgroup v1.")
    elif rootless:
        missing = [c for c in ("cpu", "memory", "pids") if c not in host.cgroup_controllers]
        if missing:
            limits.append(
                f"Limits on {', '.join(missing)} are ignored: not delegated to this user by systemd."
            )
    if not timers:
        limits.append("Health checks run only while Podkeeper does: there is no systemd to run their timers.")
    if rootless and local and (first := _first_open_port()) > 1:
        limits.append(f"Ports below {first} cannot be published: Podman runs as an ordinary user.")
    if host.event_logger == "none":
        limits.append("Changes are noticed by polling alone: Podman's events logger is `none`.")
    if host.network_backend == "netavark" and not version.resolves_during_joins:
        limits.append(
            "A name may not be resolved in the moment that another container joins the network: Podman's name"
            " server does without such gaps from Podman 5.1 on."
        )
    return tuple(limits)


def _first_open_port() -> int:
    try:
        return int(_FIRST_OPEN_PORT.read_text())
    except (OSError, ValueError):
        return _USUAL_FIRST_OPEN_PORT
