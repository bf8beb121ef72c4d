"""CheckDriver: runs health checks where nobody does, and checks from outside where that was asked for."""

import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from containers.event_integration import EngineProvider
from containers.health.schedule import ProbeMemory, next_probe_at, next_record_at
from containers.model.base import ContainerId
from containers.model.errors import EngineError
from containers.model.events import HealthChanged, PartFailed, PartRecovered
from containers.model.health import HealthState, ProbeResult
from containers.model.observed import ObservedContainer
from containers.model.own_config import OutsideProbe
from containers.model.project import HealthCheck, ServiceConfig
from containers.ports.engine import ContainerEngine
from containers.ports.events import EventPublisher
from containers.ports.machine import Clock, TaskOwner
from containers.ports.outside import OutsideProber

log = logging.getLogger(__name__)

_TIMED_OUT = -1
_NEVER = float("inf")
_USUAL_S = 60.0
"""Within which a check ends that Podman runs by its own rules: an interval and a timeout of 30 s."""


@dataclass(slots=True)
class Outside:
    """What checks from outside say of one container."""

    due_at: float
    state: HealthState = HealthState.STARTING
    failures: int = 0


class CheckDriver:
    """The checks of one project's containers, each when it is due and one at a time for a container.

    Args:
        engine: the engine, connected at first use.
        prober: checks from outside.
        publisher: is told of changes that no engine tells.
        clock: time.
        group: who owns the tasks.
        on_change: called when a check changed what is known of a container's health.
    """

    def __init__(
        self,
        *,
        engine: EngineProvider,
        prober: OutsideProber,
        publisher: EventPublisher,
        clock: Clock,
        group: TaskOwner,
        on_change: Callable[[ObservedContainer], Coroutine[Any, Any, object]],
    ) -> None:
        self._engine = engine
        self._prober = prober
        self._publisher = publisher
        self._clock = clock
        self._group = group
        self._on_change = on_change
        self._memories: dict[ContainerId, ProbeMemory] = {}
        self._busy: set[ContainerId] = set()
        self._last: dict[ContainerId, tuple[datetime, ProbeResult]] = {}
        self._hung: dict[ContainerId, int] = {}
        """Checks in a row that did not end in time. Podman 4 does not count them: they never end."""
        self._outside: dict[ContainerId, Outside] = {}
        self._unreachable: set[str] = set()
        self._lives: dict[ContainerId, int] = {}
        """How often it was forgotten: an answer that comes from an earlier life counts for nothing."""
        self._seen: dict[ContainerId, tuple[datetime | None, int]] = {}
        """The life in which each was last seen: when it began, and its process."""
        self._undecided: dict[ContainerId, float] = {}
        """Those of whose present life no check has decided anything, and since when."""

    def drive(self, container: ObservedContainer, config: ServiceConfig, *, drives: bool) -> float:
        """Begin what is due for a container that runs; the time when the next is.

        Args:
            container: as it is now.
            config: its service.
            drives: whether nobody else runs its own check.
        """
        now = self._clock.monotonic()
        life = (container.started_at, container.pid)
        if self._seen.setdefault(container.id, life) != life:
            self.forget(container.id)
            self._seen[container.id] = life
        check = config.health_check
        if check is not None and drives:
            return self._own_check(container, check, now)
        if check is None and config.own.probe is not None:
            return self._from_outside(container, config.own.probe, now)
        return self._await_check(container.id, check.interval_s + check.timeout_s if check else _USUAL_S, now)

    def ailment_of(self, container: ContainerId, config: ServiceConfig) -> str:
        """What is wrong that Podman does not know; empty where nothing is."""
        check = config.health_check
        if check is not None and self._hung.get(container, 0) >= check.retries:
            return f"its check does not end within {check.timeout_s:g} s"
        outside = self._outside.get(container)
        if outside is not None and outside.state is HealthState.UNHEALTHY:
            last = self._last.get(container)
            return f"a check from outside fails: {last[1].output if last else ''}".rstrip(": ")
        return ""

    def health_of(self, container: ObservedContainer) -> HealthState:
        """Its health, from inside or outside.

        Podman notes a check that hung when a container was restarted in its next life, and goes on counting
        the failures of before: that is no word on it.
        """
        outside = self._outside.get(container.id)
        if outside is not None:
            return outside.state
        is_of_before = container.id in self._undecided and container.health is HealthState.UNHEALTHY
        return HealthState.STARTING if is_of_before else container.health

    def failures_of(self, container: ContainerId) -> int:
        """How many checks have failed in a row since it counts as unhealthy, at least one."""
        last = self._last.get(container)
        return max(last[1].failing_streak if last else 0, 1)

    def last_of(self, container: ContainerId) -> tuple[datetime, ProbeResult] | None:
        """The last check and when it was."""
        return self._last.get(container)

    def forget(self, container: ContainerId) -> None:
        """It does not run any more, or anew: what was known of it counts for nothing."""
        self._lives[container] = self._lives.get(container, 0) + 1
        self._undecided[container] = self._clock.monotonic()
        self._memories.pop(container, None)
        self._hung.pop(container, None)
        self._outside.pop(container, None)

    def drop(self, container: ContainerId) -> None:
        """It is gone for good."""
        self.forget(container)
        self._lives.pop(container, None)
        self._undecided.pop(container, None)
        self._seen.pop(container, None)
        self._last.pop(container, None)

    async def record(self, container: ObservedContainer) -> None:
        """Have Podman run the container's own check now.

        Raises:
            EngineError: the engine can not be asked.
        """
        engine = await self._engine()
        life = self._lives.get(container.id, 0)
        result = await engine.run_health_check(container.id)
        if life != self._lives.get(container.id, 0):
            return
        self._last[container.id] = (self._clock.now(), result)
        was_hung = self._hung.pop(container.id, 0)
        if result.exit_code == _TIMED_OUT:
            self._hung[container.id] = was_hung + 1
        if result.state is not container.health or result.exit_code == _TIMED_OUT or was_hung:
            await self._on_change(container)
            if life != self._lives.get(container.id, 0):
                return
        if result.state is HealthState.STARTING:
            self._undecided[container.id] = self._clock.monotonic()
        else:
            self._undecided.pop(container.id, None)  # not before the picture shows what was found

    def _own_check(self, container: ObservedContainer, check: HealthCheck, now: float) -> float:
        self._await_check(container.id, (check.retries + 1) * (check.interval_s + check.timeout_s), now)
        memory = self._memories.setdefault(container.id, ProbeMemory(first_seen_at=now))
        probe_at = next_probe_at(memory, check, self.health_of(container), now)
        if container.id not in self._busy:
            if next_record_at(memory, check) <= now:
                self._begin(container, partial(self.record, container))
                memory = memory.model_copy(update={"recorded_at": now})
            elif probe_at is not None and probe_at <= now:
                self._begin(container, partial(self._probe, container, check))
                memory = memory.model_copy(update={"probed_at": now})
            self._memories[container.id] = memory
        probe_at = next_probe_at(memory, check, self.health_of(container), now)
        return min(next_record_at(memory, check), _NEVER if probe_at is None else probe_at)

    def _await_check(self, container: ContainerId, most_s: float, now: float) -> float:
        """When to take Podman's word, whoever runs the checks: one of this life must have decided by then."""
        known_at = self._undecided.get(container, now) + most_s
        if known_at <= now:
            self._undecided.pop(container, None)
        return known_at if container in self._undecided else _NEVER

    async def _probe(self, container: ObservedContainer, check: HealthCheck) -> None:
        """Try the check's command; only when it passes is Podman told to record it."""
        engine = await self._engine()
        result = await engine.execute(container.id, check.command, check.timeout_s)
        if result.exit_code == 0:
            await self.record(container)

    def _from_outside(self, container: ObservedContainer, probe: OutsideProbe, now: float) -> float:
        outside = self._outside.setdefault(container.id, Outside(due_at=now))
        if container.id not in self._busy and outside.due_at <= now:
            outside.due_at = now + probe.interval_s
            self._begin(container, partial(self._try_outside, container, probe, outside))
        return outside.due_at

    async def _try_outside(self, container: ObservedContainer, probe: OutsideProbe, outside: Outside) -> None:
        engine = await self._engine()
        address = await self._address(engine, container, probe)
        part = f"check of {container.service} from outside"
        if address is None:
            if container.name not in self._unreachable:
                self._unreachable.add(container.name)
                reason = f"port {probe.port} is not published, and can not be reached otherwise from here"
                self._publisher.publish(
                    PartFailed(
                        at=self._clock.now(),
                        source="health",
                        project=container.project,
                        part=part,
                        reason=reason,
                    )
                )
            self._outside.pop(container.id, None)
            self._outside[container.id] = Outside(due_at=outside.due_at, state=HealthState.NONE)
            return
        if container.name in self._unreachable:
            self._unreachable.discard(container.name)
            recovered = PartRecovered(
                at=self._clock.now(), source="health", project=container.project, part=part
            )
            self._publisher.publish(recovered)
        result = await self._prober.probe(*address, probe)
        before = outside.state
        age_s = (self._clock.now() - (container.started_at or container.created_at)).total_seconds()
        if result.exit_code == 0:
            outside.failures, outside.state = 0, HealthState.HEALTHY
        elif before is not HealthState.STARTING or age_s >= probe.start_period_s:
            outside.failures += 1
            if outside.failures >= probe.retries:
                outside.state = HealthState.UNHEALTHY
        told = result.model_copy(update={"state": outside.state, "failing_streak": outside.failures})
        self._last[container.id] = (self._clock.now(), told)
        if outside.state is not before:
            self._publisher.publish(
                HealthChanged(
                    at=self._clock.now(),
                    source="health",
                    project=container.project,
                    service=container.service,
                    container=container.id,
                    before=before,
                    after=outside.state,
                    output=result.output,
                )
            )

    async def _address(
        self, engine: ContainerEngine, container: ObservedContainer, probe: OutsideProbe
    ) -> tuple[str, int] | None:
        """Where its port can be reached: as published, or in a network of this machine's root."""
        for port in container.ports:
            if port.container_port == probe.port and port.protocol == "tcp":
                host = port.host_ip
                return ("127.0.0.1" if host in {"", "0.0.0.0", "::"} else host), port.host_port  # noqa: S104
        info = await engine.info()
        if info.rootless or not info.socket.startswith("unix:"):
            return None
        detail = await engine.inspect_container(container.id)
        return (detail.addresses[0], probe.port) if detail.addresses else None

    def _begin(self, container: ObservedContainer, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._busy.add(container.id)
        task = self._group.create_task(self._quietly(container, work), name=f"check:{container.name}")
        task.add_done_callback(lambda _: self._busy.discard(container.id))

    async def _quietly(
        self, container: ObservedContainer, work: Callable[[], Coroutine[Any, Any, None]]
    ) -> None:
        """An engine that can not be asked says nothing of the service."""
        try:
            await work()
        except EngineError as error:
            log.debug("could not check %s: %s", container.name, error)
