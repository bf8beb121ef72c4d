"""What a container may use: processors, memory, processes, devices, and where its output goes."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from containers.planning.adoption_subject import Finding, Findings, Subject, size_of

Comparison = Callable[[Any, Subject], Findings]
_BILLION = 1_000_000_000
_USUAL_PIDS = frozenset({0, -1, 2048})
"""Without a limit, or with the one that Podman gives every container."""
_USUAL_SHM_BYTES = frozenset({0, 65_536_000, 67_108_864})
"""Podman's own default, and that of the Docker API."""
_USUAL_ULIMITS = frozenset({"nofile", "nproc"})
"""What Podman sets for every container, to what its own process or settings have."""
_USUAL_PERIOD = 100_000
_POD_CGROUPS = ("/libpod_parent", "machine.slice", "user.slice")


def amount(key: str, usual: frozenset[int | str] = frozenset({0}), *, size: bool = False) -> Comparison:
    """Compare one number; `usual` are those that a container has where nothing was said."""

    def compare(value: Any, subject: Subject) -> Findings:
        seen = subject.seen.limits.get(key, 0)
        if (seen not in usual) if value is None else seen != (size_of(value) if size else int(value)):
            yield Finding(key)

    return compare


def mem_limit(value: Any, subject: Subject) -> Findings:
    """`mem_limit`, or `deploy.resources.limits.memory`."""
    given = subject.deploy_limits.get("memory", value)
    if subject.seen.limits.get("mem_limit", 0) != (size_of(given) if given is not None else 0):
        yield Finding("mem_limit")


def mem_reservation(value: Any, subject: Subject) -> Findings:
    """`mem_reservation`, or `deploy.resources.reservations.memory`."""
    given = subject.deploy_reservations.get("memory", value)
    if subject.seen.limits.get("mem_reservation", 0) != (size_of(given) if given is not None else 0):
        yield Finding("mem_reservation")


def memswap_limit(value: Any, subject: Subject) -> Findings:
    """Without it, Podman allows as much swap as memory."""
    seen = subject.seen.limits.get("memswap_limit", 0)
    memory = int(subject.seen.limits.get("mem_limit", 0))
    # Without a limit of memory Podman keeps no word about unlimited swap.
    unlimited = {-1} if memory else {0, -1}
    wanted = unlimited if value is not None and size_of(value) == -1 else {size_of(value)}
    if seen not in ({0, -1, 2 * memory} if value is None else wanted):
        yield Finding("memswap_limit")


def cpus(value: Any, subject: Subject) -> Findings:
    """`cpus`, or `deploy.resources.limits.cpus`; a quota says the same in another way."""
    given = subject.deploy_limits.get("cpus", value)
    if given is None and subject.document.get("cpu_quota") is not None:
        return
    seen = int(subject.seen.limits.get("cpus", 0))
    if seen != round(float(given or 0) * _BILLION):
        yield Finding("cpus")


def cpu_quota(value: Any, subject: Subject) -> Findings:
    """Where the service names one: `cpus` is made of it, too."""
    if value is not None and int(value) > 0 and subject.seen.limits.get("cpu_quota", 0) != int(value):
        yield Finding("cpu_quota")


def cpu_period(value: Any, subject: Subject) -> Findings:
    """Where the service names one."""
    seen = subject.seen.limits.get("cpu_period", 0)
    wanted = {0, _USUAL_PERIOD} if value is None else {int(float(value))}
    if seen not in wanted:
        yield Finding("cpu_period")


def cpuset(value: Any, subject: Subject) -> Findings:
    """As it is written."""
    if subject.seen.limits.get("cpuset", "") != (value or ""):
        yield Finding("cpuset")


def pids_limit(value: Any, subject: Subject) -> Findings:
    """`pids_limit`, or `deploy.resources.limits.pids`."""
    given = subject.deploy_limits.get("pids", value)
    seen = subject.seen.limits.get("pids_limit", 0)
    limit = 0 if given is None else int(given)
    if (seen not in _USUAL_PIDS) if limit in {0, -1} else seen != limit:
        yield Finding("pids_limit")


def shm_size(value: Any, subject: Subject) -> Findings:
    """A container that shares another's has none of its own."""
    seen = subject.seen.limits.get("shm_size", 0)
    if (seen not in _USUAL_SHM_BYTES) if value is None else seen != size_of(value):
        yield Finding("shm_size")


def block_io(value: Any, subject: Subject) -> Findings:
    """The weight; limits of single devices are shown in numbers of devices."""
    settings: Mapping[str, Any] = value or {}
    if subject.seen.limits.get("blkio_weight", 0) != (settings.get("weight") or 0):
        yield Finding("blkio_config weight")
    for key in sorted(settings):
        if key != "weight" and settings[key]:
            yield Finding(f"blkio_config {key}", known=False)


