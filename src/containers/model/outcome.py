"""What came of a plan: of each step, and of the whole."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

from containers.model.base import ContainerId, Model, ServiceName, StepId, TransactionId
from containers.model.diagnostics import Diagnostic, Severity
from containers.model.errors import ErrorCode, PodkeeperError
from containers.model.health import HealthState
from containers.model.observed import ContainerState, PublishedPort
from containers.model.plan import Plan


class Problem(Model):
    """One failure, as every face shows it."""

    code: ErrorCode
    message: str
    remedy: str = ""
    service: ServiceName | None = None
    log_tail: tuple[str, ...] = ()
    """The last lines of the service's log, where they help."""
    check_output: str = ""
    """What the last health check printed."""

    @classmethod
    def of_error(cls, error: PodkeeperError) -> "Problem":
        """An error that was raised."""
        service = ServiceName(error.service) if error.service else None
        return cls(code=error.code, message=str(error), remedy=error.remedy, service=service)

    @classmethod
    def interrupted(cls, message: str) -> "Problem":
        """Something whose end nobody saw."""
        return cls(code=ErrorCode.INTERRUPTED, message=message)

    @classmethod
    def of_diagnostic(cls, diagnostic: Diagnostic) -> "Problem":
        """Something wrong in a file; the message begins with the place."""
        place = f"{diagnostic.location}: " if diagnostic.location else ""
        service = ServiceName(diagnostic.service) if diagnostic.service else None
        return cls(
            code=diagnostic.code,
            message=f"{place}{diagnostic.message}",
            remedy=diagnostic.hint or "",
            service=service,
        )


class Done(Model):
    """The step did what it says."""

    kind: Literal["done"] = "done"
    step: StepId
    duration_s: float
    container: ContainerId | None = None
    """The container it made or touched."""
    created: bool = True
    """False where what was to be made was there already, so that undoing must leave it."""


class Failed(Model):
    """The step did not happen, and left nothing."""

    kind: Literal["failed"] = "failed"
    step: StepId
    duration_s: float
    problem: Problem


class Unknown(Model):
    """Nobody knows whether the step happened: cancelled under way, or the engine went away."""

    kind: Literal["unknown"] = "unknown"
    step: StepId
    duration_s: float
    problem: Problem


class NotRun(Model):
    """The step was not begun, because one that it needs did not end well or the whole was stopped."""

    kind: Literal["not_run"] = "not_run"
    step: StepId


StepOutcome: TypeAlias = Annotated[Done | Failed | Unknown | NotRun, Field(discriminator="kind")]


class Committed(Model):
    """Every step is done and every gate passed."""

    kind: Literal["committed"] = "committed"
    transaction: TransactionId
    plan: Plan
    outcomes: tuple[StepOutcome, ...]
    warnings: tuple[Problem, ...] = ()
    duration_s: float


class RolledBack(Model):
    """Something failed, and everything is as it was before."""

    kind: Literal["rolled_back"] = "rolled_back"
    transaction: TransactionId
    plan: Plan
    outcomes: tuple[StepOutcome, ...]
    problems: tuple[Problem, ...]
    duration_s: float


class Stuck(Model):
    """Something failed, and undoing it failed too: the message says what is left."""

    kind: Literal["stuck"] = "stuck"
    transaction: TransactionId
    plan: Plan
    outcomes: tuple[StepOutcome, ...]
    problems: tuple[Problem, ...]
    left: tuple[str, ...]
    """What a person has to look at, one sentence each."""
    duration_s: float


TransactionOutcome: TypeAlias = Annotated[Committed | RolledBack | Stuck, Field(discriminator="kind")]


class ServiceStatus(Model):
    """One service as `ps` shows it; also one that has no container yet."""

    service: ServiceName
    container: str = ""
    """The container's name; empty when there is none."""
    container_id: ContainerId | None = None
    state: ContainerState | Literal["absent"] = "absent"
    health: HealthState = HealthState.NONE
    image: str = ""
    ports: tuple[PublishedPort, ...] = ()
    exit_code: int | None = None
    uptime_s: float = 0.0
    one_shot: bool = False
    """Whether dependents wait for it to complete, so that having exited with 0 is well."""

    @property
    def is_well(self) -> bool:
        """Running and not unhealthy, or done."""
        if self.state is ContainerState.RUNNING:
            return self.health in {HealthState.NONE, HealthState.HEALTHY}
        return self.state is ContainerState.EXITED and self.exit_code == 0 and self.one_shot


class ComposeResult(Model):
    """The answer of every verb that changes a stack."""

    ok: bool
    project: str
    outcome: TransactionOutcome | None = None
    """None where it did not come to a transaction."""
    diagnostics: tuple[Diagnostic, ...] = ()
    problems: tuple[Problem, ...] = ()
    notices: tuple[Problem, ...] = ()
    """What had to be seen to first: changes that an earlier process left half done."""
    services: Mapping[ServiceName, ServiceStatus] = {}
    """The state afterwards, of every service."""

    @classmethod
    def refused(cls, project: str, diagnostics: tuple[Diagnostic, ...]) -> "ComposeResult":
        """Nothing was done, since the files are wrong."""
        errors = (d for d in diagnostics if d.severity is Severity.ERROR)
        problems = tuple(Problem.of_diagnostic(d) for d in errors)
        return cls(ok=False, project=project, diagnostics=diagnostics, problems=problems)

    @property
    def exit_code(self) -> int:
        """0 when it went well, 1 when it did not: docker compose's codes."""
        return 0 if self.ok else 1


class Check(Model):
    """One line of `podkeeper doctor`."""

    name: str
    ok: bool
    value: str
    """What was found, or what is wrong."""
    remedy: str = ""


class TaskResult(Model):
    """What a command or task came to, for the editor."""

    task: str
    ok: bool
    message: str = ""
    data: Any = None
    """The JSON that the command line prints with `--json`."""
    problems: tuple[Problem, ...] = ()
