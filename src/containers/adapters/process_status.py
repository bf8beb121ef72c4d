"""What Linux says of a process in `/proc/PID/stat` (proc(5)), and any Unix of whether it lives."""

import os
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """A process as it was a moment ago; its number may be another's by now."""

    name: str
    """Of the program, cut after 15 characters."""
    has_ended: bool
    """Whether all that is left is an exit code that nobody has taken note of."""
    parent: int
    started: int
    """When it was started, in clock ticks since the machine was."""


def status_of(pid: int | str, proc: Path = PROC) -> ProcessStatus | None:
    """What is said of the process of a number; None where there is none.

    Args:
        pid: the number, as text where it comes from a file; what is no number is no process.
        proc: where the machine's processes are shown.
    """
    if not str(pid).isdecimal():
        return None
    try:
        # a Path for each process of the machine would take longer than all the rest
        with open(f"{proc}/{pid}/stat", encoding="utf-8", errors="replace") as file:  # noqa: PTH123
            text = file.read()
    except OSError:
        return None
    # the name may hold blanks and parentheses itself
    name, _, rest = text.partition("(")[2].rpartition(")")
    state, parent, *others = rest.split()
    return ProcessStatus(
        name=name, has_ended=state in {"Z", "X"}, parent=int(parent), started=int(others[17])
    )


def lives(pid: int) -> bool:
    """Whether there is a process of that number; on any Unix, and whoever's it is."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
