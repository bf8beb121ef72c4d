"""The plan of `up`."""

from collections.abc import Iterable, Mapping

from containers.model.base import ContainerId, ServiceName, StepId
from containers.model.errors import ErrorCode, PodkeeperError, unknown_service
from containers.model.health import HealthState
from containers.model.observed import ObservedContainer, ObservedState
from containers.model.plan import (
    PASSIVE_KINDS,
    BuildImage,
    CreateContainer,
    CreateNetwork,
    CreateVolume,
    Gate,
    GateKind,
    KeepContainer,
    Plan,
    PullImage,
    RemoveContainer,
    ReplaceContainer,
    RestartContainer,
    StartContainer,
    Step,
    Verb,
)
from containers.model.project import DependencyCondition, ResolvedProject, ServiceConfig
from containers.planning.adoption import differences, is_built_by_other
from containers.planning.containers import Decision, decide
from containers.planning.contracts import contract_warnings
from containers.planning.described import Described
from containers.planning.graph import (
    dispensable,
    in_order,
    namespace_hosts,
    service_order,
    with_dependencies,
)
from containers.planning.labels import Inputs
from containers.planning.making_way import Way, make_way
from containers.planning.options import Mode, Recreate, UpOptions

_GATE_OF = {
    DependencyCondition.HEALTHY: GateKind.HEALTHY,
    DependencyCondition.COMPLETED: GateKind.COMPLETED,
}
_BUILT_IN_NETWORKS = frozenset({"bridge", "host", "none"})
"""What Docker has as networks and Podman as modes."""


def plan_up(
    project: ResolvedProject,
    observed: ObservedState,
    options: UpOptions | None = None,
    *,
    inputs: Mapping[ServiceName, Inputs] | None = None,
    described: Mapping[ServiceName, Described] | None = None,
    verb: Verb = "up",
) -> Plan:
    """Steps from what is to the project running and healthy.

    Only what differs is touched. Images come first, then containers are created, side by side, before any
    that runs is stopped; each starts when what it depends on is as its condition asks. What can not be undone
    (removals) comes after every gate; where a network or volume must be made anew that can not be, and the
    plan says so in `irreversible`.

    Args:
        project: what should be.
        observed: what is.
        options: what the person asked for.
        inputs: for each service the fingerprints of the contents that it is given.
        described: for services that differ from what was applied last, how.
        verb: what the plan is for.

    Raises:
        PodkeeperError: an external network or volume does not exist, or a service can not be scaled so.
    """
    wanted = options or UpOptions()
    return _UpPlanner(scaled(project, wanted), observed, wanted, inputs or {}, described or {}).plan(verb)


def scaled(project: ResolvedProject, options: UpOptions) -> ResolvedProject:
    """The project with as many replicas as were asked for.

    Raises:
        PodkeeperError: `service_unknown`, or `conflict`: a service with a `container_name` is there once.
    """
    changed = {}
    documents = dict(project.document["services"])
    for name, count in options.scale.items():
        service = project.services.get(name)
        if service is None:
            raise unknown_service(name, project.services)
        if count > 1 and service.container_name:
            raise PodkeeperError(
                ErrorCode.CONFLICT,
                f"{name} has a `container_name`, so there can be only one of it",
                remedy="Leave `container_name` out, or do not scale it.",
                service=name,
            )
        changed[name] = service.model_copy(update={"replicas": count})
        documents[name] = {**documents[name], "scale": count}
    if not changed:
        return project
    document = {**project.document, "services": documents}
    return project.model_copy(update={"services": {**project.services, **changed}, "document": document})


