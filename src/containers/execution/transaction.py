"""A plan being carried out: a parallel walk over its steps, then commit or rollback."""

import asyncio
import logging

from containers.execution.context import Context
from containers.execution.gate import GateFailedError
from containers.execution.readying import EarlyServices, Readying
from containers.execution.recovery import FORWARD_ONLY
from containers.execution.rollback import roll_back
from containers.execution.steps import perform
from containers.model.base import ContainerId, ServiceName, StepId
from containers.model.errors import EngineError, ErrorCode, PodkeeperError, StateError
from containers.model.events import StepFinished, StepStarted, TransactionFinished, TransactionStarted
from containers.model.journal import Phase
from containers.model.observed import ObservedState
from containers.model.outcome import (
    Committed,
    Done,
    Failed,
    NotRun,
    Problem,
    RolledBack,
    StepOutcome,
    Stuck,
    TransactionOutcome,
    Unknown,
)
from containers.model.plan import (
    PASSIVE_KINDS,
    Gate,
    Plan,
    PullImage,
    RemoveContainer,
    ReplaceContainer,
    StartContainer,
    Step,
)

log = logging.getLogger(__name__)

_FIRST_WAIT_S = 0.2
_LONGEST_WAIT_S = 2.0


async def carry_out(context: Context, plan: Plan, before: ObservedState) -> TransactionOutcome:
    """Carry out `plan`.

    A step begins when all that it needs is *done*. When one fails, or `context.stop` is set, no other is
    begun, those under way are let finish, and everything begun is undone, so the outcome is the new state
    or the old one. What is not needed any more is removed only once every gate has passed. Every step is in
    the journal before it is done and after it, so that a later process can end what this one can not.
    """
    return await _Transaction(context, plan, before).run()


