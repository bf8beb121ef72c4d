"""Revisions in memory."""

from containers.model.base import ProjectName
from containers.model.errors import ErrorCode, StateError
from containers.model.revision import Revision, RevisionDamage, RevisionInfo


class MemoryRevisions:
    """The port `RevisionStore`; of one project on one engine.

    Attributes:
        is_full: while true, nothing more can be written, as on a full disk.
        staged: the revision that does not count yet.
    """

    def __init__(self) -> None:
        self.is_full = False
        self.staged: Revision | None = None
        self._kept: dict[int, Revision] = {}

    async def next_number(self, project: ProjectName, store: str) -> int:
        """One more than the newest."""
        del project, store
        return max(self._kept, default=0) + 1

    async def latest(self, project: ProjectName, store: str) -> RevisionInfo | None:
        """The newest."""
        return next(iter(await self.known(project, store)), None)

    async def stage(self, revision: Revision) -> None:
        """Remember it apart."""
        if self.is_full:
            raise StateError(ErrorCode.NO_SPACE, "there is no room left", remedy="(fake)")
        self.staged = revision

    async def keep(self, project: ProjectName, store: str, number: int) -> None:
        """Remember it with the others."""
        del project, store
        if self.staged is not None:
            self._kept[number] = self.staged
        self.staged = None

    async def drop_staged(self, project: ProjectName, store: str) -> None:
        """Forget it."""
        del project, store
        self.staged = None

    async def known(self, project: ProjectName, store: str) -> tuple[RevisionInfo, ...]:
        """Newest first."""
        del project, store
        return tuple(self._kept[number].info for number in sorted(self._kept, reverse=True))

    async def read(self, project: ProjectName, store: str, number: int) -> Revision:
        """One of them."""
        del project, store
        if number not in self._kept:
            raise StateError(ErrorCode.REVISION_UNKNOWN, f"there is no revision {number}", remedy="(fake)")
        return self._kept[number]

    async def damages(self, project: ProjectName, store: str) -> tuple[RevisionDamage, ...]:
        """Memory does not rot."""
        del project, store
        return ()
