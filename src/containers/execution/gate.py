"""The gate: waiting until a service is ready, with a deadline, and saying why it is not."""

import logging
from collections.abc import Awaitable, Callable

from containers.execution.context import Context
from containers.execution.probing import VISIT_LIMIT_S, Probing
from containers.model.base import ContainerId
from containers.model.errors import EngineError, ErrorCode
from containers.model.health import HealthState
from containers.model.observed import ContainerDetail, ContainerState
from containers.model.outcome import Problem
from containers.model.plan import Gate, GateKind
from containers.model.project import HealthCheck, ServiceConfig
from containers.settings import GateSettings

log = logging.getLogger(__name__)

BACKOFF = 1.5
"""Each wait between probes is this much longer than the one before."""
CRASHES = 3
"""Restarts by the engine itself, while we wait, after which a service counts as crash-looping."""
NAMES_S = 0.5
"""Between two looks, while a check fails, at whether names are resolved."""
RECORD_ATTEMPTS = 5
RECORD_PAUSE_S = 0.3
_OUTPUT_CHARS = 500


class GateFailedError(Exception):
    """What was waited for will not come, or did not in time."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


async def await_gate(
    context: Context, step: Gate, container: ContainerId, *, by_its_own_check: bool = False
) -> bool:
    """Wait for `step`; False when the transaction was stopped meanwhile.

    Args:
        context: the transaction's surroundings.
        step: what to wait for.
        container: the service's.
        by_its_own_check: have Podman run the check that the container was made with; the file says another.

    Raises:
        GateFailedError: the service exited, or its deadline passed.
        EngineError: the engine can not be asked.
    """
    service = context.project.services.get(step.service) if context.project else None
    if by_its_own_check:
        service = None
    waits: dict[GateKind, Callable[..., Awaitable[bool]]] = {
        GateKind.RUNNING: _await_running,
        GateKind.HEALTHY: _await_healthy,
        GateKind.COMPLETED: _await_completed,
    }
    return await waits[step.gate](context, step, container, service)


async def _await_healthy(
    context: Context, step: Gate, container: ContainerId, service: ServiceConfig | None
) -> bool:
    """Probe by running the check's command ourselves, then let Podman record that it is healthy.

    Probing through Podman's own health check would count each failure against the service: three quick
    ones while it boots, and it would be called unhealthy. The record costs as much as a probe, so
    dependents do not wait for it; the transaction does.
    """
    check = service.health_check if service else None
    settings = context.settings.gate
    started = context.clock.monotonic()
    seconds = settings.limit_s or (check.deadline_s + 1.0 if check else settings.timeout_s)
    pace = Pace(check, settings)
    names = _Names(context, container)
    first_restarts: int | None = None
    last_words = ""
    waited = 0.0
    with Probing(context, container, check) as probing:
        while not context.stop.is_set():
            is_early = waited <= settings.eager_s and seconds - waited > VISIT_LIMIT_S
            answer = await probing.probe(often=is_early)
            if answer is None:  # it does not run: gone for good, or about to be restarted by the engine
                detail = await context.engine.inspect_container(container)
                first_restarts = detail.restart_count if first_restarts is None else first_restarts
                await _refuse_if_dead(context, step, detail, detail.restart_count - first_restarts)
            elif answer.exit_code == 0:
                if check is not None:
                    context.afterwards(_settle(context, step, container))
                return True
            else:
                last_words = answer.output or last_words
                await names.look()
            waited = context.clock.monotonic() - started
            if waited >= seconds:
                message = f"{step.service} did not become healthy within {seconds:g} s"
                raise GateFailedError(
                    await _problem(context, step, container, ErrorCode.GATE_FAILED, message, last_words)
                )
            await _sleep(context, min(pace.next_wait_s(waited), max(seconds - waited, settings.probe_s)))
    return False


class _Names:
    """While a check fails: whether names are resolved for the service at all."""

    def __init__(self, context: Context, container: ContainerId) -> None:
        self._context = context
        self._container = container
        self._next = context.clock.monotonic() + NAMES_S

    async def look(self) -> None:
        """Where Podman's name server has died, have it started again; now and then."""
        now = self._context.clock.monotonic()
        if now < self._next:
            return
        self._next = now + NAMES_S
        if await self._context.engine.revive_name_server(self._container):
            message = "Podman's name server did not answer for the containers any more, and was brought back"
            self._context.warnings.append(Problem(code=ErrorCode.ENGINE_ERROR, message=message))


