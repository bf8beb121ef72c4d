"""ProjectChanges: from a planner to its result, with everything around it that is the same for all verbs."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

from containers.event_integration import EngineProvider
from containers.execution.apply import LOCK_PATIENCE_S, Applied, Applier, RefusedError, Request
from containers.execution.lane import Lane
from containers.execution.looking import look
from containers.model.base import ImageId, ProjectName, ServiceName, TransactionId
from containers.model.diagnostics import Diagnostic
from containers.model.errors import ErrorCode, PodkeeperError
from containers.model.observed import ObservedNetwork, ObservedState, ObservedVolume
from containers.model.outcome import Committed, ComposeResult, Problem, Stuck
from containers.model.plan import Plan, Verb
from containers.model.project import ResolvedProject
from containers.model.revision import Revision, RevisionInfo
from containers.observation.statuses import statuses_of
from containers.planning import labels
from containers.planning.graph import namespace_hosts
from containers.ports.files import Fingerprints
from containers.ports.machine import Clock
from containers.ports.stores import RevisionStore
from containers.settings import Settings

InputsOf = Mapping[ServiceName, labels.Inputs]
Preflight = Callable[[ResolvedProject, Plan, ObservedState], Awaitable[tuple[Problem, ...]]]


_IDLE_LOOK_S: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeOptions:
    """How a verb that changes a stack is carried out."""

    timeout_s: float | None = None
    """For stopping a container; None: what it says itself."""
    gate_timeout_s: float | None = None
    """For a service to become ready; None: what its health check allows."""
    has_consent: bool = False
    """Whether the person agreed to what can not be undone."""
    lock_patience_s: float | None = None
    """How long another process's change is waited for; None: a moment."""
    queues: bool = True
    """Whether it waits for a change of this process, in which case it takes the place of one that waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is to become of a project."""

    verb: Verb
    project: ResolvedProject
    planner: Callable[[ObservedState, InputsOf], Plan]
    environment: str = ""
    diagnostics: tuple[Diagnostic, ...] = ()
    revises: Collection[ServiceName] | None = None
    """The services whose configuration is applied, so that they make a new revision; None: no revision."""
    is_gated: bool = True
    """Whether what is applied has passed every gate, so that one can rely on it later."""
    pins: Mapping[str, ImageId] = field(default_factory=dict)
    """What image references mean instead of what they mean now."""
    choices: ChangeOptions = ChangeOptions()


