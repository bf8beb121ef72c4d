"""What this machine has left to give: ports, paths, space and subnets, each by one cheap look."""

import contextlib
import os
import pwd
import shutil
import socket
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Address, ip_network
from pathlib import Path

from containers.adapters.podman_port_holder import listeners, overlap, process_of
from containers.model.observed import PublishedPort

_PEOPLE = 65_536
"""Users from here on are subordinate ones: a rootless Podman may read what belongs to its own."""
_ACCESS_LIST = "system.posix_acl_access"


class LocalHost:
    """The port `HostFacts` on Linux.

    Args:
        proc: where the kernel tells about itself.
    """

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc

    def holders(self, ports: Iterable[PublishedPort]) -> Mapping[PublishedPort, str]:
        """Those of `ports` that can not be bound, with the process that has them."""
        sockets = listeners(self._proc)
        found = {}
        for port in ports:
            inodes = {
                s.inode
                for s in sockets
                if (s.port, s.protocol) == (port.host_port, port.protocol)
                and overlap(s.host_ip, port.host_ip)
            }
            if inodes and not _can_bind(port):
                found[port] = process_of(inodes, self._proc)
        return found

    def exists(self, path: Path) -> bool:
        """Whether there is something at `path`; what is in a folder that is closed to us may be there."""
        try:
            path.stat()
        except PermissionError:
            return True
        except OSError:
            return False
        return True

    def is_readable(self, path: Path, uid: int) -> bool:
        """Whether a container of `uid`'s Podman can read `path`: every folder above it and itself."""
        if uid == 0:
            return True
        if uid == os.geteuid():
            return os.access(path, os.R_OK) or _is_subordinate(path)
        try:
            user = pwd.getpwuid(uid)
            groups = frozenset(os.getgrouplist(user.pw_name, user.pw_gid))
            target = path.resolve()
            above = all(_allows(folder, uid, groups, 0o1) for folder in target.parents)
            return above and _allows(target, uid, groups, 0o5 if target.is_dir() else 0o4)
        except (KeyError, OSError):
            return True

    def free_bytes(self, path: Path) -> int | None:
        """What may still be written at `path`, or at the nearest folder above it that exists."""
        for folder in (path, *path.parents):
            with contextlib.suppress(OSError):
                return shutil.disk_usage(folder).free
        return None

    def image_store(self, uid: int) -> Path | None:
        """Podman's usual folder for root's or a user's images."""
        try:
            home = Path(pwd.getpwuid(uid).pw_dir)
        except KeyError:
            return None
        store = home / ".local/share/containers/storage" if uid else Path("/var/lib/containers/storage")
        return store if self.exists(store) else None

    def subnets(self) -> Mapping[str, str]:
        """The routes that need no gateway, each with its network device."""
        return dict(self._routes())

    def _routes(self) -> Iterator[tuple[str, str]]:
        try:
            rows = (self._proc / "net/route").read_text().splitlines()[1:]
        except OSError:
            return
        for row in rows:
            device, destination, gateway, *_, mask = row.split()[:8]
            if int(gateway, 16) == 0 and int(mask, 16) != 0:
                address, length = _swapped(destination), _swapped(mask)
                yield str(ip_network(f"{address}/{length}", strict=False)), device


def _swapped(written: str) -> IPv4Address:
    return IPv4Address(socket.ntohl(int(written, 16)))


def _can_bind(port: PublishedPort) -> bool:
    """Whether it is free after all: a listener on IPv6 alone leaves the port of IPv4 alone."""
    family = socket.AF_INET6 if ":" in port.host_ip else socket.AF_INET
    kind = socket.SOCK_STREAM if port.protocol == "tcp" else socket.SOCK_DGRAM
    try:
        with socket.socket(family, kind) as probe:
            if port.protocol == "tcp":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((port.host_ip, port.host_port))
    except OSError:
        return False
    return True


def _is_subordinate(path: Path) -> bool:
    with contextlib.suppress(OSError):
        return path.stat().st_uid >= _PEOPLE
    return False


def _allows(path: Path, uid: int, groups: frozenset[int], wanted: int) -> bool:
    """Whether the mode bits let `uid` do what `wanted` asks; access lists are left to the kernel."""
    found = path.stat()
    if found.st_uid >= _PEOPLE or _ACCESS_LIST in os.listxattr(path):
        return True
    if found.st_uid == uid:
        return found.st_mode >> 6 & wanted == wanted
    if found.st_gid in groups:
        return found.st_mode >> 3 & wanted == wanted
    return found.st_mode & wanted == wanted
