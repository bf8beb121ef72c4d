"""HealthMonitor: drives health checks where nobody does, and brings back what is unhealthy, dead or gone."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from containers.bus import EventBus, Overflow, Subscription
from containers.event_integration import EngineProvider, EventIntegration
from containers.health.machine import Hand, Verdict
from containers.model.base import ContainerId, ServiceName
from containers.model.errors import EngineError, PodkeeperError
from containers.model.events import ContainerEvent, EventBase, PartFailed, PartRecovered
from containers.model.health import HealthStatus, RestartResult
from containers.model.metrics import Sample
from containers.model.observed import ContainerState, ObservedContainer
from containers.model.project import ResolvedProject, ServiceConfig
from containers.model.supervision import place_of
from containers.ports.machine import Clock, TaskOwner
from containers.ports.outside import OutsideProber
from containers.ports.processes import ProjectLocks, SupervisionNotes, SupervisorLeases
from containers.settings import MonitorSettings
from containers.supervision.acts import Acts
from containers.supervision.causes import CauseFinder
from containers.supervision.checks import CheckDriver
from containers.supervision.deaths import Deaths, WasChanging
from containers.supervision.illness import Illness
from containers.supervision.incidents import IncidentBook
from containers.supervision.judge import Judge
from containers.supervision.memories import Memories
from containers.supervision.override import ManualOverride
from containers.supervision.recreations import MakeAgain, Recreations
from containers.supervision.removals import SHORTEST_WAIT_S, Removals
from containers.supervision.repairs import Repairs
from containers.supervision.scene import Scene
from containers.supervision.sight import SETTLE_S, Sight
from containers.supervision.status_board import StatusBoard
from containers.supervision.supervisorship import Supervisorship

log = logging.getLogger(__name__)

NOTES_S = 0.5
"""Between two looks at what other processes noted, and at whether the lease is free."""
_ACTED_ON = frozenset({Verdict.RESTART, Verdict.GIVE_UP, Verdict.STOP})


class HealthMonitor:
    """Keeps one project healthy while it is monitored.

    It looks at the live picture that `EventIntegration` owns; it never asks the engine for what an event
    already told. Of all processes that monitor a project one has the lease: it alone drives checks and acts,
    the others watch and take over when it ends. It takes the project's lock for whatever it does, so it never
    acts during an apply, here or in another process, and it leaves alone what a person stopped, paused,
    removed or holds, and what Podman itself restarts.
    """

    def __init__(
        self,
        *,
        project: Callable[[], ResolvedProject | None],
        engine: EngineProvider,
        events: EventIntegration,
        bus: EventBus,
        locks: ProjectLocks,
        leases: SupervisorLeases,
        notes: SupervisionNotes,
        override: ManualOverride,
        prober: OutsideProber,
        make_again: MakeAgain,
        was_changing: WasChanging,
        was_restarting: WasChanging,
        clock: Clock,
        settings: Callable[[], MonitorSettings],
        jitter: Callable[[], float],
        group: TaskOwner,
    ) -> None:
        """`project` gives the project as last resolved; None while its files are wrong.

        `settings` gives what the project's environment has set, `jitter` random numbers from 0 to 1.
        """
        self._engine = engine
        self._events = events
        self._bus = bus
        self._clock = clock
        self._group = group
        self._tasks: list[asyncio.Task[None]] = []
        self._subscriptions: list[Subscription] = []
        self._wake = asyncio.Event()
        self._known: dict[ContainerId, ObservedContainer] = {}
        self._broken: set[str] = set()
        self._scene = scene = Scene(project=project, events=events, settings=settings, wake=self._wake.set)
        self._checks = checks = CheckDriver(
            engine=engine, prober=prober, publisher=bus, clock=clock, group=group, on_change=scene.refresh
        )
        self._sight = sight = Sight(scene=scene, checks=checks, override=override, clock=clock)
        incidents = IncidentBook(publisher=bus, clock=clock)
        memories = Memories(notes, override)
        causes = CauseFinder(engine=engine, events=events, clock=clock)
        repairs = Repairs(engine=engine, locks=locks, clock=clock)
        recreations = Recreations(make_again)
        self._judge = Judge(scene=scene, memories=memories, clock=clock, jitter=jitter, group=group)
        self._deaths = Deaths(
            scene=scene,
            sight=sight,
            events=events,
            incidents=incidents,
            causes=causes,
            was_changing=was_changing,
            was_restarting=was_restarting,
            clock=clock,
            group=group,
        )
        self._illness = Illness(
            incidents=incidents,
            sight=sight,
            clock=clock,
            is_attended=self._deaths.is_attended,
            is_given_up=lambda place: memories[place].given_up,
        )
        self._acts = Acts(
            scene=scene,
            sight=sight,
            checks=checks,
            memories=memories,
            incidents=incidents,
            causes=causes,
            repairs=repairs,
            recreations=recreations,
            bus=bus,
            state_failed=self._note_state_failure,
            clock=clock,
            group=group,
        )
        self._removals = Removals(
            scene=scene,
            sight=sight,
            judge=self._judge,
            memories=memories,
            incidents=incidents,
            causes=causes,
            recreations=recreations,
            acts=self._acts,
            was_changing=was_changing,
            clock=clock,
        )
        self._board = StatusBoard(scene=scene, checks=checks, restarts=self._acts.restarts, clock=clock)
        self._supervisorship = Supervisorship(
            scene=scene,
            leases=leases,
            override=override,
            memories=memories,
            publisher=bus,
            clock=clock,
            taken_up=incidents.forget,
            try_again=self._acts.try_again,
        )

    async def start_monitoring(self) -> None:
        """Begin; safe to call again. Returns when it is known whether this process supervises."""
        if self._tasks:
            return
        project = self._scene.project
        if project is not None:
            self._events.watch(project.name)
        self._subscriptions = [
            self._bus.subscribe(
                "health-monitor",
                self._on_event,
                topics=("container.*", "health.changed", "server.*", "transaction.*"),
                overflow=Overflow.LATEST_ONLY,
            ),
            self._bus.subscribe("health-monitor-lives", self._on_life, topics=("container.*",)),
        ]
        await self._supervisorship.stand()
        self._tasks = [
            self._group.create_task(self._run(), name="health-monitor"),
            self._group.create_task(self._stand_by(), name="health-monitor-lease"),
        ]

    async def stop_monitoring(self) -> None:
        """End, and let another process supervise; a restart under way is let finish by the engine."""
        for subscription in self._subscriptions:
            self._bus.unsubscribe(subscription)
        for task in self._tasks:
            task.cancel()
        self._subscriptions, self._tasks = [], []
        await self._supervisorship.end()

    async def check_service_health(self, service: str) -> HealthStatus:
        """Check a service now, whatever the schedule says.

        Raises:
            EngineError: the engine can not be asked.
        """
        name = ServiceName(service)
        container = next(iter(self._scene.of_service(name)), None)
        config = self._scene.config(name)
        if container is not None and container.is_running and config is not None and config.health_check:
            await self._checks.record(container)
        return self._board.status(name)

    async def restart_unhealthy_services(self) -> list[RestartResult]:
        """Restart, now, every service that is unhealthy or dead and may be; back-off is observed."""
        results = []
        for place, container in self._scene.containers().items():
            config = self._scene.config(container.service)
            if config is None or place in self._acts.under_way:
                continue
            if self._deaths.is_unattended(container, config):
                await self._deaths.attend(place, container)
            found = self._judge.verdict_on(place, container, self._sight.see(container, config))
            if found.verdict in {Verdict.RESTART, Verdict.GIVE_UP}:
                results.append(await self._acts.carry_out(place, container, found))
            elif found.reason:
                reason = f"waiting: {found.reason}"
                results.append(RestartResult(service=container.service, restarted=False, reason=reason))
        return results

    def get_health_metrics(self) -> dict[str, Any]:
        """The health of every service, with counts.

        Returns:
            `services` (name to `HealthStatus` as JSON), `healthy`, `unhealthy`, `starting`, `stopped`
            (how many), `restarts` (by this monitor, in all) and `samples` (name to the last `Sample`).
        """
        return self._board.metrics()

    def join_samples(self, samples: Callable[[], Mapping[ServiceName, Sample]]) -> None:
        """Have what was measured last shown among the metrics."""
        self._board.samples = samples

    @property
    def is_supervisor(self) -> bool:
        """Whether this process acts; else another one does, or nobody yet."""
        return self._supervisorship.is_supervisor

    async def _stand_by(self) -> None:
        while True:
            await self._clock.sleep(NOTES_S)
            await self._supervisorship.stand()

    # events

    def _on_event(self, _event: EventBase) -> None:
        self._wake.set()

    def _on_life(self, event: ContainerEvent) -> None:
        """Each event of a container's life, none left out."""
        project = self._scene.project
        if project is None or event.project != project.name or not isinstance(event, ContainerEvent):
            return
        known = self._known.get(event.container)
        if known is None:
            return
        place = place_of(known.service, known.number)
        if event.kind == "container.died" and place not in self._acts.under_way:
            self._deaths.note(place, known, event, acts=self.is_supervisor)
        elif event.kind == "container.removed":
            del self._known[event.container]
            self._sight.forget(event.container)
            self._deaths.forget(event.container)
            if not known.is_left_over:  # what is under way may find nothing to repair any more
                self._removals.note(place, known, event.at)
        self._wake.set()

    # looking

    async def _run(self) -> None:
        """Look, act, and sleep until the next check is due or something happens."""
        while True:
            self._wake.clear()
            wait_s = self._scene.settings.poll_s
            try:
                wait_s = await self._look()
            except EngineError as error:
                log.info("health checks wait for the engine: %s", error)
            try:
                async with asyncio.timeout(max(wait_s, SHORTEST_WAIT_S)):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _look(self) -> float:
        """Start the checks that are due and the repairs that are needed; seconds until the next look."""
        poll_s = self._scene.settings.poll_s
        project = self._scene.project
        for container in self._scene.containers().values():
            self._known[container.id] = container  # before anything is waited for: events follow
        if self._events.disconnected is not None or project is None:
            return poll_s
        engine = await self._engine()
        drives = (await engine.info()).health_driver == "podkeeper"
        soonest = self._clock.monotonic() + poll_s
        containers = self._scene.containers()
        if not self.is_supervisor:
            self._removals.drop_replaced(containers)
            return poll_s
        for place, container in containers.items():
            config = self._scene.config(container.service)
            if config is None:
                continue
            try:
                soonest = min(soonest, self._look_after(place, container, config, drives=drives))
                self._works_again(place, project)
            except Exception as error:  # noqa: BLE001  (a fault in one service's handling must not cost the others)
                self._broke(place, project, error)
        self._removals.see_to(containers)
        self._illness.close_absent({*containers, *self._removals.places, *self._acts.under_way})
        return soonest - self._clock.monotonic()

    def _look_after(
        self, place: str, container: ObservedContainer, config: ServiceConfig, *, drives: bool
    ) -> float:
        """One container: what is due and what is needed is begun; when to look at it again."""
        now = self._clock.monotonic()
        soonest = float("inf")
        if place in self._acts.under_way:
            return soonest
        if container.state is ContainerState.RUNNING:
            self._deaths.note_life(container)
            soonest = self._checks.drive(container, config, drives=drives)
        elif not container.is_running:
            self._checks.forget(container.id)
            if container.is_stopping:
                self._sight.hands[container.id] = Hand.YES
        seen = self._sight.see(container, config)
        self._illness.note(place, container, seen)
        found = self._judge.verdict_on(place, container, seen)
        if self._deaths.is_unattended(container, config):
            self._deaths.begin(place, container)
        elif found.verdict in _ACTED_ON:
            self._acts.begin(place, container, found)
        elif found.reason and not found.memory.given_up and found.verdict is Verdict.NOTHING:
            wait_s = max(found.memory.retry_at - self._clock.now().timestamp(), SHORTEST_WAIT_S)
            soonest = min(soonest, now + wait_s)
        if not seen.is_settled or self._illness.is_ending(place):
            soonest = min(soonest, now + SETTLE_S / 2)
        return soonest

    # one part's failure

    def _note_state_failure(self, error: PodkeeperError) -> None:
        self._supervisorship.note_failure(error)

    def _broke(self, place: str, project: ResolvedProject, error: Exception) -> None:
        log.error("supervision of %s broke", place, exc_info=error)
        if place not in self._broken:
            self._broken.add(place)
            self._bus.publish(
                PartFailed(
                    at=self._clock.now(),
                    source="health",
                    project=project.name,
                    part=f"supervision of {place}",
                    reason=f"{type(error).__name__}: {error}",
                )
            )

    def _works_again(self, place: str, project: ResolvedProject) -> None:
        if place in self._broken:
            self._broken.discard(place)
            part = f"supervision of {place}"
            self._bus.publish(
                PartRecovered(at=self._clock.now(), source="health", project=project.name, part=part)
            )
