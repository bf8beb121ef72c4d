"""Preflight: what would stop a plan half-way, all of it found before anything is done."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from containers.execution.preflight_files import (
    bind_problems,
    image_problems,
    secret_problems,
    space_problems,
)
from containers.execution.preflight_ports import WantedPort, floor_problems, port_problems, wanted_ports
from containers.execution.preflight_subnets import subnet_problems
from containers.model.base import ServiceName
from containers.model.errors import ErrorCode, TranslationError
from containers.model.observed import EngineInfo, Neighbour, ObservedState
from containers.model.outcome import Problem
from containers.model.plan import CreateContainer, Plan
from containers.model.project import ResolvedProject
from containers.ports.engine import ContainerEngine
from containers.ports.machine import HostFacts
from containers.ports.translation import ComposeTranslator

_MAKING = frozenset({"pull_image", "build_image", "create_container", "create_volume"})
_USUAL_FIRST_PORT = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """Looks at what a plan needs; what the plan's own containers hold counts as free.

    Attributes:
        engine: the engine, connected at first use.
        host: this machine; left alone where the engine is on another one.
        translator: podman-compose, found at first use.
        environ: the values of secrets and configs that come from the environment.
        state_dir: where our own records are written.
    """

    engine: Callable[[], Awaitable[ContainerEngine]]
    host: HostFacts
    translator: Callable[[], ComposeTranslator]
    environ: Mapping[str, str]
    state_dir: Path

    async def __call__(
        self, project: ResolvedProject, plan: Plan, observed: ObservedState
    ) -> tuple[Problem, ...]:
        """Everything that keeps `plan` from being done; empty where nothing does.

        What concerns only services that others can do without is left to the plan, which warns about it.
        """
        engine = await self.engine()
        creates = tuple(step for step in plan.steps if isinstance(step, CreateContainer))
        ports = wanted_ports(project, plan, observed)
        held: Sequence[Neighbour] = ()
        if creates or ports:
            mine = {str(container) for container in _containers_of(plan)}
            held = [n for n in await engine.neighbours() if n.id not in mine]
        info = await self._info(engine, ports)
        found = await asyncio.to_thread(
            lambda: tuple(self._looked(engine.owner_uid, info, project, plan, observed, creates, ports, held))
        )
        if creates and found:
            # Translating says it in any case; here it is asked, which takes a process, to say all at once.
            found += await self._translation_problems()
        return tuple(p for p in dict.fromkeys(found) if p.service not in plan.optional)

    def _looked(
        self,
        uid: int | None,
        info: EngineInfo | None,
        project: ResolvedProject,
        plan: Plan,
        observed: ObservedState,
        creates: Sequence[CreateContainer],
        ports: Sequence[WantedPort],
        held: Sequence[Neighbour],
    ) -> Iterator[Problem]:
        host = self.host if uid is not None else None
        services = tuple(dict.fromkeys(step.service for step in creates))
        yield from port_problems(project, ports, observed, held, host)
        yield from image_problems(project, plan, services, observed)
        if host is not None and uid is not None:
            yield from bind_problems(
                project, services, host, uid, has_selinux=info is not None and info.selinux
            )
        if creates:
            yield from secret_problems(project, self.host, self.environ)
        if info is not None:
            yield from floor_problems(project, ports, info)
        yield from _name_problems(creates, held)
        store = _image_store(observed, host, uid) if host is not None and uid is not None else None
        makes = any(step.kind in _MAKING for step in plan.steps)
        yield from space_problems(self.host, self.state_dir, store if makes else None)
        yield from subnet_problems(project, plan, observed, host)

    async def _info(self, engine: ContainerEngine, ports: Sequence[WantedPort]) -> EngineInfo | None:
        """What is known, or asked for where a port may be one that only root may publish."""
        is_low = any(wanted.port.host_port < _USUAL_FIRST_PORT for wanted in ports)
        if is_low and engine.owner_uid != 0:
            return await engine.info()
        return engine.known_info

    async def _translation_problems(self) -> tuple[Problem, ...]:
        try:
            await self.translator().describe()
        except TranslationError as error:
            return (Problem.of_error(error),)
        return ()


def _image_store(observed: ObservedState, host: HostFacts, uid: int) -> Path | None:
    """Where the engine keeps images: volumes are beside them, and say where they are."""
    points = (Path(v.mount_point) for v in observed.volumes if v.driver == "local" and v.mount_point)
    known = (p.parents[2] for p in points if p.name == "_data" and p.parent.parent.name == "volumes")
    return next(known, None) or host.image_store(uid)


def _containers_of(plan: Plan) -> Iterator[str]:
    """The containers that the plan keeps or changes."""
    for step in plan.steps:
        for field in ("container", "old", "replaces"):
            if found := getattr(step, field, None):
                yield found


def _name_problems(creates: Sequence[CreateContainer], held: Sequence[Neighbour]) -> Iterator[Problem]:
    names = {neighbour.name for neighbour in held}
    for step in creates:
        if step.name in names:
            yield Problem(
                code=ErrorCode.NAME_IN_USE,
                message=f"the name {step.name} is already in use by a container that is none of this service",
                remedy=f"Rename or remove that container: `podman rm {step.name}`.",
                service=ServiceName(step.service),
            )
