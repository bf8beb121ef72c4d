"""Staying with a stack: its logs, interleaved, until it ends or the person has seen enough."""

import asyncio
import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from containers.cli.applying import conclude
from containers.cli.running import INTERRUPTED, Run
from containers.compose_manager import ComposeManager
from containers.model.base import ContainerId
from containers.model.errors import EngineError, ErrorCode, PodkeeperError
from containers.model.observed import ContainerState, ObservedContainer
from containers.model.operations import LogQuery
from containers.project_changes import ChangeOptions

_COLOURS = ("cyan", "yellow", "green", "magenta", "blue", "bright_cyan", "bright_yellow", "bright_green")
_LOOK_S = 0.5
"""Between two looks at whether a container that stopped talking has ended, or comes back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attached:
    """What is shown, and when it ends."""

    services: tuple[str, ...] = ()
    """Empty means all."""
    shown: tuple[str, ...] = ()
    """Only these services' logs; empty means all."""
    hidden: tuple[str, ...] = ()
    prefixed: bool = True
    stops_on_exit: bool = False
    stops_on_failure: bool = False
    code_from: str | None = None
    timeout_s: float | None = None
    since: datetime | None = None
    """What was written before is not shown."""

    @property
    def stops(self) -> bool:
        """Whether everything is stopped when one container ends."""
        return self.stops_on_exit or self.stops_on_failure

    def shows(self, service: str) -> bool:
        """Whether a service's log is shown."""
        return service not in self.hidden and (not self.shown or service in self.shown)


async def follow_until_end(with_: Run, attached: Attached) -> int:
    """Show logs until every container has ended, one has where that stops all, or the person interrupts.

    Returns:
        0, the code of the container that ended it, or 130 where the person did.
    """
    containers = await _containers(with_.manager, attached.services)
    width = max((len(c.name) for c in containers), default=0)
    ended: asyncio.Queue[tuple[ObservedContainer, int]] = asyncio.Queue()
    with_.is_attached = True
    code = 0
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(_follow(with_, attached, container, width, colour, ended))
                for container, colour in zip(containers, itertools.cycle(_COLOURS), strict=False)
            ]
            code = await _first_end(with_, attached, containers, ended)
            for task in tasks:
                task.cancel()
    except asyncio.CancelledError:
        task_ = asyncio.current_task()
        if not with_.is_interrupted or task_ is None:
            raise
        task_.uncancel()
        code = INTERRUPTED
    finally:
        with_.is_attached = False
    if code == INTERRUPTED or attached.stops:
        with_.terminal.note("stopping")
        stopped = await with_.manager.stop(attached.services, ChangeOptions(timeout_s=attached.timeout_s))
        if not stopped.ok:
            return conclude(with_, stopped, json=False)
    if attached.code_from is not None and code != INTERRUPTED:
        return await _code_of(with_, containers, attached.code_from)
    return code


async def _first_end(
    with_: Run,
    attached: Attached,
    containers: Iterable[ObservedContainer],
    ended: "asyncio.Queue[tuple[ObservedContainer, int]]",
) -> int:
    """Wait until it is over; the code of the container that ended it, where one did."""
    waiting = {c.id for c in containers}
    while waiting:
        container, code = await ended.get()
        waiting.discard(container.id)
        with_.terminal.note(f"{container.name} exited with code {code}")
        is_end = attached.stops_on_exit or (attached.stops_on_failure and code != 0)
        if is_end:
            return code
    return 0


async def _follow(
    with_: Run,
    attached: Attached,
    container: ObservedContainer,
    width: int,
    colour: str,
    ended: "asyncio.Queue[tuple[ObservedContainer, int]]",
) -> None:
    """Print a container's lines until it has ended for good."""
    engine = await with_.app.engine()
    since = attached.since
    while True:
        if attached.shows(container.service):
            async for line in engine.read_log(container.id, LogQuery(follow=True, since=since)):
                _print(with_, attached, container, line, width, colour)
        since = with_.app.clock.now()
        code = await _exit_code(with_, container.id)
        if code is not None:
            await ended.put((container, code))
            return
        await asyncio.sleep(_LOOK_S)


async def _exit_code(with_: Run, container: ContainerId) -> int | None:
    """How it ended; None while it runs, or is about to again."""
    engine = await with_.app.engine()
    try:
        detail = await engine.inspect_container(container)
    except EngineError:
        return 0  # it was removed by somebody
    return detail.exit_code if detail.state is ContainerState.EXITED else None


def _print(
    with_: Run, attached: Attached, container: ObservedContainer, line: str, width: int, colour: str
) -> None:
    from rich.text import Text  # noqa: PLC0415  (start-up time)

    text = Text()
    if attached.prefixed:
        text.append(f"{container.name:<{width}} | ", style=colour)
    text.append(line.rstrip("\n"))
    with_.terminal.out.print(text, soft_wrap=True)


async def _containers(manager: ComposeManager, services: tuple[str, ...]) -> tuple[ObservedContainer, ...]:
    observed = await manager.changes.look(manager.require_project())
    return tuple(
        c
        for c in observed.containers
        if c.is_running and not c.is_left_over and (not services or c.service in services)
    )


async def _code_of(with_: Run, containers: Iterable[ObservedContainer], service: str) -> int:
    """What a service's container ended with."""
    mine = next((c.id for c in containers if c.service == service), None)
    if mine is None:
        raise PodkeeperError(
            ErrorCode.SERVICE_UNKNOWN,
            f"no container of {service} was started, so it has no exit code",
            remedy="name one of the services that are brought up",
            service=service,
        )
    return (await (await with_.app.engine()).inspect_container(mine)).exit_code
