"""From a plan to its outcome: lock, recovery of what was left, one look, plan, journal, revision."""

import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

from ulid import ULID

from containers.execution.ahead import ahead
from containers.execution.context import Context
from containers.execution.looking import look
from containers.execution.recovery import FORWARD_ONLY, recover
from containers.execution.transaction import carry_out
from containers.model.base import ImageId, ProjectName, ServiceName, TransactionId
from containers.model.errors import EngineError, ErrorCode, LockHeldError, PodkeeperError, StateError
from containers.model.events import PlanComputed, TransactionRecovered
from containers.model.journal import NOBODY, JournalRecord, OpenTransaction, Phase
from containers.model.observed import ObservedState
from containers.model.outcome import Committed, Problem, RolledBack, Stuck, TransactionOutcome
from containers.model.plan import CreateContainer, Plan
from containers.model.project import ResolvedProject
from containers.model.revision import Revision
from containers.ports.engine import ContainerEngine
from containers.ports.events import EventPublisher
from containers.ports.machine import Clock
from containers.ports.processes import ProjectLocks
from containers.ports.stores import Journal, RevisionStore
from containers.ports.translation import ComposeTranslator, Translation
from containers.settings import Settings

log = logging.getLogger(__name__)

LOCK_PATIENCE_S = 3.0
"""A monitor's restart holds the lock for a second or two; an apply holds it longer, and is named."""
_LOCK_RETRY_S = 0.1
_OUTCOMES: Mapping[Phase, Literal["committed", "rolled_back", "stuck"]] = {
    Phase.COMMITTED: "committed",
    Phase.ROLLED_BACK: "rolled_back",
    Phase.STUCK: "stuck",
}
_OFTEN_CREATING = frozenset({"up", "create", "rollback", "reconcile"})
"""Verbs for which the translation is begun while it is looked at what runs."""
_TIDYING = frozenset({"remove_container", "remove_network", "remove_volume", "replace_container"})
"""Steps of which a part comes after the transaction is committed."""
_CREATING = frozenset({"create_network", "create_volume", "create_container"})

