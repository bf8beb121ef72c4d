"""ServiceReloads: has running services take up new files, as `x-podkeeper.reload` says."""

from collections.abc import Callable, Sequence
from typing import Final

from containers.event_integration import EngineProvider
from containers.model.base import Model, ServiceName
from containers.model.errors import ErrorCode, PodkeeperError, unknown_service
from containers.model.observed import ObservedContainer
from containers.model.outcome import Problem
from containers.model.own_config import Reload
from containers.model.project import Hook, ResolvedProject, ServiceConfig
from containers.ports.engine import ContainerEngine

EXEC_TIMEOUT_S: Final = 60.0
"""For one command that reloads; such a command tells a process, it does no work of its own."""
_EXAMPLE: Final = "x-podkeeper: {reload: {signal: HUP}}"


class Reloaded(Model):
    """A service that was told."""

    service: ServiceName
    containers: int
    how: str
    """In words, such as `signal HUP`."""
    problem: Problem | None = None
    """Why it did not work; containers before the one that it did not work in have been told."""


class ServiceReloads:
    """Reloads services without a restart.

    Each raises `PodkeeperError` for what a person can get wrong: `service_unknown`, `usage` for a service
    that does not say how it is reloaded, `service_exited` where nothing of it runs; and what the engine
    raises.
    """

    def __init__(self, *, project: Callable[[], ResolvedProject], engine: EngineProvider) -> None:
        """`project` resolves the project anew."""
        self._project = project
        self._engine = engine

    async def reload(self, services: Sequence[str] = ()) -> tuple[Reloaded, ...]:
        """Reload services; none named: all that say how.

        Every service is looked up before the first is told; one that can not be reloaded (`hook_failed`,
        or what the engine says) keeps no other from it.
        """
        project = self._project()
        chosen = _chosen(project, services)
        engine = await self._engine()
        running: dict[ServiceName, list[ObservedContainer]] = {}
        for container in await engine.containers_of(project.name):
            if container.is_running and not container.is_one_off and not container.is_left_over:
                running.setdefault(container.service, []).append(container)
        for service in chosen:
            if service.name not in running and services:
                raise PodkeeperError(
                    ErrorCode.SERVICE_EXITED,
                    f'service "{service.name}" is not running, so there is nothing to reload',
                    remedy=f"run `podkeeper up {service.name}` first",
                    service=service.name,
                )
        return tuple(
            [
                await _attempt(engine, service, running[service.name])
                for service in chosen
                if service.name in running
            ]
        )


async def _attempt(
    engine: ContainerEngine, service: ServiceConfig, containers: Sequence[ObservedContainer]
) -> Reloaded:
    try:
        return await reload_service(engine, service, containers)
    except PodkeeperError as error:
        problem = Problem.of_error(error)
        return Reloaded(
            service=service.name, containers=len(containers), how=_words(_reload_of(service)), problem=problem
        )


async def reload_service(
    engine: ContainerEngine, service: ServiceConfig, containers: Sequence[ObservedContainer]
) -> Reloaded:
    """Tell every container of a service that says how.

    Raises:
        PodkeeperError: as `ServiceReloads`; `hook_failed` for a command that fails.
    """
    how = _reload_of(service)
    for container in containers:
        if how.signal:
            await engine.kill_container(container.id, how.signal)
            continue
        hook = Hook(command=how.command, user=how.user)
        result = await engine.execute(container.id, how.command, EXEC_TIMEOUT_S, hook)
        if result.exit_code:
            last = result.output.strip().rpartition("\n")[2]
            raise PodkeeperError(
                ErrorCode.HOOK_FAILED,
                f"reloading {container.name} failed with exit code {result.exit_code}: {last}",
                remedy=f"try it by hand: podkeeper exec {service.name} {' '.join(how.command)}",
                service=service.name,
            )
    return Reloaded(service=service.name, containers=len(containers), how=_words(how))


def _words(how: Reload) -> str:
    return f"signal {how.signal}" if how.signal else f"`{' '.join(how.command)}`"


def _reload_of(service: ServiceConfig) -> Reload:
    if service.own.reload is None:
        raise PodkeeperError(
            ErrorCode.USAGE,
            f'service "{service.name}" does not say how it is reloaded',
            remedy=f"write `{_EXAMPLE}`, or `exec` with a command, under services.{service.name}; "
            f"or run `podkeeper restart {service.name}`",
            service=service.name,
        )
    return service.own.reload


def _chosen(project: ResolvedProject, services: Sequence[str]) -> tuple[ServiceConfig, ...]:
    found = []
    for name in services:
        service = project.services.get(ServiceName(name))
        if service is None:
            raise unknown_service(name, project.services)
        _reload_of(service)
        found.append(service)
    if found:
        return tuple(found)
    found = [s for s in project.services.values() if s.own.reload is not None]
    if not found:
        raise PodkeeperError(
            ErrorCode.USAGE,
            "no service says how it is reloaded",
            remedy=f"write `{_EXAMPLE}` under a service",
        )
    return tuple(found)
