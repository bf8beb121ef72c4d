"""The kernel's word that a process has ended: a pidfd a container, watched by the event loop.

A pidfd goes on naming the process that it was opened for, whatever becomes of its number. It costs nothing
while the process lives, and is readable when it has ended: there is nothing to poll.
"""

import asyncio
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from containers.model.base import ContainerId

log = logging.getLogger(__name__)

_SHORT_ID = 12
"""Characters of an id that are enough to know it by; Podman's own short form."""


class PidfdWatch:
    """The port `ProcessWatch`, on Linux 5.3 and newer; elsewhere nothing can be watched.

    Other people's processes can be watched just as well: no right is needed to wait for an end.
    """

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._open: dict[ContainerId, int] = {}

    def __len__(self) -> int:
        """How many are watched; as many descriptors are open."""
        return len(self._open)

    def watch(self, container: ContainerId, pid: int, ended: Callable[[], None]) -> bool:
        """Watch a container's first process, instead of an earlier one of the same container."""
        self.forget(container)
        if pid <= 0 or not hasattr(os, "pidfd_open"):
            return False
        try:
            descriptor = os.pidfd_open(pid)
        except OSError as error:  # it has ended, the kernel is too old, or there are no descriptors left
            log.debug("the end of process %s can not be watched: %s", pid, error)
            return False
        # looked at after opening: the number can not have gone to another process in between
        if not self._is_of(container, pid):
            os.close(descriptor)
            return False
        self._open[container] = descriptor
        asyncio.get_running_loop().add_reader(descriptor, self._ended, container, descriptor, ended)
        return True

    def forget(self, container: ContainerId) -> None:
        """Close its descriptor, if there is one."""
        descriptor = self._open.pop(container, None)
        if descriptor is not None:
            with suppress(RuntimeError):  # the loop has ended, and its readers with it
                asyncio.get_running_loop().remove_reader(descriptor)
            os.close(descriptor)

    def close(self) -> None:
        """Close every descriptor."""
        for container in tuple(self._open):
            self.forget(container)

    def _ended(self, container: ContainerId, descriptor: int, ended: Callable[[], None]) -> None:
        if self._open.get(container) == descriptor:
            self.forget(container)
            ended()

    def _is_of(self, container: ContainerId, pid: int) -> bool:
        """Whether the process with this number here is the container's.

        It is not where Podman runs on another machine, or in another process namespace. Podman names its
        control groups after containers; where it makes none, the monitor that is the process's parent was
        called with the container's id.
        """
        short = container[:_SHORT_ID].encode()
        with suppress(OSError):
            if short in (self._proc / str(pid) / "cgroup").read_bytes():
                return True
        with suppress(OSError, ValueError, IndexError):
            stat = (self._proc / str(pid) / "stat").read_text(errors="replace")
            parent = int(stat.rpartition(")")[2].split()[1])  # the name before may hold anything
            return short in (self._proc / str(parent) / "cmdline").read_bytes()
        return False