Check = Callable[[Plan, ObservedState], Awaitable[tuple[Problem, ...]]]
Revise = Callable[[Plan, ObservedState, str, TransactionId], Awaitable[Revision | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One thing to be carried out."""

    project: ResolvedProject
    purpose: str
    """What the lock is held for."""
    planner: Callable[[ObservedState], Plan]
    labels: Callable[[TransactionId], Mapping[ServiceName, Mapping[str, str]]]
    """What new containers are labelled with."""
    resource_labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    hosts: Mapping[ServiceName, frozenset[ServiceName]] = field(default_factory=dict)
    images: Sequence[str] = ()
    """References to look for."""
    pins: Mapping[str, ImageId] = field(default_factory=dict)
    """What references mean instead of what they mean now."""
    environment: str = ""
    check: Check | None = None
    """What to look at between planning and doing; errors it finds keep everything from being done."""
    revise: Revise | None = None
    """Makes the revision that a committed plan becomes; None where it becomes none."""
    has_consent: bool = False
    """Whether the person agreed to what can not be undone."""
    settings: Settings
    lock_patience_s: float = LOCK_PATIENCE_S


@dataclass(frozen=True, slots=True)
class Applied:
    """What came of a request."""

    outcome: TransactionOutcome
    after: ObservedState
    warnings: tuple[Problem, ...] = ()


class RefusedError(PodkeeperError):
    """What was looked at before anything was done keeps it from being done."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        """Keep all that was found; the first speaks for all."""
        first = problems[0]
        super().__init__(first.code, first.message, remedy=first.remedy, service=first.service)
        self.problems = problems


class Applier:
    """The one way in which anything is changed."""

    def __init__(
        self,
        *,
        engine: Callable[[], Awaitable[ContainerEngine]],
        translator: Callable[[], ComposeTranslator],
        locks: ProjectLocks,
        journal: Journal,
        revisions: RevisionStore,
        publisher: EventPublisher,
        clock: Clock,
    ) -> None:
        self.revisions = revisions
        self.journal = journal
        self._engine = engine
        self._translator = translator
        self._locks = locks
        self._publisher = publisher
        self._clock = clock
        self._context: Context | None = None
        self._is_cancelled = False

    def reset(self) -> None:
        """Forget that something was cancelled: what comes now is another thing."""
        self._is_cancelled = False

    def cancel(self) -> None:
        """Stop what is under way: nothing more is begun, and what was is undone. Safe at any time."""
        self._is_cancelled = True
        if self._context is not None:
            self._context.stop.set()

    async def apply(self, request: Request) -> Applied:
        """Carry out a request.

        Raises:
            PodkeeperError: nothing was done: the lock is held, the files or Podman keep it from being done
                (`RefusedError` with all reasons), or somebody has to agree first (`confirmation_needed`).
        """
        engine = await self._engine()
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._held(request))
            warnings = await self._recover(request, engine)
            translated = await self._translated(stack, request, engine)
            observed = await self._look(engine, request)
            plan = request.planner(observed)
            self._tell_plan(plan)
            if plan.irreversible and not request.has_consent:
                raise PodkeeperError(
                    ErrorCode.CONFIRMATION_NEEDED,
                    "; ".join(plan.irreversible),
                    remedy="Say `-y` to have it done all the same.",
                )
            if request.check is not None and not plan.is_empty:
                found = await request.check(plan, observed)
                if found:
                    raise RefusedError(found)
            creates = any(s.kind in _CREATING for s in plan.steps)
            translation = await translated() if creates else None
            if translation is not None:
                made = {s.service for s in plan.steps if isinstance(s, CreateContainer)}
                recipes = [recipe for name, recipe in translation.containers.items() if name in made]
                await stack.enter_async_context(ahead(engine.prepare_creating(recipes)))
            context = self._context_of(request, TransactionId(str(ULID())), engine, translation)
            applied = await self._carry_out(request, context, plan, observed)
        return Applied(applied.outcome, applied.after, (*warnings, *applied.warnings))

    async def recover(self, request: Request) -> tuple[Problem, ...]:
        """End what an earlier process has left open, and nothing else; what it came to, a problem each."""
        engine = await self._engine()
        async with self._held(request):
            return await self._recover(request, engine)

    def _held(self, request: Request) -> AbstractAsyncContextManager[None]:
        return self.hold(request.project.name, request.purpose, request.lock_patience_s)

    async def prepare(self, project: ResolvedProject) -> None:
        """Find out what an `up` would need that does not depend on what runs, so that it takes less time.

        Raises:
            PodkeeperError: whatever is wrong; that `up` will say the same.
        """
        engine = await self._engine()
        translation = await self._translator().translate(project, engine.version)
        await engine.prepare_creating(translation.containers.values())

    async def _translated(
        self, stack: AsyncExitStack, request: Request, engine: ContainerEngine
    ) -> Callable[[], Awaitable[Translation]]:
        """What gives the translation; it is begun beside looking at what runs where it is often needed."""

        async def translate() -> Translation:
            return await self._translator().translate(request.project, engine.version)

        if request.purpose in _OFTEN_CREATING:
            return await stack.enter_async_context(ahead(translate()))
        return translate

    async def _carry_out(
        self, request: Request, context: Context, plan: Plan, observed: ObservedState
    ) -> Applied:
        """Within the journal, and with the revision that it makes."""
        if not plan.is_empty:
            await self.journal.begin(
                JournalRecord(
                    transaction=context.transaction,
                    project=request.project.name,
                    store=context.engine.store,
                    plan=plan,
                    before=observed,
                    started_at=self._clock.now(),
                    pid=os.getpid(),
                    environment=request.environment,
                )
            )
        revision: int | None = None
        seen: ObservedState | None = None

        async def before_commit() -> int | None:
            nonlocal revision, seen
            if request.revise is not None:
                seen = await context.engine.snapshot(request.project.name, request.images)
                revision = await self._stage(request.revise, context, plan, seen)
            return revision

        context.before_commit = before_commit
        self._context = context
        if self._is_cancelled:
            context.stop.set()
        try:
            outcome = await carry_out(context, plan, observed)
        finally:
            self._context = None
        if plan.is_empty and isinstance(outcome, Committed):
            await before_commit()
        after = observed
        warnings: tuple[Problem, ...] = ()
        if (
            seen is not None
            and isinstance(outcome, Committed)
            and not _TIDYING & {s.kind for s in plan.steps}
        ):
            after = seen  # nothing was done since
        elif not plan.is_empty:
            try:
                after = await context.engine.snapshot(request.project.name)
            except EngineError as error:  # what came of it must be told all the same
                log.info("could not look at what came of %s", outcome.transaction, exc_info=error)
                warnings = (Problem.of_error(error),)
        problem = await self._conclude(
            outcome,
            revision,
            context.engine.store,
            plan,
            is_for_later=context.is_unfinished and plan.verb not in FORWARD_ONLY,
        )
        if problem is not None and isinstance(outcome, Committed):
            outcome = outcome.model_copy(update={"warnings": (*outcome.warnings, problem)})
        return Applied(outcome, after, warnings)

    async def _stage(self, revise: Revise, context: Context, plan: Plan, now: ObservedState) -> int | None:
        """Write the revision that there is now; its number, if there is a new one."""
        revision = await revise(plan, now, context.engine.store, context.transaction)
        if revision is None:
            return None
        await self.revisions.stage(revision)
        return revision.info.number

    async def _conclude(
        self,
        outcome: TransactionOutcome,
        revision: int | None,
        store: str,
        plan: Plan,
        *,
        is_for_later: bool,
    ) -> Problem | None:
        """Note how it ended; what can not be noted is ended by the next that looks.

        So is what Podman was gone for too long to put back or tidy up (`is_for_later`).
        """
        phases = {Committed: Phase.COMMITTED, RolledBack: Phase.ROLLED_BACK, Stuck: Phase.STUCK}
        message = "" if isinstance(outcome, Committed) else outcome.problems[0].message
        try:
            if revision is not None and isinstance(outcome, Committed):
                await self.revisions.keep(plan.project, store, revision)
            elif revision is not None:
                await self.revisions.drop_staged(plan.project, store)
            if not plan.is_empty and not is_for_later:
                await self.journal.conclude(outcome.transaction, phases[type(outcome)], message)
            elif not plan.is_empty:
                await self.journal.held_by(outcome.transaction, NOBODY)
        except StateError as error:
            log.info("could not note the end of %s", outcome.transaction, exc_info=error)
            return Problem.of_error(error)
        return None

    async def _recover(self, request: Request, engine: ContainerEngine) -> tuple[Problem, ...]:
        """End every transaction that was left open; a person hears what came of each."""
        name = request.project.name
        told = []
        unfinished = await self.journal.unfinished(name, engine.store)
        if not unfinished:
            # left by one that was killed with nothing to change, and therefore no transaction
            await self.revisions.drop_staged(name, engine.store)
        for found in unfinished:
            record = found.record
            context = self._context_of(request, record.transaction, engine, None)
            await self.journal.held_by(record.transaction, os.getpid())
            phase, left = await recover(context, found)
            if context.is_unfinished:
                await self.journal.held_by(record.transaction, NOBODY)
                told.append(
                    Problem(code=ErrorCode.ROLLBACK_FAILED, message=_recovery_message(found, phase, left))
                )
                continue
            if phase is Phase.COMMITTED and found.revision is not None:
                await self.revisions.keep(name, engine.store, found.revision)
            elif phase is not Phase.COMMITTED:
                await self.revisions.drop_staged(name, engine.store)
            message = _recovery_message(found, phase, left)
            await self.journal.conclude(record.transaction, phase, message, recovered=True)
            self._publisher.publish(
                TransactionRecovered(
                    at=self._clock.now(),
                    source="transaction",
                    project=name,
                    cause=record.transaction,
                    verb=record.plan.verb,
                    outcome=_OUTCOMES[phase],
                    message=message,
                )
            )
            code = ErrorCode.ROLLBACK_FAILED if left else ErrorCode.INTERRUPTED
            told.append(Problem(code=code, message=message))
        return tuple(told)

    def _context_of(
        self,
        request: Request,
        transaction: TransactionId,
        engine: ContainerEngine,
        translation: Translation | None,
    ) -> Context:
        return Context(
            transaction=transaction,
            project=request.project,
            translation=translation,
            labels={str(name): found for name, found in request.labels(transaction).items()},
            resource_labels=request.resource_labels,
            pins=request.pins,
            hosts=request.hosts,
            engine=engine,
            journal=self.journal,
            publisher=self._publisher,
            clock=self._clock,
            settings=request.settings,
        )

    async def _look(self, engine: ContainerEngine, request: Request) -> ObservedState:
        pins = request.pins
        observed = await look(engine, request.project.name, (*request.images, *pins.values()))
        for reference, image in pins.items():
            if image not in observed.images:
                raise PodkeeperError(
                    ErrorCode.IMAGE_NOT_FOUND,
                    f"the image that {reference} was then, {image[:12]}, is not here any more",
                    remedy="Choose another revision: `podkeeper selftest --all` tells which are complete.",
                )
        return observed.model_copy(update={"images": {**observed.images, **request.pins}})

    @asynccontextmanager
    async def hold(self, project: ProjectName, purpose: str, patience_s: float) -> AsyncIterator[None]:
        """The project's lock; one that is held for a monitor's restart is soon free again.

        Raises:
            LockHeldError: it was not free within `patience_s`.
        """
        deadline = self._clock.monotonic() + patience_s
        async with AsyncExitStack() as stack:
            while True:
                try:
                    await stack.enter_async_context(self._locks.hold(project, purpose))
                except LockHeldError:
                    if self._clock.monotonic() >= deadline or self._is_cancelled:
                        raise
                    await self._clock.sleep(_LOCK_RETRY_S)
                else:
                    break
            yield

    def _tell_plan(self, plan: Plan) -> None:
        self._publisher.publish(
            PlanComputed(
                at=self._clock.now(),
                source="transaction",
                project=plan.project,
                verb=plan.verb,
                changes=len(plan.changes),
            )
        )


def _recovery_message(found: OpenTransaction, phase: Phase, left: tuple[str, ...]) -> str:
    record = found.record
    what = f"{record.plan.verb} of {record.started_at.astimezone():%Y-%m-%d %H:%M:%S}, whose process ended"
    if left:
        return f"the {what}, could not be put right: {'; '.join(left)}"
    if phase is Phase.COMMITTED:
        return f"the {what}, was completed"
    return f"the {what}, was undone: everything is as it was before it"
