"""HealthRecorder: writes down how services are, and lets nothing of that stop anything."""

import logging
from collections.abc import Callable, Collection

from containers.bus import EventBus, Subscription
from containers.health.spans import SpanKeeper
from containers.model.base import ServiceName
from containers.model.errors import StateError
from containers.model.events import (
    EventBase,
    HealthChanged,
    IncidentClosed,
    IncidentOpened,
    PartFailed,
    PartRecovered,
)
from containers.model.metrics import Incident, IncidentEnd, Notes, Sample, Span, Transition
from containers.model.observed import ObservedContainer
from containers.model.place import Place
from containers.model.project import ResolvedProject
from containers.ports.machine import Clock
from containers.ports.stores import HealthNotes
from containers.settings import HistorySettings

log = logging.getLogger(__name__)

PART = "history"
_TOPICS = ("incident.*", "health.changed")
_MOST_WAITING = 1000
"""Incidents and transitions that wait for a database that can not be written; then the oldest are lost."""
_STEPS = 20
"""Of tidying after each note: so a month that nobody tidied is caught up with in an hour."""


class HealthRecorder:
    """Takes up what the bus tells of one project's health, and writes it with each set of samples.

    Only what this process supervises is written: of several monitors of a project one tells. A history that
    can not be written is told once (`server.part_failed`), tried again each time, and told when it works
    again; samples of the time between are lost, incidents wait.
    """

    def __init__(
        self,
        *,
        history: HealthNotes,
        bus: EventBus,
        clock: Clock,
        settings: HistorySettings,
        project: Callable[[], ResolvedProject | None],
        is_supervisor: Callable[[], bool],
    ) -> None:
        """`project` is as last resolved; `is_supervisor` tells whether this process is the one that acts."""
        self._history = history
        self._bus = bus
        self._clock = clock
        self._project = project
        self._is_supervisor = is_supervisor
        self._spans = SpanKeeper(3 * settings.every_s)
        self._failed: dict[ServiceName, set[str]] = {}
        """The open incidents of each service."""
        self._opened: list[Incident] = []
        self._closed: list[IncidentEnd] = []
        self._transitions: list[Transition] = []
        self._unwritten: list[Span] = []
        self._place: Place | None = None
        self._began = clock.now()
        self._has_ended_earlier = False
        self._is_broken = False
        self._subscription: Subscription | None = None

    def start(self) -> None:
        """Begin to listen; safe to call again."""
        if self._subscription is None:
            self._began = self._clock.now()
            self._subscription = self._bus.subscribe("health-recorder", self._on_event, topics=_TOPICS)

    def stop(self) -> None:
        """End listening."""
        if self._subscription is not None:
            self._bus.unsubscribe(self._subscription)
            self._subscription = None

    def look(self, place: Place, containers: Collection[ObservedContainer]) -> None:
        """Take up how the services are at this moment."""
        if place != self._place:
            if self._place is not None:
                self._forget()
            self._place = place
            self._has_ended_earlier = False
        if self._is_supervisor():
            self._spans.look(containers, self._failed.keys(), self._clock.now())
        else:
            self._spans.forget()
            _ = self._spans.take()

    def _forget(self) -> None:
        """Another project is kept from now on: nothing of the earlier one is said of its services."""
        self._spans.forget()
        _ = self._spans.take()
        self._failed.clear()
        self._unwritten, self._transitions, self._opened, self._closed = [], [], [], []

    def lost_sight(self) -> None:
        """The engine does not answer: how services are is unknown until the next look."""
        self._spans.forget()

    async def write(self, samples: tuple[Sample, ...]) -> None:
        """Write what there is, and a little of what is due besides; raises nothing that passes."""
        place = self._place
        if place is None or not self._is_supervisor():
            return
        notes = Notes(
            place=place,
            samples=samples,
            spans=(*self._unwritten, *self._spans.take()),
            transitions=tuple(self._transitions),
            opened=tuple(self._opened),
            closed=tuple(self._closed),
        )
        self._unwritten, self._transitions, self._opened, self._closed = [], [], [], []
        try:
            if not self._has_ended_earlier:
                await self._history.give_up_open(place, self._began)
                self._has_ended_earlier = True
            await self._history.note(notes)
        except StateError as error:
            self._keep(notes)
            self._tell_failure(error)
            return
        self._tell_recovery()
        try:
            for _ in range(_STEPS):
                if not await self._history.tidy(self._clock.now()):
                    break
        except StateError as error:
            log.debug("the history can not be tidied now: %s", error)

    def _keep(self, notes: Notes) -> None:
        """Have what was not written written the next time, but not without bound."""
        self._unwritten = list(notes.spans)[-_MOST_WAITING:]
        self._transitions = [*notes.transitions, *self._transitions][-_MOST_WAITING:]
        self._opened = [*notes.opened, *self._opened][-_MOST_WAITING:]
        self._closed = [*notes.closed, *self._closed][-_MOST_WAITING:]

    def _on_event(self, event: EventBase) -> None:
        project = self._project()
        if project is None or event.project != project.name or not self._is_supervisor():
            return
        match event:
            case IncidentOpened():
                self._failed.setdefault(event.service, set()).add(event.incident)
                self._spans.note(event.service, "down", event.at)
                self._opened.append(
                    Incident(
                        id=event.incident,
                        service=event.service,
                        container=event.container,
                        opened_at=event.at,
                        reason=event.reason,
                        exit_code=event.exit_code,
                    )
                )
            case IncidentClosed():
                self._end(event)
            case HealthChanged():
                self._transitions.append(
                    Transition(service=event.service, at=event.at, before=event.before, after=event.after)
                )
            case _:
                pass

    def _end(self, event: IncidentClosed) -> None:
        of_service = self._failed.get(event.service, set())
        of_service.discard(event.incident)
        if not of_service:
            self._failed.pop(event.service, None)
            # what it is now the next look tells; one that a person ended is meant to be away
            self._spans.note(event.service, "idle" if event.how == "by_hand" else "up", event.at)
        self._closed.append(
            IncidentEnd(
                id=event.incident,
                at=event.at,
                duration_s=event.duration_s,
                restarts=event.restarts,
                how=event.how,
            )
        )

    def _tell_failure(self, error: StateError) -> None:
        if self._is_broken:
            return
        self._is_broken = True
        log.warning("the health of services can not be written down: %s", error)
        self._bus.publish(
            PartFailed(at=self._clock.now(), source="health", project=None, part=PART, reason=str(error))
        )

    def _tell_recovery(self) -> None:
        if self._is_broken:
            self._is_broken = False
            self._bus.publish(PartRecovered(at=self._clock.now(), source="health", part=PART))