class _UpPlanner:
    """Collects steps service by service, dependencies first, so that what a step needs is known."""

    def __init__(
        self,
        project: ResolvedProject,
        observed: ObservedState,
        options: UpOptions,
        inputs: Mapping[ServiceName, Inputs],
        described: Mapping[ServiceName, Described],
    ) -> None:
        self.project = project
        self.inputs = inputs
        self.described = described
        self.observed = observed
        self.options = options
        self.steps: dict[StepId, Step] = {}
        self.warnings: list[str] = []
        self.started_by: dict[tuple[ServiceName, int], StepId] = {}
        """The step after which a replica runs; nothing where it runs already."""
        self.recreated: set[ServiceName] = set()
        self.restarted: set[ServiceName] = set()
        self.surplus: list[tuple[ObservedContainer, str]] = []
        self.optional: frozenset[ServiceName] = frozenset()
        self.images_done: tuple[StepId, ...] = ()
        self.way = Way()

    def plan(self, verb: Verb) -> Plan:
        chosen: Iterable[ServiceName] = self.options.services or tuple(self.project.services)
        targets = (
            with_dependencies(self.project, chosen) if self.options.with_dependencies else frozenset(chosen)
        )
        self.optional = dispensable(
            self.project, (t for t in targets if t in self.project.services), self.options.services
        )
        ordered = [n for n in service_order(self.project) if n in targets and not self._is_provided(n)]
        images = {name: self._image(self.project.services[name]) for name in ordered}
        self.images_done = tuple(dict.fromkeys(i for i in images.values() if i is not None))
        self.way = make_way(self.project, self.observed, ordered, self.images_done)
        for step in self.way.steps:
            self._add(step)
        for name in ordered:
            self._service(self.project.services[name], images[name])
        self._orphans()
        self._removals()
        changes = any(step.kind not in PASSIVE_KINDS for step in self.steps.values())
        warnings = (*(contract_warnings(self.project) if changes else ()), *self.warnings)
        return Plan(
            project=self.project.name,
            verb=verb,
            steps=in_order(self._created_first()),
            warnings=tuple(dict.fromkeys(warnings)),
            optional=self.optional,
            irreversible=self.way.irreversible,
        )

    def _created_first(self) -> Iterable[Step]:
        """Nothing that runs is stopped before everything new that can be created has been."""
        begun = set(self.started_by.values())
        made = (s for s in self.steps.values() if s.kind == "create_container")
        created = tuple(s.id for s in made if not begun.intersection(s.needs))
        for step in self.steps.values():
            if step.kind in {"replace_container", "restart_container"}:
                before = tuple(dict.fromkeys((*self.images_done, *created)))
                yield step.model_copy(update={"after": before})
            else:
                yield step

    def _is_provided(self, name: ServiceName) -> bool:
        """Whether a `provider` stands in for a container; Podman has nothing to run it with."""
        if "provider" not in self.project.document.get("services", {}).get(name, {}):
            return False
        self.warnings.append(f"{name} is left to its provider, which Podkeeper does not run")
        return True

    def _service(self, service: ServiceConfig, image_step: StepId | None) -> None:
        name = service.name
        asked = not self.options.services or name in self.options.services
        recreate = self.options.recreate
        if recreate is Recreate.ALWAYS and not (asked or self.options.always_recreate_dependencies):
            recreate = Recreate.CHANGED
        observed = self.observed
        if name in self.way.gone:
            rest = tuple(c for c in observed.containers if c.service != name)
            observed = observed.model_copy(update={"containers": rest})
        decisions, surplus = decide(
            self.project,
            service,
            observed,
            recreate,
            is_job=self.project.is_job(name),
            image_will_change=image_step is not None and service.image in self.observed.images,
            inputs=self.inputs.get(name, {}),
            described=self.described.get(name),
        )
        if name in self.way.gone:
            self.recreated.add(name)
            decisions = tuple(d._replace(cause="its network or volume is made anew") for d in decisions)
        self.surplus.extend((c, f"{service.name} has {service.replicas} replicas now") for c in surplus)
        for decision in decisions:
            self._replica(service, self._forced(service, decision), image_step)

    def _forced(self, service: ServiceConfig, decision: Decision) -> Decision:
        """Decide anew where a dependency's change reaches this service."""
        if decision.existing is not None and decision.verb in {"keep", "start", "restart"}:
            bound = self._bound_to_replaced(decision.existing)
            if bound:
                cause = f"Podman can not take {bound} away from it, which is recreated"
                return decision._replace(verb="replace", cause=cause)
        hosts = namespace_hosts(self.project, service.name) & self.recreated
        if hosts and decision.verb in {"keep", "start", "restart"}:
            cause = f"it shares namespaces or volumes with {', '.join(sorted(hosts))}, which is recreated"
            return decision._replace(verb="replace", cause=cause)
        if decision.verb == "keep" and decision.existing is not None and decision.existing.is_running:
            changed = self.recreated | self.restarted
            because = [n for n, d in service.depends_on.items() if d.restart and n in changed]
            if because:
                cause = f"it depends on {', '.join(because)} with `restart: true`"
                return decision._replace(verb="restart", cause=cause)
        return decision

    def _bound_to_replaced(self, existing: ObservedContainer) -> ServiceName | None:
        """A service that is recreated and whose very container this one was bound to by podman-compose."""
        seen = self.observed.foreign.get(existing.id)
        if seen is None:
            return None
        gone = {s.old for s in self.steps.values() if isinstance(s, ReplaceContainer)}
        by_id = {c.id: c.service for c in self.observed.containers}
        return next((by_id[i] for i in seen.needs if i in gone or by_id.get(i) in self.way.gone), None)

    def _replica(self, service: ServiceConfig, decision: Decision, image_step: StepId | None) -> None:
        name = self.project.container_name(service, decision.number)
        where = f"{service.name}:{decision.number}"
        ready = self._dependencies(service) if decision.verb != "keep" and self.options.start else ()
        begun: StepId | None = None
        old = decision.existing
        if decision.verb in {"create", "replace"}:
            created = self._create(service, decision, name, image_step)
            if old is None and not self.options.start:
                begun = created
            elif old is None:
                begun = StepId(f"start:{where}")
                self._add(
                    StartContainer(
                        id=begun,
                        cause=decision.cause,
                        needs=(created, *ready),
                        service=service.name,
                        number=decision.number,
                        name=name,
                        created_by=created,
                    )
                )
            else:
                begun = StepId(f"replace:{where}")
                self._add(
                    ReplaceContainer(
                        id=begun,
                        cause=decision.cause,
                        needs=(created, *ready),
                        service=service.name,
                        number=decision.number,
                        name=name,
                        created_by=created,
                        old=old.id,
                        old_was_running=old.is_running,
                        start=self.options.start,
                    )
                )
                self.recreated.add(service.name)
        elif old is not None:
            kept = decision._replace(verb="keep", cause="nothing is to be started")
            begun = self._existing(service, decision if self.options.start else kept, old, ready)
        if begun is not None:
            self.started_by[service.name, decision.number] = begun
        if self.options.start and self.options.mode is Mode.SAFE:
            self._final_gate(service, decision, begun)

    def _existing(
        self, service: ServiceConfig, decision: Decision, old: ObservedContainer, ready: tuple[StepId, ...]
    ) -> StepId | None:
        where = f"{service.name}:{decision.number}"
        if decision.verb == "keep":
            self._add(
                KeepContainer(
                    id=StepId(f"keep:{where}"),
                    cause=decision.cause,
                    service=service.name,
                    number=decision.number,
                    name=old.name,
                    container=old.id,
                )
            )
            return None
        begun = StepId(f"{decision.verb}:{where}")
        step_type = RestartContainer if decision.verb == "restart" else StartContainer
        if decision.verb == "restart":
            self.restarted.add(service.name)
        self._add(
            step_type(
                id=begun,
                cause=decision.cause,
                needs=ready,
                service=service.name,
                number=decision.number,
                name=old.name,
                container=ContainerId(old.id),
            )
        )
        return begun

    def _create(
        self, service: ServiceConfig, decision: Decision, name: str, image_step: StepId | None
    ) -> StepId:
        needs = [*([image_step] if image_step else []), *self._resources(service)]
        for host in sorted(namespace_hosts(self.project, service.name)):
            needs.extend(step for (of, _), step in self.started_by.items() if of == host)
        step = CreateContainer(
            id=StepId(f"create:{service.name}:{decision.number}"),
            cause=decision.cause,
            needs=tuple(needs),
            service=service.name,
            number=decision.number,
            name=name,
            replaces=decision.existing.id if decision.existing else None,
            renews_volumes=self.options.renew_volumes,
        )
        return self._add(step)

    def _image(self, service: ServiceConfig) -> StepId | None:
        """The step that makes the service's image available, if one is needed."""
        present = service.image in self.observed.images
        if service.build is not None and self.options.no_build and not present:
            raise PodkeeperError(
                ErrorCode.IMAGE_NOT_FOUND,
                f"the image {service.image} does not exist, and `--no-build` forbids building it",
                remedy=f"Leave `--no-build` out, or build it with `podkeeper build {service.name}`.",
                service=service.name,
            )
        if service.build is not None:
            if self.options.no_build or self._is_adopted(service):
                return None
            if present and not self.options.build and service.pull_policy != "build":
                return None
            cause = "asked to build" if present else f"image {service.image} does not exist"
            return self._add(
                BuildImage(
                    id=StepId(f"build:{service.image}"),
                    cause=cause,
                    service=service.name,
                    image=service.image,
                )
            )
        policy = self.options.pull or service.pull_policy
        if policy == "never" or (present and policy not in {"always", "newer"}):
            return None
        step_id = StepId(f"pull:{service.image}")
        earlier = self.steps.get(step_id)
        services = (*(earlier.services if isinstance(earlier, PullImage) else ()), service.name)
        cause = "pull policy is `always`" if present else f"image {service.image} is not here"
        return self._add(PullImage(id=step_id, cause=cause, image=service.image, services=services))

    def _is_adopted(self, service: ServiceConfig) -> bool:
        """Whether all its containers run an image that another program built for it, and can stay."""
        mine = [c for c in self.observed.of_service(service.name) if c.is_foreign]
        return (
            not self.options.build
            and self.options.recreate is not Recreate.ALWAYS
            and service.image not in self.observed.images
            and len(mine) >= service.replicas > 0
            and all(is_built_by_other(self.project, service, c) for c in mine)
            and not any(differences(self.project, service, c, self.observed) for c in mine)
        )

    def _resources(self, service: ServiceConfig) -> tuple[StepId, ...]:
        """Steps that create the networks and volumes of the service which are missing."""
        networks = frozenset(n.name for n in self.observed.networks)
        volumes = frozenset(v.name for v in self.observed.volumes)
        needs = []
        for key in service.networks:
            network = self.project.networks.get(key)
            if network is not None and network.external:
                self._require("network", network.name, networks | _BUILT_IN_NETWORKS, service)
            elif network is not None and network.name in self.way.made_anew:
                needs.append(self.way.made_anew[network.name])
            elif network is not None and network.name not in networks:
                step_id = StepId(f"network:{network.name}")
                cause = "it does not exist yet"
                needs.append(self._add(CreateNetwork(id=step_id, cause=cause, key=key, name=network.name)))
        for mount in service.volumes:
            volume = self.project.volumes.get(mount.source) if mount.type == "volume" else None
            if volume is not None and volume.external:
                self._require("volume", volume.name, volumes, service)
            elif volume is not None and volume.name in self.way.made_anew:
                needs.append(self.way.made_anew[volume.name])
            elif volume is not None and volume.name not in volumes:
                step_id = StepId(f"volume:{volume.name}")
                cause = "it does not exist yet"
                needs.append(
                    self._add(CreateVolume(id=step_id, cause=cause, key=mount.source, name=volume.name))
                )
        return tuple(dict.fromkeys(needs))

    def _require(self, kind: str, name: str, known: frozenset[str], service: ServiceConfig) -> None:
        """Refuse to go on without what the project expects to be there: Podman would make a volume silently.

        Raises:
            PodkeeperError: it is not there.
        """
        if name not in known:
            raise PodkeeperError(
                ErrorCode.NOT_FOUND,
                f"service {service.name}: the {kind} {name} is external, and it does not exist",
                remedy=f"Make it with `podman {kind} create {name}`, or leave `external` out.",
                service=service.name,
            )

    def _dependencies(self, service: ServiceConfig) -> tuple[StepId, ...]:
        """What must be done before the service may start."""
        needs: list[StepId] = []
        for name, dependency in service.depends_on.items():
            target = self.project.services.get(name)
            if target is None:
                continue
            kind = _GATE_OF.get(dependency.condition)
            if kind is GateKind.HEALTHY and target.health_check is None:
                kind = GateKind.RUNNING
            for number in range(1, target.replicas + 1):
                begun = self.started_by.get((name, number))
                if kind is None:
                    needs.extend([begun] if begun else [])
                else:
                    gate = self._gate(target, number, kind, begun, required=dependency.required)
                    needs.extend([gate] if gate else [])
        return tuple(dict.fromkeys(needs))

    def _final_gate(self, service: ServiceConfig, decision: Decision, begun: StepId | None) -> None:
        """What the person who said `up` waits for."""
        if self.project.is_job(service.name):
            kind = GateKind.COMPLETED
        elif service.health_check is not None:
            kind = GateKind.HEALTHY
        else:
            kind = GateKind.RUNNING
        self._gate(service, decision.number, kind, begun, required=service.name not in self.optional)

    def _gate(
        self, service: ServiceConfig, number: int, kind: GateKind, begun: StepId | None, *, required: bool
    ) -> StepId | None:
        """The gate's id; None where what it waits for is so already."""
        if begun is None and self._is_satisfied(service.name, number, kind):
            return None
        step_id = StepId(f"gate:{service.name}:{number}:{kind}")
        earlier = self.steps.get(step_id)
        return self._add(
            Gate(
                id=step_id,
                cause="readiness is waited for",
                needs=(begun,) if begun else (),
                service=service.name,
                number=number,
                gate=kind,
                required=required or (isinstance(earlier, Gate) and earlier.required),
            )
        )

    def _is_satisfied(self, service: ServiceName, number: int, kind: GateKind) -> bool:
        mine = next((c for c in self.observed.of_service(service) if c.number == number), None)
        if mine is None:
            return True  # not chosen in this plan (`--no-deps`): nothing to wait for
        if kind is GateKind.HEALTHY:
            return mine.health is HealthState.HEALTHY
        if kind is GateKind.COMPLETED:
            return mine.exit_code == 0 and not mine.is_running
        return mine.is_running

    def _orphans(self) -> None:
        known = {*self.project.services, *self.project.disabled_services}
        orphans = [c for c in self.observed.containers if c.service not in known and not c.is_one_off]
        if orphans and not self.options.remove_orphans:
            names = ", ".join(sorted(c.name for c in orphans))
            self.warnings.append(
                f"containers of services that are not in the file: {names} (--remove-orphans)"
            )
            return
        self.surplus.extend((c, "its service is not in the file") for c in orphans)

    def _removals(self) -> None:
        """Removals can not be undone, so everything else comes first."""
        before = tuple(s.id for s in self.steps.values() if s.kind != "keep_container")
        for container, cause in self.surplus:
            self._add(
                RemoveContainer(
                    id=StepId(f"remove:{container.name}"),
                    cause=cause,
                    needs=before,
                    service=container.service,
                    name=container.name,
                    container=container.id,
                    running=container.is_running,
                )
            )

    def _add(self, step: Step) -> StepId:
        self.steps[step.id] = step
        return step.id