def ulimits(value: Any, subject: Subject) -> Findings:
    """Those that the service names; others only where Podman does not set them by itself."""
    wanted: dict[str, tuple[int, ...]] = {}
    for name, limit in (value or {}).items():
        both = limit if isinstance(limit, Mapping) else {"soft": limit, "hard": limit}
        single = both.get("single", 0)
        wanted[name] = tuple(int(both.get(edge, single) or 0) for edge in ("soft", "hard"))
    seen = subject.seen.ulimits
    for name in sorted({*wanted, *seen}):
        if wanted.get(name) != seen.get(name) and (name in wanted or name not in _USUAL_ULIMITS):
            yield Finding(f"ulimits {name}")


def devices(value: Any, subject: Subject) -> Findings:
    """By both paths; what may be done with each is not shown."""
    wanted = set()
    for device in value or ():
        if not device["source"].startswith("/"):
            yield Finding(f"devices {device['source']}", known=False)
        else:
            wanted.add((device["source"], device.get("target") or device["source"]))
    missing, more = wanted - subject.seen.devices, subject.seen.devices - wanted
    for source, _ in sorted(missing if subject.seen.privileged else missing | more):
        yield Finding(f"devices {source}")


def deploy(value: Any, subject: Subject) -> Findings:
    """Its limits are compared with the keys that say the same; what is left are devices."""
    del value
    if subject.deploy_reservations.get("devices"):
        yield Finding("deploy.resources.reservations.devices", known=False)


def group_add(value: Any, subject: Subject) -> Findings:
    """Further groups."""
    if {str(each) for each in value or ()} != subject.seen.groups:
        yield Finding("group_add")


def cgroup_parent(value: Any, subject: Subject) -> Findings:
    """A container in a pod has the pod's."""
    seen = subject.seen.cgroup_parent
    if value is not None:
        if seen != value:
            yield Finding("cgroup_parent")
    elif seen and not subject.seen.pod and not seen.startswith(_POD_CGROUPS):
        yield Finding("cgroup_parent")


def runtime(value: Any, subject: Subject) -> Findings:
    """The engine's, where the service says nothing."""
    wanted = (value or subject.seen.engine.runtime).rpartition("/")[2]
    if wanted and subject.seen.runtime.rpartition("/")[2] != wanted:
        yield Finding("runtime")


def platform(value: Any, subject: Subject) -> Findings:
    """That of the image it runs."""
    if value is not None and value.split("/")[:2] != subject.seen.image.platform.split("/")[:2]:
        yield Finding("platform")


def logging(value: Any, subject: Subject) -> Findings:
    """The driver, the size of its file and the tag; Podman keeps no other option."""
    settings = value or {}
    seen, options = subject.seen, settings.get("options") or {}
    same = {"json-file": "k8s-file"}
    wanted = settings.get("driver") or seen.engine.log_driver
    if same.get(wanted, wanted) != same.get(seen.log_driver, seen.log_driver):
        yield Finding("logging driver")
    if _log_size(options.get("max-size")) != _log_size(seen.log_size):
        yield Finding("logging max-size")
    if (options.get("tag") or "") != seen.log_tag:
        yield Finding("logging tag")


def _log_size(text: Any) -> int:
    """In the thousands that Podman writes it in."""
    match = re.fullmatch(r"(-?[\d.]+)\s*([kmgt]?)i?b?", str(text or "0").lower())
    if match is None:
        return -1
    return int(float(match[1]) * 1000 ** " kmgt".index(match[2] or " "))


def told(option: str, key: str) -> Comparison:
    """Compare what only the engine's command line tells; over the API nobody can."""

    def compare(value: Any, subject: Subject) -> Findings:
        words = [f"{k}={v}" for k, v in value.items()] if isinstance(value, Mapping) else list(value or ())
        if subject.seen.options is None:
            if words:
                yield Finding(key, known=False)
        elif set(subject.seen.options.get(option, ())) != {str(word) for word in words}:
            yield Finding(key)

    return compare


def flag(key: str, read: Callable[[Subject], bool]) -> Comparison:
    """Compare what is either so or not."""

    def compare(value: Any, subject: Subject) -> Findings:
        if bool(value) != read(subject):
            yield Finding(key)

    return compare


def unknown(key: str) -> Comparison:
    """Say that nobody can tell, where the service has it."""

    def compare(value: Any, subject: Subject) -> Findings:
        del subject
        if value:
            yield Finding(key, known=False)

    return compare
