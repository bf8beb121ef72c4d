"""Probing: running a service's check while it is waited for, so that its passing is noticed at once."""

import math
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Self

from containers.execution.context import Context
from containers.model.base import ContainerId
from containers.model.errors import EngineError, ErrorCode
from containers.model.health import HealthState
from containers.model.observed import CommandResult, ContainerState
from containers.model.project import HealthCheck

TRIES = 8
"""Of the check in one visit. A visit costs 75 ms, and twice that beside others; a further try some 5 ms."""
PAUSE_S = 0.05
"""Between two tries of a visit."""
VISIT_S = 2.0
"""For all tries of a visit; it takes half a second, unless the check comes to hang."""
QUICK_S = 0.5
"""A check that took longer, alone, is tried once in each visit."""
_NO_VERDICT = frozenset({-1, 126, 127})
"""It did not end, can not be run, is not there: where that is the visit's fault, there is no shell."""
_TRY = "\x02"
"""Said before each try, since only what the last one said counts."""
_SEVERAL = f"""\
exec 2>&1
tries={TRIES}
while echo '{_TRY}'; do
  (exec "$@") && exit 0
  code=$?
  tries=$((tries - 1))
  [ "$tries" -gt 0 ] || exit "$code"
  sleep {PAUSE_S} 2>/dev/null || exit "$code"
done"""
"""`exec` in a shell of its own: what is a program to Podman must not be a word of the shell's. One stream, so
that what was said stays in order."""


class Probing:
    """A service that is waited for; a context, so that it is known how many are.

    Most of a probe is Podman's way into the container. While few services are waited for, the check is
    therefore tried several times in one visit; where many are, a visit must not keep the others out.

    Args:
        context: the transaction's surroundings.
        container: the service's.
        check: what to run; None has Podman run what the container was made with.
    """

    def __init__(self, context: Context, container: ContainerId, check: HealthCheck | None) -> None:
        self._context = context
        self._container = container
        self._check = check
        self._took_s = math.inf
        self._stays_single = False

    def __enter__(self) -> Self:
        """Count as one that is waited for."""
        self._context.awaited += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """No longer."""
        self._context.awaited -= 1

    async def probe(self, *, often: bool) -> CommandResult | None:
        """Whether the check passes; None when the container does not run.

        Args:
            often: whether to try it several times, where that is possible and keeps nobody waiting.

        Raises:
            EngineError: Podman can not be asked.
        """
        if self._check is None:
            return await self._visit(self._have_podman_check)
        command, limit_s = self._check.command, self._check.timeout_s
        if often and self._may_repeat():
            several = ("/bin/sh", "-c", _SEVERAL, "sh", *command)
            answer = await self._visit(lambda: self._run(several, min(limit_s, VISIT_S)))
            if answer is None or answer.exit_code not in _NO_VERDICT:
                return answer and answer.model_copy(update={"output": _last_said(answer.output)})
            self._stays_single = True
        answer = await self._visit(lambda: self._run_timed(command, limit_s))
        self._stays_single |= answer is not None and answer.exit_code in _NO_VERDICT
        return answer

    def _may_repeat(self) -> bool:
        has_room = self._context.awaited <= self._context.settings.engine.max_parallel
        return has_room and not self._stays_single and self._took_s <= QUICK_S

    async def _run(self, command: Sequence[str], limit_s: float) -> CommandResult:
        return await self._context.engine.execute(self._container, command, limit_s)

    async def _run_timed(self, command: Sequence[str], limit_s: float) -> CommandResult:
        began = self._context.clock.monotonic()
        try:
            return await self._run(command, limit_s)
        finally:
            self._took_s = self._context.clock.monotonic() - began

    async def _have_podman_check(self) -> CommandResult:
        result = await self._context.engine.run_health_check(self._container)
        return CommandResult(exit_code=0 if result.state is HealthState.HEALTHY else 1, output=result.output)

    async def _visit(self, ask: Callable[[], Awaitable[CommandResult]]) -> CommandResult | None:
        try:
            async with self._context.probes:
                return await ask()
        except EngineError as error:
            if error.code is ErrorCode.DAEMON_UNREACHABLE:
                raise
            detail = await self._context.engine.inspect_container(self._container)
            if detail.state is ContainerState.RUNNING:
                return CommandResult(exit_code=-1, output=str(error))
            return None


def _last_said(output: str) -> str:
    """What the last of several tries said."""
    return output.rpartition(_TRY)[2].strip()
