"""What the engine has told of the ends of containers, and whether somebody brought them about."""

from typing import Final

from containers.model.base import ContainerId
from containers.model.observed import SIGNAL_WORKS_NS, EngineEvent

_LIVES_AGAIN: Final = frozenset({"start", "restart", "remove"})


class EndsSeen:
    """Of each container, what was told since it last started."""

    def __init__(self) -> None:
        self._dead: set[ContainerId] = set()
        self._stopped: set[ContainerId] = set()
        self._signalled_at_ns: dict[ContainerId, int] = {}
        """Podman does not tell which signal it was: one that ends a process, or one that it lives with."""

    def note(self, event: EngineEvent) -> None:
        """Take up an event; each one once, in order."""
        if event.type != "container":
            return
        container = ContainerId(event.id)
        if event.action == "kill":
            self._signalled_at_ns[container] = event.at_ns
        elif event.action == "stop":
            self._stopped.add(container)
        elif event.action == "died":
            self._dead.add(container)
            if self._was_signalled(container, event.at_ns):
                self._stopped.add(container)
        elif event.action in _LIVES_AGAIN:
            self._dead.discard(container)
            self._stopped.discard(container)
            self._signalled_at_ns.pop(container, None)

    def is_dead(self, container: ContainerId) -> bool:
        """Whether its death has been told since it last started."""
        return container in self._dead

    def was_stopped_by_hand(self, container: ContainerId, now_ns: int) -> bool:
        """Whether a `stop` was told since it last started, or a signal that ended it.

        A signal that it outlived, such as `kill -s HUP`, says nothing of a later death.
        """
        return container in self._stopped or self._was_signalled(container, now_ns)

    def _was_signalled(self, container: ContainerId, at_ns: int) -> bool:
        """Whether a signal came so shortly before that a death at `at_ns` is its doing."""
        signalled_at_ns = self._signalled_at_ns.get(container)
        return signalled_at_ns is not None and at_ns - signalled_at_ns <= SIGNAL_WORKS_NS
