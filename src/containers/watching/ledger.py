"""What each container still lacks of the files that changed."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from containers.model.base import ContainerId, ServiceName
from containers.watching.rules import SyncRule


@dataclass(frozen=True, slots=True)
class Lacking:
    """Paths that a container does not have as they are now, each with the rule that is about it."""

    paths: tuple[tuple[SyncRule, Path], ...]
    upto: int
    """What to say when they were delivered."""


class Ledger:
    """Every path that changed since watching began, and how far each container has them.

    A container that was made anew has none of them; one that was away while some changed lacks just those.
    """

    def __init__(self) -> None:
        self._changed: dict[tuple[SyncRule, Path], int] = {}
        self._delivered: dict[ContainerId, int] = {}
        self._count = 0

    def note(self, changes: Iterable[tuple[SyncRule, Path]]) -> None:
        """Write changes down."""
        for key in changes:
            self._count += 1
            self._changed.pop(key, None)
            self._changed[key] = self._count

    def revise(self, rules: Iterable[SyncRule]) -> None:
        """Take up rules as they are now; what a mount brings by now is not copied any more."""
        now = {rule: rule for rule in rules}
        changed = {(now.get(rule, rule), path): count for (rule, path), count in self._changed.items()}
        self._changed = {
            (rule, path): count for (rule, path), count in changed.items() if rule.copies_path(path)
        }

    def meet(self, container: ContainerId) -> None:
        """Note that a container is there: what it lacks later it has missed, and is not new to it."""
        self._delivered.setdefault(container, 0)

    def knows(self, container: ContainerId) -> bool:
        """Whether a container was there before."""
        return container in self._delivered

    def lacking(self, container: ContainerId, service: ServiceName) -> Lacking:
        """What a container of a service lacks, oldest first."""
        since = self._delivered.get(container, 0)
        found = []
        for key in reversed(self._changed):
            if self._changed[key] <= since:
                break
            if key[0].service == service:
                found.append(key)
        return Lacking(tuple(reversed(found)), self._count)

    def delivered(self, container: ContainerId, lacking: Lacking) -> None:
        """Note that a container has what it lacked."""
        self._delivered[container] = max(lacking.upto, self._delivered.get(container, 0))

    def forget_containers(self, alive: Collection[ContainerId]) -> None:
        """Forget containers that are gone."""
        self._delivered = {c: upto for c, upto in self._delivered.items() if c in alive}
