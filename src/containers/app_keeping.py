"""The part of the composition root that builds what keeps a stack; loaded when one is kept."""

import random
from collections.abc import Mapping
from dataclasses import dataclass

from containers.adapters.hook_commands import HookCommands
from containers.adapters.malloc import tame_malloc
from containers.adapters.network_probe import NetworkProber
from containers.adapters.process_status import lives
from containers.adapters.supervision_files import FileSupervisorLeases
from containers.adapters.webhooks import HttpWebhooks
from containers.bus import EventBus
from containers.compose_manager import ComposeManager
from containers.drift_watch import DriftWatch
from containers.environment_manager import Selection
from containers.event_integration import EngineProvider, EventIntegration
from containers.health_monitor import HealthMonitor
from containers.health_recorder import HealthRecorder
from containers.hook_runner import HookRunner, Tell
from containers.metrics_sampler import MetricsSampler
from containers.own_changes import OwnChanges
from containers.ports.machine import Clock, TaskOwner
from containers.ports.processes import ProjectLocks, SupervisionNotes
from containers.ports.stores import HealthHistory, Journal
from containers.settings import Settings
from containers.stack_keeper import StackKeeper


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """What all keepers of a process share."""

    engine: EngineProvider
    events: EventIntegration
    bus: EventBus
    locks: ProjectLocks
    notes: SupervisionNotes
    journal: Journal
    history: HealthHistory
    clock: Clock
    settings: Settings
    environ: Mapping[str, str]
    group: TaskOwner

    def keeper(self, manager: ComposeManager, tell: Tell, printed: Tell | None) -> StackKeeper:
        """All that keeps a manager's project, in a process that lives long."""
        tame_malloc()
        monitor = self._monitor(manager)
        return StackKeeper(
            monitor=monitor,
            sampler=self._sampler(manager, monitor),
            drift=DriftWatch(manager=manager, bus=self.bus, clock=self.clock, group=self.group),
            hooks=self.hooks(manager, tell, printed),
        )

    def _monitor(self, manager: ComposeManager) -> HealthMonitor:
        own = OwnChanges(
            place=lambda: manager.history.place(manager.project), journal=self.journal, lives=lives
        )
        return HealthMonitor(
            project=lambda: manager.project,
            engine=self.engine,
            events=self.events,
            bus=self.bus,
            locks=self.locks,
            leases=FileSupervisorLeases(self.settings.state_dir),
            notes=self.notes,
            override=manager.override,
            prober=NetworkProber(),
            make_again=manager.history.make_again,
            was_changing=own.was_changing,
            was_restarting=own.was_restarting,
            clock=self.clock,
            settings=lambda: manager.monitor_settings,
            jitter=random.random,
            group=self.group,
        )

    def _sampler(self, manager: ComposeManager, monitor: HealthMonitor) -> MetricsSampler:
        """Joined to the monitor: each tells what the other found. Only who supervises writes the history."""
        recorder = HealthRecorder(
            history=self.history,
            bus=self.bus,
            clock=self.clock,
            settings=self.settings.history,
            project=lambda: manager.project,
            is_supervisor=lambda: monitor.is_supervisor,
        )
        sampler = MetricsSampler(
            project=lambda: manager.project,
            engine=self.engine,
            events=self.events,
            bus=self.bus,
            clock=self.clock,
            group=self.group,
            settings=self.settings.history,
            recorder=recorder,
            checks=lambda: monitor.get_health_metrics()["services"],
        )
        monitor.join_samples(lambda: sampler.latest)
        return sampler

    def hooks(self, manager: ComposeManager, tell: Tell, printed: Tell | None) -> HookRunner:
        """What does the hooks of a manager's project."""

        async def restart(service: str) -> str:
            result = await manager.restart_services([service])
            return "" if result.ok else "; ".join(problem.message for problem in result.problems)

        selection = manager.environments.selection
        return HookRunner(
            folder=selection.folder,
            project=lambda: manager.project.name if manager.project else None,
            hooks=lambda: manager.hooks,
            verb_options=lambda: _options(selection, manager.environment, self.settings.engine.url),
            restart=restart,
            tell=tell,
            commands=HookCommands(self.environ),
            webhooks=HttpWebhooks(),
            bus=self.bus,
            clock=self.clock,
            group=self.group,
            printed=printed,
        )


def _options(selection: Selection, environment: str, engine_url: str | None) -> tuple[str, ...]:
    """The options that make a new process take the same files, environment and engine."""
    named: list[tuple[str, object]] = [("--file", path) for path in selection.files]
    named += [("--env-file", path) for path in selection.env_files]
    named += [("--profile", profile) for profile in selection.profiles]
    for option, value in (
        ("--project-name", selection.project_name),
        ("--project-directory", selection.project_directory),
        ("--engine", engine_url),
    ):
        named += [(option, value)] if value is not None else []
    return tuple(str(word) for pair in (*named, ("--env", environment)) for word in pair)
