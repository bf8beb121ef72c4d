"""StackHistory: what was applied, going back to it, and whether one could."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from containers.compose.comparing import differences
from containers.compose.concealing import concealed_paths, reveal, value_at
from containers.compose.request import LoadResult
from containers.compose.restoring import restore
from containers.execution.together import together
from containers.model.base import ImageId, ServiceName
from containers.model.comparison import Difference
from containers.model.errors import ErrorCode, PodkeeperError, StateError
from containers.model.journal import Phase, TransactionSummary
from containers.model.outcome import Check, ComposeResult
from containers.model.place import Place
from containers.model.plan import Plan, Verb
from containers.model.project import KeyPath, ResolvedProject
from containers.model.report import ChangeReport
from containers.model.revision import Revision, RevisionInfo
from containers.planning.graph import service_order, with_dependencies
from containers.planning.options import Mode, Recreate, UpOptions
from containers.planning.up import plan_up
from containers.ports.stores import Journal
from containers.project_changes import Change, ChangeOptions, ProjectChanges


class StackHistory:
    """The revisions and transactions of one project.

    Args:
        load: reads the project's files as they are now.
        known: the project as it was last read.
        folder: where the project is, for finding its history when its files can not be read.
        changes: carries out changes.
        journal: the transactions.
        environment: the selected environment.
    """

    def __init__(
        self,
        *,
        load: Callable[[], LoadResult],
        known: Callable[[], ResolvedProject | None],
        folder: Path,
        changes: ProjectChanges,
        journal: Journal,
        environment: Callable[[], str],
    ) -> None:
        self._load = load
        self._known = known
        self._folder = folder
        self._changes = changes
        self._journal = journal
        self._environment = environment

    async def place(self, project: ResolvedProject | None = None) -> Place:
        """Whose history it is, also when the files are wrong; `project` saves reading them.

        Raises:
            PodkeeperError: the files are wrong and nothing was ever applied from here, or there is no engine.
        """
        store = (await self._changes.engine()).store
        if project is not None:
            return Place(project.name, store)
        loaded = self._load()
        if loaded.project is not None:
            return Place(loaded.project.name, store)
        known = await self._changes.revisions.project_of(self._folder, store)
        if known is None:
            return Place(loaded.require().name, store)
        return Place(known, store)

    async def revisions(self) -> tuple[RevisionInfo, ...]:
        """The revisions, newest first."""
        place = await self.place()
        return await self._changes.revisions.known(place.project, place.store)

    async def transactions(self, limit: int = 100) -> tuple[TransactionSummary, ...]:
        """The transactions, newest first."""
        place = await self.place()
        return await self._journal.history(place.project, place.store, limit=limit)

    async def read(self, number: int | None = None, place: Place | None = None) -> Revision:
        """A revision in full; None takes the newest.

        Raises:
            StateError: `revision_unknown` or `state_damaged`.
        """
        place = place or await self.place()
        if number is None:
            latest = await self._changes.revisions.latest(place.project, place.store)
            number = latest.number if latest else 0
        return await self._changes.revisions.read(place.project, place.store, number)

    async def diff(self, before: int, after: int) -> tuple[Difference, ...]:
        """What differs from one revision to another; secrets are not shown."""
        first, second = await self.read(before), await self.read(after)
        return differences(project_of(first), project_of(second))

    async def plan_to(self, number: int | None) -> Plan:
        """What it would take to get from what runs to a revision."""
        revision = await self._revision(number)
        project = await self._revive(revision)
        observed = await self._changes.look(project)
        pinned = observed.model_copy(update={"images": {**observed.images, **_pins(revision)}})
        inputs = await self._changes.inputs(project)
        return plan_up(project, pinned, _EXACTLY, inputs=inputs, verb="rollback")

    async def roll_back(
        self, number: int | None = None, choices: ChangeOptions | None = None
    ) -> ComposeResult:
        """Apply an earlier revision, with the images of that time; None takes the one before the newest.

        Returns:
            The result; it is itself a new revision.

        Raises:
            PodkeeperError: there is no such revision, it is damaged, or a secret of it is not known any more.
        """
        revision = await self._revision(number)
        return await self._apply(revision, "rollback", choices or ChangeOptions())

    async def recover(self, choices: ChangeOptions | None = None) -> ComposeResult:
        """End what was left open, then bring back the last known good revision, essential services first.

        Raises:
            PodkeeperError: there is no good revision, or it can not be had.
        """
        place = await self.place()
        known = await self._changes.revisions.known(place.project, place.store)
        good = next((info for info in known if info.good), None)
        if good is None:
            loaded = self._load()
            notices = await self._changes.recover(loaded.require())
            return ComposeResult(ok=True, project=place.project, notices=notices)
        revision = await self._changes.revisions.read(place.project, place.store, good.number)
        project = await self._revive(revision)
        notices = await self._changes.recover(project)
        essential = essential_services(project)
        chosen = choices or ChangeOptions()
        if essential and essential != frozenset(project.services):
            first = await self._apply(revision, "recover", chosen, essential)
            if not first.ok:
                return first.model_copy(update={"notices": (*notices, *first.notices)})
        result = await self._apply(revision, "recover", chosen)
        return result.model_copy(update={"notices": (*notices, *result.notices)})

    async def reconcile(
        self, services: Collection[ServiceName] = (), choices: ChangeOptions | None = None
    ) -> ComposeResult:
        """Put back what runs otherwise than the last revision says, wholly or for some services."""
        return await self._apply(await self.read(), "reconcile", choices or ChangeOptions(), services)

    async def make_again(
        self, services: Collection[ServiceName], *, anew: bool = False
    ) -> dict[ServiceName, ComposeResult | None]:
        """Create and start what is missing of services, or (`anew`) all of them, as they were last applied.

        Where another change of the project is under way, nothing is done (`lock_held`).

        Returns:
            The result, the same for all, each service after what it depends on; None for one that was not
            part of what was last applied.

        Raises:
            PodkeeperError: the revision is damaged, or a secret of it is not known any more.
        """
        try:
            revision = await self.read()
        except StateError as error:
            if error.code is ErrorCode.REVISION_UNKNOWN:
                return dict.fromkeys(services)
            raise
        applied = tuple(sorted(name for name in services if name in revision.info.services))
        if not applied:
            return dict.fromkeys(services)
        only = _EXACTLY.model_copy(
            update={
                "services": applied,
                "remove_orphans": False,
                "with_dependencies": False,
                "recreate": Recreate.ALWAYS if anew else Recreate.NEVER,
                "mode": Mode.FAST,
            }
        )
        project = await self._revive(revision)
        result = await self._changes.run(
            Change(
                verb="reconcile",
                project=project,
                planner=lambda observed, inputs: plan_up(
                    project, observed, only, inputs=inputs, verb="reconcile"
                ),
                environment=self._environment(),
                pins=_pins(revision),
                choices=ChangeOptions(lock_patience_s=0.0, queues=False),
            )
        )
        order = [name for name in service_order(project) if name in services]
        return {name: result if name in applied else None for name in dict.fromkeys((*order, *services))}

    async def self_test(self, *, every: bool = False) -> tuple[Check, ...]:
        """Whether the last known good revision (or `every` one) could be applied; changes nothing."""
        place = await self.place()
        damages = {d.number: d for d in await self._changes.revisions.damages(place.project, place.store)}
        known = await self._changes.revisions.known(place.project, place.store)
        good = next((info for info in known if info.good), None)
        checks = [
            Check(name=f"revision {d.number}", ok=False, value=d.message, remedy="Choose another.")
            for d in damages.values()
        ]
        checks += [await self._test(info) for info in known if every or info is good]
        if good is None:
            nothing = "nothing was applied yet that passed its gates"
            checks.append(Check(name="last known good", ok=not damages, value=nothing))
        return tuple(checks)

    async def report(self) -> ChangeReport:
        """How the changes of this project went."""
        place = await self.place()
        found = await self._journal.history(place.project, place.store, limit=10_000)
        ended = [t for t in found if not t.phase.is_open]
        took = [
            (t.finished_at - t.started_at).total_seconds() for t in ended if _is_clean(t) and t.finished_at
        ]
        recoveries = [
            t.recovery_s for t in ended if t.phase is Phase.ROLLED_BACK and t.recovery_s is not None
        ]
        return ChangeReport(
            transactions=len(ended),
            committed=sum(t.phase is Phase.COMMITTED for t in ended),
            rolled_back=sum(t.phase is Phase.ROLLED_BACK for t in ended),
            torn=sum(_is_torn(t, ended) for t in ended),
            recovered=sum(t.recovered for t in ended),
            mean_apply_s=sum(took) / len(took) if took else None,
            mean_recovery_s=sum(recoveries) / len(recoveries) if recoveries else None,
        )

    async def _test(self, info: RevisionInfo) -> Check:
        """Read it, put its secrets back, and look for its images."""
        name = f"revision {info.number}"
        try:
            revision = await self._changes.revisions.read(info.project, info.store, info.number)
            await self._revive(revision)
            engine = await self._changes.engine()
            images = tuple(dict.fromkeys(info.images.values()))
            found = dict(zip(images, await together(map(engine.image_facts, images)), strict=True))
        except PodkeeperError as error:
            return Check(name=name, ok=False, value=str(error), remedy=error.remedy)
        gone = [ref for ref, image in info.images.items() if found[image] is None]
        if gone:
            value = f"its images are not here any more: {', '.join(gone)}"
            return Check(name=name, ok=False, value=value, remedy="Do not prune images that a stack runs.")
        count = len(info.services)
        kind = "good" if info.good else "not gated"
        value = f"intact, {kind}, {count} service{'s' if count != 1 else ''}, every image here"
        return Check(name=name, ok=True, value=value)

    async def _revision(self, number: int | None) -> Revision:
        """A revision by its number; None takes the last good one before the newest."""
        if number is not None:
            return await self.read(number)
        known = await self.revisions()
        earlier = next((info for info in known[1:] if info.good), None)
        if earlier is None:
            raise StateError(
                ErrorCode.REVISION_UNKNOWN,
                "there is no earlier revision to go back to",
                remedy="`podkeeper history` lists them.",
            )
        return await self.read(earlier.number)

    async def _apply(
        self,
        revision: Revision,
        verb: Verb,
        choices: ChangeOptions,
        services: Collection[ServiceName] = (),
    ) -> ComposeResult:
        project = await self._revive(revision)
        # what files contain now was not applied: `reconcile` makes nothing anew for it
        edits_count = verb != "reconcile"
        chosen = tuple(s for s in services if s in project.services)
        options = _EXACTLY.model_copy(update={"services": chosen, "remove_orphans": not chosen})
        return await self._changes.run(
            Change(
                verb=verb,
                project=project,
                planner=lambda observed, inputs: plan_up(
                    project, observed, options, inputs=inputs if edits_count else {}, verb=verb
                ),
                environment=self._environment(),
                revises=with_dependencies(project, chosen) if chosen else tuple(project.services),
                pins=_pins(revision),
                choices=choices,
            )
        )

    async def _revive(self, revision: Revision) -> ResolvedProject:
        """The project of a revision, with its secrets.

        They are not kept, so they come from the files of today or from containers that run: from wherever
        they are what they were then, which a service's fingerprint tells; else as they are in the files now.

        Raises:
            PodkeeperError: `secret_missing`: a value is neither in the files nor in a container.
        """
        paths = tuple(concealed_paths(revision.document))
        if not paths:
            return project_of(revision)
        loaded = self._load()
        today = loaded.project.document if loaded.project else {}
        in_files = {path: str(found) for path in paths if (found := value_at(today, path)) is not None}
        project = _with_values(revision, in_files)
        differing = _differing(revision, project)
        elsewhere = [p for p in paths if p not in in_files or (p[0] == "services" and p[1] in differing)]
        if not elsewhere:
            return project
        in_containers = await self._values_in_containers(revision, elsewhere)
        exact = _with_values(revision, {**in_files, **in_containers})
        still = _differing(revision, exact)
        usable = {p: v for p, v in in_containers.items() if p not in in_files or p[1] not in still}
        values = {**in_files, **usable}
        missing = next((path for path in paths if path not in values), None)
        if missing is not None:
            raise PodkeeperError(
                ErrorCode.SECRET_MISSING,
                f"revision {revision.info.number} has a secret at {'.'.join(map(str, missing))}, which is "
                "not kept, and neither the files nor a container have it now",
                remedy="Set it in the compose files or the environment, as it was then.",
            )
        return _with_values(revision, values)

    async def _values_in_containers(
        self, revision: Revision, paths: Collection[KeyPath]
    ) -> dict[KeyPath, str]:
        """Environment values as the services' containers have them."""
        engine = await self._changes.engine()
        running = await engine.snapshot(revision.info.project)
        found: dict[KeyPath, str] = {}
        for path in paths:
            match path:
                case ("services", str(service), "environment", str(name)):
                    for container in running.of_service(ServiceName(service)):
                        value = (await engine.container_environment(container.id)).get(name)
                        if value is not None:
                            found[path] = value.replace("$", "$$")
                case _:
                    pass
        return found


