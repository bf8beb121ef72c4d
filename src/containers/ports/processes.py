"""Several processes of ours side by side: who may change, who supervises, what does not work where."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from containers.model.base import ProjectName
from containers.model.supervision import SupervisionNote


class ProjectLocks(Protocol):
    """One writer a project, across processes."""

    def hold(self, project: ProjectName, purpose: str) -> AbstractAsyncContextManager[None]:
        """Hold the project's lock; released when the process dies, too.

        Raises:
            LockHeldError: another process has it; the message says which, for what and since when.
        """
        ...


class PartNotes(Protocol):
    """What does not work in which process of ours. Nothing raises: such notes are a help, no more."""

    def write(self, failed: Mapping[str, str]) -> None:
        """Note the parts of this process that do not work, with the reason of each, instead of before."""
        ...

    def read(self) -> Mapping[int, Mapping[str, str]]:
        """The notes of every process that lives, by its number."""
        ...


class SupervisorLeases(Protocol):
    """One supervisor a project, across processes: whoever has the lease acts, the others only watch."""

    async def take(self, project: ProjectName) -> str | None:
        """Take the lease, or find that one has it already: None; else who has it, in words.

        It is held until `let_go` or the end of the process, however it ends.

        Raises:
            StateError: the lease can not be made.
        """
        ...

    async def prove(self, project: ProjectName) -> None:
        """Show that leases can be made, and kept, as far as one can tell without one.

        Raises:
            StateError: they can not.
        """
        ...

    async def holder(self, project: ProjectName) -> str | None:
        """Who has it, in words; None where nobody does."""
        ...

    async def let_go(self, project: ProjectName) -> None:
        """Let another process take it; no error when one does not have it."""
        ...


class SupervisionNotes(Protocol):
    """What the processes that look after a project tell one another; read by each of them every moment."""

    async def read(self, project: ProjectName) -> SupervisionNote:
        """What is noted; an empty note where nothing is, or what is there can not be read."""
        ...

    async def change(
        self, project: ProjectName, change: Callable[[SupervisionNote], SupervisionNote]
    ) -> SupervisionNote:
        """Change what is noted, one process at a time; the new note.

        Raises:
            StateError: it can not be written.
        """
        ...