class ProjectChanges:
    """Carries out changes of one project, one at a time; a newer one takes the place of one that waits.

    Args:
        applier: carries out plans.
        engine: the engine, connected at first use.
        fingerprints: what contents are now.
        preflight: what to look at before anything is done; None looks at nothing.
        clock: time.
        settings: the defaults.
    """

    def __init__(
        self,
        *,
        applier: Applier,
        engine: EngineProvider,
        fingerprints: Fingerprints,
        preflight: Preflight | None,
        clock: Clock,
        settings: Settings,
    ) -> None:
        self.engine = engine
        self._applier = applier
        self._fingerprints = fingerprints
        self._preflight = preflight
        self._clock = clock
        self._settings = settings
        self._lane = Lane()

    @property
    def revisions(self) -> RevisionStore:
        """Where revisions are kept."""
        return self._applier.revisions

    @property
    def is_busy(self) -> bool:
        """Whether something is being applied."""
        return self._lane.is_busy

    async def until_idle(self) -> None:
        """Return once nothing is applied; it takes no place in the queue: that is for what people ask for."""
        while self._lane.is_busy:
            await self._clock.sleep(_IDLE_LOOK_S)

    async def is_left_open(self, project: ResolvedProject) -> bool:
        """Whether there is a change that nobody has ended.

        Raises:
            PodkeeperError: Podman can not be asked, or the journal can not be read.
        """
        engine = await self.engine()
        return bool(await self._applier.journal.unfinished(project.name, engine.store))

    def cancel(self, asker: "asyncio.Task[Any] | None" = None) -> bool:
        """Stop what is under way: nothing more is begun, and what was is undone. Safe at any time.

        Args:
            asker: stop only what this task asked for, which may still wait; None: whatever it is.

        Returns:
            Whether there was anything to stop. What has not come to its turn is not there yet.
        """
        if asker is not None and self._lane.withdraw(asker):
            return True
        if asker is not None and self._lane.is_busy and not self._lane.is_doing(asker):
            return False
        self._applier.cancel()
        return self._lane.is_busy

    async def inputs(self, project: ResolvedProject) -> InputsOf:
        """The fingerprints of the contents that services are given."""
        return await self._fingerprints.inputs(project)

    async def look(self, project: ResolvedProject) -> ObservedState:
        """One fresh look at the project and its images."""
        engine = await self.engine()
        return await look(engine, project.name, images_of(project))

    async def run(self, change: Change) -> ComposeResult:
        """Carry a change out; what goes wrong is in the result, never raised."""
        project = change.project
        try:
            applied = await self._lane.run(lambda: self._apply(change), waits=change.choices.queues)
        except RefusedError as error:
            return self._refused(change, error.problems)
        except PodkeeperError as error:
            return self._refused(change, (Problem.of_error(error),))
        outcome = applied.outcome
        problems: tuple[Problem, ...] = ()
        if not isinstance(outcome, Committed):
            problems = outcome.problems
            if isinstance(outcome, Stuck) and change.verb != "down":
                left = "; ".join(outcome.left)
                problems = (*problems, Problem(code=ErrorCode.ROLLBACK_FAILED, message=left))
        return ComposeResult(
            ok=isinstance(outcome, Committed),
            project=project.name,
            outcome=outcome,
            diagnostics=change.diagnostics,
            problems=problems,
            notices=applied.warnings,
            services=statuses_of(project, applied.after.containers, self._clock.now()),
        )

    @asynccontextmanager
    async def hold(self, project: ProjectName, verb: str) -> AsyncIterator[None]:
        """The project's lock, for a verb without a transaction.

        Raises:
            LockHeldError: another process has it, and goes on having it.
        """
        async with self._applier.hold(project, verb, LOCK_PATIENCE_S):
            yield

    async def prepare(self, project: ResolvedProject) -> None:
        """Find out ahead of time what an `up` would need; whatever is wrong is for that `up` to say."""
        with suppress(PodkeeperError):
            await self._applier.prepare(project)

    async def recover(self, project: ResolvedProject) -> tuple[Problem, ...]:
        """End what an earlier process has left open; what it came to, a problem each.

        Raises:
            PodkeeperError: the lock is held, or Podman can not be asked.
        """
        change = Change(verb="recover", project=project, planner=_no_plan)
        return await self._lane.run(lambda: self._applier.recover(self._request(change, {})))

    async def _apply(self, change: Change) -> Applied:
        self._applier.reset()
        inputs = await self._fingerprints.inputs(change.project)
        return await self._applier.apply(self._request(change, inputs))

    def _request(self, change: Change, inputs: InputsOf) -> Request:
        project, choices, settings = change.project, change.choices, self._settings
        if choices.timeout_s is not None:
            settings = settings.model_copy(update={"stop_timeout_s": choices.timeout_s})
        if choices.gate_timeout_s is not None:
            gate = settings.gate.model_copy(update={"limit_s": choices.gate_timeout_s})
            settings = settings.model_copy(update={"gate": gate})

        def new_labels(transaction: TransactionId) -> dict[ServiceName, Mapping[str, str]]:
            services = project.services.items()
            return {name: labels.of_service(s, transaction, inputs.get(name)) for name, s in services}

        async def check(plan: Plan, observed: ObservedState) -> tuple[Problem, ...]:
            if self._preflight is None:
                return ()
            return await self._preflight(project, plan, observed)

        async def revise(
            plan: Plan, observed: ObservedState, store: str, transaction: TransactionId
        ) -> Revision | None:
            return await self._revision(change, inputs, plan, observed, store, transaction)

        patience_s = LOCK_PATIENCE_S if choices.lock_patience_s is None else choices.lock_patience_s
        return Request(
            project=project,
            purpose=change.verb,
            planner=lambda observed: change.planner(observed, inputs),
            labels=new_labels,
            resource_labels=labels.of_resources(project),
            hosts={name: namespace_hosts(project, name) for name in project.services},
            images=images_of(project),
            pins=change.pins,
            environment=change.environment,
            check=check,
            revise=revise if change.revises is not None else None,
            has_consent=choices.has_consent,
            settings=settings,
            lock_patience_s=patience_s,
        )

    async def _revision(
        self,
        change: Change,
        inputs: InputsOf,
        plan: Plan,
        observed: ObservedState,
        store: str,
        transaction: TransactionId,
    ) -> Revision | None:
        """What the project is once the plan is done; None where the last revision says just that."""
        from containers.compose.concealing import conceal  # noqa: PLC0415  (start-up time)
        from containers.compose.hashing import digest  # noqa: PLC0415

        project, name = change.project, change.project.name
        previous = await self.revisions.latest(name, store)
        chosen = frozenset(change.revises or ())
        document = await asyncio.to_thread(conceal, project.document)
        services = {key: service.config_hash for key, service in project.services.items()}
        if not chosen >= project.services.keys():
            before = (await self.revisions.read(name, store, previous.number)).document if previous else {}
            document = overlay(before, document, chosen)
            kept = previous.services if previous else {}
            services = {key: services[key] if key in chosen else kept[key] for key in document["services"]}
        images = _images_of(document, observed, previous, change.pins)
        kept_inputs = previous.inputs if previous else {}
        given = _given(inputs, observed)
        mine = {
            key: dict(given.get(key, {}) if key in chosen else kept_inputs.get(key, {})) for key in services
        }
        made_from = {key: found for key, found in mine.items() if found}
        fingerprint = digest([document, services])
        if (
            previous is not None
            and (previous.fingerprint, previous.images, previous.inputs) == (fingerprint, images, made_from)
            and (previous.good or not change.is_gated)
            and plan.is_empty
        ):
            return None
        return Revision(
            info=RevisionInfo(
                project=name,
                store=store,
                number=await self.revisions.next_number(name, store),
                transaction=transaction,
                created_at=self._clock.now(),
                environment=change.environment,
                verb=change.verb,
                good=change.is_gated,
                working_dir=project.working_dir,
                files=project.files,
                profiles=project.profiles,
                services=services,
                disabled_services=tuple(
                    n for n in (*project.disabled_services, *project.services) if n not in services
                ),
                images=images,
                sources=await self._fingerprints.files(project.sources),
                inputs=made_from,
                resources=_resources_of(project, observed),
                fingerprint=fingerprint,
            ),
            document=document,
        )

    def _refused(self, change: Change, problems: tuple[Problem, ...]) -> ComposeResult:
        return ComposeResult(
            ok=False, project=change.project.name, diagnostics=change.diagnostics, problems=problems
        )


