"""One service of a real project made runnable on any machine."""

import json
import socket
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path, PurePosixPath
from typing import Any

from tests.podman import bed

_TRAP = "trap 'exit 0' HUP INT QUIT TERM USR1 USR2"
_FOREVER = "while :; do sleep 3600 & wait $$!; done"
_RUNS = frozenset({"httpd", "tail", "top"})
_ENDS = frozenset({"echo", "env", "true", "uname"})
_HARMLESS_DEVICES = frozenset({"/dev/null", "/dev/zero"})
_SMALLEST_MEMORY = 32 * 1024 * 1024
_FEWEST_PROCESSES = 16
_FEWEST_FILES = 256
_ENOUGH = 4096
_MOST_REPLICAS = 3
_GROUPS = {"mail": "8"}


class SkippedError(Exception):
    """The project can not run offline, or not on this machine; the message is the reason."""


class Fate(Enum):
    """What a service's containers should come to."""

    RUNS = "runs"
    ENDS = "ends"
    EITHER = "either"


@dataclass
class Variant:
    """A project that can run here."""

    document: dict[str, Any]
    fates: dict[str, Fate] = field(default_factory=dict)
    replicas: dict[str, int] = field(default_factory=dict)
    environ: dict[str, str] = field(default_factory=dict)
    external: list[tuple[str, str]] = field(default_factory=list)
    """Kind and engine name of what must be there before."""
    changes: Counter[str] = field(default_factory=Counter)
    """What was replaced, and how often."""
    answering: list[tuple[str, int]] = field(default_factory=list)
    """Service and published port where a server must answer."""

    @property
    def fingerprint(self) -> str:
        """The same for projects that come to the same stack."""
        services = [
            {k: v for k, v in s.items() if k not in {"ports", "volumes"}}
            | {
                "ports": len(s.get("ports") or ()),
                "volumes": [v.get("target") for v in s.get("volumes") or ()],
            }
            for s in self.document["services"].values()
        ]
        rest = {k: len(v) for k, v in self.document.items() if isinstance(v, dict)}
        return json.dumps([services, rest], sort_keys=True)


