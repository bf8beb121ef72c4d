"""HealthMonitor: drives health checks where nobody does, and brings back what is unhealthy or dead."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from containers.bus import EventBus, Overflow, Subscription
from containers.event_integration import EngineProvider, EventIntegration
from containers.health.machine import Seen, ServiceMemory, Step, Verdict, step
from containers.health.restart_policy import RestartLimits
from containers.health.schedule import ProbeMemory, next_probe_at, next_record_at
from containers.model.base import ContainerId, ServiceName
from containers.model.errors import EngineError, LockHeldError
from containers.model.events import EventBase, RestartFailed, ServiceRestarted
from containers.model.health import HealthState, HealthStatus, ProbeResult, RestartResult
from containers.model.observed import ContainerState, ObservedContainer
from containers.model.project import HealthCheck, ResolvedProject
from containers.ports import Clock, ContainerEngine, ProjectLocks, TaskOwner
from containers.settings import MonitorSettings

log = logging.getLogger(__name__)

_ENGINE_RESTARTS = frozenset({"always", "unless-stopped", "on-failure"})
_SHORTEST_WAIT_S = 0.05


class HealthMonitor:
    """Keeps one project healthy while it is monitored.

    It looks at the live picture that `EventIntegration` owns; it never asks the engine for what an event
    already told. It takes the project's lock for each restart, so it never acts during an apply, here or
    in another process, and it leaves alone what a person stopped and what Podman itself restarts.
    """

    def __init__(
        self,
        *,
        project: Callable[[], ResolvedProject | None],
        engine: EngineProvider,
        events: EventIntegration,
        bus: EventBus,
        locks: ProjectLocks,
        clock: Clock,
        settings: Callable[[], MonitorSettings],
        group: TaskOwner,
    ) -> None:
        """`project` gives the project as last resolved; None while its files are wrong.

        `settings` gives what the project's environment has set.
        """
        self._project = project
        self._engine = engine
        self._events = events
        self._bus = bus
        self._locks = locks
        self._clock = clock
        self._settings = settings
        self._group = group
        self._task: asyncio.Task[None] | None = None
        self._subscription: Subscription | None = None
        self._wake = asyncio.Event()
        self._memories: dict[ServiceName, ServiceMemory] = {}
        self._probes: dict[ContainerId, ProbeMemory] = {}
        self._busy: set[ContainerId] = set()
        self._last: dict[ServiceName, tuple[Any, ProbeResult]] = {}
        self._restarts: dict[ServiceName, int] = {}

    async def start_monitoring(self) -> None:
        """Begin; safe to call again. Returns at once."""
        if self._task is not None:
            return
        project = self._project()
        if project is not None:
            self._events.watch(project.name)
        self._subscription = self._bus.subscribe(
            "health-monitor",
            self._on_event,
            topics=("container.*", "health.changed", "server.*", "transaction.finished"),
            overflow=Overflow.LATEST_ONLY,
        )
        self._task = self._group.create_task(self._run(), name="health-monitor")

    async def stop_monitoring(self) -> None:
        """End; a restart under way is let finish by the engine."""
        if self._subscription is not None:
            self._bus.unsubscribe(self._subscription)
            self._subscription = None
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def check_service_health(self, service: str) -> HealthStatus:
        """Check a service now, whatever the schedule says.

        Raises:
            EngineError: the engine can not be asked.
        """
        container = self._containers().get(ServiceName(service))
        if container is not None and container.is_running and self._check_of(container) is not None:
            engine = await self._engine()
            await self._record(engine, container)
        return self._status(ServiceName(service))

    async def restart_unhealthy_services(self) -> list[RestartResult]:
        """Restart, now, every service that is unhealthy or dead and may be; back-off is observed."""
        results = []
        for service, container in self._containers().items():
            verdict = self._judge(service, container)
            if verdict.verdict is not Verdict.NOTHING:
                results.append(await self._act(container, verdict))
            elif verdict.reason:
                results.append(
                    RestartResult(service=service, restarted=False, reason=f"waiting: {verdict.reason}")
                )
        return results

    def get_health_metrics(self) -> dict[str, Any]:
        """The health of every service, with counts.

        Returns:
            `services` (name to `HealthStatus` as JSON), `healthy`, `unhealthy`, `starting`, `stopped`
            (how many) and `restarts` (by this monitor, in all).
        """
        statuses = [self._status(service) for service in self._known_services()]
        counts = {
            s: sum(x.status == s for x in statuses) for s in ("healthy", "unhealthy", "starting", "stopped")
        }
        return {
            "services": {s.service_name: s.model_dump(mode="json") for s in statuses},
            **counts,
            "restarts": sum(self._restarts.values()),
        }

    def _on_event(self, _event: EventBase) -> None:
        self._wake.set()

    async def _run(self) -> None:
        """Look, act, and sleep until the next check is due or something happens."""
        while True:
            self._wake.clear()
            wait_s = self._settings().poll_s
            try:
                wait_s = await self._look()
            except EngineError as error:
                log.info("health checks wait for the engine: %s", error)
            try:
                async with asyncio.timeout(max(wait_s, _SHORTEST_WAIT_S)):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _look(self) -> float:
        """Start the checks that are due and the restarts that are needed; seconds until the next look."""
        if self._events.disconnected is not None:
            return self._settings().poll_s
        engine = await self._engine()
        drives = (await engine.info()).health_driver == "podkeeper"
        now = self._clock.monotonic()
        settings = self._settings()
        soonest = now + settings.poll_s
        for service, container in self._containers().items():
            check = self._check_of(container)
            if container.state is ContainerState.RUNNING and check is not None and drives:
                soonest = min(soonest, self._check_when_due(engine, container, check, now))
            elif not container.is_running:
                self._probes.pop(container.id, None)
            if not settings.enabled:
                continue
            verdict = self._judge(service, container)
            if verdict.verdict is not Verdict.NOTHING:
                await self._act(container, verdict)
            if verdict.reason and not verdict.memory.given_up:
                soonest = min(soonest, max(verdict.memory.retry_at, now + _SHORTEST_WAIT_S))
        return soonest - self._clock.monotonic()

    def _check_when_due(
        self, engine: ContainerEngine, container: ObservedContainer, check: HealthCheck, now: float
    ) -> float:
        """Start what is due for one container; the time when the next is."""
        memory = self._probes.setdefault(container.id, ProbeMemory(first_seen_at=now))
        probe_at = next_probe_at(memory, check, container.health, now)
        record_at = next_record_at(memory, check)
        if container.id not in self._busy:
            if record_at <= now:
                self._begin(container, self._record(engine, container))
                memory = memory.model_copy(update={"recorded_at": now})
            elif probe_at is not None and probe_at <= now:
                self._begin(container, self._probe(engine, container, check))
                memory = memory.model_copy(update={"probed_at": now})
            self._probes[container.id] = memory
        probe_at = next_probe_at(memory, check, container.health, now)
        return min(next_record_at(memory, check), probe_at if probe_at is not None else float("inf"))

    def _begin(self, container: ObservedContainer, work: Any) -> None:
        self._busy.add(container.id)
        task = self._group.create_task(work, name=f"check:{container.name}")
        task.add_done_callback(lambda _: self._busy.discard(container.id))

    async def _probe(self, engine: ContainerEngine, container: ObservedContainer, check: HealthCheck) -> None:
        """Try the check's command; only when it passes is Podman told to record it."""
        try:
            result = await engine.execute(container.id, check.command, check.timeout_s)
        except EngineError as error:
            log.debug("could not probe %s: %s", container.name, error)
            return
        if result.exit_code == 0:
            await self._record(engine, container)

    async def _record(self, engine: ContainerEngine, container: ObservedContainer) -> None:
        """Have Podman run the check, and look at the project when that changed its health."""
        try:
            result = await engine.run_health_check(container.id)
        except EngineError as error:
            log.debug("could not check %s: %s", container.name, error)
            return
        self._last[container.service] = (self._clock.now(), result)
        if result.state is not container.health:
            await self._refresh(container)

    async def _refresh(self, container: ObservedContainer) -> None:
        try:
            await self._events.refresh(container.project)
        except EngineError as error:
            log.info("could not look at %s: %s", container.project, error)

    def _judge(self, service: ServiceName, container: ObservedContainer) -> Step:
        project = self._project()
        config = project.services.get(service) if project else None
        policy = config.restart_policy.name if config else "no"
        is_job = project is not None and project.is_job(service)
        # Said in so many words; leaving `restart` out leaves it to us.
        written = project.document["services"][service] if project and config else {}
        forbids = config is None or is_job or written.get("restart") == "no"
        seen = Seen(
            state=container.state,
            health=container.health,
            exit_code=container.exit_code,
            engine_restarts=policy in _ENGINE_RESTARTS,
            may_restart=not forbids,
            stopped_by_hand=self._events.was_stopped_by_hand(container.id),
        )
        memory = self._memories.get(service, ServiceMemory())
        settings = self._settings()
        limits = RestartLimits(
            first_backoff_s=settings.first_backoff_s,
            longest_backoff_s=settings.longest_backoff_s,
            max_attempts=settings.max_attempts,
            window_s=settings.window_s,
        )
        verdict = step(memory, seen, self._clock.monotonic(), limits)
        if verdict.verdict is Verdict.NOTHING:
            self._memories[service] = verdict.memory
        return verdict

    async def _act(self, container: ObservedContainer, verdict: Step) -> RestartResult:
        service = container.service
        attempt = len(verdict.memory.attempts)
        if verdict.verdict is Verdict.GIVE_UP:
            self._memories[service] = verdict.memory
            self._tell_failure(container, attempt, f"given up: {verdict.reason}")
            return RestartResult(service=service, restarted=False, reason=verdict.reason, attempt=attempt)
        try:
            async with self._locks.hold(container.project, f"restart of {service}"):
                engine = await self._engine()
                await engine.restart_container(container.id)
        except LockHeldError as error:
            return RestartResult(service=service, restarted=False, reason=str(error), attempt=attempt)
        except EngineError as error:
            self._memories[service] = verdict.memory
            self._tell_failure(container, attempt, str(error))
            return RestartResult(service=service, restarted=False, reason=str(error), attempt=attempt)
        self._memories[service] = verdict.memory
        self._probes.pop(container.id, None)
        self._restarts[service] = self._restarts.get(service, 0) + 1
        self._bus.publish(
            ServiceRestarted(
                at=self._clock.now(),
                source="health",
                project=container.project,
                service=service,
                attempt=attempt,
                reason=verdict.reason,
            )
        )
        await self._refresh(container)
        return RestartResult(service=service, restarted=True, reason=verdict.reason, attempt=attempt)

    def _tell_failure(self, container: ObservedContainer, attempt: int, reason: str) -> None:
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

    def _containers(self) -> Mapping[ServiceName, ObservedContainer]:
        """The first container of each service."""
        project = self._project()
        if project is None:
            return {}
        containers = self._events.world.of_project(project.name)
        return {c.service: c for c in reversed(containers)}

    def _known_services(self) -> tuple[ServiceName, ...]:
        project = self._project()
        return tuple(project.services) if project else tuple(self._containers())

    def _check_of(self, container: ObservedContainer) -> HealthCheck | None:
        project = self._project()
        config = project.services.get(container.service) if project else None
        return config.health_check if config else None

    def _status(self, service: ServiceName) -> HealthStatus:
        container = self._containers().get(service)
        at, last = self._last.get(service, (None, None))
        uptime = 0.0
        if container is None or not container.is_running:
            status = "stopped"
        else:
            if container.started_at is not None:
                uptime = max((self._clock.now() - container.started_at).total_seconds(), 0.0)
            status = "healthy" if container.health is HealthState.NONE else str(container.health)
        return HealthStatus.model_validate(
            {
                "service_name": service,
                "status": status,
                "last_check": at,
                "response_time": last.duration_s if last else None,
                "error_message": last.output if last and last.state is HealthState.UNHEALTHY else None,
                "restart_count": self._restarts.get(service, 0),
                "uptime": uptime,
            }
        )
