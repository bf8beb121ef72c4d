"""MetricsSampler: measures a project's containers every ten seconds, with one call to the engine."""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from containers.bus import EventBus, Overflow, Subscription
from containers.event_integration import EngineProvider, EventIntegration
from containers.health_recorder import HealthRecorder
from containers.model.base import ContainerId, ProjectName, ServiceName
from containers.model.errors import EngineError, ErrorCode
from containers.model.events import ContainerEvent, EventBase, PartFailed, PartRecovered
from containers.model.metrics import Figures, Sample
from containers.model.observed import ContainerState, EngineInfo, ObservedContainer
from containers.model.operations import UsageSample, usage_between
from containers.model.place import Place
from containers.model.project import ResolvedProject
from containers.ports.engine import ContainerEngine
from containers.ports.machine import Clock, TaskOwner
from containers.settings import HistorySettings

log = logging.getLogger(__name__)

PART = "metrics"
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_COUNTED = ("network_in_bytes", "network_out_bytes", "block_in_bytes", "block_out_bytes")
_PASSING = frozenset({ErrorCode.NOT_FOUND, ErrorCode.SERVICE_EXITED})
"""A container went between the look and the call; the next look knows."""


class MetricsSampler:
    """Samples of every container of one project, offered as `latest` and handed to the recorder.

    It takes states and times from the live picture, and asks the engine for nothing but the use of resources:
    one call for all containers. An engine that can not measure (rootless on cgroup v1) is not asked.

    Args:
        project: as last resolved; None while its files are wrong.
        engine: the engine, connected at first use.
        events: has the live picture.
        bus: tells of starts.
        clock: time.
        group: who owns the task.
        settings: how often.
        recorder: writes what is measured.
        checks: what the monitor's checks said last, by service: `last_check` and `response_time`, in seconds.
    """

    def __init__(
        self,
        *,
        project: Callable[[], ResolvedProject | None],
        engine: EngineProvider,
        events: EventIntegration,
        bus: EventBus,
        clock: Clock,
        group: TaskOwner,
        settings: HistorySettings,
        recorder: HealthRecorder,
        checks: Callable[[], Mapping[str, Mapping[str, Any]]],
    ) -> None:
        self._project = project
        self._engine = engine
        self._events = events
        self._bus = bus
        self._clock = clock
        self._group = group
        self._settings = settings
        self._recorder = recorder
        self._checks = checks
        self._task: asyncio.Task[None] | None = None
        self._subscriptions: list[Subscription] = []
        self._before: dict[ContainerId, UsageSample] = {}
        self._started: dict[ContainerId, datetime] = {}
        """When what runs, or ran, was started; long ago where the start was told of."""
        self._restarts: dict[ContainerId, int] = {}
        self._place: Place | None = None
        self._is_broken = False
        self.latest: Mapping[ServiceName, Sample] = {}
        """Of the first container of each service; replaced, never changed."""

    def start(self) -> None:
        """Begin; safe to call again."""
        if self._task is not None:
            return
        self._recorder.start()
        self._subscriptions = [
            self._bus.subscribe("sampler-starts", self._on_start, topics=("container.started",)),
            self._bus.subscribe(
                "sampler-looks", self._on_change, topics=("server.*",), overflow=Overflow.LATEST_ONLY
            ),
        ]
        self._task = self._group.create_task(self._run(), name="metrics")

    async def stop(self) -> None:
        """Write what is left, and end."""
        if self._task is None:
            return
        self._task.cancel()
        self._task = None
        for subscription in self._subscriptions:
            self._bus.unsubscribe(subscription)
        self._look()
        await self._recorder.write(())
        self._recorder.stop()

    async def _run(self) -> None:
        due = self._clock.monotonic()
        while True:
            await self._measure()
            now = self._clock.monotonic()
            due = max(due + self._settings.every_s, now)  # late ones are left out, not made up for
            await self._clock.sleep(due - now)

    async def _measure(self) -> None:
        """One sample of everything, written."""
        project = self._project()
        if project is None:
            return
        try:
            engine = await self._engine()
            info = await engine.info()
        except EngineError as error:
            log.debug("nothing can be measured: %s", error)
            self._recorder.lost_sight()
            return
        self._place = Place(project.name, engine.store)
        containers = self._look()
        if containers is None:
            return
        used = await self._usage(engine, info, containers)
        samples = self._samples(containers, used, self._clock.now())
        self.latest = {s.service: s for s in reversed(samples)}
        await self._recorder.write(samples)

    def _look(self) -> tuple[ObservedContainer, ...] | None:
        """Have the recorder take up how the services are; the containers, or None while that is unknown."""
        if self._place is None:
            return None
        if self._events.disconnected is not None:
            self._recorder.lost_sight()
            return None
        world = self._events.world.of_project(self._place.project)
        containers = tuple(c for c in world if not c.is_one_off and not c.is_left_over)
        starts = {c.id: self._started.get(c.id, c.started_at) for c in containers}
        self._started = {container: at for container, at in starts.items() if at is not None}
        self._recorder.look(self._place, containers)
        return containers

    async def _usage(
        self, engine: ContainerEngine, info: EngineInfo, containers: Collection[ObservedContainer]
    ) -> Mapping[ContainerId, UsageSample]:
        running = [c.id for c in containers if c.state is ContainerState.RUNNING]
        if not running or not measures(info):
            return {}
        try:
            used = await engine.usage(running)
        except EngineError as error:
            if error.code not in _PASSING:
                self._tell_failure(error)
            return {}
        self._tell_recovery()
        return {sample.container: sample for sample in used}

    def _samples(
        self,
        containers: Collection[ObservedContainer],
        used: Mapping[ContainerId, UsageSample],
        now: datetime,
    ) -> tuple[Sample, ...]:
        checks = self._checks()
        restarts, self._restarts = self._restarts, {}
        before, self._before = self._before, dict(used)
        return tuple(
            Sample(
                service=c.service,
                container=c.name,
                at=now,
                state=c.state,
                health=c.health,
                checked_at=checks.get(c.service, {}).get("last_check"),
                response_s=checks.get(c.service, {}).get("response_time"),
                restarts=restarts.get(c.id, 0),
                uptime_s=_uptime_s(c, now),
                figures=figures_between(before.get(c.id), used[c.id]) if c.id in used else Figures(),
            )
            for c in containers
        )

    def _on_start(self, event: ContainerEvent) -> None:
        """A start of what was started before is a restart, whoever did it."""
        if self._place is None or event.project != self._place.project:
            return
        known_at = self._started.get(event.container)
        # a look may be ahead of the stream, and Podman lists whole seconds
        if known_at is not None and known_at < event.at.replace(microsecond=0):
            self._restarts[event.container] = self._restarts.get(event.container, 0) + 1
        self._started[event.container] = _LONG_AGO

    def _on_change(self, _event: EventBase) -> None:
        self._look()

    def _tell_failure(self, error: EngineError) -> None:
        if not self._is_broken:
            self._is_broken = True
            log.warning("the containers can not be measured: %s", error)
            now, project = self._clock.now(), self._measured()
            failed = PartFailed(at=now, source="health", project=project, part=PART, reason=str(error))
            self._bus.publish(failed)

    def _tell_recovery(self) -> None:
        if self._is_broken:
            self._is_broken = False
            now, project = self._clock.now(), self._measured()
            self._bus.publish(PartRecovered(at=now, source="health", project=project, part=PART))

    def _measured(self) -> ProjectName | None:
        return self._place.project if self._place is not None else None