class Pace:
    """How long to wait between probes: eager at first, then ever slower, up to the declared interval."""

    def __init__(self, check: HealthCheck | None, settings: GateSettings) -> None:
        self._settings = settings
        slowest = min(settings.slowest_probe_s, check.interval_s) if check else settings.slowest_probe_s
        if check is not None and check.start_interval_s is not None:
            slowest = min(slowest, check.start_interval_s)
        self._slowest = max(slowest, settings.probe_s)
        self._wait = settings.probe_s

    def next_wait_s(self, waited_s: float) -> float:
        """The next wait, given how long the service has been waited for."""
        if waited_s > self._settings.eager_s:
            self._wait = min(self._wait * BACKOFF, self._slowest)
        return self._wait


async def _settle(context: Context, step: Gate, container: ContainerId) -> None:
    """Look once more after the settling time: what was healthy for a moment only fails the transaction.

    Dependents do not wait for this; the transaction does.
    """
    await _sleep(context, context.settings.gate.settle_s)
    if context.stop.is_set():
        return
    try:
        problem = await _not_so_any_more(context, step, container)
    except EngineError as error:
        log.warning("could not record the health of %s: %s", container[:12], error)
        return
    if problem is not None:
        context.fail(problem)


async def _not_so_any_more(context: Context, step: Gate, container: ContainerId) -> Problem | None:
    """What is wrong with a service that was healthy; raises what keeps that from being known."""
    message = f"{step.service} was healthy and did not stay so"
    try:
        state = await record_health(context, container)
        if state in {HealthState.HEALTHY, None}:
            return None
        return await _problem(context, step, container, ErrorCode.GATE_FAILED, message)
    except EngineError as error:
        if error.code is ErrorCode.NOT_FOUND:
            return Problem(
                code=ErrorCode.GATE_FAILED,
                message=f"{step.service} was healthy, and its container has been removed",
                service=step.service,
            )
        if error.code is not ErrorCode.SERVICE_EXITED:
            raise
    try:
        return await _exited(context, step, await context.engine.inspect_container(container))
    except EngineError as error:
        log.info("could not find out how %s ended: %s", container[:12], error)
        return Problem(code=ErrorCode.GATE_FAILED, message=message, service=step.service)


async def record_health(context: Context, container: ContainerId) -> HealthState | None:
    """Have Podman run the check, so that everybody else sees the service as healthy.

    A check that has just passed may fail once more on a busy machine; it is asked again a few times, but
    its verdict is Podman's to keep.

    Returns:
        The verdict; None where it was not waited for, since the transaction stops.

    Raises:
        EngineError: `service_exited`: it does not run any more; and what else Podman refuses.
    """
    state = None
    for _ in range(RECORD_ATTEMPTS):
        state = (await context.engine.run_health_check(container)).state
        if state in {HealthState.HEALTHY, HealthState.NONE}:
            return HealthState.HEALTHY
        if context.stop.is_set():
            return None
        await _sleep(context, RECORD_PAUSE_S)
    return state


