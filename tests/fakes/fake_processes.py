"""Processes that end when a test says so."""

from collections.abc import Callable

from containers.model.base import ContainerId


class FakeProcesses:
    """The port `ProcessWatch`."""

    def __init__(self) -> None:
        self.watched: dict[ContainerId, tuple[int, Callable[[], None]]] = {}
        self.is_blind = False
        """Whether nothing can be watched, as where Podman is on another machine."""

    def watch(self, container: ContainerId, pid: int, ended: Callable[[], None]) -> bool:
        """Watch it, unless blind."""
        if self.is_blind:
            return False
        self.watched[container] = (pid, ended)
        return True

    def forget(self, container: ContainerId) -> None:
        """Watch it no longer."""
        self.watched.pop(container, None)

    def close(self) -> None:
        """Watch nothing."""
        self.watched.clear()

    def end(self, container: ContainerId) -> None:
        """A container's process has ended."""
        _, ended = self.watched.pop(container)
        ended()
