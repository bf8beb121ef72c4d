"""Who holds a port: looked up only when a start has failed over it, and only on this machine."""

import re
from collections.abc import Iterator
from pathlib import Path

from containers.adapters.podman_errors import PortConflict

_LISTENING = "0A"
_UDP_BOUND = "07"
_SOCKET = re.compile(r"socket:\[(\d+)\]")
_MOST_PROCESSES = 5_000


def process_on_port(conflict: PortConflict, proc: Path = Path("/proc")) -> str:
    """`process nginx (1234)`, or nothing when it cannot be told, as with another user's process."""
    inodes = set(_inodes(conflict, proc))
    if not inodes:
        return ""
    for count, folder in enumerate(proc.iterdir()):
        if count > _MOST_PROCESSES:
            break
        if folder.name.isdigit() and inodes & set(_sockets_of(folder)):
            try:
                name = (folder / "comm").read_text(errors="replace").strip()
            except OSError:
                continue
            return f"process {name} ({folder.name})"
    return ""


def _inodes(conflict: PortConflict, proc: Path) -> Iterator[str]:
    wanted_state = _LISTENING if conflict.protocol == "tcp" else _UDP_BOUND
    for table in (conflict.protocol, f"{conflict.protocol}6"):
        try:
            rows = (proc / "net" / table).read_text().splitlines()[1:]
        except OSError:
            continue
        for row in rows:
            fields = row.split()
            local, state, inode = fields[1], fields[3], fields[9]
            if state == wanted_state and int(local.rpartition(":")[2], 16) == conflict.port:
                yield inode


def _sockets_of(process: Path) -> Iterator[str]:
    try:
        for descriptor in (process / "fd").iterdir():
            if match := _SOCKET.fullmatch(str(descriptor.readlink())):
                yield match[1]
    except OSError:  # it ended, or belongs to another user
        return
