"""ComposeManager: one Compose project, from its files to what runs."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack

from ulid import ULID

from containers.compose.loading import LoadResult
from containers.compose.podman_table import Provider
from containers.compose.podman_view import podman_view
from containers.environment_manager import DEFAULT, EnvironmentManager
from containers.event_integration import EngineProvider
from containers.execution.context import Context
from containers.execution.lane import Lane
from containers.execution.transaction import carry_out
from containers.model.base import ProjectName, ServiceName, TransactionId
from containers.model.diagnostics import Diagnostic, Severity, ValidationResult
from containers.model.errors import ErrorCode, LockHeldError, PodkeeperError
from containers.model.events import ConfigValidated, PlanComputed
from containers.model.observed import ObservedContainer, ObservedState
from containers.model.outcome import (
    Check,
    Committed,
    ComposeResult,
    Problem,
    ServiceStatus,
    Stuck,
)
from containers.model.plan import Plan
from containers.model.project import ResolvedProject
from containers.observation.statuses import statuses_of
from containers.planning import labels
from containers.planning.down import plan_down, plan_restart, plan_stop
from containers.planning.options import DownOptions, UpOptions
from containers.planning.up import plan_up
from containers.ports import Clock, ComposeTranslator, ContainerEngine, EventPublisher, ProjectLocks
from containers.settings import MonitorSettings, Settings

LOCK_PATIENCE_S = 3.0
"""A monitor's restart holds the lock for a second or two; an apply holds it longer, and is named."""
LOCK_RETRY_S = 0.1