class ServiceVariant:
    """One service being made runnable."""

    def __init__(
        self,
        variant: Variant,
        key: str,
        service: dict[str, Any],
        folder: Path,
        name: str,
        awaited: str | None,
        held: ExitStack,
    ) -> None:
        self.variant = variant
        self.key = key
        self.service = service
        self.folder = folder
        self.name = name
        self.awaited = awaited
        self.held = held

    def adapt(self) -> None:
        """Replace what must be."""
        self._refuse()
        service = self.service
        service.pop("build", None)
        service["image"] = bed.IMAGE
        if service.get("pull_policy") in {"always", "build", "daily", "weekly", "refresh"}:
            self._change("pull policies dropped")
            del service["pull_policy"]
        if service.get("container_name"):
            service["container_name"] = f"{self.name}-{service['container_name']}"
            self._change("container names made unique")
        self._dependencies()
        self._scale()
        self._identity()
        self._limits()
        self._mounts()
        self._ports()
        self._command()
        self._health()

    def _change(self, what: str) -> None:
        self.variant.changes[what] += 1

    def _refuse(self) -> None:
        service = self.service
        reserved = ((service.get("deploy") or {}).get("resources") or {}).get("reservations") or {}
        devices = [d["source"] for d in service.get("devices") or ()]
        shared = [str(service.get(key, "")) for key in ("network_mode", "ipc", "pid")]
        declared = self.variant.document.get("networks") or {}
        addressed = [k for k, c in (service.get("networks") or {}).items() if (c or {}).get("ipv4_address")]
        reasons: Mapping[str, Any] = {
            "GPUs and other reserved devices": service.get("gpus") or reserved.get("devices"),
            "models and providers": service.get("models") or service.get("provider"),
            "devices of another machine": not _HARMLESS_DEVICES.issuperset(devices),
            "another platform": service.get("platform") not in {None, "linux/amd64"},
            "another runtime": service.get("runtime") not in {None, "runc", "crun"},
            "an address on a network without subnets, which Docker refuses too": any(
                not ((declared[key] or {}).get("ipam") or {}).get("config") for key in addressed
            ),
            "storage_opt needs a file system with quotas": service.get("storage_opt"),
            "cpu_rt_* needs a real-time kernel": service.get("cpu_rt_runtime")
            or service.get("cpu_rt_period"),
            "userns_mode keep-id is for rootless engines": str(service.get("userns_mode")).startswith(
                "keep-id"
            ),
            "a container of another project": any(
                entry.startswith("container:") for entry in (*shared, *(service.get("volumes_from") or ()))
            ),
        }
        for reason, applies in reasons.items():
            if applies:
                raise SkippedError(reason)

    def _dependencies(self) -> None:
        """The canonical form keeps what the active profiles leave out, where it is not required."""
        depends_on = self.service.get("depends_on") or {}
        for name in [n for n in depends_on if n not in self.variant.document["services"]]:
            del depends_on[name]
            self._change("optional dependencies that profiles leave out dropped")

    def _scale(self) -> None:
        deploy = self.service.get("deploy") or {}
        for holder, key in ((self.service, "scale"), (deploy, "replicas")):
            if holder.get(key) and holder[key] > _MOST_REPLICAS:
                holder[key] = _MOST_REPLICAS
                self._change("replicas reduced")
        counts = (self.service.get("scale"), deploy.get("replicas"), 1)
        self.variant.replicas[self.key] = next(c for c in counts if c is not None)

    def _identity(self) -> None:
        user = str(self.service.get("user") or "0").split(":")[0]
        if not user.isdecimal() and user != "root":
            self.service["user"] = "1000"
            self._change("users by name replaced by numbers")
        groups = self.service.get("group_add") or []
        if any(not str(g).isdecimal() for g in groups):
            self.service["group_add"] = [g if str(g).isdecimal() else _GROUPS.get(g, "100") for g in groups]
            self._change("groups by name replaced by numbers")
        sysctls = self.service.get("sysctls") or {}
        for name in [n for n in sysctls if not Path("/proc/sys", *n.split(".")).exists()]:
            del sysctls[name]
            self._change("kernel parameters that do not exist dropped")

    def _limits(self) -> None:
        if self.service.get("cpuset"):
            self.service["cpuset"] = "0"
        limits = ((self.service.get("deploy") or {}).get("resources") or {}).get("limits") or {}
        for holder, key in ((self.service, "mem_limit"), (limits, "memory")):
            if holder.get(key) and int(holder[key]) < _SMALLEST_MEMORY:
                holder[key] = str(_SMALLEST_MEMORY)
                self._change("memory limits raised")
        if int(self.service.get("memswap_limit") or -1) > 0 and not self.service.get("mem_limit"):
            del self.service["memswap_limit"]
            self._change("swap limits without a memory limit dropped, which Docker refuses too")
        for holder, key in ((self.service, "pids_limit"), (limits, "pids")):
            if 0 < (holder.get(key) or 0) < _FEWEST_PROCESSES:
                holder[key] = _FEWEST_PROCESSES
                self._change("process limits raised")
        limits = self.service.get("ulimits") or {}
        for name, limit in limits.items():
            self._lower(name, limit)
        for name in {"nofile", "nproc"} - limits.keys() if limits else ():
            limits[name] = _ENOUGH
            self._change("ulimits added, since Podman's own may need a capability")

    def _lower(self, name: str, limit: int | dict[str, int]) -> None:
        """Keep a limit below what this machine may allow: raising it takes a capability."""
        wanted = list(limit.values()) if isinstance(limit, dict) else [limit]
        if name in {"nofile", "nproc"} and not all(0 <= w <= _ENOUGH for w in wanted):
            self.service["ulimits"][name] = _ENOUGH
            self._change("ulimits lowered")
        elif name in {"nofile", "nproc"} and min(wanted, default=0) < _FEWEST_FILES:
            self.service["ulimits"][name] = _FEWEST_FILES
            self._change("ulimits raised")

    def _mounts(self) -> None:
        for number, volume in enumerate(self.service.get("volumes") or ()):
            if volume["type"] != "bind":
                continue
            source = Path(volume["source"].replace("$$", "$"))
            if not source.is_relative_to(self.folder):
                like_a_file = (
                    source.is_file() or source.is_socket() or bool(PurePosixPath(volume["target"]).suffix)
                )
                source = self.folder / "host" / f"{self.key}-{number}"
                source.parent.mkdir(exist_ok=True)
                if like_a_file:
                    source.touch()
                volume["source"] = str(source)
                self._change("host paths moved into the case's folder")
            if not source.exists():
                source.mkdir(parents=True)
                self._change("bind mount sources created")

    def _ports(self) -> None:
        for port in self.service.get("ports") or ():
            host = port.get("host_ip")
            if host and host not in {"127.0.0.1", "0.0.0.0", "::", "::1"}:  # noqa: S104
                port["host_ip"] = "127.0.0.1"
                self._change("host addresses replaced")
            if port.get("published"):
                first, _, last = str(port["published"]).partition("-")
                if not last and self.variant.replicas[self.key] > 1:
                    del port["published"]
                    self._change("ports that replicas can not share left to the engine")
                    continue
                size = int(last or first) - int(first) + 1
                begin = free_ports(size, self.held)
                port["published"] = str(begin) if size == 1 else f"{begin}-{begin + size - 1}"
                self._change("published ports moved")

    def _command(self) -> None:
        service = self.service
        words = [*(service.get("entrypoint") or ()), *(service.get("command") or ())]
        if words[:1] == ["dumb-init"]:
            words = words[1:]
            service["command"], service["entrypoint"] = words, None
            self._change("inits that the image has not dropped")
        if self.awaited == "service_completed_successfully":
            self._replace_command(["true"], Fate.ENDS)
            return
        fate = self._fate_of(words)
        if fate is not None:
            self.variant.fates[self.key] = fate
            return
        servers = sorted(
            {p["target"] for p in service.get("ports") or () if p.get("protocol", "tcp") == "tcp"}
        )
        serving = "".join(f"httpd -p {target} -h /bin; " for target in servers)
        self._replace_command(["sh", "-c", f"{_TRAP}; {serving}{_FOREVER}"], Fate.RUNS)
        if not service.get("user") and not service.get("network_mode"):
            for port in service.get("ports") or ():
                published = str(port.get("published") or "")
                if (
                    published.isdecimal()
                    and port.get("protocol", "tcp") == "tcp"
                    and port.get("host_ip") != "::1"
                ):
                    self.variant.answering.append((self.key, int(published)))

    def _replace_command(self, words: list[str], fate: Fate) -> None:
        self.service["entrypoint"], self.service["command"] = None, words
        self.variant.fates[self.key] = fate
        self._change("commands replaced")

    def _fate_of(self, words: list[str]) -> Fate | None:
        """What a command that busybox has comes to; None for one that is to be replaced."""
        if words[:1] == ["/bin/busybox"]:
            words = words[1:]
        program = PurePosixPath(words[0]).name if words else ""
        policy = ((self.service.get("deploy") or {}).get("restart_policy") or {}).get("condition")
        restarts = str(self.service.get("restart") or policy or "no") not in {"no", "none"}
        if program == "sleep":
            return Fate.RUNS if words[1] == "infinity" else None if restarts else Fate.EITHER
        if program in _RUNS:
            return Fate.RUNS
        if (
            program in _ENDS
            and (program != "env" or len(words) == 1)
            and not restarts
            and not self.service.get("healthcheck")
        ):
            return Fate.ENDS
        return None

    def _health(self) -> None:
        check = self.service.get("healthcheck")
        if self.awaited == "service_healthy" and not check:
            check = self.service["healthcheck"] = {"test": ["CMD", "x"]}
        if check and check.get("test") and check["test"][0] != "NONE" and not check.get("disable"):
            check["test"] = [check["test"][0], "true"]
            self._change("health checks replaced")


def free_ports(size: int, held: ExitStack) -> int:
    """The first of `size` ports in a row that are free; they are held until `held` closes."""
    for _ in range(200):
        with ExitStack() as attempt:
            first = attempt.enter_context(_bound(0))
            begin = int(first.getsockname()[1])
            try:
                for offset in range(1, size):
                    attempt.enter_context(_bound(begin + offset))
            except (OSError, OverflowError):
                continue
            held.push(attempt.pop_all())
            return begin
    raise SkippedError(f"{size} free ports in a row")


def _bound(port: int) -> socket.socket:
    listener = socket.socket()
    try:
        listener.bind(("", port))
    except (OSError, OverflowError):
        listener.close()
        raise
    return listener
