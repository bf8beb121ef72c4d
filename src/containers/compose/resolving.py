"""From merged files to a resolved project: long forms, what is implied, consistency, what is canonical."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from containers.compose.building import Locations, build_project, build_service, escaped
from containers.compose.canonical import ServiceForm
from containers.compose.documents import PROJECT_RULES, SERVICE_RULES, TEMPLATE_RULES, Writer, located
from containers.compose.environment import resolve_build_arguments, resolve_environment
from containers.compose.environment_parts import add_limits
from containers.compose.hashing import digest
from containers.compose.labels import add_label_files
from containers.compose.nodes import Map, Origin, Spot
from containers.compose.normalising import (
    add_default_network,
    add_dependencies,
    add_empty_parts,
    drop_unused,
    enabled,
)
from containers.compose.reporting import Report
from containers.compose.request import LoadRequest
from containers.compose.resources import settle_resources
from containers.compose.sources import Sources
from containers.compose.unicity import deduplicate
from containers.compose.validating import check_consistency
from containers.model.base import ServiceName
from containers.model.project import ResolvedProject, ServiceConfig


class Merged(NamedTuple):
    """Files read and merged."""

    tree: Map
    name: str
    files: tuple[Path, ...]
    root: Origin


class Kept(NamedTuple):
    """A service at the end of the way, which another load may take as it is."""

    settled: Map
    """In its long form, with where it was written."""
    spot: Spot | None
    document: dict[str, Any]
    """Canonical; each `$` is written twice."""
    config: ServiceConfig
    digest: str
    """The fingerprint of the document."""
    files: tuple[Path, ...]
    """The env files and label files that went into it."""


class Resolved(NamedTuple):
    """The end of the way."""

    project: ResolvedProject | None
    document: dict[str, Any]
    locations: Locations
    services: Map
    built: Mapping[str, Kept]


class Resolver:
    """Resolves the merged files of one load."""

    def __init__(
        self, request: LoadRequest, sources: Sources, report: Report, kept: Mapping[str, Kept | None]
    ) -> None:
        """`kept` names all services in their order, with those that the files leave out; or is empty."""
        self._request = request
        self._sources = sources
        self._report = report
        self._kept = kept
        self._side_files: dict[str, tuple[Path, ...]] = {}
        """The env files and label files of services."""

    def resolve(self, read: Merged) -> Resolved | None:
        """Bring everything into its long form and write it; None where that is not possible."""
        report, request, tree, root = self._report, self._request, read.tree, read.root
        services: Map = tree.get("services") or Map()
        profiles = self._profiles(root.environment)
        active = self._active(services, profiles, root)
        deduplicate(tree)  # what was written in two ways may mean the same
        if self._kept:
            services, active = self._with_kept(services), self._with_kept(active)
            tree.put("services", services, _around(services, tree.spots.get("services")))
        jobs = self._active(tree.get("jobs") or Map(), profiles, root)
        add_default_network(tree, jobs)
        add_default_network(tree, active)
        settle_resources(tree, read.name, root, report)
        if request.check_consistency and not request.as_written:
            check_consistency(tree, active, services, report)
        # docker compose keeps what jobs mount, but not a network that only they join
        mounting = {
            f"jobs.{n}": Map({k: v for k, v in job.items() if k != "networks"}) for n, job in jobs.items()
        }
        drop_unused(tree, Map({**mounting, **active}))
        tree.put("services", active, tree.spots.get("services"))
        if jobs:
            tree.put("jobs", jobs, tree.spots.get("jobs"))
        else:
            tree.drop("jobs")
        tree["name"] = read.name
        if request.as_written:
            written = Writer(report)
            document = written.plain(tree, TEMPLATE_RULES, ())
            locations = Locations(lambda: written.spots)
            return None if report.failed else Resolved(None, document, locations, active, {})
        writer = Writer(report, spots=False)
        if report.failed:
            writer.plain(tree, PROJECT_RULES, ())  # what cannot be written is said all the same
            return None
        made = {
            key: self._build(key, service, active.spots.get(key), read.name, writer)
            for key, service in active.items()
        }
        rest = writer.plain({k: tree[k] for k in tree if k != "services"}, PROJECT_RULES, ())
        if writer.problems:
            return None
        built = {key: each for key, each in made.items() if each is not None}
        locations = Locations(lambda: located(tree))
        project = build_project(
            rest,
            {key: (each.document, each.config, each.digest) for key, each in sorted(built.items())},
            locations,
            files=read.files,
            sources=self._sources.read_so_far,
            working_dir=Path(root.working_dir),
            disabled=[key for key in services if key not in active],
            profiles=profiles,
        )
        return Resolved(project, project.document, locations, active, built)

    def _with_kept(self, services: Map) -> Map:
        """Services in the order of the whole files, those among them that another load has made."""
        result = Map()
        for name, kept in self._kept.items():
            if kept is not None:
                result.put(name, kept.settled, kept.spot)
                for file in filter(self._sources.has, kept.files):
                    self._sources.read(file, self._report)
            elif name in services:
                result.put(name, services[name], services.spots.get(name))
        return result

    def _build(self, name: str, service: Map, spot: Spot | None, project: str, writer: Writer) -> Kept | None:
        """A service in canonical form; None where the writer's report says what cannot be written."""
        if (kept := self._kept.get(name)) is not None:
            return kept
        before = writer.problems
        document = writer.plain(service, SERVICE_RULES, ("services", name))
        if writer.problems > before:
            return None
        config = build_service(ServiceName(name), document, project)
        written = escaped(document)
        return Kept(service, spot, written, config, digest(written), self._side_files.get(name, ()))

    def _active(self, services: Map, profiles: tuple[str, ...], root: Origin) -> Map:
        """The services that the profiles enable, in their long form; the others get theirs as well."""
        active = Map()
        for key, service in services.items():
            if service is None:
                service = Map()  # noqa: PLW2901
                dict.__setitem__(services, key, service)
            spot = services.spots.get(key)
            ServiceForm(key, service, spot.origin if spot else root, self._report).settle()
            add_dependencies(service)
            if enabled(service, profiles):
                active.put(key, service, spot)
        for key, service in active.items():
            if not self._request.as_written:
                self._side_files[key] = _files_beside(service)
                resolve_environment(service, self._sources, self._report, key)
                resolve_build_arguments(service)
                add_label_files(service, self._sources, self._report)
            if self._request.limits is not None:
                add_limits(service, self._request.limits)
            add_empty_parts(service)
        return active

    def _profiles(self, environment: Mapping[str, str]) -> tuple[str, ...]:
        if self._request.profiles:
            return tuple(dict.fromkeys(self._request.profiles))
        listed = (part.strip() for part in environment.get("COMPOSE_PROFILES", "").split(","))
        return tuple(dict.fromkeys(part for part in listed if part))


def _around(services: Map, spot: Spot | None) -> Spot | None:
    """The place of all services, where the file that was read has left some out."""
    if spot is None:
        return None
    here = [s for s in services.spots.values() if s.origin.path == spot.origin.path and s.key is not None]
    if not here:
        return spot
    start = min(s.key[:2] for s in here if s.key is not None)
    return Spot(spot.origin, (*start, *max(s.value[2:] for s in here)), spot.key, spot.over)


def _files_beside(service: Map) -> tuple[Path, ...]:
    """The env files and label files that a service in its long form names."""
    files = [entry["path"] for entry in service.get("env_file") or ()]
    return tuple(Path(file) for file in (*files, *(service.get("label_file") or ())))