async def _await_running(
    context: Context, step: Gate, container: ContainerId, _service: ServiceConfig | None
) -> bool:
    settings = context.settings.gate
    seconds = settings.limit_s or settings.timeout_s
    deadline = context.clock.monotonic() + seconds
    first = await context.engine.inspect_container(container)
    seen = first
    while not context.stop.is_set():
        if seen.state is ContainerState.EXITED and seen.exit_code == 0 and not _engine_restarts(seen):
            context.warnings.append(_ended(step))
            return True
        await _refuse_if_dead(context, step, seen, seen.restart_count - first.restart_count)
        await _sleep(context, settings.settle_s)
        now = await context.engine.inspect_container(container)
        is_same_run = now.pid == seen.pid and now.started_at == seen.started_at
        if now.state is ContainerState.RUNNING and seen.state is ContainerState.RUNNING and is_same_run:
            return True
        seen = now
        if context.clock.monotonic() >= deadline:
            message = f"{step.service} did not stay up within {seconds:g} s"
            raise GateFailedError(await _problem(context, step, container, ErrorCode.GATE_FAILED, message))
    return False


async def _await_completed(
    context: Context, step: Gate, container: ContainerId, _service: ServiceConfig | None
) -> bool:
    settings = context.settings.gate
    seconds = settings.limit_s or settings.timeout_s
    deadline = context.clock.monotonic() + seconds
    wait = settings.probe_s
    while not context.stop.is_set():
        detail = await context.engine.inspect_container(container)
        if detail.state is ContainerState.EXITED:
            if detail.exit_code == 0:
                return True
            if not _engine_restarts(detail) or detail.restart_count >= CRASHES:
                raise GateFailedError(await _exited(context, step, detail))
        if context.clock.monotonic() >= deadline:
            message = f"{step.service} did not complete within {seconds:g} s"
            raise GateFailedError(await _problem(context, step, container, ErrorCode.GATE_FAILED, message))
        await _sleep(context, wait)
        wait = min(wait * BACKOFF, 0.25)
    return False


def _engine_restarts(detail: ContainerDetail) -> bool:
    policy = detail.restart_policy
    return policy in {"always", "unless-stopped"} or (policy == "on-failure" and detail.exit_code != 0)


async def _refuse_if_dead(context: Context, step: Gate, detail: ContainerDetail, restarts: int) -> None:
    """Raise when the container will not run again by itself, or keeps crashing."""
    if restarts >= CRASHES:
        message = f"{step.service} keeps crashing: {restarts} restarts, last exit code {detail.exit_code}"
        raise GateFailedError(
            await _problem(context, step, detail.id, ErrorCode.SERVICE_EXITED, message, detail.health_output)
        )
    if detail.state is ContainerState.EXITED and not _engine_restarts(detail):
        raise GateFailedError(await _exited(context, step, detail))


def _ended(step: Gate) -> Problem:
    """A service that has done its work is no failure, but one that should serve has not begun to."""
    message = f"{step.service} has run to its end (exit code 0)"
    return Problem(code=ErrorCode.SERVICE_EXITED, message=message, service=step.service)


async def _exited(context: Context, step: Gate, detail: ContainerDetail) -> Problem:
    why = " (out of memory)" if detail.oom_killed else ""
    message = f"{step.service} exited with code {detail.exit_code}{why}"
    return await _problem(context, step, detail.id, ErrorCode.SERVICE_EXITED, message, detail.health_output)


async def _problem(
    context: Context, step: Gate, container: ContainerId, code: ErrorCode, message: str, output: str = ""
) -> Problem:
    """The failure with what helps to understand it: the log's end and the check's last words."""
    try:
        text = await context.engine.logs(container, context.settings.gate.log_lines)
    except EngineError as error:
        text = f"(its log can not be read: {error})"
    return Problem(
        code=code,
        message=message,
        service=step.service,
        remedy=f"the end of its log says more; mend {step.service} and run `podkeeper up` again",
        log_tail=tuple(text.splitlines()),
        check_output=output.strip()[-_OUTPUT_CHARS:],
    )


async def _sleep(context: Context, seconds: float) -> None:
    if not context.stop.is_set():
        await context.clock.sleep(seconds)
