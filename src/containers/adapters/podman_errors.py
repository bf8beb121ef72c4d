"""The one place where what Podman, podman-py and requests say becomes an `EngineError`.

podman-py has two unrelated roots (`APIError`, which is a requests `HTTPError`, and `PodmanError`), raw
requests and urllib3 errors escape too, and the command line speaks in sentences on standard error.
Everything here is pure: text or an exception in, an `EngineError` out.
"""

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from containers.model.errors import EngineError, ErrorCode

_ID = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{52}\b")
_NOISE = re.compile(r"^(?:Error: |time=\S+ level=\w+ msg=)+", re.MULTILINE)
_LONGEST = 600
"""Characters of the engine's own words in a message; the whole is in the log."""


@dataclass(frozen=True, slots=True)
class PortConflict:
    """Which published port could not be taken."""

    host_ip: str
    port: int
    protocol: str

    @property
    def address(self) -> str:
        """`127.0.0.1:8080`, or `8080` for all interfaces; UDP says so."""
        where = f"{self.host_ip}:{self.port}" if self.host_ip else str(self.port)
        return where if self.protocol == "tcp" else f"{where}/{self.protocol}"


_PORT_PATTERNS = (
    # Rootful Podman and rootlessport: Go's net.Listen.
    r"listen (?P<proto>tcp|udp)[46]? (?P<ip>\S*?):(?P<port>\d+): bind: address already in use",
    # pasta, the rootless default from Podman 5 on.
    r"Failed to bind port (?P<port>\d+) \(Address already in use\)",
    r"(?P<ip>[\d.]+):(?P<port>\d+)\S* .*port is already allocated",
)


def port_conflict(text: str) -> PortConflict | None:
    """The port that `text` complains about, if it is about a taken port."""
    for pattern in _PORT_PATTERNS:
        if match := re.search(pattern, text):
            parts = match.groupdict()
            ip = (parts.get("ip") or "").strip("[]")
            wildcard = ip in {"0.0.0.0", "::"}  # noqa: S104  (read from a message, not listened on)
            return PortConflict("" if wildcard else ip, int(parts["port"]), parts.get("proto") or "tcp")
    return None


@dataclass(frozen=True, slots=True)
class _Rule:
    pattern: str
    """Compiled when there is an error to explain: compiling all takes twice as long as a call to Podman."""
    code: ErrorCode
    message: str | Callable[[re.Match[str]], str] | None
    """None keeps the engine's own words."""
    remedy: str = ""


def _rule(
    pattern: str,
    code: ErrorCode,
    message: str | Callable[[re.Match[str]], str] | None = None,
    remedy: str = "",
) -> _Rule:
    return _Rule(pattern, code, message, remedy)


