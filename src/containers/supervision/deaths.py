"""Deaths: opens the incident of each, at once, and finds out who brought it about."""

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime

from containers.event_integration import EventIntegration
from containers.health.machine import ORDERLY_EXITS, Hand
from containers.model.base import ContainerId
from containers.model.errors import PodkeeperError
from containers.model.events import ContainerEvent
from containers.model.observed import ContainerState, ObservedContainer
from containers.model.project import ServiceConfig
from containers.ports.machine import Clock, TaskOwner
from containers.supervision.causes import CauseFinder
from containers.supervision.incidents import IncidentBook
from containers.supervision.scene import Scene
from containers.supervision.sight import ENGINE_RESTARTS, Sight

log = logging.getLogger(__name__)

LOCK_RETRY_S = 0.1

WasChanging = Callable[[ObservedContainer, datetime], Awaitable[bool]]
"""Whether one of our own transactions was at work on a container at a moment, in whichever process."""


class Deaths:
    """What ended, was told or seen, and is to be judged.

    Args:
        scene: the project.
        sight: told who ended what.
        events: tells of stops and signals that were seen.
        incidents: where they are opened.
        causes: finds out who ended a container.
        was_changing: whether it was one of our own changes.
        was_restarting: whether one of them restarted it.
        clock: time.
        group: owns the tasks.
    """

    def __init__(
        self,
        *,
        scene: Scene,
        sight: Sight,
        events: EventIntegration,
        incidents: IncidentBook,
        causes: CauseFinder,
        was_changing: WasChanging,
        was_restarting: WasChanging,
        clock: Clock,
        group: TaskOwner,
    ) -> None:
        self._scene = scene
        self._sight = sight
        self._events = events
        self._incidents = incidents
        self._causes = causes
        self._was_changing = was_changing
        self._was_restarting = was_restarting
        self._clock = clock
        self._group = group
        self._found_out_at: dict[ContainerId, datetime] = {}
        self._attending: set[ContainerId] = set()

    def is_attended(self, container: ContainerId) -> bool:
        """Whether it is being found out who ended it."""
        return container in self._attending

    def is_unattended(self, container: ObservedContainer, config: ServiceConfig) -> bool:
        """Whether it ended in a disorderly way, and nobody knows yet who did that."""
        is_dead = container.state is ContainerState.EXITED and container.exit_code not in ORDERLY_EXITS
        is_ours = self._sight.see(container, config).may_restart
        return is_dead and is_ours and container.id not in (self._sight.hands.keys() | self._attending)

    def note_life(self, container: ObservedContainer) -> None:
        """Note that a container runs: who ended an earlier life of it does not matter any more."""
        found_out_at = self._found_out_at.get(container.id)
        if found_out_at is not None and (container.started_at or found_out_at) > found_out_at:
            self._sight.hands.pop(container.id, None)

    def note(self, place: str, known: ObservedContainer, event: ContainerEvent, *, acts: bool) -> None:
        """Take up a death that was told; attend to it at once, where this process acts.

        What Podman restarts is counted by all.
        """
        config = self._scene.config(known.service)
        if config is None:
            return
        found_out_at = self._found_out_at.get(known.id, event.at)
        if event.at < max(known.started_at or event.at, found_out_at):
            return  # told late: it is about an earlier life, or a death that was seen without being told
        self._sight.hands.pop(known.id, None)
        if config.restart_policy.name in ENGINE_RESTARTS:
            self._sight.note_engine_death(known.id, event.exit_code)
        dead = known.model_copy(update={"state": ContainerState.EXITED, "exit_code": event.exit_code})
        is_known = place in self._incidents or event.exit_code in ORDERLY_EXITS
        if not acts or is_known or not self._sight.see(dead, config).may_restart:
            return
        if known.id not in self._attending:
            self.begin(place, dead, event.at)
        elif not self._events.was_stopped_by_hand(known.id):  # it was seen before it was told
            _ = self._group.create_task(self._open_told(dead, event.at), name=f"incident:{place}")

    def begin(self, place: str, container: ObservedContainer, at: datetime | None = None) -> None:
        """Attend to a death beside everything else; `at` is when it happened, as far as that was told."""
        if container.id not in self._attending:
            _ = self._group.create_task(self.attend(place, container, at), name=f"attend:{place}")
            self._attending.add(container.id)

    async def attend(self, place: str, container: ObservedContainer, at: datetime | None = None) -> None:
        """Open the incident of a death, unless a person or one of our own changes brought it about."""
        self._attending.add(container.id)
        try:
            await self._find_out(place, container, at)
        except PodkeeperError as error:
            log.info("could not find out who ended %s: %s", container.name, error)
            await self._clock.sleep(LOCK_RETRY_S)
        finally:
            self._attending.discard(container.id)

    async def _find_out(self, place: str, container: ObservedContainer, at: datetime | None) -> None:
        hand = Hand.YES
        died_at = at or self._clock.now()
        if not self._events.was_stopped_by_hand(container.id):
            # what one of our own changes stops is no incident, though nothing else tells it from a crash
            if at is not None:
                await self._open_unless_ours(container, at)
            hand = await self._causes.hand_of(container.id, self._scene.settings.hand_settle_s)
        now = self._scene.containers().get(place)
        is_still_dead = now is not None and now.id == container.id and now.state is ContainerState.EXITED
        if hand is Hand.NO and is_still_dead and not await self._is_restarted(container, died_at):
            self._open(container, died_at)
        if is_still_dead:
            # nothing tells: what is not known to be an accident is left as it is
            self._sight.hands[container.id] = Hand.NO if hand is Hand.NO else Hand.YES
            self._found_out_at[container.id] = self._clock.now()
        self._scene.wake()

    async def _open_told(self, container: ObservedContainer, at: datetime) -> None:
        """Open the incident of a death that is being attended to, which goes on whatever comes of this."""
        try:
            await self._open_unless_ours(container, at)
        except PodkeeperError as error:
            log.info("could not find out whether we ended %s: %s", container.name, error)

    async def _open_unless_ours(self, container: ObservedContainer, at: datetime) -> None:
        """Open the incident of a death that was told, unless one of our own changes was at work there."""
        if not await self._was_changing(container, at):
            self._open(container, at)

    async def _is_restarted(self, container: ObservedContainer, at: datetime) -> bool:
        """Whether one of our own changes restarts it, which Podman 5 tells as it tells a crash."""
        try:
            return await self._was_restarting(container, at)
        except PodkeeperError as error:
            log.info("could not find out whether %s was being restarted: %s", container.name, error)
            return False

    def _open(self, container: ObservedContainer, at: datetime) -> None:
        self._incidents.open(
            container.project,
            container.service,
            container.number,
            container=container.id,
            reason=f"it exited with {container.exit_code}",
            exit_code=container.exit_code,
            at=at,
        )

    def forget(self, container: ContainerId) -> None:
        """Drop what is known of a container that is gone."""
        self._found_out_at.pop(container, None)
