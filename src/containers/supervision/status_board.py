"""StatusBoard: the health of every service, as others ask for it."""

from collections.abc import Callable, Mapping
from typing import Any

from containers.model.base import ServiceName
from containers.model.health import HealthState, HealthStatus
from containers.model.metrics import Sample
from containers.model.observed import ObservedContainer
from containers.model.project import ServiceConfig
from containers.ports.machine import Clock
from containers.supervision.checks import CheckDriver
from containers.supervision.scene import Scene


class StatusBoard:
    """Statuses and counts.

    Attributes:
        samples: what was measured last, by service; the composition root joins the sampler here.
    """

    def __init__(
        self, *, scene: Scene, checks: CheckDriver, restarts: Mapping[ServiceName, int], clock: Clock
    ) -> None:
        self._scene = scene
        self._checks = checks
        self._restarts = restarts
        self._clock = clock
        self.samples: Callable[[], Mapping[ServiceName, Sample]] = dict

    def metrics(self) -> dict[str, Any]:
        """All of it, as `HealthMonitor.get_health_metrics` says."""
        project = self._scene.project
        names = project.services if project else {c.service: None for c in self._scene.containers().values()}
        statuses = [self.status(service) for service in names]
        words = ("healthy", "unhealthy", "starting", "stopped")
        return {
            "services": {s.service_name: s.model_dump(mode="json") for s in statuses},
            **{word: sum(s.status == word for s in statuses) for word in words},
            "restarts": sum(self._restarts.values()),
            "samples": {name: sample.model_dump(mode="json") for name, sample in self.samples().items()},
        }

    def status(self, service: ServiceName) -> HealthStatus:
        """Of a service with several replicas: how the worst of them is."""
        found = self._scene.of_service(service)
        config = self._scene.config(service)
        words = [self._word(c, config) for c in found] or ["stopped"]
        worst = next(w for w in ("unhealthy", "stopped", "starting", "healthy") if w in words)
        lasts = [last for c in found if (last := self._checks.last_of(c.id)) is not None]
        last = max(lasts, key=lambda pair: pair[0], default=None)
        started = [c.started_at for c in found if c.is_running and c.started_at is not None]
        uptime = max((self._clock.now() - min(started)).total_seconds(), 0.0) if started else 0.0
        wrong = next((r.output for _, r in lasts if r.state is HealthState.UNHEALTHY), None)
        return HealthStatus.model_validate(
            {
                "service_name": service,
                "status": worst,
                "last_check": last[0] if last else None,
                "response_time": last[1].duration_s if last else None,
                "error_message": wrong,
                "restart_count": self._restarts.get(service, 0),
                "uptime": uptime,
            }
        )

    def _word(self, container: ObservedContainer, config: ServiceConfig | None) -> str:
        if not container.is_running:
            return "stopped"
        if config is not None and self._checks.ailment_of(container.id, config):
            return "unhealthy"
        health = self._checks.health_of(container)
        return "healthy" if health is HealthState.NONE else str(health)