_CREATING = frozenset({"create_network", "create_volume", "create_container"})
Planner = Callable[[ResolvedProject, ObservedState], Plan]


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
        locks: ProjectLocks,
        publisher: EventPublisher,
        clock: Clock,
        settings: Settings,
    ) -> None:
        self.environments = environments
        self.environment = DEFAULT
        """The environment that verbs take when they name none."""
        self.monitor_settings: MonitorSettings = settings.monitor
        """How the selected environment wants its stack to be kept well."""
        self.project: ResolvedProject | None = None
        """As last resolved without errors."""
        self._engine = engine
        self._translator = translator
        self._locks = locks
        self._publisher = publisher
        self._clock = clock
        self._settings = settings
        self._lane = Lane()
        self._context: Context | None = None
        self._is_cancelled = False

    # what the design names

    async def start_services(
        self, environment: str = DEFAULT, options: UpOptions | None = None, *, timeout_s: float | None = None
    ) -> ComposeResult:
        """Bring the project up: create what is missing, replace what changed, wait until all is ready.

        Args:
            environment: which environment's files and variables.
            options: which services, and how; the defaults are docker compose's.
            timeout_s: how long stopping a container that is replaced may take; None: what it says itself.

        Returns:
            ok when every service is up and its gate passed; else everything is as it was before.
        """
        self.environment = environment
        options = options or UpOptions()
        return await self._apply(
            "up", lambda p, o: plan_up(p, o, options), services=options.services, timeout_s=timeout_s
        )

    async def stop_services(self, graceful: bool = True) -> ComposeResult:  # noqa: FBT001, FBT002
        """Stop every service, dependents first; containers stay.

        Args:
            graceful: give each its `stop_grace_period`; else end it at once.
        """
        return await self.stop(timeout_s=None if graceful else 0.0)

    async def restart_services(
        self, services: Iterable[str] | None = None, *, timeout_s: float | None = None
    ) -> ComposeResult:
        """Restart services (None: all), and their dependents that ask for it, in order, health-gated."""
        chosen = tuple(ServiceName(s) for s in services or ())
        return await self._apply(
            "restart", lambda p, o: plan_restart(p, o, chosen), services=chosen, timeout_s=timeout_s
        )

    async def get_service_status(self) -> dict[str, ServiceStatus]:
        """Every service's state, also of those that have no container yet.

        Raises:
            PodkeeperError: the files are wrong, or the engine can not be asked.
        """
        project = self.require_project()
        engine = await self._engine()
        observed = await engine.snapshot(project.name)
        return {str(k): v for k, v in self.statuses(project, observed.containers).items()}

    async def get_service_logs(self, service: str, lines: int = 100) -> str:
        """The last `lines` lines of a service's log, of all its replicas.

        Raises:
            PodkeeperError: there is no such service or container, or the engine can not be asked.
        """
        engine = await self._engine()
        texts = [await engine.logs(c.id, lines) for c in await self._containers_of(service)]
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
        self, options: DownOptions | None = None, *, timeout_s: float | None = None
    ) -> ComposeResult:
        """Stop and remove containers, dependents first, then networks and, if asked, volumes.

        Services that the active profiles leave out go too: they are the project's.
        """
        options = options or DownOptions()
        return await self._apply(
            "down",
            lambda p, o: plan_down(p.name, p, o, options),
            services=options.services,
            timeout_s=timeout_s,
        )

    async def stop(self, services: Iterable[str] = (), *, timeout_s: float | None = None) -> ComposeResult:
        """Stop services (none named: all), dependents first; containers stay."""
        chosen = tuple(ServiceName(s) for s in services)
        return await self._apply(
            "stop", lambda p, o: plan_stop(p, o, chosen), services=chosen, timeout_s=timeout_s
        )

    async def plan(self, options: UpOptions | None = None) -> Plan:
        """What `up` would do, from one fresh snapshot; changes nothing.

        Raises:
            PodkeeperError: the files are wrong, or the engine can not be asked.
        """
        project = self.require_project()
        options = options or UpOptions()
        _require_services(project, options.services)
        engine = await self._engine()
        observed = await engine.snapshot(project.name, _images(project))
        plan = plan_up(project, observed, options)
        self._tell_plan(plan)
        return plan

    async def pinned_images(self) -> dict[str, str]:
        """Each service's image by digest instead of by tag, as Podman has it here.

        Raises:
            PodkeeperError: the files are wrong, an image is not here, or the engine can not be asked.
        """
        project = self.require_project()
        engine = await self._engine()
        pinned: dict[str, str] = {}
        for name, service in project.services.items():
            image = service.image
            if "@" in image:
                pinned[name] = image
                continue
            digest = await engine.image_digest(image)
            if digest is None:
                place = project.location_of("services", name, "image")
                raise PodkeeperError(
                    ErrorCode.IMAGE_NOT_FOUND,
                    f"{place}: Podman has no image {image} here, so its digest is not known",
                    remedy=f"podman pull {image}",
                    service=name,
                )
            repository, _, tag = image.rpartition(":")
            pinned[name] = f"{repository if repository and '/' not in tag else image}@{digest}"
        return pinned

    async def follow_logs(self, service: str, lines: int | None = None) -> AsyncIterator[str]:
        """Lines of a service's first container as they come.

        Raises:
            PodkeeperError: as `get_service_logs`.
        """
        engine = await self._engine()
        containers = await self._containers_of(service)
        async for line in engine.follow_logs(containers[0].id, lines):
            yield line

    async def examine(self) -> tuple[Check, ...]:
        """What there is to know about the engine, podman-compose and this machine; never raises."""
        checks = [await self._examine_provider()]
        try:
            info = await (await self._engine()).info()
        except PodkeeperError as error:
            return (Check(name="podman", ok=False, value=str(error), remedy=error.remedy), *checks)
        kind = "rootless" if info.rootless else "rootful"
        timers = "systemd timers" if info.health_driver == "systemd" else "Podkeeper (no systemd here)"
        found = {
            "podman": f"{info.version}, {kind}",
            "socket": f"{info.socket} ({info.chosen_because})",
            "runtime": info.runtime,
            "network": info.network_backend,
            "cgroups": f"{info.cgroup_version}, manager {info.cgroup_manager}",
            "event logger": info.events_logger,
            "health checks": f"run by {timers}",
            "state folder": str(self._settings.state_dir),
        }
        engine = [Check(name=name, ok=True, value=value) for name, value in found.items()]
        limits = [Check(name="limited", ok=True, value=limit) for limit in info.limits]
        return (*engine, *checks, *limits)

    async def _examine_provider(self) -> Check:
        try:
            return Check(name="podman-compose", ok=True, value=await self._translator().describe())
        except PodkeeperError as error:
            return Check(name="podman-compose", ok=False, value=str(error), remedy=error.remedy)

    def load(self) -> LoadResult:
        """Resolve the project anew from its files; what is right becomes `project`."""
        loaded = self.environments.load_project(self.environment)
        errors = sum(d.severity is Severity.ERROR for d in loaded.diagnostics)
        if loaded.project is not None and not errors:
            self.project = loaded.project
            settings = self.environments.monitor_settings(self.environment, self._settings.monitor)
            self.monitor_settings = settings
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
        try:
            return self.environments.load_environment_config(self.environment).connection
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
        return self._lane.is_busy

    def cancel(self) -> None:
        """Stop what is under way: nothing more is begun, and what was is undone. Safe at any time."""
        self._is_cancelled = True
        if self._context is not None:
            self._context.stop.set()

    def statuses(
        self, project: ResolvedProject, containers: Iterable[ObservedContainer]
    ) -> dict[ServiceName, ServiceStatus]:
        """One status a service, from its containers as observed."""
        return statuses_of(project, containers, self._clock.now())

    # how

    async def _apply(
        self,
        verb: str,
        planner: Planner,
        *,
        services: tuple[ServiceName, ...],
        timeout_s: float | None = None,
    ) -> ComposeResult:
        """Resolve, look once, plan, carry out: the one way in which anything is changed."""
        settings = self._settings
        if timeout_s is not None:
            settings = settings.model_copy(update={"stop_timeout_s": timeout_s})
        loaded = self.load()
        errors = tuple(d for d in loaded.diagnostics if d.severity is Severity.ERROR)
        project = loaded.project
        if project is None or errors:
            return ComposeResult.refused(project.name if project else "", loaded.diagnostics)
        try:
            _require_services(project, services)
            self._is_cancelled = False
            return await self._lane.run(
                lambda: self._locked(verb, project, planner, loaded.diagnostics, settings)
            )
        except PodkeeperError as error:
            return ComposeResult(
                ok=False,
                project=project.name,
                diagnostics=loaded.diagnostics,
                problems=(Problem.of_error(error),),
            )

    async def _locked(
        self,
        verb: str,
        project: ResolvedProject,
        planner: Planner,
        diagnostics: tuple[Diagnostic, ...],
        settings: Settings,
    ) -> ComposeResult:
        engine = await self._engine()
        async with AsyncExitStack() as stack:
            await self._lock(stack, project.name, verb)
            observed = await engine.snapshot(project.name, _images(project))
            plan = planner(project, observed)
            self._tell_plan(plan)
            transaction = TransactionId(str(ULID()))
            creates = any(s.kind in _CREATING for s in plan.steps)
            context = Context(
                transaction=transaction,
                project=project,
                translation=(
                    await self._translator().translate(project, await engine.info()) if creates else None
                ),
                labels={n: labels.of_service(s, transaction) for n, s in project.services.items()},
                engine=engine,
                publisher=self._publisher,
                clock=self._clock,
                settings=settings,
            )
            if self._is_cancelled:
                context.stop.set()
            self._context = context
            try:
                outcome = await carry_out(context, plan, observed)
            finally:
                self._context = None
            after = observed if plan.is_empty else await engine.snapshot(project.name)
        problems: tuple[Problem, ...] = ()
        if not isinstance(outcome, Committed):
            problems = outcome.problems
            if isinstance(outcome, Stuck):
                left = Problem(code=ErrorCode.ROLLBACK_FAILED, message="; ".join(outcome.left))
                problems = problems if verb == "down" else (*problems, left)
        return ComposeResult(
            ok=isinstance(outcome, Committed),
            project=project.name,
            outcome=outcome,
            diagnostics=diagnostics,
            problems=problems,
            services=self.statuses(project, after.containers),
        )

    async def _lock(self, stack: AsyncExitStack, project: ProjectName, verb: str) -> None:
        """Take the project's lock; one that is held for a monitor's restart is soon free again."""
        deadline = self._clock.monotonic() + LOCK_PATIENCE_S
        while True:
            try:
                await stack.enter_async_context(self._locks.hold(project, verb))
            except LockHeldError:
                if self._clock.monotonic() >= deadline:
                    raise
                await self._clock.sleep(LOCK_RETRY_S)
            else:
                return

    def _tell_plan(self, plan: Plan) -> None:
        self._publisher.publish(
            PlanComputed(
                at=self._clock.now(),
                source="transaction",
                project=plan.project,
                verb=plan.verb,
                changes=len(plan.changes),
            )
        )

    async def _containers_of(self, service: str) -> tuple[ObservedContainer, ...]:
        project = self.require_project()
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


def _images(project: ResolvedProject) -> tuple[str, ...]:
    return tuple(dict.fromkeys(s.image for s in project.services.values()))


def _require_services(project: ResolvedProject, services: Iterable[ServiceName]) -> None:
    for service in services:
        if service not in project.services and service not in project.disabled_services:
            known = ", ".join(project.services)
            raise PodkeeperError(
                ErrorCode.SERVICE_UNKNOWN,
                f"no such service: {service}",
                remedy=f"choose from: {known}",
                service=service,
            )
