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
_ASKING_S = 0.05
STOPPING_S = 20.0
_PLAIN_STOPS = 8
CLEANING_S = 0.6
"""Podman needs up to a third of a second for it, or to the next life."""


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
        """Stop it until it stays so.

        A stop between two of its lives finds nothing to stop, and is lost: with lives of a few milliseconds
        most are. One that is made ready then waits, and does not get away; it is created afterwards on
        Podman 4, without the code it exited with, so that is not done at once.
        """
        deadline = self._clock.monotonic() + STOPPING_S
        stops = 0
        while self._clock.monotonic() < deadline:
            if stops >= _PLAIN_STOPS:
                await self._make_ready(engine, container)
            await engine.stop_container(container, 0.0)
            stops += 1
            if await self._stays_stopped(engine, container):
                return
        message = f"could not stop {container[:12]}, which Podman restarts over and over"
        raise EngineError(ErrorCode.ENGINE_ERROR, message, remedy=f"podman rm -f {container[:12]}")

    async def _make_ready(self, engine: ContainerEngine, container: ContainerId) -> None:
        try:
            await engine.ready_container(container)
        except EngineError as error:
            if error.code not in {ErrorCode.START_FAILED, ErrorCode.PORT_IN_USE}:
                raise
            # Then Podman can not start it either, and its loop ends.
            log.info("%s: %s", container[:12], error)

    async def _stays_stopped(self, engine: ContainerEngine, container: ContainerId) -> bool:
        """Whether it has been cleaned up after, which Podman does not do between two lives."""
        since = self._clock.monotonic()
        while self._clock.monotonic() < since + CLEANING_S:
            detail = await engine.inspect_container(container)
            if detail.state is ContainerState.RUNNING:
                return False
            if detail.is_cleaned_up:
                return True
            await self._clock.sleep(_ASKING_S)
        return False

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
