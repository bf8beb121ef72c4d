"""Acts: carries verdicts out, once for each place at a time, and tells what came of them."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

from containers.bus import EventBus
from containers.health.machine import Hand, Step, Verdict, is_ill
from containers.model.base import ServiceName
from containers.model.errors import EngineError, ErrorCode, LockHeldError, PodkeeperError, StateError
from containers.model.events import RestartFailed, ServiceRestarted
from containers.model.health import RestartResult
from containers.model.observed import ObservedContainer
from containers.model.supervision import ServiceMemory, place_of
from containers.planning.labels import CONFIG_HASH
from containers.ports.machine import Clock, TaskOwner
from containers.supervision.causes import CauseFinder
from containers.supervision.checks import CheckDriver
from containers.supervision.deaths import LOCK_RETRY_S
from containers.supervision.incidents import IncidentBook
from containers.supervision.memories import Memories
from containers.supervision.recreations import Recreations
from containers.supervision.repairs import (
    DetachedError,
    LeftToPodmanError,
    NotIllError,
    NotNeededError,
    Repairs,
)
from containers.supervision.scene import Scene
from containers.supervision.sight import Sight

log = logging.getLogger(__name__)

STOP_RETRY_S = 5.0
"""How long a loop that could not be stopped is left to itself: it is not given up while it goes on."""
AWAY_RETRY_S = 1.0
"""How long nothing is tried once Podman did not answer."""
MOST_UNANSWERED = 5
"""So often in a row may a try be left without an answer by a Podman that answers otherwise, and not count."""


class Acts:
    """Restarts, stops of what loops, and the notice that a service is given up.

    Attributes:
        under_way: the places at which something is being done.
        restarts: how many there were, by service.
    """

    def __init__(
        self,
        *,
        scene: Scene,
        sight: Sight,
        checks: CheckDriver,
        memories: Memories,
        incidents: IncidentBook,
        causes: CauseFinder,
        repairs: Repairs,
        recreations: Recreations,
        bus: EventBus,
        state_failed: Callable[[PodkeeperError], None],
        clock: Clock,
        group: TaskOwner,
    ) -> None:
        """`state_failed` is told what keeps everything from being done; the rest are the monitor's parts."""
        self._scene = scene
        self._sight = sight
        self._checks = checks
        self._memories = memories
        self._incidents = incidents
        self._causes = causes
        self._repairs = repairs
        self._recreations = recreations
        self._bus = bus
        self._state_failed = state_failed
        self._clock = clock
        self._group = group
        self.under_way: set[str] = set()
        self.restarts: dict[ServiceName, int] = {}
        self._unanswered: dict[str, int] = {}
        """How many tries in a row Podman did not answer, though it answered otherwise, by place."""

    def begin(
        self, place: str, container: ObservedContainer, found: Step, *, is_asked_for: bool = False
    ) -> None:
        """Carry a verdict out, beside everything else."""
        work = partial(self.carry_out, place, container, found, is_asked_for=is_asked_for)
        self.occupy(place, work, f"repair:{place}")

    def occupy(self, place: str, work: Callable[[], Awaitable[object]], name: str) -> None:
        """Have something done at a place; nothing else is begun there until it has ended."""
        self.under_way.add(place)

        async def until_done() -> None:
            try:
                await work()
            finally:
                self._ended(place)

        _ = self._group.create_task(until_done(), name=name)

    def try_again(self, service: ServiceName) -> None:
        """Bring back, now, whatever of a service does not run or is not well."""
        for place, container in self._scene.containers().items():
            config = self._scene.config(container.service)
            if container.service != service or config is None or place in self.under_way:
                continue
            if container.is_running and not is_ill(self._sight.see(container, config)):
                continue
            self._sight.forgive_loop(container.id)
            now = self._clock.now().timestamp()
            found = Step(ServiceMemory(attempts=(now,)), Verdict.RESTART, "another try was asked for")
            self.begin(place, container, found, is_asked_for=True)

    async def carry_out(
        self, place: str, container: ObservedContainer, found: Step, *, is_asked_for: bool = False
    ) -> RestartResult:
        """Carry a verdict out; what came of it."""
        service, attempt = container.service, len(found.memory.attempts)
        before = self._memories[place]
        self.under_way.add(place)
        begun = partial(self._count, place, container, found.memory)
        refused = RestartResult(service=service, restarted=False, reason=found.reason, attempt=attempt)
        try:
            if found.verdict in {Verdict.GIVE_UP, Verdict.STOP}:
                await self._give_up(container, found, begun)
                return refused
            reason = await self._restart(container, found.reason, begun, is_asked_for=is_asked_for)
            return await self._succeeded(place, container, attempt, reason)
        except LockHeldError as error:
            await self._clock.sleep(LOCK_RETRY_S)
            refused = refused.model_copy(update={"reason": str(error)})
        except NotNeededError as error:
            await self._leave(container, found, error)
            refused = refused.model_copy(update={"reason": str(error)})
        except PodkeeperError as error:
            is_no_attempt = not is_asked_for and await self._is_no_attempt(place, container, error)
            was_begun = found.verdict is Verdict.RESTART and self._memories[place] is found.memory
            if not is_asked_for and was_begun and self._has_begun_anew(place, container, error):
                return await self._succeeded(place, container, attempt, found.reason)
            if found.verdict is Verdict.STOP and not is_no_attempt:
                self.tell_failure(container, attempt, str(error))
                await self._clock.sleep(STOP_RETRY_S)
            elif not is_no_attempt:
                await begun()
                self.tell_failure(container, attempt, str(error))
            elif self._memories[place] is found.memory:
                await self._count(place, container, before)
            refused = refused.model_copy(update={"reason": str(error)})
        finally:
            self._ended(place)
        return refused

    async def _leave(self, container: ObservedContainer, found: Step, error: NotNeededError) -> None:
        """What was to be done is not needed any more."""
        log.info("%s is left as it is: %s", container.name, error)
        if found.verdict is Verdict.STOP:
            self._sight.forgive_loop(container.id)
        if isinstance(error, LeftToPodmanError):
            await self._clock.sleep(LOCK_RETRY_S)
        if isinstance(error, NotIllError):
            self._checks.forget(container.id)  # a picture that shows it as ill counts for nothing
        await self._scene.refresh(container)

    async def _is_no_attempt(self, place: str, container: ObservedContainer, error: PodkeeperError) -> bool:
        """Whether nothing was tried that says anything of the service."""
        if is_state_away(error):
            await self.wait_for_state(error)
            return True
        return error.code is ErrorCode.DAEMON_UNREACHABLE and await self.is_excused(place, container)

    async def wait_for_state(self, error: PodkeeperError) -> None:
        """Say that nothing can be done, for what the state folder refuses, and let a while pass."""
        self._state_failed(error)
        await self._clock.sleep(AWAY_RETRY_S)

    async def is_excused(self, place: str, container: ObservedContainer) -> bool:
        """Whether a try that Podman did not answer is no attempt; returns a while after it answers again.

        That it is away says nothing of a service. Where it answers everything else, the try itself may be
        what it fails on.
        """
        was_away = False
        while not await self._scene.refresh(container):
            log.info("%s waits for Podman", container.name)
            was_away = True
            await self._clock.sleep(AWAY_RETRY_S)
        if was_away:
            self._unanswered.pop(place, None)
            return True
        await self._clock.sleep(AWAY_RETRY_S)
        self._unanswered[place] = self._unanswered.get(place, 0) + 1
        return self._unanswered[place] <= MOST_UNANSWERED

    def _has_begun_anew(self, place: str, before: ObservedContainer, error: PodkeeperError) -> bool:
        """Whether a container was started all the same, and only the answer to that was lost."""
        now = self._scene.containers().get(place)
        if error.code is not ErrorCode.DAEMON_UNREACHABLE or now is None or now.id != before.id:
            return False
        if not now.is_running or now.started_at is None:
            return False
        return before.started_at is None or now.started_at > before.started_at

    async def _succeeded(
        self, place: str, container: ObservedContainer, attempt: int, reason: str
    ) -> RestartResult:
        await self.restarted(place, container, attempt, reason)
        self.restart_dependents(container.service)
        return RestartResult(service=container.service, restarted=True, reason=reason, attempt=attempt)

    async def restarted(self, place: str, container: ObservedContainer, attempt: int, reason: str) -> None:
        """Note and tell that a container was started again, or made again."""
        self._checks.forget(container.id)
        self._sight.hands.pop(container.id, None)
        self._unanswered.pop(place, None)
        self.restarts[container.service] = self.restarts.get(container.service, 0) + 1
        self._incidents.restarted(place)
        self._bus.publish(
            ServiceRestarted(
                at=self._clock.now(),
                source="health",
                project=container.project,
                service=container.service,
                attempt=attempt,
                reason=reason,
            )
        )
        await self._scene.refresh(container)
        present = self._scene.containers().get(place)
        if present is None or present.id != container.id:
            self._checks.drop(container.id)

    def restart_dependents(self, service: ServiceName) -> None:
        """Restart, in order, what asks for that (`depends_on` with `restart: true`)."""
        project = self._scene.project
        if project is None:
            return

        async def work() -> None:
            try:
                await self._repairs.restart_dependents(
                    project, service, self._scene.of_service, self._sight.is_well, beginning, told
                )
            except PodkeeperError as error:
                log.warning("could not restart what depends on %s: %s", service, error)

        @asynccontextmanager
        async def beginning(container: ObservedContainer) -> AsyncIterator[bool]:
            """Its end is ours; one at which something is being done already is left to that."""
            place = place_of(container.service, container.number)
            if place in self.under_way:
                yield False
                return
            self.under_way.add(place)
            try:
                yield True
            finally:
                self._ended(place)

        async def told(container: ObservedContainer) -> None:
            place = place_of(container.service, container.number)
            attempt = len(self._memories[place].attempts)
            await self.restarted(place, container, attempt, f"{service}, which it depends on, was restarted")

        _ = self._group.create_task(work(), name=f"dependents:{service}")

    async def _give_up(
        self, container: ObservedContainer, found: Step, begun: Callable[[], Awaitable[None]]
    ) -> None:
        """Try nothing more; a loop of Podman's own is stopped for that."""
        if found.verdict is Verdict.STOP:
            await self._repairs.stop_loop(container, self._scene.limits(container.service).max_attempts)
            # one that seems to run, in a picture of before, would be taken for well again
            await self._scene.refresh(container)
        await begun()
        await self.tell_given_up(container, found)

    async def tell_given_up(self, container: ObservedContainer, found: Step) -> None:
        """Tell, once, that nothing more is tried, and why."""
        last = self._checks.last_of(container.id)
        self._bus.publish(
            await self._causes.given_up(
                container,
                attempts=len(found.memory.attempts),
                reason=found.reason,
                exit_code=self._sight.loop_codes.get(container.id),
                check_output=last[1].output if last else "",
            )
        )

    def tell_failure(self, container: ObservedContainer, attempt: int, reason: str) -> None:
        """Tell that an attempt came to nothing."""
        self._bus.publish(
            RestartFailed(
                at=self._clock.now(),
                source="health",
                project=container.project,
                service=container.service,
                attempt=attempt,
                reason=reason,
            )
        )

    async def _count(self, place: str, container: ObservedContainer, memory: ServiceMemory) -> None:
        self._memories[place] = memory
        await self._memories.keep(container.project, place)

    def _ended(self, place: str) -> None:
        self.under_way.discard(place)
        self._scene.wake()

    async def _restart(
        self,
        container: ObservedContainer,
        reason: str,
        begun: Callable[[], Awaitable[None]],
        *,
        is_asked_for: bool,
    ) -> str:
        """Restart a container, or replace one that somebody took out of a network; why, in full."""
        project, config = self._scene.project, self._scene.config(container.service)
        if project is None or config is None:
            raise NotNeededError("it is not in the files any more")
        is_automatic = not container.is_running and not is_asked_for
        if is_automatic and await self._causes.was_stopped_meanwhile(container.id):
            self._sight.hands[container.id] = Hand.YES
            raise NotNeededError("somebody stopped it")
        # what is in the files and was not applied is not missing
        is_applied = container.is_running and container.labels.get(CONFIG_HASH) == config.config_hash
        keys = config.networks if is_applied else ()
        names = frozenset(project.networks[key].name for key in keys if key in project.networks)
        try:
            await self._repairs.restart(
                container,
                is_hung=bool(self._checks.ailment_of(container.id, config)),
                begun=begun,
                networks=names,
                is_asked_for=is_asked_for,
            )
        except DetachedError:
            reason = f"{reason}; it was taken out of a network"
            result = await self._recreations.make(container.service, anew=True)
            if result is None or not result.ok:
                problems = result.problems if result else ()
                why = "; ".join(p.message for p in problems) or "nothing was ever applied here"
                code = problems[0].code if problems else ErrorCode.ENGINE_ERROR
                raise EngineError(code, f"{reason}; {why}") from None
            await begun()
        return reason


def is_state_away(error: PodkeeperError) -> bool:
    """Whether the state folder as a whole refuses; what is damaged in it stays so, however often it is tried.

    A disk of Podman's that is full is another matter: that says something of the service.
    """
    return isinstance(error, StateError) and error.code in {ErrorCode.STATE_UNUSABLE, ErrorCode.NO_SPACE}
