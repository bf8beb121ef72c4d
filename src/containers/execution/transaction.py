"""A plan being carried out: a parallel walk over its steps, then commit or rollback."""

import asyncio
import logging

from containers.execution.compensation import compensate
from containers.execution.context import Context
from containers.execution.gate import GateFailedError
from containers.execution.rollback import roll_back
from containers.execution.steps import perform
from containers.model.base import ContainerId, ServiceName, StepId
from containers.model.errors import EngineError, ErrorCode
from containers.model.events import StepFinished, StepStarted, TransactionFinished, TransactionStarted
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
from containers.model.plan import Gate, Plan, PullImage, RemoveContainer, ReplaceContainer, Step

log = logging.getLogger(__name__)

_NO_WAY_BACK = frozenset({"down"})
"""Verbs that go on past a failure, since there is nothing to go back to."""


async def carry_out(context: Context, plan: Plan, before: ObservedState) -> TransactionOutcome:
    """Carry out `plan`.

    A step begins when all that it needs is *done*. When one fails, or `context.stop` is set, no other is
    begun, those under way are let finish, and everything begun is undone, so the outcome is the new state
    or the old one. Containers that stepped aside are removed only once every gate has passed.
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
        self.started_at = context.clock.monotonic()

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
        for needed in step.needs:
            if needed in self.finished:
                await self.finished[needed].wait()
        ready = all(
            self._is_passed(n) or self._does_without(step, n) for n in step.needs if n in self.finished
        )
        if self.plan.verb in _NO_WAY_BACK:
            ready = True
        if not ready or (self.context.stop.is_set() and self.plan.verb not in _NO_WAY_BACK):
            outcome: StepOutcome = NotRun(step=step.id)
        else:
            outcome = await self._do(step)
        self.outcomes[step.id] = outcome
        if isinstance(outcome, Failed) and self._is_optional(step):
            self.context.warnings.append(_tolerated(outcome.problem))
        elif isinstance(outcome, Failed | Unknown) and self.plan.verb not in _NO_WAY_BACK:
            self.context.stop.set()
        self._tell_step_end(step, outcome)
        self.finished[step.id].set()

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

    def _is_optional(self, step: Step) -> bool:
        services = step.services if isinstance(step, PullImage) else (_service(step),)
        return all(service in self.plan.optional for service in services)

    async def _do(self, step: Step) -> StepOutcome:
        started = self.context.clock.monotonic()
        self._tell_step_begin(step)
        try:
            outcome: StepOutcome = await perform(self.context, step, self.running)
        except GateFailedError as error:
            outcome = self._judge_gate(step, error.problem)
        except EngineError as error:
            problem = Problem(
                code=error.code, message=str(error), remedy=error.remedy, service=_service(step)
            )
            lost = error.code in {ErrorCode.DAEMON_UNREACHABLE, ErrorCode.TIMEOUT}
            outcome = (Unknown if lost else Failed)(step=step.id, duration_s=0.0, problem=problem)
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
        if not problems and all(isinstance(o, Done) or self._is_optional(s) for s, o in pairs):
            await self._put_back_optional(outcomes)
            await self._remove_old(outcomes)
            return Committed(
                transaction=transaction,
                plan=plan,
                outcomes=outcomes,
                warnings=tuple(self.context.warnings),
                duration_s=self._elapsed(),
            )
        if not problems:
            problems = (Problem(code=ErrorCode.CANCELLED, message=f"{plan.verb} was cancelled"),)
        if plan.verb in _NO_WAY_BACK:
            left = tuple(p.message for p in problems)
        else:
            left = await roll_back(self.context, compensate(plan, outcomes), self.before)
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

    async def _put_back_optional(self, outcomes: tuple[StepOutcome, ...]) -> None:
        """The old containers of optional services whose replacement failed run again."""
        by_id = {o.step: o for o in outcomes}
        failed = {
            s.service
            for s in self.plan.steps
            if isinstance(s, ReplaceContainer) and not isinstance(by_id[s.id], Done)
        }
        if failed:
            steps = tuple(s for s in self.plan.steps if _service(s) in failed)
            undone = compensate(self.plan.model_copy(update={"steps": steps}), outcomes)
            left = await roll_back(self.context, undone, self.before)
            self.context.warnings.extend(
                Problem(code=ErrorCode.ROLLBACK_FAILED, message=message) for message in left
            )

    async def _remove_old(self, outcomes: tuple[StepOutcome, ...]) -> None:
        """Everything passed: what stepped aside is not needed any more."""
        by_id = {o.step: o for o in outcomes}
        for step in self.plan.steps:
            if isinstance(step, ReplaceContainer) and isinstance(by_id[step.id], Done):
                try:
                    await self.context.engine.remove_container(step.old, volumes=False)
                except EngineError as error:
                    log.warning("could not remove the replaced container of %s: %s", step.name, error)
                    message = f"the replaced container of {step.name} could not be removed: {error}"
                    self.context.warnings.append(
                        Problem(code=error.code, message=message, service=step.service)
                    )

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


def _tolerated(problem: Problem) -> Problem:
    return problem.model_copy(update={"message": f"{problem.message} (its dependents do without it)"})


def _service(step: Step) -> ServiceName | None:
    return getattr(step, "service", None)


def _subject(step: Step) -> str:
    return str(getattr(step, "name", "") or getattr(step, "image", "") or getattr(step, "service", ""))
