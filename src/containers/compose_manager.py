"""ComposeManager: one Compose project, from its files to what runs."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from dataclasses import replace
from typing import Any

from containers.compose.loading import LoadResult
from containers.compose.podman_table import Provider
from containers.compose.podman_view import may_have_losses, podman_view, treated_otherwise
from containers.environment_manager import DEFAULT, EnvironmentManager
from containers.event_integration import EngineProvider
from containers.image_operations import ImageOperations
from containers.machine_check import examine
from containers.model.base import ServiceName
from containers.model.diagnostics import Diagnostic, Severity, ValidationResult
from containers.model.errors import ErrorCode, PodkeeperError, unknown_service
from containers.model.events import ConfigValidated, PlanComputed
from containers.model.hooks import EventHook
from containers.model.observed import ObservedContainer, ObservedState
from containers.model.outcome import Check, Committed, ComposeResult, Problem, ServiceStatus, Stuck
from containers.model.plan import CreateContainer, Plan, Verb
from containers.model.project import ResolvedProject
from containers.model.revision import Revision
from containers.observation.followed_log import FollowedLog
from containers.observation.statuses import statuses_of
from containers.one_off_runs import OneOffRuns
from containers.planning.down import plan_down, plan_restart, plan_stop
from containers.planning.graph import with_dependencies
from containers.planning.options import DownOptions, Mode, UpOptions
from containers.planning.starting import plan_rm, plan_start
from containers.planning.up import plan_up, scaled
from containers.ports.engine import ContainerEngine
from containers.ports.events import EventPublisher
from containers.ports.machine import Clock
from containers.ports.processes import PartNotes, SupervisionNotes, SupervisorLeases
from containers.ports.stores import HealthHistory, Journal
from containers.ports.translation import ComposeTranslator
from containers.project_changes import Change, ChangeOptions, InputsOf, ProjectChanges
from containers.service_operations import ServiceOperations
from containers.service_reloads import ServiceReloads
from containers.settings import MonitorSettings, Settings
from containers.stack_drift import StackDrift, described_changes, with_warnings
from containers.stack_health import StackHealth
from containers.stack_history import StackHistory
from containers.supervision.override import ManualOverride


class ComposeManager:
    """Every verb on one project; verbs that change it run one at a time.

    Nothing here raises for what a person can get wrong or what Podman can refuse: results carry
    diagnostics and problems, each with a code and what to do. Only `get_service_logs` and the planning
    methods raise `PodkeeperError`, since they have no other way to say so.
    """

    def __init__(
        self,
        *,
        environments: EnvironmentManager,
        engine: EngineProvider,
        translator: Callable[[], ComposeTranslator],
        changes: ProjectChanges,
        journal: Journal,
        health_history: HealthHistory,
        notes: SupervisionNotes,
        leases: SupervisorLeases,
        publisher: EventPublisher,
        clock: Clock,
        settings: Settings,
        parts: PartNotes | None = None,
    ) -> None:
        """`parts` tells what does not work in processes that keep stacks."""
        self._parts = parts
        self.environments = environments
        self.environment = DEFAULT
        """The environment that verbs take when they name none."""
        self.monitor_settings: MonitorSettings = settings.monitor
        """How the selected environment wants its stack to be kept well."""
        self.hooks: tuple[EventHook, ...] = ()
        """What the files want done when something happens; the last that were right."""
        self.project: ResolvedProject | None = None
        """As last resolved without errors."""
        self._engine = engine
        self._translator = translator
        self.changes = changes
        self.history = StackHistory(
            load=self.load,
            known=lambda: self.project,
            folder=environments.selection.folder,
            changes=changes,
            journal=journal,
            environment=lambda: self.environment,
        )
        """What was applied, and the way back to it."""
        self.drift = StackDrift(
            load=self.load,
            known=lambda: self.project,
            history=self.history,
            changes=changes,
            journal=journal,
        )
        """What runs otherwise than it was applied."""
        self.override = ManualOverride(project=self.require_project, notes=notes, leases=leases)
        """Services that a person took out of the monitor's hands, and those that it gave up."""
        self.operations = ServiceOperations(
            project=self.require_project, engine=engine, hold=changes.hold, clock=clock
        )
        """Verbs on single containers, which need no plan."""
        self.health = StackHealth(
            project=self.require_project,
            place=self.history.place,
            engine=engine,
            history=health_history,
            measure=self.operations.usage,
            clock=clock,
            settings=settings.history,
        )
        """How its services are, and were."""
        self.reloads = ServiceReloads(project=self.require_project, engine=engine)
        """Has services take up new files without a restart."""
        self.runs = OneOffRuns(
            load=self.require_project,
            engine=engine,
            translator=translator,
            changes=changes,
            environment=lambda: self.environment,
        )
        """Commands in containers of their own."""
        self.images = ImageOperations(
            project=self.require_project,
            engine=engine,
            publisher=publisher,
            clock=clock,
            settings=settings.engine,
        )
        """Verbs on images, which need no plan."""
        self._publisher = publisher
        self._clock = clock
        self._settings = settings

    # what the design names

    async def start_services(
        self,
        environment: str = DEFAULT,
        options: UpOptions | None = None,
        choices: ChangeOptions | None = None,
    ) -> ComposeResult:
        """Bring the project up: create what is missing, replace what changed, wait until all is ready.

        Args:
            environment: which environment's files and variables.
            options: which services, and how; the defaults are docker compose's.
            choices: how it is carried out.

        Returns:
            ok when every service is up and its gate passed; else everything is as it was before.
        """
        self.environment = environment
        wanted = options or UpOptions()
        last = await self.drift.last_revision()
        return await self._change(
            "up" if wanted.start else "create",
            lambda p, o, i: with_warnings(_plan(p, o, wanted, i, last), last, o),
            services=wanted.services,
            revises=lambda project: _targets(project, wanted),
            is_gated=wanted.start and wanted.mode is Mode.SAFE,
            shape=lambda project: scaled(project, wanted),
            choices=choices or ChangeOptions(),
        )

    async def stop_services(self, graceful: bool = True) -> ComposeResult:  # noqa: FBT001, FBT002
        """Stop every service, dependents first; containers stay.

        Args:
            graceful: give each its `stop_grace_period`; else end it at once.
        """
        return await self.stop(choices=ChangeOptions(timeout_s=None if graceful else 0.0))

    async def restart_services(
        self, services: Iterable[str] | None = None, choices: ChangeOptions | None = None
    ) -> ComposeResult:
        """Restart services (None: all), and their dependents that ask for it, in order, health-gated."""
        chosen = _names(services)
        return await self._change(
            "restart",
            lambda p, o, _: plan_restart(p, o, chosen),
            services=chosen,
            choices=choices or ChangeOptions(),
        )

    async def get_service_status(self) -> dict[str, ServiceStatus]:
        """Every service's state, also of those that have no container yet.

        Raises:
            PodkeeperError: the files are wrong, or the engine can not be asked.
        """
        project = self.require_project()
        engine = await self._engine()
        containers = await engine.containers_of(project.name)
        return {str(k): v for k, v in self.statuses(project, containers).items()}

    async def get_service_logs(self, service: str, lines: int = 100) -> str:
        """The last `lines` lines of a service's log, of all its replicas.

        Raises:
            PodkeeperError: there is no such service or container, or the engine can not be asked.
        """
        engine = await self._engine()
        found = await self._containers_of(self.require_project(), service)
        texts = [await engine.logs(c.id, lines) for c in found]
        return "".join(t if t.endswith("\n") or not t else f"{t}\n" for t in texts)

    async def validate_compose_files(
        self, *, on_engine: bool = False, provider: Provider = Provider.PODMAN
    ) -> ValidationResult:
        """Read the files anew and say everything that is wrong with them.

        Args:
            on_engine: also say what works differently on the engine that is found, and what the project has
                in common with other environments that it cannot share; without an engine, say that.
            provider: who would run the project on it.
        """
        loaded = self.load()
        found = list(loaded.diagnostics)
        if on_engine and loaded.project is not None:
            found += self.environments.find_collisions(self.environment, loaded.project)
            try:
                info = await (await self._engine()).info()
                found += podman_view(loaded.project, info, provider)
            except PodkeeperError as error:
                found.append(
                    Diagnostic(
                        code=error.code,
                        severity=Severity.INFORMATION,
                        message=f"Podman could not be asked what works there: {error}",
                        hint=error.remedy or None,
                    )
                )
        return ValidationResult(diagnostics=tuple(found), files=tuple(str(path) for path in loaded.files))

    # more verbs

    async def down(
        self, options: DownOptions | None = None, choices: ChangeOptions | None = None
    ) -> ComposeResult:
        """Stop and remove containers, dependents first, then networks and, if asked, volumes.

        Services that the active profiles leave out go too: they are the project's.
        """
        wanted = options or DownOptions()
        return await self._change(
            "down",
            lambda p, o, _: plan_down(p.name, p, o, wanted),
            services=wanted.services,
            choices=choices or ChangeOptions(),
        )

    async def stop(self, services: Iterable[str] = (), choices: ChangeOptions | None = None) -> ComposeResult:
        """Stop services (none named: all), dependents first; containers stay."""
        chosen = _names(services)
        return await self._change(
            "stop",
            lambda p, o, _: plan_stop(p, o, chosen),
            services=chosen,
            choices=choices or ChangeOptions(),
        )

    async def start(
        self, services: Iterable[str] = (), choices: ChangeOptions | None = None
    ) -> ComposeResult:
        """Start containers that exist and do not run (no service named: all), in order, health-gated."""
        chosen = _names(services)
        return await self._change(
            "start",
            lambda p, o, _: plan_start(p, o, chosen),
            services=chosen,
            choices=choices or ChangeOptions(),
        )

    async def remove(
        self,
        services: Iterable[str] = (),
        *,
        running_too: bool = False,
        volumes: bool = False,
        choices: ChangeOptions | None = None,
    ) -> ComposeResult:
        """Remove the containers of services that do not run, or, `running_too`, all of them.

        Their anonymous volumes stay, unless `volumes` has them go, too.
        """
        chosen = _names(services)
        return await self._change(
            "rm",
            lambda p, o, _: plan_rm(p, o, chosen, running_too=running_too, volumes=volumes),
            services=chosen,
            choices=choices or ChangeOptions(),
        )

    async def plan(self, options: UpOptions | None = None) -> Plan:
        """What `up` would do, from one fresh snapshot; changes nothing.

        Raises:
            PodkeeperError: the files are wrong, or the engine can not be asked.
        """
        project = self.require_project()
        options = options or UpOptions()
        _require_services(project, options.services)
        observed = await self.changes.look(project)
        last = await self.drift.last_revision()
        plan = _plan(project, observed, options, await self.changes.inputs(project), last)
        plan = with_warnings(plan, last, observed)
        self._publisher.publish(
            PlanComputed(
                at=self._clock.now(),
                source="transaction",
                project=plan.project,
                verb=plan.verb,
                changes=len(plan.changes),
            )
        )
        return plan

    async def follow_logs(self, service: str, log: FollowedLog) -> AsyncIterator[str]:
        """What is new in the log of a service's first container, line by line, until the container ends.

        It is asked for again and again, so the project is taken as it was last resolved.

        Raises:
            PodkeeperError: as `get_service_logs`.
        """
        engine = await self._engine()
        found = await self._containers_of(self.project or self.require_project(), service)
        chosen = next((c for c in found if not c.is_left_over), found[0])
        query = log.query(await engine.inspect_container(chosen.id), chosen.created_at)
        if query is None:
            return
        async for line in engine.read_log(chosen.id, query):
            text = log.take(line)
            if text is not None:
                yield text
        log.ended()

    async def examine(self) -> tuple[Check, ...]:
        """What there is to know about the engine, podman-compose and this machine; never raises."""
        return await examine(self._engine, self._translator(), self._settings, self._parts)

    def load(self) -> LoadResult:
        """Resolve the project anew from its files; what is right becomes `project`."""
        loaded = self.environments.load_project(self.environment)
        errors = sum(d.severity is Severity.ERROR for d in loaded.diagnostics)
        if loaded.project is not None and not errors:
            self.project = loaded.project
            settings = self.environments.monitor_settings(self.environment, self._settings.monitor)
            self.monitor_settings = settings
            self.hooks = self.environments.load_environment_config(self.environment).hooks
        self._publisher.publish(
            ConfigValidated(
                at=self._clock.now(),
                source="server",
                project=self.project.name if self.project else None,
                ok=not errors,
                errors=errors,
                warnings=sum(d.severity is Severity.WARNING for d in loaded.diagnostics),
            )
        )
        return loaded

    @property
    def connection(self) -> str | None:
        """The Podman that the selected environment names; None where it names none, or cannot be read."""
        return self.connection_of(self.environment)

    def connection_of(self, environment: str) -> str | None:
        """The same of any environment."""
        try:
            return self.environments.load_environment_config(environment).connection
        except PodkeeperError:
            return None

    def require_project(self) -> ResolvedProject:
        """The project, resolved anew.

        Raises:
            PodkeeperError: its files are wrong; the message is the first error.
        """
        return self.load().require()

    @property
    def is_busy(self) -> bool:
        """Whether something is being applied."""
        return self.changes.is_busy

    def cancel(self, asker: "asyncio.Task[Any] | None" = None) -> bool:
        """Stop what is under way, or what `asker` alone asked for; whether there was anything to stop."""
        return self.changes.cancel(asker)

    def statuses(
        self, project: ResolvedProject, containers: Iterable[ObservedContainer]
    ) -> dict[ServiceName, ServiceStatus]:
        """One status a service, from its containers as observed."""
        return statuses_of(project, containers, self._clock.now())

    # how

    async def end_interrupted(self, project: ResolvedProject) -> tuple[Problem, ...]:
        """End what an earlier process has left open; what came of it, a problem each.

        What can not be put back, since it had to be made anew, is made from the last good revision. A change
        that is under way already ends it itself, before all else: only if that did not come to it is there
        something to do.

        Raises:
            PodkeeperError: Podman can not be asked, or the lock is held.
        """
        if self.is_busy:
            await self.changes.until_idle()
            if not await self.changes.is_left_open(project):
                return ()
        notices = await self.changes.recover(project)
        if all(notice.code is ErrorCode.INTERRUPTED for notice in notices):
            return notices
        back = await self.history.recover(ChangeOptions(has_consent=True))
        return (*notices, *back.notices, *back.problems)

    async def prepare(self) -> None:
        """Find out what an `up` of the project as last read would need, so that it takes less time."""
        if self.project is not None:
            await self.changes.prepare(self.project)

    async def _change(
        self,
        verb: Verb,
        planner: Callable[[ResolvedProject, ObservedState, InputsOf], Plan],
        *,
        services: tuple[ServiceName, ...],
        revises: Callable[[ResolvedProject], Collection[ServiceName]] | None = None,
        is_gated: bool = True,
        shape: Callable[[ResolvedProject], ResolvedProject] = lambda project: project,
        choices: ChangeOptions,
    ) -> ComposeResult:
        """Resolve, then have it carried out: the one way in which anything is changed."""
        loaded = self.load()
        errors = tuple(d for d in loaded.diagnostics if d.severity is Severity.ERROR)
        project = loaded.project
        if project is None or errors:
            return ComposeResult.refused(project.name if project else "", loaded.diagnostics)
        try:
            _require_services(project, services)
            project = shape(project)
        except PodkeeperError as error:
            return ComposeResult(
                ok=False,
                project=project.name,
                diagnostics=loaded.diagnostics,
                problems=(Problem.of_error(error),),
            )
        result = await self.changes.run(
            Change(
                verb=verb,
                project=project,
                planner=lambda observed, inputs: planner(project, observed, inputs),
                environment=self.environment,
                diagnostics=loaded.diagnostics,
                revises=revises(project) if revises else None,
                is_gated=is_gated,
                choices=choices,
            )
        )
        if isinstance(result.outcome, Committed):
            result = await self._with_losses(project, result.outcome.plan, result)
        if isinstance(result.outcome, Stuck) and verb not in {"down", "rm"}:
            return await self._fall_back(result, choices)
        if isinstance(result.outcome, Committed) and revises and not result.outcome.plan.is_empty:
            return await self._tested(result)
        return result

    async def _with_losses(
        self, project: ResolvedProject, plan: Plan, result: ComposeResult
    ) -> ComposeResult:
        """With a warning for each key of what was just made that has no effect here."""
        made = {step.service for step in plan.steps if isinstance(step, CreateContainer)}
        if not made:
            return result
        engine = await self._engine()
        rootless = None if engine.owner_uid is None else engine.owner_uid != 0
        if not may_have_losses(project, engine.version, rootless=rootless, selinux=engine.selinux):
            return result
        info = await engine.info()
        lost = tuple(
            d
            for d in treated_otherwise(project, info)
            if d.severity is Severity.WARNING and (d.service is None or d.service in made)
        )
        return result.model_copy(update={"diagnostics": (*result.diagnostics, *lost)})

    async def _fall_back(self, result: ComposeResult, choices: ChangeOptions) -> ComposeResult:
        """The way back failed: bring the stack to its last good revision, by making anew what has to be."""
        try:
            back = await self.history.recover(replace(choices, has_consent=True))
        except PodkeeperError as error:
            return result.model_copy(update={"problems": (*result.problems, Problem.of_error(error))})
        problems = (*result.problems, *back.problems)
        notices = (*result.notices, *back.notices)
        if back.ok and back.outcome is not None and not back.outcome.plan.is_empty:
            done = "it could not be put back as it was, so the last good revision was applied anew"
            notices = (*notices, Problem(code=ErrorCode.ROLLBACK_FAILED, message=done))
        update = {"problems": problems, "notices": notices, "services": back.services or result.services}
        return result.model_copy(update=update)

    async def _tested(self, result: ComposeResult) -> ComposeResult:
        """With a warning where one could not go back to what was just applied."""
        try:
            wrong = [c for c in await self.history.self_test() if not c.ok]
        except PodkeeperError as error:
            return result.model_copy(update={"notices": (*result.notices, Problem.of_error(error))})
        told = tuple(
            Problem(code=ErrorCode.STATE_DAMAGED, message=f"{c.name}: {c.value}", remedy=c.remedy)
            for c in wrong
        )
        return result.model_copy(update={"notices": (*result.notices, *told)})

    async def _containers_of(self, project: ResolvedProject, service: str) -> tuple[ObservedContainer, ...]:
        engine: ContainerEngine = await self._engine()
        observed = await engine.snapshot(project.name)
        found = observed.of_service(ServiceName(service))
        if not found:
            _require_services(project, (ServiceName(service),))
            raise PodkeeperError(
                ErrorCode.NOT_FOUND,
                f"{service} has no container",
                remedy=f"run `podkeeper up {service}` first",
                service=service,
            )
        return found


def _names(services: Iterable[str] | None) -> tuple[ServiceName, ...]:
    return tuple(ServiceName(s) for s in services or ())


def _plan(
    project: ResolvedProject,
    observed: ObservedState,
    options: UpOptions,
    inputs: InputsOf,
    last: Revision | None,
) -> Plan:
    return plan_up(
        project,
        observed,
        options,
        inputs=inputs,
        described=described_changes(last, project),
        verb="up" if options.start else "create",
    )


def _targets(project: ResolvedProject, options: UpOptions) -> Collection[ServiceName]:
    """The services that an `up` brings to what the files say."""
    if not options.services:
        return tuple(project.services)
    return with_dependencies(project, options.services) if options.with_dependencies else options.services


def _require_services(project: ResolvedProject, services: Iterable[ServiceName]) -> None:
    for service in services:
        if service not in project.services and service not in project.disabled_services:
            raise unknown_service(service, project.services)
