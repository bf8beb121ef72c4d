"""Removals: has what was removed while it ran made again; what a person had stopped stays away."""

import logging
from collections.abc import Collection, Mapping
from datetime import datetime
from functools import partial

from containers.health.machine import ORDERLY_EXITS, Hand, Verdict
from containers.model.base import ContainerId
from containers.model.errors import EngineError, ErrorCode, LockHeldError, PodkeeperError
from containers.model.observed import ContainerState, ObservedContainer
from containers.model.outcome import ComposeResult, Problem
from containers.ports.machine import Clock
from containers.supervision.acts import Acts, is_state_away
from containers.supervision.causes import CauseFinder
from containers.supervision.deaths import LOCK_RETRY_S, WasChanging
from containers.supervision.incidents import IncidentBook
from containers.supervision.judge import Judge
from containers.supervision.memories import Memories
from containers.supervision.recreations import Recreations
from containers.supervision.scene import Scene
from containers.supervision.sight import Sight

log = logging.getLogger(__name__)

SHORTEST_WAIT_S = 0.05
_LONGEST_WAIT_S = 1.0
_TOLD_AFTER_S = 0.1
"""After a removal: who cleans up after the stop before it may write that down so much later."""
_REASON = "its container was removed"


class Removals:
    """Places whose container is gone.

    Args:
        scene: the project.
        sight: how containers are.
        judge: says whether, and when, it is tried again.
        memories: what was tried.
        incidents: where they are opened.
        causes: finds out whether it ran.
        recreations: makes it again.
        acts: tells of it, and sees to the dependents.
        was_changing: whether it was one of our own changes.
        clock: time.
    """

    def __init__(
        self,
        *,
        scene: Scene,
        sight: Sight,
        judge: Judge,
        memories: Memories,
        incidents: IncidentBook,
        causes: CauseFinder,
        recreations: Recreations,
        acts: Acts,
        was_changing: WasChanging,
        clock: Clock,
    ) -> None:
        self._scene = scene
        self._sight = sight
        self._judge = judge
        self._memories = memories
        self._incidents = incidents
        self._causes = causes
        self._recreations = recreations
        self._acts = acts
        self._was_changing = was_changing
        self._clock = clock
        self._gone: dict[str, tuple[ObservedContainer, datetime]] = {}
        """What was removed, and when."""
        self._ran_for_sure: set[ContainerId] = set()
        """Those that were not stopped before."""

    @property
    def places(self) -> Collection[str]:
        """Where something is gone."""
        return self._gone.keys()

    def note(self, place: str, container: ObservedContainer, at: datetime) -> None:
        """Take up that a container was removed.

        A place that is empty already stays as it is: what was to take it was taken away again.
        """
        self._gone.setdefault(place, (container, at))

    def drop_replaced(self, containers: Mapping[str, ObservedContainer]) -> None:
        """Forget the places that have another container by now.

        Where one is being made that is seen already, making it may still fail, and take it away again.
        """
        for place, (container, _) in tuple(self._gone.items()):
            is_replaced = place in containers and containers[place].id != container.id
            if is_replaced and place not in self._acts.under_way:
                self._drop(place, container)

    def see_to(self, containers: Mapping[str, ObservedContainer]) -> None:
        """Begin what is needed where nothing is there any more."""
        self.drop_replaced(containers)
        for place, (container, at) in self._gone.items():
            # where it still is there, the picture is older than the removal: the next one shows it
            if place not in containers and place not in self._acts.under_way:
                self._acts.occupy(place, partial(self._attend, place, container, at), f"gone:{place}")

    async def _attend(self, place: str, container: ObservedContainer, at: datetime) -> None:
        try:
            rest_s = _TOLD_AFTER_S - (self._clock.now() - at).total_seconds()
            if rest_s > 0:  # another machine's clock may be ahead
                await self._clock.sleep(min(rest_s, _TOLD_AFTER_S))
            if why := await self._why_gone(place, container, at):
                log.info("%s is gone, and stays so: %s", container.name, why)
                self._drop(place, container)
                return
            self._incidents.open(
                container.project,
                container.service,
                container.number,
                container=container.id,
                reason=_REASON,
                at=at,
            )
            if container.id not in self._ran_for_sure:
                if not await self._causes.ran_for_sure(container.id, at):
                    log.info("%s was stopped before it was removed, and stays away", container.name)
                    self._incidents.close(place, "by_hand")
                    self._drop(place, container)
                    return
                self._ran_for_sure.add(container.id)
            await self._make_again(place, container)
        except LockHeldError:
            await self._clock.sleep(LOCK_RETRY_S)
        except PodkeeperError as error:
            log.info("could not see to %s, which was removed: %s", container.name, error)
            if is_state_away(error):
                await self._acts.wait_for_state(error)
            else:
                await self._clock.sleep(self._scene.settings.poll_s)

    async def _why_gone(self, place: str, container: ObservedContainer, at: datetime) -> str:
        """Why a container that is gone is to stay so; empty where it was to go on running."""
        if why := self._why_unwanted(place, container):
            return why
        if await self._was_changing(container, at):
            # also where it is tried again: a `down` may have come to this one only after that
            return "one of our own changes was at work there"
        if place in self._incidents and self._incidents.is_of(place, container.id, _REASON):
            return ""  # it was found to be so before
        return "" if await self._causes.ran_when_removed(container.id, at) is True else "it did not run then"

    def _why_unwanted(self, place: str, container: ObservedContainer) -> str:
        """The same, as far as it does not matter how it was removed."""
        config = self._scene.config(container.service)
        if config is None or container.number > config.replicas:
            return "the files do not ask for it"
        others = (c for c in self._scene.of_service(config.name) if c.id != container.id)
        siblings = [c for c in others if c.state is ContainerState.EXITED]
        if any(c.exit_code in ORDERLY_EXITS or self._sight.hands.get(c.id) is Hand.YES for c in siblings):
            return "another replica was stopped by somebody"
        seen = self._sight.see(container, config)
        if self._memories[place].given_up or seen.is_held:
            return "it is held, or given up"
        is_kept = seen.may_restart and self._scene.limits(config.name).enabled
        return "" if is_kept else "it is not to be restarted"

    async def _make_again(self, place: str, container: ObservedContainer) -> None:
        service, config = container.service, self._scene.config(container.service)
        if config is None:
            return
        seen = self._sight.see(container, config)._replace(
            state=ContainerState.EXITED, exit_code=None, hand=Hand.NO, engine_restarts=False, ailment=""
        )
        found = self._judge.verdict(place, service, seen)
        if found.verdict is Verdict.NOTHING:
            wait_s = found.memory.retry_at - self._clock.now().timestamp()
            await self._clock.sleep(min(max(wait_s, SHORTEST_WAIT_S), _LONGEST_WAIT_S))
            return
        if found.verdict is Verdict.GIVE_UP:
            self._drop(place, container)
            self._memories[place] = found.memory
            await self._memories.keep(container.project, place)
            await self._acts.tell_given_up(container, found)
            return
        result = await self._made(container)
        if result is None:
            log.info("%s is not made again: nothing was ever applied here", container.name)
            self._drop(place, container)
            return
        was_away = any(problem.code is ErrorCode.DAEMON_UNREACHABLE for problem in result.problems)
        if was_away and await self._acts.is_excused(place, container):
            return
        self._memories[place] = found.memory
        await self._memories.keep(container.project, place)
        attempt = len(found.memory.attempts)
        if result.ok:
            self._drop(place, container)
            await self._acts.restarted(place, container, attempt, _REASON)
            self._acts.restart_dependents(service)
        else:
            self._acts.tell_failure(container, attempt, "; ".join(p.message for p in result.problems))

    async def _made(self, container: ObservedContainer) -> ComposeResult | None:
        """What came of making it; that what was last applied can not be read is a failure like any other."""
        try:
            return await self._recreations.make(container.service)
        except (LockHeldError, EngineError):
            raise
        except PodkeeperError as error:
            if is_state_away(error):
                raise
            problem = Problem.of_error(error)
            return ComposeResult(ok=False, project=container.project, problems=(problem,))

    def _drop(self, place: str, container: ObservedContainer) -> None:
        self._gone.pop(place, None)
        self._ran_for_sure.discard(container.id)
