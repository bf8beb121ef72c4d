"""A stateful container engine in memory. It passes `tests/contract` as real Podman does.

    engine = FakeEngine(clock, images=["app"], behaviours={"web": Behaviour(healthy_after_s=2)})

Behaviours are looked up by service name first, then by image. Time comes from the clock alone: what is due
(a scripted exit, a restart by policy) happens when the engine is next asked anything, or at `settle()`.
"""

import asyncio
import hashlib
import itertools
from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from datetime import timedelta

from tests.fakes.fake_container import Behaviour, FakeContainer, parse_options
from tests.fakes.fake_descriptions import describe
from tests.fakes.fake_operations import FakeOperations
from tests.fakes.fake_operations import refuse as _refuse
from typing_extensions import override

from containers.model.base import ContainerId, ImageId, ProjectName, ServiceName
from containers.model.described import ContainerDescription
from containers.model.errors import EngineError, ErrorCode
from containers.model.health import HealthState, ProbeResult
from containers.model.observed import (
    CommandResult,
    ContainerDetail,
    ContainerState,
    EngineEvent,
    EngineInfo,
    EngineVersion,
    Neighbour,
    ObservedContainer,
    ObservedNetwork,
    ObservedState,
    ObservedVolume,
)
from containers.model.project import BuildConfig, Hook
from containers.ports.machine import Clock
from containers.ports.translation import ContainerRecipe

_PROJECT = "com.docker.compose.project"
_SERVICE = "com.docker.compose.service"
_NUMBER = "com.docker.compose.container-number"
_RESTART_PAUSE_S = 0.1
"""Podman restarts without a back-off; a little time passes all the same."""
_MOST_RESTARTS = 50
"""That one look carries out, so that a crash loop does not outlast the test."""
_FATAL_SIGNALS = {"KILL": 137, "SIGKILL": 137, "TERM": 143, "SIGTERM": 143, "INT": 130, "SIGINT": 130}


