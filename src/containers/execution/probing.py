"""Probing: running a service's check while it is waited for, so that its passing is noticed at once."""

import math
import re
import shlex
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from types import TracebackType
from typing import Self

from containers.execution.context import Context
from containers.model.base import ContainerId
from containers.model.errors import EngineError, ErrorCode
from containers.model.health import HealthState
from containers.model.observed import CommandResult, ContainerState
from containers.model.project import HealthCheck

VISIT_S = 1.5
"""For all tries of a visit; they take half of it."""
VISIT_LIMIT_S = 5.0
"""For a visit in which a check turns slow, such as at the first request that a server answers."""
PAUSE_S = 0.05
"""Between two tries of a visit."""
IN_A_ROW = 3
"""Visits of several tries, before the check is run alone again."""
_NO_VERDICT = frozenset({-1, 126, 127})
"""It did not end, can not be run, is not there: where that is the visit's fault, there is no shell."""
_UNTELLABLE = re.compile("[\0\ud800-\udfff]")
"""What no argument can have in it, though JSON can."""
_SHELL_KEEPS = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""Variables of other names, such as `server.port`, are lost in dash and busybox's shell."""


class Probing:
    """A service that is waited for; a context, so that it is known how many are.

    Most of a probe is Podman's way into the container: 75 ms, and twice that beside others, where a further
    try of the check costs some 5 ms. While few services are waited for, it is therefore tried several times
    in one visit. The check alone, as Podman runs it, has the first word, one every two seconds, and the last.

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
        """By the last run of the check alone that came to a verdict."""
        self._in_a_row = 0
        self._has_shell: bool | None = None
        """Whether the check finds in a shell's hands what it finds alone; None: not known yet."""

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
        """Whether the check passes; None when the container does not run. Several tries say nothing else.

        Args:
            often: whether to try it several times, where that is possible and keeps nobody waiting.

        Raises:
            EngineError: Podman can not be asked.
        """
        check = self._check
        if check is None:
            return await self._visit(self._have_podman_check)
        # what one run takes is mostly the way, so that so many take about half as long
        tries = int(min(check.timeout_s, VISIT_S) / (self._took_s + PAUSE_S))
        if often and tries > 1 and self._is_its_turn() and await self._may_use_shell():
            self._in_a_row += 1
            answer = await self._try_often(check, tries)
            if self._has_shell or self._context.stop.is_set():
                return answer
        self._in_a_row = 0
        return await self._visit(lambda: self._run_alone(check))

    async def _try_often(self, check: HealthCheck, tries: int) -> CommandResult | None:
        """Try it several times; where that comes to no verdict, or to one too soon, it is not done again."""
        program = ("/bin/sh", "-c", repeated(check.command, tries))
        limit_s = min(check.timeout_s, VISIT_LIMIT_S)
        began = self._context.clock.monotonic()
        answer = await self._visit(lambda: self._run(program, limit_s), counts=False)
        took_s = self._context.clock.monotonic() - began
        if answer is not None and answer.exit_code != 0:
            is_whole = took_s >= (tries - 1) * PAUSE_S
            self._has_shell = is_whole and answer.exit_code not in _NO_VERDICT
        return answer

    def _is_its_turn(self) -> bool:
        has_room = self._context.awaited <= self._context.settings.engine.max_parallel
        return has_room and self._in_a_row < IN_A_ROW

    async def _may_use_shell(self) -> bool:
        if self._has_shell is None:
            try:
                names = await self._context.engine.container_environment(self._container)
            except EngineError:
                return False
            can_be_told = not any(map(_UNTELLABLE.search, self._check.command if self._check else ()))
            self._has_shell = can_be_told and all(map(_SHELL_KEEPS.fullmatch, names))
        return self._has_shell

    async def _run(self, command: Sequence[str], limit_s: float) -> CommandResult:
        return await self._context.engine.execute(self._container, command, limit_s)

    async def _run_alone(self, check: HealthCheck) -> CommandResult:
        began = self._context.clock.monotonic()
        answer = await self._run(check.command, check.timeout_s)
        has_verdict = answer.exit_code not in _NO_VERDICT
        self._took_s = self._context.clock.monotonic() - began if has_verdict else math.inf
        return answer

    async def _have_podman_check(self) -> CommandResult:
        result = await self._context.engine.run_health_check(self._container)
        return CommandResult(exit_code=0 if result.state is HealthState.HEALTHY else 1, output=result.output)

    async def _visit(
        self, ask: Callable[[], Awaitable[CommandResult]], *, counts: bool = True
    ) -> CommandResult | None:
        """Ask in the container; what does not count is long, and has its own limit."""
        try:
            async with self._context.probes if counts else nullcontext():
                return await ask()
        except EngineError as error:
            if error.code is ErrorCode.DAEMON_UNREACHABLE:
                raise
            detail = await self._context.engine.inspect_container(self._container)
            if detail.state is ContainerState.RUNNING:
                return CommandResult(exit_code=-1, output=str(error))
            return None


def repeated(command: Sequence[str], tries: int) -> str:
    """A shell's program that runs a command until it passes; as it is, with nothing of the shell's own.

    It is written in numbers, since a check such as `pgrep -f server` would find itself in what the shell was
    given. `exec` takes none of the shell's own words for a program.
    """
    program = f"""\
exec >/dev/null 2>&1
set -- {shlex.join(command)}
for pk_try in {" ".join(map(str, range(tries)))}; do
  [ "$pk_try" = 0 ] || sleep {PAUSE_S} || exit "$pk_code"
  (exec "$@") && exit 0
  pk_code=$?
done
exit "$pk_code"
"""
    numbers = "".join(f"\\{byte:03o}" for byte in program.encode())
    return f"pk=$(printf '{numbers}') || exit 127; eval \"$pk\"; exit 127"