UNREACHABLE_REMEDY = (
    "Start Podman's service with `systemctl --user start podman.socket` (or `systemctl start podman.socket` "
    "as root), or run `podman system service --time=0`."
)
_RULES = (
    _rule(
        r"no space left on device|disk quota exceeded",
        ErrorCode.NO_SPACE,
        "the disk that Podman stores images and containers on is full",
        "`podman system df` shows what takes the space; `podman system prune` frees what is unused.",
    ),
    _rule(
        r"unable to connect to Podman socket.*permission denied|dial unix \S+ connect: permission denied",
        ErrorCode.PERMISSION_DENIED,
        "this user may not talk to Podman's socket",
        "Use your own rootless Podman, or ask for access to the socket.",
    ),
    _rule(
        r"unable to connect to Podman|Cannot connect to Podman",
        ErrorCode.DAEMON_UNREACHABLE,
        "Podman does not answer",
        UNREACHABLE_REMEDY,
    ),
    _rule(
        r"cannot expose privileged port (\d+)",
        ErrorCode.START_FAILED,
        lambda m: f"port {m[1]} is reserved for root, and Podman runs as an ordinary user",
        "Publish a port from 1024 on, or lower the sysctl net.ipv4.ip_unprivileged_port_start.",
    ),
    _rule(
        r"(?:container )?name \"?([^\s\"]+)\"? (?:is )?already in use",
        ErrorCode.NAME_IN_USE,
        lambda m: f'the name "{m[1]}" is already in use by another container',
        "Remove or rename that container.",
    ),
    _rule(
        r"UNIQUE constraint failed: ContainerConfig\.Name",  # Podman 5 keeps containers in SQLite
        ErrorCode.NAME_IN_USE,
        "the name is already in use by another container",
        "Remove or rename that container.",
    ),
    _rule(
        r"unauthorized|authentication required|requested access to the resource is denied|403 \(?forbidden",
        ErrorCode.IMAGE_PULL_FAILED,
        None,
        "Log in to the registry with `podman login`, and check the image's name.",
    ),
    _rule(
        r"manifest unknown|name unknown|repository \S+ not found|no such image|image not known|"
        r"reading manifest \S+ in \S+: .*not found|short-name .* did not resolve",
        ErrorCode.IMAGE_NOT_FOUND,
        None,
        "Check the image's name and tag; pull or build it first.",
    ),
    _rule(
        r"pinging container registry|initializing source|error pinging",
        ErrorCode.IMAGE_PULL_FAILED,
        None,
        "Check the network and that the registry answers.",
    ),
    _rule(
        r"can only (?:kill|create exec sessions on|be used on) running containers|"
        r"container \S+ is not running",
        ErrorCode.SERVICE_EXITED,
        "the container is not running",
    ),
    _rule(
        r"no such container|no container with|no such volume|network not found|no such network|no such pod",
        ErrorCode.NOT_FOUND,
    ),
    _rule(
        r"(?:volume|network) is being used|has associated containers",
        ErrorCode.ENGINE_ERROR,
        None,
        "Remove the containers that use it first.",
    ),
    _rule(
        r"executable file \S* ?not found|exec: \"?([^\s\":]+)\"?: (?:no such file|stat)",
        ErrorCode.START_FAILED,
        None,
        "The image has no such program: check `command` and `entrypoint`.",
    ),
    _rule(
        r"rootless containers with cgroup v1|rootless mode without cgroups v2|only available for cgroup v2|"
        r"(?:pause|stats) is not supported .*cgroup",
        ErrorCode.UNSUPPORTED_BY_PODMAN,
        "an ordinary user's containers have no cgroup here, since this machine has cgroups v1",
        "Switch the machine to cgroups v2, or run the stack as root.",
    ),
    _rule(
        r"unsupported driver (\S+?):|unsupported (?:\S+ )?network option (\S+)",
        ErrorCode.UNSUPPORTED_BY_PODMAN,
        None,
        "Podman has the network drivers bridge, macvlan and ipvlan, with `driver_opts` of their own.",
    ),
    _rule(
        r"no volume plugin with name (\S+)",
        ErrorCode.UNSUPPORTED_BY_PODMAN,
        lambda m: f"there is no volume driver {m[1]}",
        "Take `driver` out for a volume on this machine, or name the plugin in containers.conf.",
    ),
    _rule(
        r"no secret with name or id \\?\"?([^\s\"\\]+)",
        ErrorCode.SECRET_MISSING,
        lambda m: f"Podman has no secret {m[1]}",
        "Make it with `podman secret create`, or give it a `file` or an `environment`.",
    ),
    _rule(
        r"unresolvable CDI devices (\S+)",
        ErrorCode.UNSUPPORTED_BY_PODMAN,
        lambda m: f"there is no device {m[1]} here",
        "Describe it to Podman: `nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml`.",
    ),
    _rule(
        r"unable to find (?:user|group) (\S+): no matching entries",
        ErrorCode.START_FAILED,
        lambda m: f"the image knows nobody called {m[1]}",
        "Check `user` and `group_add`; numbers work with every image.",
    ),
    _rule(
        r"requested static ip (\S+) not in any subnet on network (\S+)",
        ErrorCode.CONFLICT,
        None,
        "Give the network a subnet with that address, in its `ipam.config`.",
    ),
    _rule(
        r"subnet (\S+) is already used",
        ErrorCode.CONFLICT,
        None,
        "Choose another subnet; `podman network ls` shows the networks that there are.",
    ),
    _rule(
        r"stat (/dev/\S+): no such file",
        ErrorCode.START_FAILED,
        lambda m: f"there is no device {m[1]} on this machine",
        "Check `devices`.",
    ),
    _rule(
        r"workdir \S+ does not exist on container",
        ErrorCode.START_FAILED,
        None,
        "The image has no such folder, and it could not be made: check `working_dir`.",
    ),
    _rule(
        r"statfs (\S+): no such file or directory|mounting \S* ?to rootfs .*: stat (\S+): no such file",
        ErrorCode.START_FAILED,
        None,
        "A bind mount's source does not exist on the host: create it, or correct the path.",
    ),
)