def overlay(
    before: Mapping[str, Any], now: Mapping[str, Any], chosen: Collection[ServiceName]
) -> dict[str, Any]:
    """The document as it is after only `chosen` were applied: the other services are as they were before."""
    old, new = before.get("services") or {}, now["services"]
    services = {key: part for key, part in old.items() if key not in chosen}
    services |= {key: part for key, part in new.items() if key in chosen}
    sections = ("networks", "volumes", "secrets", "configs")
    merged = {key: {**(before.get(key) or {}), **(now.get(key) or {})} for key in sections}
    rest = {key: part for key, part in merged.items() if part}
    return {**now, **rest, "services": dict(sorted(services.items()))}


def images_of(project: ResolvedProject) -> tuple[str, ...]:
    """Every image that the project's services run."""
    return tuple(dict.fromkeys(s.image for s in project.services.values()))


def _given(inputs: InputsOf, observed: ObservedState) -> dict[ServiceName, Mapping[str, str]]:
    """The contents that services have: what their containers were given, else what a new one would be."""
    found = {}
    for name, now in inputs.items():
        containers = (c for c in observed.of_service(name) if not c.is_left_over)
        noted = (labels.inputs_of(container) for container in containers)
        found[name] = next((given for given in noted if given is not None), now)
    return found


def _images_of(
    document: Mapping[str, Any],
    observed: ObservedState,
    previous: RevisionInfo | None,
    pins: Mapping[str, ImageId],
) -> dict[str, ImageId]:
    """What each reference means: what its service's container runs, else what it means here now."""
    found: dict[str, ImageId] = {}
    for name, service in document["services"].items():
        reference = str(service.get("image") or f"{document['name']}-{name}").replace("$$", "$")
        containers = observed.of_service(ServiceName(name))
        running = next((c.image_id for c in containers if not c.is_left_over), None)
        known = previous.images.get(reference) if previous else None
        image = running or pins.get(reference) or observed.images.get(reference) or known
        if image:
            found[reference] = image
    return found


def _resources_of(project: ResolvedProject, observed: ObservedState) -> dict[str, str]:
    """Which very networks and volumes the project has."""
    names = {r.name for r in (*project.networks.values(), *project.volumes.values())}
    found: tuple[ObservedNetwork | ObservedVolume, ...] = (*observed.networks, *observed.volumes)
    return {each.name: each.identity for each in found if each.name in names and each.identity}


def _no_plan(observed: ObservedState, _inputs: InputsOf) -> Plan:
    return Plan(project=observed.project, verb="recover")