def measures(info: EngineInfo) -> bool:
    """Whether an engine can tell what containers use: rootless on cgroup v1 it can not."""
    return not (info.rootless and info.cgroup_version == "v1")


def figures_between(before: UsageSample | None, after: UsageSample) -> Figures:
    """What was used between two samples; what is counted is unknown without an earlier one.

    Counters begin at 0 with each start: where one is less than before, the container was started meanwhile.
    """
    counted: dict[str, int] = {}
    percent = None
    if before is not None and after.at_ns > before.at_ns:
        restarted = after.cpu_ns < before.cpu_ns
        since = {name: 0 if restarted else getattr(before, name) for name in _COUNTED}
        counted = {name: max(getattr(after, name) - since[name], 0) for name in _COUNTED}
        percent = None if restarted else usage_between(before, after).cpu_percent
    return Figures(
        cpu_percent=percent,
        memory_bytes=after.memory_bytes,
        memory_limit_bytes=after.memory_limit_bytes or None,
        processes=after.processes,
        network_in_bytes=counted.get("network_in_bytes"),
        network_out_bytes=counted.get("network_out_bytes"),
        block_in_bytes=counted.get("block_in_bytes"),
        block_out_bytes=counted.get("block_out_bytes"),
    )


def _uptime_s(container: ObservedContainer, now: datetime) -> float | None:
    if not container.is_running or container.started_at is None:
        return None
    return max((now - container.started_at).total_seconds(), 0.0)
