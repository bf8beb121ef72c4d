"""Repairs: restarts a container, or stops one that loops."""

import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

from containers.event_integration import EngineProvider
from containers.health.dependents import dependents_of
from containers.model.base import ContainerId, ServiceName
from containers.model.errors import EngineError, ErrorCode
from containers.model.health import HealthState
from containers.model.observed import ContainerDetail, ContainerState, ObservedContainer
from containers.model.project import ResolvedProject
from containers.ports.engine import ContainerEngine
from containers.ports.machine import Clock
from containers.ports.processes import ProjectLocks
from containers.supervision.shared_hold import SharedHold

log = logging.getLogger(__name__)

HUNG_GRACE_S = 2.0
"""What did not answer its checks will hardly answer TERM: it is killed after this."""
_ASKING_S = 0.1
_STOPPING_S = 20.0
_QUIET_LOOKS = 3
"""Podman needs up to a third of a second from one life of a container to the next."""


class NotNeededError(Exception):
    """Somebody has seen to it meanwhile."""


class NotIllError(NotNeededError):
    """It runs, and its checks do not say any more, or never said of this life, that it is unhealthy."""


class LeftToPodmanError(NotNeededError):
    """Podman itself does something about it."""


class DetachedError(Exception):
    """It is not in the networks that it should be in: a restart would not help."""


class Repairs:
    """What is done to containers automatically, each under the project's lock and after a fresh look.

    Args:
        engine: the engine, connected at first use.
        locks: one writer a project.
        clock: time.
    """

    def __init__(self, *, engine: EngineProvider, locks: ProjectLocks, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._hold = SharedHold(locks, clock)

    async def restart(
        self,
        container: ObservedContainer,
        *,
        is_hung: bool,
        begun: Callable[[], Awaitable[None]],
        networks: frozenset[str] = frozenset(),
        is_asked_for: bool = False,
    ) -> None:
        """Start one that died, or restart one that is ill.

        Args:
            container: as it was when that was decided.
            is_hung: whether it does not even answer.
            begun: called under the lock, just before anything is done.
            networks: those that it should be in, by their names.
            is_asked_for: whether a person wants it, so that nobody's policy stands against it.

        Raises:
            LockHeldError: somebody changes the project.
            DetachedError: it is not in one of the networks.
            LeftToPodmanError: Podman does it.
            NotIllError: it is not unhealthy any more, or was so before it was started.
            NotNeededError: it is another container, or in another state, than when that was decided.
            EngineError: the engine refuses.
        """
        async with self._hold.hold(container.project, f"restart of {container.service}"):
            engine = await self._engine()
            detail = await self._look(engine, container)
            if (
                container.is_running
                and detail.on_unhealthy in {"kill", "restart", "stop"}
                and not is_asked_for
            ):
                raise LeftToPodmanError(
                    f"Podman itself does it: on failure of its check, {detail.on_unhealthy}"
                )
            is_judged_by_podman = (
                container.health is HealthState.UNHEALTHY and not is_hung and not is_asked_for
            )
            if container.is_running and is_judged_by_podman and detail.health is not HealthState.UNHEALTHY:
                raise NotIllError(f"its health is {detail.health} by now")
            if networks - set(detail.networks):
                raise DetachedError
            await begun()
            if container.is_running:
                await engine.restart_container(container.id, HUNG_GRACE_S if is_hung else None)
            else:
                await engine.start_container(container.id)

    async def stop_loop(self, container: ObservedContainer, most: int) -> None:
        """Stop a container that Podman restarts again and again, if it has more than `most` times.

        Raises:
            LockHeldError, NotNeededError, EngineError: as `restart`.
        """
        async with self._hold.hold(container.project, f"stop of {container.service}"):
            engine = await self._engine()
            detail = await engine.inspect_container(container.id)
            if detail.restart_count <= most:
                raise NotNeededError(f"Podman has restarted it {detail.restart_count} times")
            await self._stop_for_good(engine, container.id)

    async def restart_dependents(
        self,
        project: ResolvedProject,
        service: ServiceName,
        containers: Callable[[ServiceName], tuple[ObservedContainer, ...]],
        is_well: Callable[[ServiceName], bool],
        beginning: Callable[[ObservedContainer], AbstractAsyncContextManager[bool]],
        restarted: Callable[[ObservedContainer], Awaitable[None]],
    ) -> None:
        """Restart, in order, the dependents that ask for it, each when what it depends on is well.

        One that does not run is left as it is. A dependency that does not become well within its own health
        check's time is not waited for any longer.

        Raises:
            EngineError: the engine refuses.
        """
        for dependent in dependents_of(project, service):
            needs = [n for n, d in project.services[dependent].depends_on.items() if d.restart]
            for needed in needs:
                check = project.services[needed].health_check if needed in project.services else None
                await self._until(lambda n=needed: is_well(n), check.deadline_s if check else 10.0)  # type: ignore[misc]
            for container in containers(dependent):
                if not container.is_running:
                    continue
                async with beginning(container) as may_begin:
                    if not may_begin:
                        continue
                    async with self._hold.hold(project.name, f"restart of {dependent}"):
                        engine = await self._engine()
                        await engine.restart_container(container.id)
                    await restarted(container)

    async def _stop_for_good(self, engine: ContainerEngine, container: ContainerId) -> None:
        """Stop it until it stays so: a stop between two of its lives finds nothing to stop, and is lost."""
        deadline = self._clock.monotonic() + _STOPPING_S
        quiet = 0
        while quiet < _QUIET_LOOKS and self._clock.monotonic() < deadline:
            await engine.stop_container(container, 0.0)
            await self._clock.sleep(_ASKING_S)
            before = await engine.inspect_container(container)
            await self._clock.sleep(_ASKING_S)
            after = await engine.inspect_container(container)
            is_quiet = after.state is ContainerState.EXITED and after.restart_count == before.restart_count
            quiet = quiet + 1 if is_quiet else 0

    async def _look(self, engine: ContainerEngine, container: ObservedContainer) -> ContainerDetail:
        try:
            detail = await engine.inspect_container(container.id)
        except EngineError as error:
            if error.code is ErrorCode.NOT_FOUND:
                raise NotNeededError("it is gone") from error
            raise
        if detail.state is not container.state and ContainerState.RUNNING in {detail.state, container.state}:
            raise NotNeededError(f"it is {detail.state} by now")
        return detail

    async def _until(self, wanted: Callable[[], bool], most_s: float) -> None:
        deadline = self._clock.monotonic() + most_s
        while not wanted() and self._clock.monotonic() < deadline:
            await self._clock.sleep(_ASKING_S)
