"""OneOffRuns: a container of its own for one command, from a service's configuration."""

from collections.abc import Callable, Mapping
from typing import Any

from ulid import ULID

from containers.compose.building import escaped
from containers.compose.restoring import restore
from containers.event_integration import EngineProvider
from containers.model.base import ContainerId, Model, ServiceName
from containers.model.errors import unknown_service
from containers.model.observed import ONE_OFF_LABEL, ObservedState
from containers.model.outcome import Committed, ComposeResult
from containers.model.plan import Plan
from containers.model.project import ResolvedProject
from containers.planning.graph import in_order
from containers.planning.options import UpOptions
from containers.planning.up import plan_up
from containers.ports.translation import ComposeTranslator, ContainerRecipe
from containers.project_changes import Change, ChangeOptions, InputsOf, ProjectChanges

_NEEDED = frozenset({"pull_image", "build_image", "create_network", "create_volume"})
"""What a container needs before it can be created."""


class RunRequest(Model):
    """What is to be run, and how it differs from the service."""

    service: ServiceName
    command: tuple[str, ...] = ()
    """Instead of the service's; empty keeps it."""
    entrypoint: str | None = None
    name: str | None = None
    environment: Mapping[str, str] = {}
    labels: Mapping[str, str] = {}
    user: str | None = None
    working_dir: str | None = None
    ports: tuple[str, ...] = ()
    """Published ports, as `-p` writes them."""
    service_ports: bool = False
    """Publish the service's own ports."""
    volumes: tuple[str, ...] = ()
    """Bind mounts, as `-v` writes them, with absolute paths."""
    use_aliases: bool = False
    """Answer to the service's names in its networks."""
    with_dependencies: bool = True
    build: bool = False
    tty: bool = False
    stdin: bool = True
    detach: bool = False
    remove: bool = False
    """Remove the container when it has ended."""


class OneOffRuns:
    """Runs commands beside what a project's services run.

    Args:
        load: reads the project's files.
        engine: the engine, connected at first use.
        translator: turns services into containers.
        changes: brings up what the service depends on, and makes what its container needs.
        environment: the selected environment.
    """

    def __init__(
        self,
        *,
        load: Callable[[], ResolvedProject],
        engine: EngineProvider,
        translator: Callable[[], ComposeTranslator],
        changes: ProjectChanges,
        environment: Callable[[], str],
    ) -> None:
        self._load = load
        self._engine = engine
        self._translator = translator
        self._changes = changes
        self._environment = environment

    async def prepare(self, request: RunRequest, choices: ChangeOptions | None = None) -> ComposeResult:
        """Bring up what the service depends on, and make the image, networks and volumes it needs.

        Raises:
            PodkeeperError: the files are wrong, or there is no such service.
        """
        project = self._load()
        service = project.services.get(request.service)
        if service is None:
            raise unknown_service(request.service, project.services)
        needed = tuple(n for n in service.depends_on if n in project.services)
        if needed and request.with_dependencies:
            options = UpOptions(services=needed)
            result = await self._run(
                project, lambda o, i: plan_up(project, o, options, inputs=i), needed, choices
            )
            if not isinstance(result.outcome, Committed):
                return result

        def resources(observed: ObservedState, _inputs: InputsOf) -> Plan:
            options = UpOptions(
                services=(request.service,), with_dependencies=False, start=False, build=request.build
            )
            plan = plan_up(project, observed, options, verb="create")
            return plan.model_copy(update={"steps": in_order(s for s in plan.steps if s.kind in _NEEDED)})

        return await self._run(project, resources, None, choices)

    async def create(self, request: RunRequest) -> tuple[ContainerId, str]:
        """Create the container; its id and name.

        Raises:
            PodkeeperError: it can not be created.
        """
        project = self._load()
        engine = await self._engine()
        variant = _variant(project, request)
        translation = await self._translator().translate(variant, engine.version)
        recipe = _recipe(translation.containers[request.service], request)
        name = request.name or f"{project.name}_{request.service}_run_{str(ULID())[-8:].lower()}"
        labels = {ONE_OFF_LABEL: "True", **request.labels}
        return await engine.create_container(name, recipe, labels), name

    async def start(self, container: ContainerId, request: RunRequest) -> int:
        """Start it with this process's streams; its exit code, or 0 at once when detached."""
        engine = await self._engine()
        if request.detach:
            await engine.start_container(container)
            return 0
        try:
            return await engine.start_attached(container, stdin=request.stdin)
        finally:
            if request.remove:
                await engine.remove_container(container, volumes=True)

    async def _run(
        self,
        project: ResolvedProject,
        planner: Callable[[ObservedState, InputsOf], Plan],
        revises: tuple[ServiceName, ...] | None,
        choices: ChangeOptions | None,
    ) -> ComposeResult:
        return await self._changes.run(
            Change(
                verb="up",
                project=project,
                planner=planner,
                environment=self._environment(),
                revises=revises,
                choices=choices or ChangeOptions(),
            )
        )


def _variant(project: ResolvedProject, request: RunRequest) -> ResolvedProject:
    """The project with the service as it is to be run; the others are there to be referred to."""
    declared = project.document["services"]
    service: dict[str, Any] = {**declared[request.service], "restart": "no"}
    service.pop("container_name", None)
    service.pop("scale", None)
    if not request.service_ports:
        service.pop("ports", None)
    overrides: dict[str, Any] = {
        "command": list(request.command) or None,
        "entrypoint": request.entrypoint.split() if request.entrypoint else None,
        "user": request.user,
        "working_dir": request.working_dir,
        "tty": request.tty or None,
        "stdin_open": (request.stdin and not request.detach) or None,
    }
    service |= {key: escaped(value) for key, value in overrides.items() if value is not None}
    if request.entrypoint and not request.command:
        service["command"] = None  # the service's arguments are for its own entrypoint
    service["environment"] = {**(service.get("environment") or {}), **escaped(dict(request.environment))}
    document = {**project.document, "services": {**declared, request.service: service}}
    return restore(
        document,
        working_dir=project.working_dir,
        files=project.files,
        disabled=project.disabled_services,
        profiles=project.profiles,
    )


def _recipe(recipe: ContainerRecipe, request: RunRequest) -> ContainerRecipe:
    """With what was asked for beside; without the names that belong to the service's own containers."""
    options = list(recipe.options)
    if not request.use_aliases:
        options = [_without_aliases(option) for option in options]
    for port in request.ports:
        options += ["-p", port]
    for volume in request.volumes:
        options += ["-v", volume]
    return recipe.model_copy(update={"options": tuple(options)})


def _without_aliases(option: str) -> str:
    if not option.startswith("--network=") or ":" not in option:
        return option
    network, _, settings = option.partition(":")
    kept = [setting for setting in settings.split(",") if not setting.startswith("alias=")]
    return f"{network}:{','.join(kept)}" if kept else network
