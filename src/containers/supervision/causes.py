"""CauseFinder: who ended a container, and why a service was given up."""

import logging
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from containers.event_integration import EngineProvider, EventIntegration
from containers.health.hands import BY_STOP, hand_in, ran_when_removed
from containers.health.machine import Hand
from containers.model.base import ContainerId
from containers.model.errors import EngineError, ErrorCode
from containers.model.events import ServiceGivenUp
from containers.model.observed import (
    ONE_OFF_LABEL,
    ContainerDetail,
    ContainerState,
    EngineEvent,
    ObservedContainer,
)
from containers.observation.event_translation import project_of
from containers.ports.engine import ContainerEngine
from containers.ports.machine import Clock

log = logging.getLogger(__name__)

TELLS_WHEN_INSPECTED = (5, 4)
"""From this Podman on an inspected container says whether it was stopped by somebody."""
_PATIENCE_S = 3.0
"""For whoever else would clean up after a container that Podman has cleaned up after."""
_CLEANS_UP_S = 15.0
"""For Podman to do that, by a command of its own, on a busy machine; before, nothing tells who ended it."""
_REMOVAL_SETTLES_S = 0.5
_LOOK_AGAIN_S = 0.15
_IN_ONE_GO_NS = 1_500_000_000
_BACK_NS = 20_000_000_000
_DAY_NS = 86_400 * 10**9
_LOG_LINES = 10
_BUSY = 2.0
_LAST_TOLD = 8


