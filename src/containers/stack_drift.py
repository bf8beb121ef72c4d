"""StackDrift: what runs differs from what was applied, or that from what is asked for."""

import re
from collections.abc import Callable, Collection

from containers.compose.comparing import differences
from containers.compose.concealing import conceal
from containers.compose.request import LoadResult
from containers.model.base import ServiceName
from containers.model.comparison import Difference
from containers.model.drift import DriftKind, DriftReport
from containers.model.errors import ErrorCode, PodkeeperError, StateError
from containers.model.journal import Phase
from containers.model.observed import ObservedState
from containers.model.place import Place
from containers.model.plan import Plan
from containers.model.project import ResolvedProject
from containers.model.revision import Revision
from containers.planning.described import Described
from containers.planning.drift import find_drift
from containers.ports.stores import Journal
from containers.project_changes import ProjectChanges
from containers.stack_history import StackHistory, project_of

_SAID_BEFORE_APPLYING = frozenset(
    {
        DriftKind.CONFIGURATION,
        DriftKind.CONTAINER_FOREIGN,
        DriftKind.NETWORK_ALTERED,
        DriftKind.VOLUME_ALTERED,
        DriftKind.VOLUME_MISSING,
    }
)
"""What a plan does not show by itself: that something has to be started or created again, it does."""
_OURS = {
    "down": frozenset(DriftKind),
    "stop": frozenset({DriftKind.CONTAINER_STOPPED}),
    "rm": frozenset({DriftKind.CONTAINER_MISSING, DriftKind.CONTAINER_STOPPED}),
}
"""What is no drift when the last change was one of these: a person asked for it."""


class StackDrift:
    """Finds drift of one project.

    Args:
        load: reads the project's files as they are now.
        known: the project as it was last read.
        history: its revisions.
        changes: looks at the stack.
        journal: remembers what was said to be all right.
    """

    def __init__(
        self,
        *,
        load: Callable[[], LoadResult],
        known: Callable[[], ResolvedProject | None],
        history: StackHistory,
        changes: ProjectChanges,
        journal: Journal,
    ) -> None:
        self._load = load
        self._known = known
        self.latest: DriftReport | None = None
        """What was found when it was last looked for."""
        self._history = history
        self._changes = changes
        self._journal = journal

    async def find(self, *, quietly: bool = False) -> DriftReport:
        """One fresh look, compared with the last revision and with the files.

        Args:
            quietly: take the project as it was last read, rather than read its files now.

        Raises:
            PodkeeperError: Podman can not be asked, or the last revision is damaged.
        """
        known = self._known() if quietly else None
        place = await self._history.place(known)
        try:
            revision = await self._history.read(place=place)
        except StateError as error:
            if error.code is ErrorCode.REVISION_UNKNOWN:
                return DriftReport(project=place.project, revision=None)
            raise
        engine = await self._changes.engine()
        observed = await engine.snapshot(place.project, tuple(revision.info.images))
        wanted = self._known() if quietly else self._load().project
        inputs = await self._changes.inputs(wanted) if wanted else {}
        found = find_drift(revision.info, project_of(revision), observed, wanted=wanted, inputs=inputs)
        asked_for = await self._asked_for(place)
        found = tuple(d for d in found if d.kind not in asked_for)
        ignored = await self._journal.ignored_drift(place.project, place.store)
        marked = tuple(d.model_copy(update={"ignored": d.fingerprint in ignored}) for d in found)
        self.latest = DriftReport(project=place.project, revision=revision.info.number, found=marked)
        return self.latest

    async def _asked_for(self, place: Place) -> frozenset[DriftKind]:
        """The kinds that the last change brought about by intent."""
        for each in await self._journal.history(place.project, place.store, limit=10):
            if each.phase is Phase.COMMITTED:
                return _OURS.get(each.verb, frozenset())
        return frozenset()

    async def ignore(self, services: Collection[ServiceName] = ()) -> DriftReport:
        """Say that what differs now is all right, of some services or altogether."""
        place = await self._history.place()
        report = await self.find()
        chosen = [d for d in report.open if not services or d.service in services]
        if chosen:
            await self._journal.ignore_drift(place.project, place.store, [d.fingerprint for d in chosen])
        return await self.find()

    async def forget_ignored(self) -> None:
        """Count all drift again."""
        place = await self._history.place()
        await self._journal.ignore_drift(place.project, place.store, ())

    async def last_revision(self) -> Revision | None:
        """What was applied last, for comparing while planning; None where that can not be read."""
        try:
            return await self._history.read()
        except PodkeeperError:
            return None


def described_changes(last: Revision | None, project: ResolvedProject) -> dict[ServiceName, Described]:
    """How services differ from what was applied last, value by value; secrets are not told."""
    if last is None:
        return {}
    then = last.info.services
    names = {n for n, s in project.services.items() if n in then and then[n] != s.config_hash}
    if not names:
        return {}
    concealed = project.model_copy(update={"document": conceal(project.document)})
    found: dict[ServiceName, dict[str, list[str]]] = {name: {} for name in names}
    for each in differences(project_of(last), concealed):
        name = ServiceName(each.where.removeprefix("services."))
        if each.where.startswith("services.") and name in names and each.key:
            field = re.split(r"[.\[]", each.key, maxsplit=1)[0]
            found[name].setdefault(field, []).append(_words(each))
    return {
        name: Described(then[name], {field: tuple(words) for field, words in fields.items()})
        for name, fields in found.items()
    }


def _words(difference: Difference) -> str:
    if difference.before is None:
        return f"{difference.key} {difference.after} is new"
    if difference.after is None:
        return f"{difference.key} {difference.before} is gone"
    return f"{difference.key} {difference.before} -> {difference.after}"


def with_warnings(plan: Plan, last: Revision | None, observed: ObservedState) -> Plan:
    """The plan, with a warning of each way in which somebody changed what runs since it was applied."""
    if last is None or plan.is_empty:
        return plan
    found = find_drift(last.info, project_of(last), observed)
    since = f"since revision {last.info.number} was applied"
    told = (f"{d.message}, {since}" for d in found if d.kind in _SAID_BEFORE_APPLYING)
    return plan.model_copy(update={"warnings": (*plan.warnings, *told)})
