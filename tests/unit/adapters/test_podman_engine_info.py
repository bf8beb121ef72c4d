"""Who runs health checks, and what does not work on a machine like this."""

from pathlib import Path

from containers.adapters.podman_engine_info import limits_of, runs_timers
from containers.adapters.podman_info_records import HostRecord
from containers.model.observed import EngineVersion

NEW = EngineVersion(version="5.4.2")


def host(**fields: object) -> HostRecord:
    """A host as `GET info` has it; rootless as the user 1001 when `rootless`."""
    rootless = fields.pop("rootless", False)
    maps = {"uidmap": [{"container_id": 0, "host_id": 1001}]}
    return HostRecord.model_validate({"security": {"rootless": rootless}, "idMappings": maps, **fields})


def systemd(root: Path, *, bus_of: int | None = None) -> Path:
    """A machine with systemd, and a bus of one user's."""
    (root / "run/systemd/system").mkdir(parents=True)
    if bus_of is not None:
        (root / f"run/user/{bus_of}").mkdir(parents=True)
        (root / f"run/user/{bus_of}/bus").touch()
    return root


def test_without_systemd_nobody_else_runs_the_checks(tmp_path: Path) -> None:
    """Podman's timers are systemd's."""
    assert not runs_timers(host(), local=True, root=tmp_path)


def test_systemd_runs_the_checks_of_the_rootful_engine(tmp_path: Path) -> None:
    """The system's own systemd is enough."""
    assert runs_timers(host(), local=True, root=systemd(tmp_path))


def test_a_rootless_engine_needs_its_users_systemd(tmp_path: Path) -> None:
    """Somebody else's session does not help."""
    assert not runs_timers(host(rootless=True), local=True, root=systemd(tmp_path, bus_of=1000))


def test_a_rootless_engine_uses_its_users_systemd(tmp_path: Path) -> None:
    """The user is the one that the engine's root is mapped to."""
    assert runs_timers(host(rootless=True), local=True, root=systemd(tmp_path, bus_of=1001))


def test_a_far_engine_is_known_by_its_cgroup_manager(tmp_path: Path) -> None:
    """What this machine has says nothing about it."""
    assert runs_timers(host(cgroupManager="systemd"), local=False, root=tmp_path)
    assert not runs_timers(host(cgroupManager="cgroupfs"), local=False, root=systemd(tmp_path))


def test_rootless_on_cgroup_v1_has_no_limits() -> None:
    """Podman only warns; people should know."""
    (first, *_) = limits_of(host(rootless=True, cgroupVersion="v1"), NEW, timers=True, local=False)
    assert "ignored" in first
    assert "cgroup v1" in first


def test_controllers_that_were_not_delegated_are_named() -> None:
    """Often it is the CPU alone."""
    some = host(rootless=True, cgroupVersion="v2", cgroupControllers=["memory", "pids"])
    (first, *_) = limits_of(some, NEW, timers=True, local=False)
    assert "Limits on cpu are ignored" in first


def test_a_rootful_engine_with_systemd_has_no_limits_to_tell() -> None:
    """Silence is the usual case."""
    assert limits_of(host(cgroupVersion="v2", eventLogger="journald"), NEW, timers=True, local=True) == ()


def test_missing_timers_and_events_are_told() -> None:
    """One sentence each."""
    limits = limits_of(host(eventLogger="none"), NEW, timers=False, local=True)
    assert any("Health checks run only while Podkeeper does" in s for s in limits)
    assert any("polling" in s for s in limits)


def test_gaps_in_resolving_names_are_told_where_podman_has_them() -> None:
    """Of its own network layer; another one has another name server."""
    old = EngineVersion(version="4.3.1")
    netavark, cni = host(networkBackend="netavark"), host(networkBackend="cni")
    assert any("name may not be resolved" in s for s in limits_of(netavark, old, timers=True, local=True))
    assert limits_of(netavark, NEW, timers=True, local=True) == ()
    assert limits_of(cni, old, timers=True, local=True) == ()
