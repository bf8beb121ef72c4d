"""Scene: what is supervised, as its files say and as it is there."""

import logging
from collections.abc import Callable, Mapping

from containers.event_integration import EventIntegration
from containers.health.restart_policy import RestartLimits, limits_of
from containers.model.base import ServiceName
from containers.model.errors import EngineError
from containers.model.observed import ObservedContainer
from containers.model.project import ResolvedProject, ServiceConfig
from containers.model.supervision import place_of
from containers.settings import MonitorSettings

log = logging.getLogger(__name__)


class Scene:
    """One project and its containers, in the live picture that `EventIntegration` owns.

    Args:
        project: the project as last resolved; None while its files are wrong.
        events: has the picture.
        settings: what the project's environment has set.
        wake: has everything looked at again.
    """

    def __init__(
        self,
        *,
        project: Callable[[], ResolvedProject | None],
        events: EventIntegration,
        settings: Callable[[], MonitorSettings],
        wake: Callable[[], None],
    ) -> None:
        self._project = project
        self._events = events
        self._settings = settings
        self.wake = wake

    @property
    def project(self) -> ResolvedProject | None:
        """As last resolved."""
        return self._project()

    @property
    def settings(self) -> MonitorSettings:
        """As they are now."""
        return self._settings()

    def containers(self) -> Mapping[str, ObservedContainer]:
        """The containers of the project by their places; not those of `run`, nor what a change left over."""
        project = self.project
        if project is None:
            return {}
        found: dict[str, ObservedContainer] = {}
        for container in self._events.world.of_project(project.name):
            if not container.is_one_off and not container.is_left_over:
                found.setdefault(place_of(container.service, container.number), container)
        return found

    def of_service(self, service: ServiceName) -> tuple[ObservedContainer, ...]:
        """Its replicas."""
        return tuple(c for c in self.containers().values() if c.service == service)

    def config(self, service: ServiceName) -> ServiceConfig | None:
        """What the files say of a service."""
        project = self.project
        return project.services.get(service) if project else None

    def limits(self, service: ServiceName) -> RestartLimits:
        """How often it may be restarted: as the environment says, unless the service says otherwise."""
        config = self.config(service)
        return limits_of(self.settings, config.own.restart) if config else RestartLimits()

    async def refresh(self, container: ObservedContainer) -> bool:
        """Have the picture made anew; whether the engine answered."""
        try:
            await self._events.refresh(container.project)
        except EngineError as error:
            log.info("could not look at %s: %s", container.project, error)
            return False
        finally:
            self.wake()
        return True
