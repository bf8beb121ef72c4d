"""ServiceSync: brings files into a service's containers, and does what is to follow."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from containers.event_integration import EngineProvider
from containers.execution.together import together
from containers.model.base import ContainerId, ProjectName, ServiceName
from containers.model.errors import EngineError, ErrorCode, PodkeeperError
from containers.model.files import FileCopy, Packed
from containers.model.observed import ContainerState, ObservedContainer
from containers.model.project import Hook
from containers.ports.engine import ContainerEngine
from containers.ports.files import FileTree
from containers.watching.ledger import Lacking, Ledger
from containers.watching.rules import SyncRule

EXEC_TIMEOUT_S: Final = 600.0
"""For the command of `sync+exec`, which may well compile something."""
_REMOVE_TIMEOUT_S: Final = 60.0
_ARGUMENT_BYTES: Final = 100_000
"""For one command line: Linux allows 128 KiB for one argument and some MiB for all."""
_NO_PROGRAM: Final = frozenset({126, 127})
_ROOT: Final = "0"
_NOBODY: Final = ContainerId("")
"""A container that has nothing."""
_GONE: Final = frozenset({ErrorCode.SERVICE_EXITED, ErrorCode.NOT_FOUND, ErrorCode.DAEMON_UNREACHABLE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What a service's containers got."""

    containers: tuple[ObservedContainer, ...] = ()
    """Those that lacked something, and have it now."""
    copied: int = 0
    removed: int = 0
    problems: tuple[str, ...] = ()
    is_complete: bool = True
    """Whether no container lacks anything; one that does not run may."""
    caught_up: frozenset[SyncRule] = frozenset()
    """What containers had that were there before, by the rules that it is about."""


class ServiceSync:
    """Brings to each running container what it lacks: one archive and at most one removal a batch.

    Args:
        engine: the engine, connected at first use.
        tree: the files.
        ledger: what is lacking.
    """

    def __init__(self, *, engine: EngineProvider, tree: FileTree, ledger: Ledger) -> None:
        self._engine = engine
        self._tree = tree
        self._ledger = ledger

    async def containers(self, project: ProjectName, service: ServiceName) -> tuple[ObservedContainer, ...]:
        """The service's replicas.

        Raises:
            EngineError: the engine can not be asked.
        """
        engine = await self._engine()
        found = await engine.containers_of(project)
        self._ledger.forget_containers({c.id for c in found})
        return tuple(c for c in found if c.service == service and not c.is_one_off and not c.is_left_over)

    async def meet(self, project: ProjectName, service: ServiceName) -> None:
        """Note which containers are there before anything changes."""
        for container in await self.containers(project, service):
            self._ledger.meet(container.id)

    async def deliver(self, containers: Sequence[ObservedContainer], service: ServiceName) -> Delivery:
        """Bring every container what it lacks; one that does not run goes on lacking it."""
        engine = await self._engine()
        running = [c for c in containers if c.state is ContainerState.RUNNING]
        waiting = [c for c in containers if c not in running and self._ledger.lacking(c.id, service).paths]
        complete = not waiting and (bool(containers) or not self._ledger.lacking(_NOBODY, service).paths)
        caught_up: set[SyncRule] = set()
        parcels: dict[tuple[int, int], _Parcel] = {}
        got: list[ObservedContainer] = []
        problems: list[str] = []
        copied = removed = 0
        for container in running:
            lacking = self._ledger.lacking(container.id, service)
            if not lacking.paths:
                continue
            key = len(lacking.paths), lacking.upto
            if key not in parcels:
                parcels[key] = await asyncio.to_thread(self._packed, lacking)
            parcel = parcels[key]
            problems += parcel.problems
            try:
                problems += await _remove(engine, container, parcel.removals)
                if parcel.archive:
                    await engine.put_archive(container.id, parcel.archive)
            except EngineError as error:
                complete = False
                if error.code not in _GONE:
                    problems.append(str(error))
                continue
            if self._ledger.knows(container.id):
                caught_up.update(rule for rule, _ in lacking.paths)
            self._ledger.delivered(container.id, lacking)
            got.append(container)
            copied, removed = max(copied, parcel.copied), max(removed, len(parcel.removals))
        return Delivery(
            containers=tuple(got),
            copied=copied,
            removed=removed,
            problems=tuple(dict.fromkeys(problems)),
            is_complete=complete,
            caught_up=frozenset(caught_up),
        )

    async def execute(self, containers: Sequence[ObservedContainer], hook: Hook) -> tuple[str, ...]:
        """Run a hook in containers; what went wrong."""
        engine = await self._engine()

        async def run(container: ObservedContainer) -> str:
            try:
                result = await engine.execute(container.id, hook.command, EXEC_TIMEOUT_S, hook)
            except EngineError as error:
                return str(error)
            if not result.exit_code:
                return ""
            last = result.output.strip().rpartition("\n")[2]
            return f"`{' '.join(hook.command)}` ended with {result.exit_code} in {container.name}: {last}"

        return tuple(problem for problem in await together(run(c) for c in containers) if problem)

    def _packed(self, lacking: Lacking) -> "_Parcel":
        """What is in an archive, and what has to go; in a thread."""
        found = self._tree.look_at(path for _, path in lacking.paths)
        copies: dict[str, FileCopy] = {}
        removals: dict[str, None] = {}
        problems: list[str] = []
        for rule, path in lacking.paths:
            entry = found.get(path)
            if entry is None:
                removals[rule.target_of(path)] = None
                continue
            try:
                copy = rule.copy_of(entry)
            except PodkeeperError as error:
                problems.append(_told(error))
                continue
            if copy is not None:
                copies[copy.target] = copy
        packed = Packed(b"", 0)
        try:
            if copies:
                packed = self._tree.pack(copies.values())
        except PodkeeperError as error:
            problems.append(_told(error))
        problems += [_told(error) for error in packed.refused]
        return _Parcel(packed.archive, packed.count, tuple(removals), tuple(problems))


@dataclass(frozen=True, slots=True)
class _Parcel:
    """What goes into a container, and what goes away there."""

    archive: bytes
    copied: int
    removals: tuple[str, ...]
    problems: tuple[str, ...]


def _told(error: PodkeeperError) -> str:
    return f"[{error.code}] {error}"


async def _remove(
    engine: ContainerEngine, container: ObservedContainer, targets: Sequence[str]
) -> tuple[str, ...]:
    """Remove paths in a container with its own `rm`; what went wrong."""
    for part in _portions(targets):
        command = ("rm", "-rf", "--", *part)
        hook = Hook(command=command, user=_ROOT)
        missing = f"the image of {container.service} has no `rm`: {len(targets)} removed files stay in it"
        try:
            result = await engine.execute(container.id, command, _REMOVE_TIMEOUT_S, hook)
        except EngineError as error:
            if error.code not in _GONE and "executable file not found" in str(error):
                return (missing,)
            raise
        if result.exit_code in _NO_PROGRAM:
            return (missing,)
        if result.exit_code:
            last = result.output.strip().rpartition("\n")[2]
            return (f"removing files in {container.name} ended with {result.exit_code}: {last}",)
    return ()


def _portions(targets: Sequence[str]) -> list[list[str]]:
    """Paths as they fit into one command line each; nearly always one."""
    portions: list[list[str]] = []
    room = 0
    for target in targets:
        size = len(target.encode("utf-8", "surrogateescape")) + 1
        if not portions or size > room:
            portions.append([])
            room = _ARGUMENT_BYTES
        portions[-1].append(target)
        room -= size
    return portions