class FakeEngine(FakeOperations):
    """The port `ContainerEngine`.

    Attributes:
        calls: every call that changes something, as (method, name), in order.
        pullable: references that `pull_image` finds.
        failures: builds that fail, reference to what they say.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        images: Iterable[str] = (),
        behaviours: Mapping[str, Behaviour] | None = None,
        info: EngineInfo | None = None,
    ) -> None:
        self.clock = clock
        self.calls: list[tuple[str, str]] = []
        self.pullable: set[str] = set()
        self.pushable: set[str] = set()
        self.failures: dict[str, str] = {}
        self.image_volumes: dict[str, tuple[str, ...]] = {}
        """Where images have volumes."""
        self.resolves_names = True
        """While False, no check passes: each is taken to ask for a name."""
        self._behaviours = dict(behaviours or {})
        self._images = {reference: _image_id(reference) for reference in images}
        self._containers: dict[ContainerId, FakeContainer] = {}
        self._networks: dict[str, dict[str, str]] = {"podman": {}}
        self._volumes: dict[str, dict[str, str]] = {}
        self._ids = itertools.count(1)
        self._pids = itertools.count(4242)
        self._events: list[EngineEvent] = []
        self._told = asyncio.Event()
        self._gone = False
        self._mute = False
        self._hushed = False
        self._streams_ended = 0
        self._scripted: list[tuple[str, str, EngineError]] = []
        self._held: dict[str, asyncio.Event] = {}
        self._info = info or EngineInfo(
            version="4.3.1",
            rootless=False,
            socket="fake:",
            chosen_because="it is a fake",
            cgroup_version="v1",
        )

    # For tests

    def script(self, key: str, behaviour: Behaviour) -> None:
        """From now on containers of this service or image act so, also those that exist."""
        self._behaviours[key] = behaviour
        for container in self._containers.values():
            container.behaviour = self._behaviour_of(
                container.labels.get(_SERVICE, ""), container.recipe.image
            )

    def fail_next(self, method: str, error: EngineError, name: str = "") -> None:
        """The next call of `method` (for the container, network, volume or image `name`) raises `error`."""
        self._scripted.append((method, name, error))

    def has_timers(self) -> None:
        """It drives health checks itself, as where there is systemd."""
        self._info = self._info.model_copy(update={"health_driver": "systemd"})

    def turn_into(self, version: str) -> None:
        """Be another Podman from now on."""
        self._info = self._info.model_copy(update={"version": version})

    def hold(self, method: str) -> asyncio.Event:
        """Calls of `method` wait, having done nothing yet, until the returned event is set."""
        return self._held.setdefault(method, asyncio.Event())

    def vanish(self) -> None:
        """From now on the engine can not be reached; event streams break."""
        self._gone = True
        self._told.set()

    def mute(self) -> None:
        """From now on it loses every event."""
        self._mute = True

    def end_streams(self) -> None:
        """Every event stream ends, as Podman's does when its log is read amid a line."""
        self._streams_ended += 1
        self._told.set()

    def hush(self) -> None:
        """From now on the stream tells nothing, as between two of Podman's looks into its log."""
        self._hushed = True

    def speak(self) -> None:
        """The stream tells what it has kept back."""
        self._hushed = False
        self._told.set()

    def tell(self, event: EngineEvent) -> None:
        """Note an event that no call brought about, such as one that is noted late or twice."""
        self._events.append(event)
        self._told.set()

    def come_back(self) -> None:
        """It can be reached again, with everything as it was."""
        self._gone = False

    def die(self, name: str, exit_code: int = 1, *, cleaned: bool = True) -> None:
        """A container's process ends, by no doing of ours; it may be that nobody has cleaned up yet."""
        self._end(self.container(name), exit_code, by_hand=False, cleaned=cleaned)

    def note_late(self, name: str) -> None:
        """A check that hung when a container was restarted is noted in its next life."""
        found = self.container(name)
        found.is_ill_of_before = True
        self._tell_of(found, "health_status", health=HealthState.UNHEALTHY)

    def clean_up(self, name: str) -> None:
        """A container's supervisor process comes to cleaning up after it."""
        self._tell_of(self.container(name), "cleanup")

    def write(self, name: str, *lines: str) -> None:
        """A container's process writes something."""
        self.container(name).write(lines, self.clock.now())
        self._told.set()

    def begin_stop(self, name: str) -> None:
        """Somebody told a container to stop and is gone; it has not stopped yet, and can not be started."""
        self.container(name).is_stopping = True

    def settle(self) -> None:
        """Carry out what is due by now."""
        for container in list(self._containers.values()):
            self._settle(container)

    def container(self, name: str) -> FakeContainer:
        """A container by its name."""
        return next(c for c in self._containers.values() if c.name == name)

    def add_network(self, name: str) -> None:
        """A network that somebody else made."""
        self._networks[name] = {}

    def add_volume(self, name: str) -> None:
        """A volume that somebody else made."""
        self._volumes[name] = {}

    # The port: looking

    @property
    def store(self) -> str:
        """There is one."""
        return "fake"

    @property
    def version(self) -> EngineVersion:
        """That of `info`."""
        return EngineVersion(version=self._info.version)

    @property
    def known_info(self) -> EngineInfo | None:
        """It has nothing to find out."""
        return self._info

    @property
    def owner_uid(self) -> int | None:
        """Root, or the first ordinary user of a machine."""
        return 1000 if self._info.rootless else 0

    @property
    def selinux(self) -> bool | None:
        """It is known from the start."""
        return self._info.selinux

    async def neighbours(self) -> tuple[Neighbour, ...]:
        """Of every project, and of none."""
        await self._enter("neighbours", "")
        return tuple(
            Neighbour(id=c.id, name=c.name, is_running=c.runs, ports=tuple(c.ports))
            for c in self._containers.values()
        )

    async def prepare_creating(self, recipes: Iterable[ContainerRecipe]) -> None:
        """It creates in no time."""

    async def info(self) -> EngineInfo:
        """What was given, or Podman 4.3.1 without systemd."""
        await self._enter("info", "")
        return self._info

    async def snapshot(self, project: ProjectName, images: Sequence[str] = ()) -> ObservedState:
        """Everything of a project."""
        await self._enter("snapshot", project)
        seen = (self._observed(c) for c in self._containers.values() if c.labels.get(_PROJECT) == project)
        containers = sorted((c for c in seen if c is not None), key=lambda c: (c.service, c.number, c.name))
        return ObservedState(
            project=project,
            containers=tuple(containers),
            networks=tuple(ObservedNetwork(name=n, labels=labels) for n, labels in self._networks.items()),
            volumes=tuple(ObservedVolume(name=v, labels=labels) for v, labels in self._volumes.items()),
            images={i: self._images[_full(i)] for i in images if _full(i) in self._images},
        )

    async def containers_of(self, project: ProjectName) -> tuple[ObservedContainer, ...]:
        """Those of a snapshot."""
        return (await self.snapshot(project)).containers

    async def list_projects(self) -> Mapping[ProjectName, int]:
        """Project names with their numbers of containers."""
        await self._enter("list_projects", "")
        names = (c.labels.get(_PROJECT, "") for c in self._containers.values())
        return Counter(ProjectName(n) for n in names if n)

    async def inspect_container(self, container: ContainerId) -> ContainerDetail:
        """One container in full."""
        found = await self._find("inspect_container", container)
        return ContainerDetail(
            id=found.id,
            name=found.name,
            state=found.state,
            pid=found.pid if found.runs else 0,
            exit_code=found.exit_code,
            error=found.error,
            health=found.health,
            health_output=found.health_output,
            restart_count=found.restart_count,
            restart_policy=found.restart_policy,
            started_at=found.started_at,
            finished_at=found.finished_at,
            command=found.recipe.command,
            networks=found.networks,
            mounts=found.volumes,
            volumes=len(found.volumes),
        )

    async def describe_containers(
        self, containers: Iterable[ContainerId]
    ) -> Mapping[ContainerId, ContainerDescription]:
        """From the options that each was created with."""
        await self._enter("describe_containers", "")
        wanted = tuple(containers)
        return {c.id: describe(c) for c in self._containers.values() if c.id in wanted}

    # The port: images, networks, volumes

    async def pull_image(self, reference: str) -> ImageId:
        """Only what is `pullable` can be pulled."""
        await self._change("pull_image", reference)
        if reference not in self.pullable:
            _refuse(ErrorCode.IMAGE_NOT_FOUND, f"could not pull {reference}: no such image")
        self._images[_full(reference)] = _image_id(reference)
        self._tell("image", "pull", self._images[_full(reference)], reference, {})
        return self._images[_full(reference)]

    async def build_image(self, reference: str, build: BuildConfig) -> ImageId:
        """Succeeds unless `failures` names the reference; another build gives another identifier."""
        await self._change("build_image", reference)
        if reference in self.failures:
            _refuse(ErrorCode.BUILD_FAILED, f"could not build {reference}:\n{self.failures[reference]}")
        self._images[_full(reference)] = _image_id(f"{reference} {build.model_dump_json()}")
        self._tell("image", "build", self._images[_full(reference)], reference, {})
        return self._images[_full(reference)]

    async def remove_image(self, reference: str) -> bool:
        """Kept while a container uses it."""
        await self._change("remove_image", reference)
        image = self._images.get(_full(reference))
        if image is None or any(c.image_id == image for c in self._containers.values()):
            return False
        del self._images[_full(reference)]
        return True

    async def image_digest(self, reference: str) -> str | None:
        """Its id, which serves as its digest here."""
        await self._enter("image_digest", reference)
        return self._images.get(_full(reference))

    async def create_network(self, name: str, options: Sequence[str]) -> bool:
        """Podman 4.3 tells no event about it."""
        await self._change("create_network", name)
        if name in self._networks:
            return False
        self._networks[name] = _labels(options)
        return True

    async def create_volume(self, name: str, options: Sequence[str]) -> bool:
        """Make it, or say that it is there."""
        await self._change("create_volume", name)
        if name in self._volumes:
            return False
        self._volumes[name] = _labels(options)
        self._tell("volume", "create", name, name, {})
        return True

    async def remove_network(self, name: str) -> None:
        """Refused while a container is in it."""
        await self._change("remove_network", name)
        if any(name in c.networks for c in self._containers.values()):
            _refuse(ErrorCode.ENGINE_ERROR, f"could not remove the network {name}: network is being used")
        self._networks.pop(name, None)

    async def remove_volume(self, name: str) -> None:
        """Refused while a container mounts it."""
        await self._change("remove_volume", name)
        if any(name in c.volumes for c in self._containers.values()):
            _refuse(ErrorCode.ENGINE_ERROR, f"could not remove the volume {name}: volume is being used")
        if self._volumes.pop(name, None) is not None:
            self._tell("volume", "remove", name, name, {})

    # The port: a container's life

    async def create_container(
        self, name: str, recipe: ContainerRecipe, labels: Mapping[str, str]
    ) -> ContainerId:
        """Image, name and networks are checked, as Podman checks them."""
        await self._change("create_container", name)
        doing = f"could not create {name}"
        image = self._images.get(_full(recipe.image))
        if image is None:
            _refuse(ErrorCode.IMAGE_NOT_FOUND, f"{doing}: {recipe.image}: image not known")
        self._refuse_taken_name(name, doing)
        mounted = {v.split(":")[1] for v in _mounts(recipe.options) if ":" in v}
        own = [
            ("--volume", f"anonymous-{next(self._ids)}:{place}")
            for place in self.image_volumes.get(recipe.image, ())
            if place not in mounted
        ]
        recipe = recipe.model_copy(update={"options": (*recipe.options, *itertools.chain(*own))})
        all_labels = {**_labels(recipe.options), **labels}
        container = FakeContainer(
            id=ContainerId(hashlib.sha256(f"container {next(self._ids)}".encode()).hexdigest()),
            name=name,
            recipe=recipe,
            labels=all_labels,
            image_id=image,
            created_at=self.clock.now(),
            behaviour=self._behaviour_of(all_labels.get(_SERVICE, ""), recipe.image),
        )
        for network in container.networks:
            if network not in self._networks:
                _refuse(ErrorCode.NOT_FOUND, f"{doing}: network {network} not found")
        for volume in container.volumes:
            self._volumes.setdefault(volume, {})
        self._containers[container.id] = container
        self._tell_of(container, "create")
        return container.id

    async def ready_container(self, container: ContainerId) -> None:
        """Nothing shows."""
        await self._find("ready_container", container, changes=True)

    async def start_container(self, container: ContainerId) -> None:
        """Ports are taken from whoever runs; scripted errors come out here."""
        found = await self._find("start_container", container, changes=True)
        doing = f"could not start {found.name}"
        if found.is_stopping:
            _refuse(ErrorCode.ENGINE_ERROR, f"{doing}: container state improper")
        if found.runs:
            return
        if found.behaviour.start_error is not None:
            raise found.behaviour.start_error
        for port in found.ports:
            holder = next((c for c in self._containers.values() if c.runs and port in c.ports), None)
            if holder is not None:
                where = f"{port.host_ip}:{port.host_port}" if port.host_ip else port.host_port
                _refuse(
                    ErrorCode.PORT_IN_USE,
                    f"{doing}: port {where} is already in use by the container {holder.name}",
                )
        found.restart_count = 0
        self._begin(found)

    async def start_attached(self, container: ContainerId, *, stdin: bool) -> int:
        """It runs, and is not waited for."""
        del stdin
        await self.start_container(container)
        return 0

    async def stop_container(self, container: ContainerId, timeout_s: float | None = None) -> None:
        """Ends at once, whatever the timeout."""
        del timeout_s
        found = await self._find("stop_container", container, changes=True)
        if found.runs:
            self._end(found, found.behaviour.stop_code, by_hand=True)

    async def restart_container(self, container: ContainerId, timeout_s: float | None = None) -> None:
        """A stop, a start, and an event that says so."""
        del timeout_s
        found = await self._find("restart_container", container, changes=True)
        if found.runs:
            self._end(found, found.behaviour.stop_code, by_hand=True)
        if found.behaviour.start_error is not None:
            raise found.behaviour.start_error
        self._begin(found)
        self._tell_of(found, "restart")

    async def kill_container(self, container: ContainerId, signal: str = "KILL") -> None:
        """Signals that end a process end it; others are only told."""
        found = await self._find("kill_container", container, changes=True)
        if not (found.runs or found.state is ContainerState.PAUSED):
            _refuse(ErrorCode.SERVICE_EXITED, f"could not kill {found.name}: the container is not running")
        self._tell_of(found, "kill")
        if signal in _FATAL_SIGNALS:
            self._end(found, _FATAL_SIGNALS[signal], by_hand=True)

    async def rename_container(self, container: ContainerId, name: str) -> None:
        """Refused when the name is taken."""
        found = await self._find("rename_container", container, changes=True)
        self._refuse_taken_name(name, f"could not rename {found.name}")
        found.name = name
        self._tell_of(found, "rename")

    async def remove_container(
        self, container: ContainerId, *, volumes: bool = False, stop_timeout_s: float | None = 0.0
    ) -> None:
        """By force; of the anonymous volumes those that nobody else mounts."""
        if volumes:
            for volume in (await self.anonymous_volumes(container)).values():
                if sum(volume in c.volumes for c in self._containers.values()) == 1:
                    self._volumes.pop(volume, None)
        await self._change("remove_container", self._name(container))
        found = self._containers.get(container)
        if found is not None:
            if found.runs:
                code = 137 if stop_timeout_s == 0 else found.behaviour.stop_code
                self._end(found, code, by_hand=True, cleaned=False)
            del self._containers[container]
            self._tell_of(found, "remove")

    async def anonymous_volumes(self, container: ContainerId) -> Mapping[str, str]:
        """Those whose names say so."""
        found = self._containers.get(container)
        mounts = (v.split(":") for v in found.options("--volume")) if found else ()
        return {parts[1]: parts[0] for parts in mounts if parts[0].startswith("anonymous-")}

    async def container_environment(self, container: ContainerId) -> Mapping[str, str]:
        """What its options set."""
        found = await self._find("container_environment", container)
        values = (value for name, value in parse_options(found.recipe.options) if name in {"-e", "--env"})
        return {name: value for name, _, value in (entry.partition("=") for entry in values)}

    async def run_health_check(self, container: ContainerId) -> ProbeResult:
        """Health changes here alone, as where there is no systemd."""
        found = await self._find("run_health_check", container)
        if not found.has_check:
            return ProbeResult(state=HealthState.NONE)
        if not found.runs:
            _refuse(ErrorCode.SERVICE_EXITED, f"could not check {found.name}: the container is not running")
        before = _listed_health(found)
        passed = self.resolves_names and found.passes_check(self.clock.now())
        found.checks_failed = 0 if passed else found.checks_failed + 1
        found.health_output = "" if passed else "the check fails"
        if passed:
            found.health = HealthState.HEALTHY
        elif found.checks_failed >= found.retries:
            found.health = HealthState.UNHEALTHY
        found.is_ill_of_before &= found.health is HealthState.STARTING
        # Below Podman 5 the event names the health before the check.
        self._tell_of(found, "health_status", health=before)
        self._tell_of(found, "exec_died")
        return ProbeResult(
            state=found.health,
            failing_streak=found.checks_failed,
            exit_code=0 if passed else 1,
            output=found.health_output,
        )

    async def execute(
        self, container: ContainerId, command: Sequence[str], timeout_s: float, hook: Hook | None = None
    ) -> CommandResult:
        """It ends as the container's check would; a hook ends well unless it is `false`."""
        del timeout_s
        found = await self._find("execute", container)
        if hook is not None:
            self.calls.append(("hook", f"{found.name}: {' '.join(command)}"))
            return CommandResult(exit_code=int(tuple(command) == ("false",)), output="")
        if not found.runs:
            _refuse(ErrorCode.SERVICE_EXITED, f"could not run in {found.name}: the container is not running")
        passed = self.resolves_names and found.passes_check(self.clock.now())
        self._tell_of(found, "exec_died")
        return CommandResult(exit_code=0 if passed else 1, output="" if passed else "the check fails")

    # The port: what it says

    async def logs(self, container: ContainerId, lines: int | None = None) -> str:
        """What its behaviour wrote."""
        found = await self._find("logs", container)
        kept = found.log if lines is None else found.log[len(found.log) - min(lines, len(found.log)) :]
        return "".join(f"{line}\n" for line in kept)

    async def follow_logs(
        self, container: ContainerId, lines: int | None = None
    ) -> AsyncGenerator[str, None]:
        """What is there, then what comes, until it ends."""
        found = await self._find("follow_logs", container)
        told = 0 if lines is None else max(len(found.log) - lines, 0)
        while True:
            while told < len(found.log):
                yield found.log[told]
                told += 1
            self._settle(found)
            if not found.runs:
                return
            await self._next_event()
            self._refuse_when_gone()

    async def events(self, since_ns: int | None = None) -> AsyncGenerator[EngineEvent, None]:
        """A replay from `since_ns`, then live."""
        self._refuse_when_gone()
        ended = self._streams_ended
        told = len(self._events)
        if since_ns is not None:
            told = next((i for i, e in enumerate(self._events) if e.at_ns >= since_ns), told)
        while True:
            while told < len(self._events) and not self._hushed:
                told += 1
                yield self._events[told - 1]
            await self._next_event()
            self._refuse_when_gone()
            if self._streams_ended != ended:
                return

    async def past_events(
        self, since_ns: int, until_ns: int | None = None, *, container: ContainerId | None = None
    ) -> tuple[EngineEvent, ...]:
        """Those of the replay; what it was too mute to tell was noted nowhere."""
        await self._enter("past_events", "")
        return tuple(
            e
            for e in self._events
            if e.at_ns >= since_ns and (until_ns is None or e.at_ns <= until_ns) and container in {None, e.id}
        )

    async def revive_name_server(self, container: ContainerId) -> bool:
        """It is back at once."""
        await self._enter("revive_name_server", container)
        was_dead, self.resolves_names = not self.resolves_names, True
        return was_dead

    async def close(self) -> None:
        """Nothing is held."""

    # Parts of the above

    @override
    async def _enter(self, method: str, name: str) -> None:
        """What every call begins with: a turn for others, then whatever a test has in store for it."""
        await asyncio.sleep(0)
        if method in self._held:
            await self._held[method].wait()
        self._refuse_when_gone()
        for scripted in self._scripted:
            if scripted[0] == method and scripted[1] in {"", name}:
                self._scripted.remove(scripted)
                raise scripted[2]
        self.settle()

    @override
    async def _change(self, method: str, name: str) -> None:
        self.calls.append((method, name))
        await self._enter(method, name)

    @override
    async def _find(self, method: str, container: ContainerId, *, changes: bool = False) -> FakeContainer:
        name = self._name(container)
        await (self._change(method, name) if changes else self._enter(method, name))
        found = self._containers.get(container)
        if found is None:
            _refuse(ErrorCode.NOT_FOUND, f"there is no container {container[:12]}")
        return found

    def _name(self, container: ContainerId) -> str:
        found = self._containers.get(container)
        return found.name if found else container[:12]

    def _refuse_when_gone(self) -> None:
        if self._gone:
            _refuse(ErrorCode.DAEMON_UNREACHABLE, "Podman does not answer")

    def _refuse_taken_name(self, name: str, doing: str) -> None:
        if any(c.name == name for c in self._containers.values()):
            _refuse(ErrorCode.NAME_IN_USE, f'{doing}: the name "{name}" is already in use')

    def _behaviour_of(self, service: str, image: str) -> Behaviour:
        return self._behaviours.get(service) or self._behaviours.get(image) or Behaviour()

    def _begin(self, container: FakeContainer) -> None:
        container.state = ContainerState.RUNNING
        container.pid = next(self._pids)
        container.started_at = self.clock.now()
        container.finished_at = None
        container.exit_code = 0
        container.checks_failed = 0
        container.health = HealthState.STARTING if container.has_check else HealthState.NONE
        container.write(container.behaviour.log, self.clock.now())
        self._tell_of(container, "init")
        self._tell_of(container, "start")

    def _end(self, container: FakeContainer, exit_code: int, *, by_hand: bool, cleaned: bool = True) -> None:
        container.state = ContainerState.EXITED
        container.is_stopping = False
        container.finished_at = self.clock.now()
        container.exit_code = exit_code
        self._tell_of(container, "died", exit_code)
        policy = container.restart_policy
        again = policy in {"always", "unless-stopped"} or (policy == "on-failure" and exit_code != 0)
        if again and not by_hand:
            container.restart_count += 1
            self._begin(container)
        elif cleaned:
            # as Podman 4.3: whoever stops a container cleans up after it, beside its own supervisor
            for _ in range(2 if by_hand else 1):
                self._tell_of(container, "cleanup")

    @override
    def _settle(self, container: FakeContainer) -> None:
        for _ in range(_MOST_RESTARTS):
            lives_s = container.behaviour.exits_after_s
            if not container.runs or container.started_at is None or lives_s is None:
                return
            ends_at = container.started_at + timedelta(seconds=max(lives_s, 0))
            if container.restart_count:
                ends_at += timedelta(seconds=_RESTART_PAUSE_S)
            if self.clock.now() < ends_at:
                return
            self._end(container, container.behaviour.exit_code, by_hand=False)

    @override
    def _observed(self, container: FakeContainer) -> ObservedContainer | None:
        service = container.labels.get(_SERVICE)
        if not service:
            return None
        exited = container.state is ContainerState.EXITED
        return ObservedContainer(
            id=container.id,
            name=container.name,
            project=ProjectName(container.labels[_PROJECT]),
            service=ServiceName(service),
            number=int(container.labels.get(_NUMBER, "1")),
            image=container.recipe.image,
            image_id=container.image_id,
            state=container.state,
            is_stopping=container.is_stopping,
            health=_listed_health(container),
            exit_code=container.exit_code if exited else None,
            created_at=container.created_at,
            started_at=container.started_at,
            pid=container.pid if container.runs else 0,
            ports=container.ports,
            labels=container.labels,
        )

    @override
    def _tell_of(
        self, container: FakeContainer, action: str, exit_code: int = 0, health: HealthState | None = None
    ) -> None:
        attributes = {
            **container.labels,
            "containerExitCode": str(exit_code),
            "image": container.recipe.image,
            "name": container.name,
            "podId": "",
        }
        self._tell("container", action, container.id, container.name, attributes, health)

    def _tell(
        self,
        kind: str,
        action: str,
        identifier: str,
        name: str,
        attributes: Mapping[str, str],
        health: HealthState | None = None,
    ) -> None:
        if self._mute:
            return
        at_ns = int(self.clock.now().timestamp() * 1_000_000) * 1000 + len(self._events)
        event = EngineEvent(
            type=kind,
            action=action,
            id=identifier,
            name=name,
            at_ns=at_ns,
            attributes=attributes,
            health=health.value if health else None,
        )
        self._events.append(event)
        self._told.set()

    @override
    async def _next_event(self) -> None:
        """Wait until something is told; every waiter has the same turn."""
        if self._told.is_set():
            self._told = asyncio.Event()
        await self._told.wait()


def _mounts(options: Sequence[str]) -> list[str]:
    return [value for name, value in parse_options(options) if name == "--volume"]


def _labels(options: Sequence[str]) -> dict[str, str]:
    pairs = (value.partition("=") for name, value in parse_options(options) if name == "--label")
    return {name: value for name, _, value in pairs}


def _full(reference: str) -> str:
    """A reference with its tag."""
    return reference if ":" in reference.rpartition("/")[2] or "@" in reference else f"{reference}:latest"


def _image_id(text: str) -> ImageId:
    return ImageId(hashlib.sha256(text.encode()).hexdigest())


def _listed_health(container: FakeContainer) -> HealthState:
    if not container.runs:
        return HealthState.NONE
    return HealthState.UNHEALTHY if container.is_ill_of_before else container.health
