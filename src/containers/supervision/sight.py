"""Sight: how each container is, put together from all that is known of it."""

from collections import deque

from containers.health.machine import Hand, Seen, is_well
from containers.model.base import ContainerId, ServiceName
from containers.model.health import HealthState
from containers.model.observed import ContainerState, ObservedContainer
from containers.model.project import ServiceConfig
from containers.model.supervision import place_of
from containers.ports.machine import Clock
from containers.supervision.checks import CheckDriver
from containers.supervision.override import ManualOverride
from containers.supervision.scene import Scene

ENGINE_RESTARTS = frozenset({"always", "unless-stopped", "on-failure"})
SETTLE_S = 0.5
"""What is started wrongly ends within a tenth of a second: only what runs longer is well."""
_MOST_DEATHS = 64


class Sight:
    """What the checks say, who ended what does not run, and how often Podman restarted what it restarts.

    Attributes:
        hands: who ended what does not run; a container that is missing here has not been looked into.
        loop_codes: what a container that Podman restarts exited with last.
    """

    def __init__(self, *, scene: Scene, checks: CheckDriver, override: ManualOverride, clock: Clock) -> None:
        self._scene = scene
        self._checks = checks
        self._override = override
        self._clock = clock
        self._loops: dict[ContainerId, deque[float]] = {}
        self._ill_since: dict[str, float] = {}
        self.hands: dict[ContainerId, Hand] = {}
        self.loop_codes: dict[ContainerId, int | None] = {}

    def see(self, container: ObservedContainer, config: ServiceConfig) -> Seen:
        """One look at a container."""
        project = self._scene.project
        now = self._clock.now()
        age_s = (now - container.started_at).total_seconds() if container.started_at else 0.0
        health = self._checks.health_of(container)
        ailment = self._checks.ailment_of(container.id, config)
        ill = container.state is ContainerState.RUNNING and (health is HealthState.UNHEALTHY or bool(ailment))
        # Said in so many words; leaving `restart` out leaves it to us.
        written = project.document["services"].get(config.name, {}) if project else {}
        is_job = project is not None and project.is_job(config.name)
        deaths = self._loops.get(container.id, ())
        window_s = self._scene.limits(config.name).window_s
        return Seen(
            state=container.state,
            health=HealthState.NONE if config.own.probe and not config.health_check and not ill else health,
            exit_code=container.exit_code,
            engine_restarts=config.restart_policy.name in ENGINE_RESTARTS,
            may_restart=not is_job and written.get("restart") != "no",
            hand=self.hands.get(container.id, Hand.UNKNOWN),
            failures=max(
                self._checks.failures_of(container.id), self._failures_by_time(container, config, ill=ill)
            ),
            engine_loops=sum(now.timestamp() - at < window_s for at in deaths),
            is_held=config.name in self._override.latest.held,
            is_settled=age_s >= SETTLE_S or health is HealthState.HEALTHY,
            ailment=ailment,
        )

    def is_well(self, service: ServiceName) -> bool:
        """Whether there are containers of a service, and all of them are well."""
        config = self._scene.config(service)
        found = self._scene.of_service(service)
        return bool(config and found) and all(is_well(self.see(c, config)) for c in found if config)

    def note_engine_death(self, container: ContainerId, exit_code: int | None) -> None:
        """Count a death of what Podman restarts itself."""
        deaths = self._loops.setdefault(container, deque(maxlen=_MOST_DEATHS))
        deaths.append(self._clock.now().timestamp())
        self.loop_codes[container] = exit_code

    def forgive_loop(self, container: ContainerId) -> None:
        """Begin to count anew."""
        self._loops.pop(container, None)

    def forget(self, container: ContainerId) -> None:
        """Drop all that is known of a container that is gone."""
        self._checks.drop(container)
        self._loops.pop(container, None)
        self.loop_codes.pop(container, None)
        self.hands.pop(container, None)

    def _failures_by_time(self, container: ObservedContainer, config: ServiceConfig, *, ill: bool) -> int:
        """How many checks of a container that is ill must have failed, where nobody counted them."""
        place = place_of(container.service, container.number)
        if not ill:
            self._ill_since.pop(place, None)
            return 1
        since = self._ill_since.setdefault(place, self._clock.monotonic())
        interval_s = config.health_check.interval_s if config.health_check else 10.0
        return 1 + int((self._clock.monotonic() - since) / interval_s)
