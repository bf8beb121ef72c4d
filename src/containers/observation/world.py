"""The live picture of every project's containers, folded from snapshots and events."""

from collections.abc import Mapping

from containers.model.base import ContainerId, Model, ProjectName
from containers.model.events import ContainerEvent
from containers.model.health import HealthState
from containers.model.observed import ContainerState, ObservedContainer, ObservedState

_STATE_AFTER = {
    "container.created": ContainerState.CREATED,
    "container.started": ContainerState.RUNNING,
    "container.restarted": ContainerState.RUNNING,
    "container.unpaused": ContainerState.RUNNING,
    "container.paused": ContainerState.PAUSED,
    "container.died": ContainerState.EXITED,
}


class WorldState(Model):
    """Containers by project and id."""

    projects: Mapping[ProjectName, Mapping[ContainerId, ObservedContainer]] = {}

    def of_project(self, project: ProjectName) -> tuple[ObservedContainer, ...]:
        """The project's containers, by service and number."""
        containers = self.projects.get(project, {}).values()
        return tuple(sorted(containers, key=lambda c: (c.service, c.number, c.name)))

    def with_snapshot(self, observed: ObservedState) -> "WorldState":
        """The world where one project is as a fresh snapshot says."""
        mine = {c.id: c for c in observed.containers}
        return WorldState(projects={**self.projects, observed.project: mine})

    def with_event(self, event: ContainerEvent) -> "WorldState":
        """The world after a container event; one about an unknown container changes nothing.

        A snapshot follows each event, and brings what an event does not tell: ports, times, images.
        """
        if event.project is None:
            return self
        mine = dict(self.projects.get(event.project, {}))
        known = mine.get(event.container)
        if known is None:
            return self
        if event.kind == "container.died" and known.started_at is not None and event.at < known.started_at:
            return self  # told late: it is about an earlier life
        if event.kind == "container.removed":
            del mine[event.container]
        elif event.kind == "container.renamed":
            mine[event.container] = known.model_copy(update={"name": event.name})
        else:
            update: dict[str, object] = {"state": _STATE_AFTER[event.kind]}
            if event.kind in {"container.started", "container.restarted"}:
                update |= {"started_at": event.at, "exit_code": None}
                if known.health is not HealthState.NONE:
                    update["health"] = HealthState.STARTING
            if event.kind == "container.died":
                update["exit_code"] = event.exit_code
            mine[event.container] = known.model_copy(update=update)
        return WorldState(projects={**self.projects, event.project: mine})


def health_changes(
    before: WorldState, after: WorldState, project: ProjectName
) -> tuple[tuple[ObservedContainer, HealthState], ...]:
    """Containers whose health is another than it was, with what it was."""
    old = before.projects.get(project, {})
    return tuple(
        (container, old[container.id].health if container.id in old else HealthState.NONE)
        for container in after.of_project(project)
        if container.health is not HealthState.NONE
        and (container.id not in old or old[container.id].health is not container.health)
    )


def moved(before: WorldState, after: WorldState, project: ProjectName) -> frozenset[ContainerId]:
    """Containers that came, went, ended or began to run; none where the project was not known before."""
    old = before.projects.get(project)
    if old is None:
        return frozenset()
    new = after.projects.get(project, {})
    both = old.keys() & new.keys()
    other = {c for c in both if (old[c].state, old[c].pid) != (new[c].state, new[c].pid)}
    return frozenset((old.keys() ^ new.keys()) | other)