_EXACTLY = UpOptions(pull="never", no_build=True, remove_orphans=True)
"""As it was: no image is made or fetched for it."""


def project_of(revision: Revision) -> ResolvedProject:
    """A revision's project; what is concealed stays so."""
    info = revision.info
    return restore(
        revision.document,
        working_dir=info.working_dir,
        files=info.files,
        disabled=info.disabled_services,
        profiles=info.profiles,
    )


def _with_values(revision: Revision, values: Mapping[KeyPath, str]) -> ResolvedProject:
    return project_of(revision.model_copy(update={"document": reveal(revision.document, values.get)}))


def _differing(revision: Revision, project: ResolvedProject) -> frozenset[str]:
    """The services that are not what they were when the revision was applied."""
    then = revision.info.services
    services = project.services.items()
    return frozenset(name for name, service in services if service.config_hash != then.get(name))


def essential_services(project: ResolvedProject) -> frozenset[ServiceName]:
    """The services marked `x-podkeeper: {essential: true}`, with all that they need."""
    marked = [name for name, service in project.services.items() if service.own.essential]
    return with_dependencies(project, marked)


def _pins(revision: Revision) -> dict[str, ImageId]:
    return dict(revision.info.images)


def _is_clean(summary: TransactionSummary) -> bool:
    return summary.phase is Phase.COMMITTED and not summary.recovered


def _is_torn(summary: TransactionSummary, ended: list[TransactionSummary]) -> bool:
    """Stuck, and nothing after it brought the stack to a known state again."""
    if summary.phase is not Phase.STUCK:
        return False
    later = (t for t in ended if t.started_at > summary.started_at)
    return not any(t.phase is Phase.COMMITTED for t in later)