def cleaned(text: str) -> str:
    """The engine's words for people: identifiers shortened, prefixes and repetition gone, bounded."""
    text = _ID.sub(r"\1", _NOISE.sub("", text.strip()))
    # Go wraps errors as "outer: inner: cause", and Podman often ends with a cause already said.
    parts = text.split(": ")
    while len(parts) > 1 and parts[-1] in {
        "that name is already in use",
        "no such container",
        "no such volume",
        "network not found",
        "image not known",
        "container state improper",
        "OCI runtime error",
        "OCI permission denied",
        "OCI runtime attempted to invoke a command that was not found",
        "network is being used",
        "volume is being used",
    }:
        parts.pop()
    text = ": ".join(parts).replace("runc: runc create failed: ", "").replace("crun: ", "")
    return text if len(text) <= _LONGEST else "…" + text[-_LONGEST:]


def from_text(
    text: str, doing: str, *, fallback: ErrorCode = ErrorCode.ENGINE_ERROR, holder: str = ""
) -> EngineError:
    """What `text`, from the engine or its command line, means.

    Args:
        text: the engine's words.
        doing: what was tried, in the infinitive: `start web-1`.
        fallback: the code where nothing is recognised.
        holder: who holds the port, when it is a port conflict and somebody looked.
    """
    if conflict := port_conflict(text):
        by = f" by {holder}" if holder else ""
        return EngineError(
            ErrorCode.PORT_IN_USE,
            f"could not {doing}: port {conflict.address} is already in use{by}",
            remedy="Stop what uses the port, or publish another one.",
        )
    for rule in _RULES:
        if match := re.search(rule.pattern, text, re.IGNORECASE):
            if rule.message is None:
                message = cleaned(text)
            elif isinstance(rule.message, str):
                message = rule.message
            else:
                message = rule.message(match)
            return EngineError(rule.code, f"could not {doing}: {message}", remedy=rule.remedy)
    return EngineError(fallback, f"could not {doing}: {cleaned(text) or 'Podman gave no reason'}")


class RefusedError(Exception):
    """Podman answered a request with an error; the text is what it said."""


def from_exception(
    error: Exception, doing: str, *, fallback: ErrorCode = ErrorCode.ENGINE_ERROR
) -> EngineError:
    """What an exception of podman-py, requests, urllib3 or the operating system means."""
    if isinstance(error, EngineError):
        return error
    if isinstance(error, RefusedError):
        return from_text(str(error), doing, fallback=fallback)
    return _from_vendor(error, doing, fallback)


def _from_vendor(error: Exception, doing: str, fallback: ErrorCode) -> EngineError:
    if isinstance(error, _loaded("podman.errors", "APIError")) and error.response is not None:  # type: ignore[attr-defined]
        return from_text(str(error.explanation or error), doing, fallback=fallback)  # type: ignore[attr-defined]
    chain = tuple(_chain(error))
    slow = (*_loaded("requests", "Timeout"), *_loaded("urllib3.exceptions", "TimeoutError"), TimeoutError)
    if any(isinstance(e, slow) for e in chain):
        return EngineError(
            ErrorCode.TIMEOUT,
            f"could not {doing}: Podman did not answer in time",
            remedy="The machine may be busy; try again.",
        )
    if any(isinstance(e, PermissionError) for e in chain):
        return EngineError(
            ErrorCode.PERMISSION_DENIED,
            f"could not {doing}: this user may not talk to Podman's socket",
            remedy="Use your own rootless Podman, or ask for access to the socket.",
        )
    if any(isinstance(e, (OSError, *_loaded("urllib3.exceptions", "HTTPError"))) for e in chain):
        return EngineError(
            ErrorCode.DAEMON_UNREACHABLE,
            f"could not {doing}: Podman does not answer",
            remedy=UNREACHABLE_REMEDY,
        )
    return from_text(str(error), doing, fallback=fallback)


def _loaded(module: str, name: str) -> tuple[type[BaseException], ...]:
    """An exception class, if its module is loaded: else nobody can have raised it.

    Another thread may be loading it just now.
    """
    found = getattr(sys.modules.get(module), name, None)
    return () if found is None else (found,)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The exception, what it was raised from, and what requests keeps in its arguments."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        current = waiting.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        waiting += [current.__cause__, current.__context__, getattr(current, "reason", None)]
        waiting += [a for a in current.args if isinstance(a, BaseException)]
        waiting = [w for w in waiting if isinstance(w, BaseException)]