class CauseFinder:
    """Finds out what only the engine's memory can tell.

    Args:
        engine: the engine, connected at first use.
        events: tells of stops and signals that were seen.
        clock: time.
    """

    def __init__(self, *, engine: EngineProvider, events: EventIntegration, clock: Clock) -> None:
        self._engine = engine
        self._events = events
        self._clock = clock

    async def hand_of(self, container: ContainerId, settle_s: float) -> Hand:
        """Whether a person ended a container that does not run; unknown counts as yes for who acts on it.

        Args:
            container: which.
            settle_s: how long after a death Podman may still be about to tell that it was a stop.

        Raises:
            EngineError: the engine can not be asked.
        """
        if self._events.was_stopped_by_hand(container):
            return Hand.YES
        engine = await self._engine()
        try:
            detail = await engine.inspect_container(container)
        except EngineError as error:
            if error.code is ErrorCode.NOT_FOUND:
                return Hand.UNKNOWN
            raise
        if detail.stopped_by_user:
            return Hand.YES
        if engine.version.version_tuple >= TELLS_WHEN_INSPECTED:
            return Hand.NO
        return await self._from_events(engine, detail, settle_s)

    async def _from_events(self, engine: ContainerEngine, detail: ContainerDetail, settle_s: float) -> Hand:
        """Read Podman's own log, as soon as it has said all that it has to say."""
        ended_at = detail.finished_at or self._clock.now()
        since_ns = _ns(ended_at) - _BACK_NS
        began = self._clock.monotonic()
        age_s = (self._clock.now() - ended_at).total_seconds()
        if 0 <= age_s < settle_s:
            await self._clock.sleep(settle_s - age_s)
        while True:
            events = await engine.past_events(since_ns, container=detail.id)
            found = hand_in(events)
            is_final = found is Hand.YES or self._is_quiet(events, settle_s)
            will_clean_up = found is Hand.UNKNOWN and not _runs_again(events)
            patience_s = _CLEANS_UP_S if will_clean_up else _PATIENCE_S
            if is_final or self._clock.monotonic() - began >= patience_s:
                if found is Hand.UNKNOWN:
                    log.info("nothing tells who ended %s: it is left as it is", detail.name)
                return found
            await self._clock.sleep(_LOOK_AGAIN_S)

    def _is_quiet(self, events: Sequence[EngineEvent], settle_s: float) -> bool:
        """Whether whoever else would clean up has had the time for it.

        On a busy machine that is longer: how long the first one took shows how busy it is.
        """
        cleaned = [e.at_ns for e in events if e.action == "cleanup"]
        died = [e.at_ns for e in events if e.action in {"died", "die"}]
        if not cleaned or not died or cleaned[-1] < died[-1]:
            return False
        first_ns = next(at for at in cleaned if at >= died[-1]) - died[-1]
        return _ns(self._clock.now()) - cleaned[-1] >= max(settle_s * 1e9, _BUSY * first_ns)

    async def was_stopped_meanwhile(self, container: ContainerId) -> bool:
        """One more look, just before anything is done.

        Raises:
            EngineError: the engine can not be asked.
        """
        engine = await self._engine()
        if engine.version.version_tuple >= TELLS_WHEN_INSPECTED:
            return (await engine.inspect_container(container)).stopped_by_user
        since_ns = _ns(self._clock.now()) - _DAY_NS
        return hand_in(await engine.past_events(since_ns, container=container)) is Hand.YES

    async def ran_when_removed(self, container: ContainerId, at: datetime) -> bool | None:
        """Whether a container that was removed at `at` was running until then; None: nobody knows.

        Raises:
            EngineError: the engine can not be asked.
        """
        engine = await self._engine()
        by_stop = 1 if engine.version.version_tuple >= TELLS_WHEN_INSPECTED else BY_STOP
        # whether it was stopped before counts, however long ago that was: its last start and what followed
        events = await engine.past_events(_ns(at) - _DAY_NS, container=container)
        found = ran_when_removed(events, by_stop)
        if found is not True:
            told = [(e.action, round((e.at_ns - _ns(at)) / 1e6)) for e in events[-_LAST_TOLD:]]
            log.info("of %s, removed at %s, Podman told (with ms from then): %s", container[:12], at, told)
        if found is not False or not ran_when_removed(events):
            return found
        # Either it was stopped first, or who removed it by force was overtaken in cleaning up: then not all
        # of those that were removed in the same go were.
        await self._clock.sleep(_REMOVAL_SETTLES_S)
        around = await engine.past_events(_ns(at) - _IN_ONE_GO_NS, _ns(at) + _IN_ONE_GO_NS)
        return any(ran_when_removed(of_one, by_stop) for of_one in _others(around, events[-1]))

    async def ran_for_sure(self, container: ContainerId, at: datetime) -> bool:
        """The same, half a second later: who cleans up after a stop may write that down after the removal.

        Raises:
            EngineError: the engine can not be asked.
        """
        await self._clock.sleep(_REMOVAL_SETTLES_S)
        return await self.ran_when_removed(container, at) is True

    async def given_up(
        self,
        container: ObservedContainer,
        *,
        attempts: int,
        reason: str,
        exit_code: int | None,
        check_output: str,
    ) -> ServiceGivenUp:
        """The event that says so, with all that helps to see why.

        `exit_code` is that of a loop that was just stopped; its container has that of the stop.
        """
        of_loop = exit_code
        exit_code, out_of_memory, tail = container.exit_code, False, ()
        lines: tuple[str, ...] = tail
        try:
            engine = await self._engine()
            detail = await engine.inspect_container(container.id)
            # an exit code says nothing of what runs
            exit_code = detail.exit_code if detail.state is not ContainerState.RUNNING else exit_code
            out_of_memory = detail.oom_killed
            check_output = check_output or detail.health_output
            lines = tuple((await engine.logs(container.id, _LOG_LINES)).splitlines())
        except EngineError as error:
            log.info("could not find out more about %s: %s", container.name, error)
        return ServiceGivenUp(
            at=self._clock.now(),
            source="health",
            project=container.project,
            service=container.service,
            container=container.id,
            attempts=attempts,
            reason=reason,
            exit_code=exit_code if of_loop is None else of_loop,
            out_of_memory=out_of_memory,
            check_output=check_output.strip(),
            log_tail=lines,
        )


def _others(events: Sequence[EngineEvent], of: EngineEvent) -> Iterable[Sequence[EngineEvent]]:
    """The events of each other container of the same project's services."""
    found: dict[str, list[EngineEvent]] = {}
    for event in events:
        is_one_off = event.attributes.get(ONE_OFF_LABEL, "").lower() == "true"
        if event.id != of.id and project_of(event) == project_of(of) and not is_one_off:
            found.setdefault(event.id, []).append(event)
    return found.values()


def _runs_again(events: Sequence[EngineEvent]) -> bool:
    """Whether a start is the last that is told: Podman does not clean up after what it restarts itself."""
    lives = [e.action for e in events if e.action in {"died", "die", "start", "restart"}]
    return bool(lives) and lives[-1] in {"start", "restart"}


def _ns(moment: datetime) -> int:
    return int(moment.astimezone(UTC).timestamp() * 1e9)