class _Transaction:
    def __init__(self, context: Context, plan: Plan, before: ObservedState) -> None:
        self.context = context
        self.plan = plan
        self.before = before
        self.outcomes: dict[StepId, StepOutcome] = {}
        self.finished = {step.id: asyncio.Event() for step in plan.steps}
        self.running: dict[tuple[ServiceName, int], ContainerId] = {
            (c.service, c.number): c.id for c in reversed(before.containers)
        }
        self.by_id = {step.id: step for step in plan.steps}
        self.early = EarlyServices(context, plan, before)
        self.started_at = context.clock.monotonic()
        self.is_committing = False
        self._commitment: asyncio.Future[PodkeeperError | None] | None = None
        """Whether it could be noted that there is no way back; asked once, by whoever comes first."""

    async def run(self) -> TransactionOutcome:
        self._tell_begin()
        async with asyncio.TaskGroup() as group:
            self.context.group = group
            for step in self.plan.steps:
                group.create_task(self._when_ready(step), name=step.id)
        outcome = await self._conclude()
        self._tell_end(outcome)
        return outcome

    async def _when_ready(self, step: Step) -> None:
        await self._wait_for(step)
        ready = all(
            self._is_passed(n) or self._does_without(step, n) for n in step.needs if n in self.finished
        )
        if self.plan.verb in FORWARD_ONLY:
            ready = True
        is_stopped = self.context.stop.is_set() and not self.is_committing
        if not ready or (is_stopped and self.plan.verb not in FORWARD_ONLY):
            outcome: StepOutcome = NotRun(step=step.id)
        else:
            outcome = await self._do(step)
        self.outcomes[step.id] = outcome
        if not isinstance(outcome, NotRun) and self._is_journalled(step):
            self.context.journal.step_ended(self.context.transaction, outcome)
        if isinstance(outcome, Failed | Unknown) and self._is_afterwards(step):
            self.context.warnings.append(outcome.problem)
        elif isinstance(outcome, Failed) and self._is_optional(step):
            self.context.warnings.append(_tolerated(outcome.problem))
        elif isinstance(outcome, Failed | Unknown) and self.plan.verb not in FORWARD_ONLY:
            self.context.stop.set()
        self._tell_step_end(step, outcome)
        self.finished[step.id].set()

    async def _wait_for(self, step: Step) -> None:
        """Wait for all that a step needs; a new container is made ready meanwhile."""
        readying = Readying(self.context, self.early)
        for earlier in (*step.needs, *step.after):
            if earlier in self.finished:
                await self.finished[earlier].wait()
            if isinstance(step, StartContainer) and earlier == step.created_by:
                made = self.context.containers.get(earlier)
                if made is not None:
                    readying.begin(step.service, made)
        await readying.end()
        if isinstance(step, StartContainer):
            await self.early.before_start(step.service)

    def _is_passed(self, needed: StepId) -> bool:
        return isinstance(self.outcomes[needed], Done)

    def _does_without(self, step: Step, needed: StepId) -> bool:
        """Whether a step may begin although one that it needs has failed: others' optional services."""
        other = self.by_id[needed]
        if not self._is_optional(other) or not isinstance(self.outcomes[needed], Failed | NotRun):
            return False
        mine, service = _service(step), _service(other)
        if mine is None or isinstance(step, RemoveContainer):
            return True
        config = self.context.project.services.get(mine) if self.context.project else None
        dependency = config.depends_on.get(service) if config and service else None
        return dependency is not None and not dependency.required

    def _is_journalled(self, step: Step) -> bool:
        """Looking and keeping need no account."""
        return step.kind not in PASSIVE_KINDS and not self.plan.is_empty

    def _is_afterwards(self, step: Step) -> bool:
        """Whether a step only tidies up, after everything has passed: its failure fails nothing."""
        return self._tidies_up(step) and self.is_committing

    def _tidies_up(self, step: Step) -> bool:
        is_removal = isinstance(step, RemoveContainer) and not step.makes_way
        return is_removal and self.plan.verb not in FORWARD_ONLY

    async def _write_down(self, step: Step) -> None:
        """Note that a step is about to be done; before the first removal, that there is no way back.

        Raises:
            PodkeeperError: it can not be noted, so it must not be done.
        """
        journal, transaction = self.context.journal, self.context.transaction
        if self._tidies_up(step):
            await self._commit()
        await journal.step_begun(transaction, step.id)

    async def _commit(self) -> None:
        """Everything has passed: from here on there is no way back. Several removals may come here at once.

        Raises:
            PodkeeperError: that could not be noted, so it is not so.
        """
        if self.plan.is_empty:
            return
        if self._commitment is None:
            self._commitment = asyncio.get_running_loop().create_future()
            self._commitment.set_result(await self._try_to_commit())
        if (error := await self._commitment) is not None:
            raise error

    def _late(self) -> tuple[Problem, ...]:
        """What failed after its step was done; what others can do without is only warned about."""
        late = self.context.late
        tolerated = [p for p in late if p.service in self.plan.optional]
        self.context.warnings.extend(w for w in map(_tolerated, tolerated) if w not in self.context.warnings)
        return tuple(p for p in late if p not in tolerated)

    async def _try_to_commit(self) -> PodkeeperError | None:
        context = self.context
        for task in context.pending:
            await task
        if late := self._late():
            return EngineError(late[0].code, late[0].message, service=late[0].service)
        try:
            await self._put_back_optional()
            revision = await context.before_commit() if context.before_commit else None
            await context.journal.enter(context.transaction, Phase.COMMITTING, revision)
        except PodkeeperError as error:
            return error
        self.is_committing = True
        return None

    def _is_optional(self, step: Step) -> bool:
        services = step.services if isinstance(step, PullImage) else (_service(step),)
        return all(service in self.plan.optional for service in services)

    async def _do(self, step: Step) -> StepOutcome:
        started = self.context.clock.monotonic()
        self._tell_step_begin(step)
        try:
            if self._is_journalled(step):
                await self._write_down(step)
            outcome: StepOutcome = await perform(self.context, step, self.running)
        except GateFailedError as error:
            outcome = self._judge_gate(step, error.problem)
        except PodkeeperError as error:
            outcome = _outcome_of(step, error)
        if isinstance(outcome, NotRun):
            return outcome
        return outcome.model_copy(update={"duration_s": self.context.clock.monotonic() - started})

    def _judge_gate(self, step: Step, problem: Problem) -> StepOutcome:
        if isinstance(step, Gate) and not step.required and not self._is_optional(step):
            self.context.warnings.append(_tolerated(problem))
            return Done(step=step.id, duration_s=0.0)
        return Failed(step=step.id, duration_s=0.0, problem=problem)

    async def _conclude(self) -> TransactionOutcome:
        outcomes = tuple(self.outcomes[s.id] for s in self.plan.steps)
        transaction, plan = self.context.transaction, self.plan
        pairs = tuple(zip(plan.steps, outcomes, strict=True))
        problems = tuple(
            o.problem
            for s, o in pairs
            if isinstance(o, Unknown) or (isinstance(o, Failed) and not self._is_optional(s))
        )
        problems = tuple(p for p in (*problems, *self._late()) if p not in self.context.warnings)
        is_done = all(isinstance(o, Done) or self._is_optional(s) or self._is_afterwards(s) for s, o in pairs)
        if not problems and is_done:
            problems = await self._settle(outcomes)
        if not problems and is_done:
            return Committed(
                transaction=transaction,
                plan=plan,
                outcomes=outcomes,
                warnings=tuple(self.context.warnings),
                duration_s=self._elapsed(),
            )
        if not problems:
            problems = (Problem(code=ErrorCode.CANCELLED, message=f"{plan.verb} was cancelled"),)
        if plan.verb in FORWARD_ONLY or plan.is_empty:
            left = tuple(p.message for p in problems) if plan.verb in FORWARD_ONLY else ()
        else:
            left = await self._roll_back()
        if left:
            return Stuck(
                transaction=transaction,
                plan=plan,
                outcomes=outcomes,
                problems=problems,
                left=left,
                duration_s=self._elapsed(),
            )
        return RolledBack(
            transaction=transaction,
            plan=plan,
            outcomes=outcomes,
            problems=problems,
            duration_s=self._elapsed(),
        )

    async def _settle(self, outcomes: tuple[StepOutcome, ...]) -> tuple[Problem, ...]:
        """Everything passed: take leave of what was there before; what keeps that from beginning."""
        try:
            await self._commit()
        except PodkeeperError as error:
            return (Problem.of_error(error),)
        await self._remove_old(outcomes)
        return ()

    async def _roll_back(self) -> tuple[str, ...]:
        """Undo everything; what could not be undone, a sentence each. Nothing stops this but a kill."""
        self.context.stop = asyncio.Event()
        try:
            await self.context.journal.enter(self.context.transaction, Phase.ROLLING_BACK)
        except StateError as error:  # the way back must not depend on there being room for a note
            log.info("could not note the rollback", exc_info=error)
        return await roll_back(self.context, self.plan, self.before)

    async def _put_back_optional(self) -> None:
        """The old containers of optional services whose replacement failed run again."""
        failed = {
            s.service
            for s in self.plan.steps
            if isinstance(s, ReplaceContainer) and not isinstance(self.outcomes[s.id], Done)
        }
        if failed:
            left = await roll_back(self.context, self.plan, self.before, services=failed)
            self.context.warnings.extend(
                Problem(code=ErrorCode.ROLLBACK_FAILED, message=message) for message in left
            )

    async def _remove_old(self, outcomes: tuple[StepOutcome, ...]) -> None:
        """Everything passed: what stepped aside is not needed any more."""
        by_id = {o.step: o for o in outcomes}
        replaced = [s for s in self.plan.steps if isinstance(s, ReplaceContainer)]
        done = [s for s in replaced if isinstance(by_id[s.id], Done)]
        depths = self.context.depths
        # Podman removes no container that another one is bound to, so dependents go first.
        for depth in sorted({depths.get(s.service, 0) for s in done}, reverse=True):
            async with asyncio.TaskGroup() as group:
                for step in done:
                    if depths.get(step.service, 0) == depth:
                        group.create_task(self._remove_one(step))

    async def _remove_one(self, step: ReplaceContainer) -> None:
        """Podman may be restarting just now, so more than once."""
        wait_s = _FIRST_WAIT_S
        while True:
            try:
                async with self.context.slots:
                    await self.context.engine.remove_container(step.old, volumes=False)
            except EngineError as error:
                if error.is_transient and wait_s <= _LONGEST_WAIT_S:
                    await self.context.clock.sleep(wait_s)
                    wait_s *= 2
                    continue
                self.context.is_unfinished = self.context.is_unfinished or error.is_transient
                log.warning("could not remove the replaced container of %s: %s", step.name, error)
                message = f"the replaced container of {step.name} could not be removed: {error}"
                self.context.warnings.append(Problem(code=error.code, message=message, service=step.service))
            return

    def _elapsed(self) -> float:
        return self.context.clock.monotonic() - self.started_at

    def _common(self) -> dict[str, object]:
        return {
            "at": self.context.clock.now(),
            "source": "transaction",
            "project": self.plan.project,
            "cause": self.context.transaction,
        }

    def _tell_begin(self) -> None:
        self.context.publisher.publish(
            TransactionStarted.model_validate(
                {**self._common(), "verb": self.plan.verb, "steps": len(self.plan.changes)}
            )
        )

    def _tell_step_begin(self, step: Step) -> None:
        self.context.publisher.publish(
            StepStarted.model_validate(
                {
                    **self._common(),
                    "step": step.id,
                    "step_kind": step.kind,
                    "service": _service(step),
                    "subject": _subject(step),
                }
            )
        )

    def _tell_step_end(self, step: Step, outcome: StepOutcome) -> None:
        problem = outcome.problem if isinstance(outcome, Failed | Unknown) else None
        self.context.publisher.publish(
            StepFinished.model_validate(
                {
                    **self._common(),
                    "step": step.id,
                    "step_kind": step.kind,
                    "service": _service(step),
                    "subject": _subject(step),
                    "outcome": outcome.kind,
                    "duration_s": 0.0 if isinstance(outcome, NotRun) else outcome.duration_s,
                    "message": problem.message if problem else "",
                }
            )
        )

    def _tell_end(self, outcome: TransactionOutcome) -> None:
        message = "" if isinstance(outcome, Committed) else outcome.problems[0].message
        self.context.publisher.publish(
            TransactionFinished.model_validate(
                {
                    **self._common(),
                    "verb": self.plan.verb,
                    "outcome": outcome.kind,
                    "duration_s": outcome.duration_s,
                    "message": message,
                }
            )
        )


def _outcome_of(step: Step, error: PodkeeperError) -> StepOutcome:
    """Failed; or unknown, where Podman did not say and may have done it all the same."""
    problem = Problem(code=error.code, message=str(error), remedy=error.remedy, service=_service(step))
    lost = error.code in {ErrorCode.DAEMON_UNREACHABLE, ErrorCode.TIMEOUT}
    return (Unknown if lost else Failed)(step=step.id, duration_s=0.0, problem=problem)


def _tolerated(problem: Problem) -> Problem:
    return problem.model_copy(update={"message": f"{problem.message} (its dependents do without it)"})


def _service(step: Step) -> ServiceName | None:
    return getattr(step, "service", None)


def _subject(step: Step) -> str:
    return str(getattr(step, "name", "") or getattr(step, "image", "") or getattr(step, "service", ""))
