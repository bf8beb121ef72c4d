"""Who holds a port of this machine, read from its proc file system."""

import re
import sys
from collections.abc import Collection, Iterator
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import NamedTuple

from containers.adapters.podman_errors import PortConflict

_LISTENING = "0A"
_UDP_BOUND = "07"
_SOCKET = re.compile(r"socket:\[(\d+)\]")
_MOST_PROCESSES = 5_000


class Listener(NamedTuple):
    """A socket that has a port of this machine."""

    host_ip: str
    """Empty means all interfaces."""
    port: int
    protocol: str
    inode: str


def process_on_port(conflict: PortConflict, proc: Path = Path("/proc")) -> str:
    """`process nginx (1234)`, or nothing when it cannot be told, as with another user's process."""
    return process_of(_inodes_on(conflict, proc), proc)


def holds(pid: int, conflict: PortConflict, proc: Path = Path("/proc")) -> bool:
    """Whether a process has the port."""
    return not _inodes_on(conflict, proc).isdisjoint(_sockets_of(proc / str(pid)))


def process_of(inodes: Collection[str], proc: Path = Path("/proc")) -> str:
    """The process that has one of the sockets open, as above."""
    if not inodes:
        return ""
    for count, folder in enumerate(proc.iterdir()):
        if count > _MOST_PROCESSES:
            break
        if folder.name.isdigit() and any(inode in inodes for inode in _sockets_of(folder)):
            try:
                name = (folder / "comm").read_text(errors="replace").strip()
            except OSError:
                continue
            return f"process {name} ({folder.name})"
    return ""


def listeners(proc: Path = Path("/proc")) -> tuple[Listener, ...]:
    """Every socket of TCP that listens and of UDP that is bound; what can not be read is left out."""
    return tuple(
        s for protocol in ("tcp", "udp") for table in ("", "6") for s in _rows(protocol, table, proc)
    )


def overlap(one: str, other: str) -> bool:
    """Whether two addresses to bind to exclude each other; an empty one is every interface."""
    return not one or not other or ip_address(one) == ip_address(other)


def _inodes_on(conflict: PortConflict, proc: Path) -> frozenset[str]:
    found = (s for s in listeners(proc) if (s.port, s.protocol) == (conflict.port, conflict.protocol))
    return frozenset(s.inode for s in found if overlap(s.host_ip, conflict.host_ip))


def _rows(protocol: str, table: str, proc: Path) -> Iterator[Listener]:
    wanted_state = _LISTENING if protocol == "tcp" else _UDP_BOUND
    try:
        rows = (proc / "net" / f"{protocol}{table}").read_text().splitlines()[1:]
    except OSError:
        return
    for row in rows:
        fields = row.split()
        if fields[3] == wanted_state:
            address, _, port = fields[1].rpartition(":")
            yield Listener(_address(address), int(port, 16), protocol, fields[9])


def _address(written: str) -> str:
    """An address as the kernel writes it: hexadecimal, in words of the machine's byte order."""
    words = bytes.fromhex(written)
    parts = (int.from_bytes(words[i : i + 4], "big") for i in range(0, len(words), 4))
    address = ip_address(b"".join(part.to_bytes(4, sys.byteorder) for part in parts))
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return "" if address.is_unspecified else str(address)


def _sockets_of(process: Path) -> Iterator[str]:
    try:
        for descriptor in (process / "fd").iterdir():
            if match := _SOCKET.fullmatch(str(descriptor.readlink())):
                yield match[1]
    except OSError:  # it ended, or belongs to another user
        return
