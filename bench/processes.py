"""What a running process costs, by what the kernel says of it."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Cost:
    """A process at one moment."""

    at_s: float
    cpu_s: float
    """Of its own threads, since it began."""
    with_children_s: float
    """And of those of its children that have ended."""
    memory_bytes: int
    threads: int
    descriptors: int


def cost_of(pid: int) -> Cost:
    """What `/proc` says now.

    Raises:
        OSError: there is no such process.
    """
    folder = Path("/proc") / str(pid)
    # the name, in parentheses, may have anything in it
    fields = (folder / "stat").read_text().rpartition(")")[2].split()
    times = [int(field) / TICKS for field in fields[11:15]]
    status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines() if ":" in line)
    return Cost(
        at_s=time.monotonic(),
        cpu_s=sum(times[:2]),
        with_children_s=sum(times),
        memory_bytes=int(status["VmRSS"].split()[0]) * 1024,
        threads=int(status["Threads"]),
        descriptors=sum(1 for _ in (folder / "fd").iterdir()),
    )


def service_of(socket: Path) -> int | None:
    """The process that serves a `unix://` socket, by its arguments; None where it is not on this machine."""
    for folder in Path("/proc").iterdir():
        try:
            arguments = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except (OSError, NotADirectoryError):
            continue
        if {"system", "service"} <= set(arguments) and f"unix://{socket}" in arguments:
            return int(folder.name)
    return None
