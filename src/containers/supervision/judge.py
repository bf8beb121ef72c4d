"""Judge: what to do about a container, by what is seen and what is remembered of its place."""

from collections.abc import Callable

from containers.health.machine import Seen, Step, Verdict, step
from containers.model.base import ServiceName
from containers.model.observed import ObservedContainer
from containers.ports.machine import Clock, TaskOwner
from containers.supervision.memories import Memories
from containers.supervision.scene import Scene


class Judge:
    """Asks the state machine."""

    def __init__(
        self,
        *,
        scene: Scene,
        memories: Memories,
        clock: Clock,
        jitter: Callable[[], float],
        group: TaskOwner,
    ) -> None:
        """`jitter` gives random numbers from 0 to 1."""
        self._scene = scene
        self._memories = memories
        self._clock = clock
        self._jitter = jitter
        self._group = group

    def verdict(self, place: str, service: ServiceName, seen: Seen) -> Step:
        """What to do."""
        now = self._clock.now().timestamp()
        return step(self._memories[place], seen, now, self._scene.limits(service), self._jitter())

    def verdict_on(self, place: str, container: ObservedContainer, seen: Seen) -> Step:
        """What to do about one that is there; where that is nothing, what was learnt is written down."""
        found = self.verdict(place, container.service, seen)
        if found.verdict is Verdict.NOTHING and found.memory != self._memories[place]:
            self._memories[place] = found.memory
            _ = self._group.create_task(self._memories.keep(container.project, place), name="health-notes")
        return found
