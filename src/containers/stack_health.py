"""StackHealth: how the services of one project are, and how they did over a window."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from containers.event_integration import EngineProvider
from containers.health.availability import reliability
from containers.model.base import ServiceName
from containers.model.errors import EngineError, StateError, unknown_service
from containers.model.health import HealthState
from containers.model.metrics import (
    Figures,
    Incident,
    Reliability,
    Sample,
    ServiceHealth,
    Span,
    StackHealthReport,
    Totals,
)
from containers.model.observed import ContainerState, ObservedContainer
from containers.model.operations import Usage
from containers.model.outcome import ServiceStatus
from containers.model.place import Place
from containers.model.project import ResolvedProject
from containers.observation.statuses import statuses_of
from containers.ports.machine import Clock
from containers.ports.stores import HealthHistory
from containers.settings import HistorySettings

_FRESH = 3
"""So many intervals old may a sample be to be what a service uses now."""
_ALIVE = frozenset({ContainerState.RUNNING, ContainerState.PAUSED})
"""What a container in another state was found to be says nothing of now."""
_FIGURES = tuple(Figures.model_fields)

Measure = Callable[[Sequence[ObservedContainer]], Awaitable[tuple[Usage, ...]]]


class StackHealth:
    """What is known of the health of one project.

    Args:
        project: the project; raises where its files are wrong.
        place: whose history it is.
        engine: the engine, connected at first use.
        history: what was noted; what it can not give is left out of the answers, and told.
        measure: what containers use now, for a stack that nobody monitors.
        clock: time.
        settings: how often it is measured.
    """

    def __init__(
        self,
        *,
        project: Callable[[], ResolvedProject],
        place: Callable[[ResolvedProject], Awaitable[Place]],
        engine: EngineProvider,
        history: HealthHistory,
        measure: Measure,
        clock: Clock,
        settings: HistorySettings,
    ) -> None:
        self._project = project
        self._place = place
        self._engine = engine
        self._history = history
        self._measure = measure
        self._clock = clock
        self._settings = settings

    async def report(self, since: datetime, services: Collection[str] = ()) -> StackHealthReport:
        """How services (none named: all) are now, and how they did since then.

        Raises:
            PodkeeperError: the files are wrong, there is no such service, or the engine can not be asked.
        """
        project = self._project()
        chosen = _chosen(project, services) or tuple(project.services)
        engine = await self._engine()
        place = await self._place(project)
        containers = [c for c in await engine.containers_of(project.name) if not c.is_one_off]
        now = self._clock.now()
        statuses = statuses_of(project, containers, now)
        running = {c.name for c in containers if c.is_running}
        problem = ""
        latest: Mapping[ServiceName, list[Sample]] = {}
        totals: Mapping[ServiceName, Totals] = {}
        spans: tuple[Span, ...] = ()
        incidents: tuple[Incident, ...] = ()
        try:
            fresh = now - timedelta(seconds=_FRESH * self._settings.every_s)
            latest = _by_service(
                sample for sample in await self._history.latest(place, fresh) if sample.container in running
            )
            totals = await self._history.totals(place, since)
            spans = await self._history.spans(place, since)
            incidents = await self._history.incidents(place, since)
        except StateError as error:
            problem = str(error)
        figures = {name: _sum([s.figures for s in mine]) for name, mine in latest.items()}
        if not latest:
            mine = [c for c in containers if c.service in chosen and c.name in running]
            figures = await self._measured(mine)
        found = {}
        for name in chosen:
            sample = latest[name][0] if latest.get(name) else None
            status = statuses[name]
            found[name] = ServiceHealth(
                service=name,
                state=status.state,
                health=status.health if status.state in _ALIVE else HealthState.NONE,
                well=_is_well(status, project.services[name].replicas),
                last_check_at=sample.checked_at if sample else None,
                response_s=sample.response_s if sample else None,
                figures=figures.get(name, Figures()),
                uptime_s=(status.uptime_s or None) if status.state in _ALIVE else None,
                totals=totals.get(name, Totals()),
                reliability=reliability(
                    [s for s in spans if s.service == name],
                    [i for i in incidents if i.service == name],
                    since,
                    now,
                ),
            )
        return StackHealthReport(
            project=project.name,
            since=since,
            until=now,
            services=found,
            whole=reliability(
                [s for s in spans if s.service in found],
                [i for i in incidents if i.service in found],
                since,
                now,
            ),
            history_problem=problem,
        )

    async def incidents(self, since: datetime, services: Collection[str] = ()) -> tuple[Incident, ...]:
        """The incidents of services (none named: all) that had not ended before then, newest first."""
        project = self._project()
        chosen = _chosen(project, services)
        found = await self._history.incidents(await self._place(project), since)
        return tuple(i for i in reversed(found) if not chosen or i.service in chosen)

    async def reliability(self) -> Reliability | None:
        """How the whole project did for as long as is remembered; None where nothing is."""
        place = await self._place(self._project())
        now = self._clock.now()
        since = now - timedelta(seconds=self._settings.long_s)
        spans = await self._history.spans(place, since)
        incidents = await self._history.incidents(place, since)
        began = min((*(s.began_at for s in spans), *(i.opened_at for i in incidents)), default=None)
        return reliability(spans, incidents, max(began, since), now) if began is not None else None

    async def _measured(self, containers: Sequence[ObservedContainer]) -> dict[ServiceName, Figures]:
        """What nobody samples is measured now; nothing where the engine can not."""
        try:
            used = {u.sample.container: u for u in await self._measure(containers)}
        except EngineError:
            return {}
        by_service: dict[ServiceName, list[Figures]] = {}
        for container in containers:
            usage = used.get(container.id)
            if usage is not None:
                by_service.setdefault(container.service, []).append(
                    Figures(
                        cpu_percent=usage.cpu_percent,
                        memory_bytes=usage.sample.memory_bytes,
                        memory_limit_bytes=usage.sample.memory_limit_bytes or None,
                        processes=usage.sample.processes,
                    )
                )
        return {name: _sum(mine) for name, mine in by_service.items()}


def _chosen(project: ResolvedProject, services: Collection[str]) -> tuple[ServiceName, ...]:
    unknown = next((s for s in services if s not in project.services), None)
    if unknown is not None:
        raise unknown_service(unknown, project.services)
    return tuple(ServiceName(s) for s in services)


def _by_service(samples: Iterable[Sample]) -> dict[ServiceName, list[Sample]]:
    found: dict[ServiceName, list[Sample]] = {}
    for sample in samples:
        found.setdefault(sample.service, []).append(sample)
    return found


def _sum(figures: Sequence[Figures]) -> Figures:
    """What a service's containers use together; what none of them tells is None."""
    together = {}
    for name in _FIGURES:
        found = [value for f in figures if (value := getattr(f, name)) is not None]
        together[name] = sum(found) if found else None
    return Figures.model_validate(together)


def _is_well(status: ServiceStatus, replicas: int) -> bool:
    """Not unhealthy and not dead: it runs or starts, ended in order, or is not meant to be there."""
    if status.state is ContainerState.RUNNING:
        return status.health is not HealthState.UNHEALTHY
    if status.state == "absent":
        return replicas == 0
    return status.state in {ContainerState.PAUSED, ContainerState.EXITED} and not status.exit_code
