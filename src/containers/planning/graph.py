"""Order: which services a choice brings along, and which come after which."""

from collections.abc import Iterable, Mapping
from graphlib import TopologicalSorter
from typing import TypeVar

from containers.model.base import ServiceName
from containers.model.plan import Step
from containers.model.project import ResolvedProject

_K = TypeVar("_K")


def dependencies_first(needs: Mapping[_K, Iterable[_K]]) -> tuple[_K, ...]:
    """A stable topological order; needs outside the mapping are ignored.

    Raises:
        CycleError: there is a cycle. Validation reports cycles before planning, so this is a bug.
    """
    graph = {key: [n for n in wanted if n in needs] for key, wanted in needs.items()}
    return tuple(TopologicalSorter(graph).static_order())


def namespace_hosts(project: ResolvedProject, service: ServiceName) -> frozenset[ServiceName]:
    """Services whose very container this one is bound to: shared namespaces and `volumes_from`.

    Such a container must be created after, and recreated with, the one it is bound to.
    """
    canonical = project.document.get("services", {}).get(service, {})
    hosts = {
        str(canonical[key]).removeprefix("service:")
        for key in ("network_mode", "ipc", "pid")
        if str(canonical.get(key, "")).startswith("service:")
    }
    hosts.update(
        str(entry).split(":", 1)[0]
        for entry in canonical.get("volumes_from") or ()
        if not str(entry).startswith("container:")
    )
    return frozenset(ServiceName(h) for h in hosts if h in project.services)


def with_dependencies(project: ResolvedProject, chosen: Iterable[ServiceName]) -> frozenset[ServiceName]:
    """The chosen services and all that they need, directly or not."""
    found: set[ServiceName] = set()
    waiting = [s for s in chosen if s in project.services]
    while waiting:
        service = waiting.pop()
        if service not in found:
            found.add(service)
            needs = {*project.services[service].depends_on, *namespace_hosts(project, service)}
            waiting.extend(n for n in needs if n in project.services)
    return frozenset(found)


def dispensable(
    project: ResolvedProject, targets: Iterable[ServiceName], named: Iterable[ServiceName]
) -> frozenset[ServiceName]:
    """The targets that others depend on with `required: false` only, and that nobody asked for by name."""
    among = set(targets)
    depended = {n for s in among for n in project.services[s].depends_on}
    waiting = [s for s in among if s not in depended]
    waiting.extend(s for s in named if s in among)
    waiting.extend(host for s in among for host in namespace_hosts(project, s) if host in among)
    needed: set[ServiceName] = set()
    while waiting:
        service = waiting.pop()
        if service not in needed:
            needed.add(service)
            depends_on = project.services[service].depends_on
            waiting.extend(n for n, d in depends_on.items() if d.required and n in among)
    return frozenset(among - needed)


def service_order(project: ResolvedProject) -> tuple[ServiceName, ...]:
    """All services, each after what it depends on."""
    return dependencies_first(
        {
            name: (*service.depends_on, *sorted(namespace_hosts(project, name)))
            for name, service in project.services.items()
        }
    )


def in_order(steps: Iterable[Step]) -> tuple[Step, ...]:
    """The steps, each after all that it needs."""
    by_id = {step.id: step for step in steps}
    return tuple(by_id[i] for i in dependencies_first({s.id: (*s.needs, *s.after) for s in by_id.values()}))
