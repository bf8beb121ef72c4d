"""StackKeeper: all that keeps one stack well while an editor or `podkeeper monitor` is there."""

from containers.drift_watch import DriftWatch
from containers.health_monitor import HealthMonitor
from containers.hook_runner import HookRunner
from containers.metrics_sampler import MetricsSampler


class StackKeeper:
    """Health and restarts, figures, drift and hooks of one project, begun and ended together.

    Args:
        monitor: restarts what fails.
        sampler: measures, and writes the history.
        drift: notices what left the last revision.
        hooks: does what the project asks for when something happens.
    """

    def __init__(
        self, *, monitor: HealthMonitor, sampler: MetricsSampler, drift: DriftWatch, hooks: HookRunner
    ) -> None:
        self.monitor = monitor
        self._sampler = sampler
        self._drift = drift
        self._hooks = hooks

    async def start(self) -> None:
        """Begin; safe to call again. The hooks come first, so that nothing happens before they listen."""
        self._hooks.start()
        await self.monitor.start_monitoring()
        self._sampler.start()
        self._drift.start()

    async def stop(self) -> None:
        """End, last begun first."""
        self._drift.stop()
        await self._sampler.stop()
        await self.monitor.stop_monitoring()
        self._hooks.stop()
