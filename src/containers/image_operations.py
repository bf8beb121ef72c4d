"""ImageOperations: pulling, building and pushing the images of a project's services, without a plan."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Literal

from ulid import ULID

from containers.event_integration import EngineProvider
from containers.execution.together import together
from containers.model.base import Model, ProjectName, ServiceName, StepId
from containers.model.errors import ErrorCode, PodkeeperError, unknown_service
from containers.model.events import StepFinished, StepStarted
from containers.model.observed import ObservedContainer
from containers.model.operations import ImageFacts
from containers.model.outcome import Problem
from containers.model.project import ResolvedProject, ServiceConfig
from containers.ports.engine import ContainerEngine
from containers.ports.events import EventPublisher
from containers.ports.machine import Clock
from containers.settings import EngineSettings

Kind = Literal["pull_image", "build_image", "push_image"]
Work = Callable[[], Awaitable[object]]


class PullOptions(Model):
    """Which images to fetch, and what to make of failures."""

    services: tuple[str, ...] = ()
    policy: Literal["missing", "always"] | None = None
    """Over every service's own `pull_policy`."""
    ignore_failures: bool = False
    ignore_buildable: bool = False
    include_dependencies: bool = False


class BuildOptions(Model):
    """Which images to build, and how."""

    services: tuple[str, ...] = ()
    arguments: Mapping[str, str | None] = {}
    """On top of what each service says."""
    no_cache: bool = False
    pull: bool = False
    push: bool = False
    include_dependencies: bool = False


class PushOptions(Model):
    """Which images to send, and what to make of failures."""

    services: tuple[str, ...] = ()
    ignore_failures: bool = False
    include_dependencies: bool = False


class ImagesResult(Model):
    """What came of pulling, building or pushing."""

    done: tuple[str, ...] = ()
    """References."""
    skipped: Mapping[ServiceName, str] = {}
    """Services that there was nothing to do for, with why."""
    problems: tuple[Problem, ...] = ()
    ignored: bool = False
    """Whether the problems were to be ignored."""

    @property
    def ok(self) -> bool:
        """Whether the verb did what it was asked to."""
        return self.ignored or not self.problems


class ImageOperations:
    """Verbs on images; each tells its steps on the bus as a transaction's steps are told.

    They raise `PodkeeperError` for what concerns the whole: wrong files, an unknown service, no engine. What
    goes wrong with one image is a problem of the result.
    """

    def __init__(
        self,
        *,
        project: Callable[[], ResolvedProject],
        engine: EngineProvider,
        publisher: EventPublisher,
        clock: Clock,
        settings: EngineSettings,
    ) -> None:
        """`project` resolves the project anew."""
        self._project = project
        self._engine = engine
        self._publisher = publisher
        self._clock = clock
        self._settings = settings

    async def pinned(self) -> dict[str, str]:
        """Each service's image by digest instead of by tag, as Podman has it here.

        Raises:
            PodkeeperError: the files are wrong, an image is not here, or the engine can not be asked.
        """
        project = self._project()
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

    async def pull(self, options: PullOptions | None = None) -> ImagesResult:
        """Fetch images, several at once; one that several services use is fetched once."""
        options = options or PullOptions()
        project = self._project()
        engine = await self._engine()
        skipped: dict[ServiceName, str] = {}
        wanted: dict[str, ServiceConfig] = {}
        for service in _chosen(project, options.services, dependencies=options.include_dependencies):
            reason = await _unneeded(engine, project, service, options)
            if reason:
                skipped[service.name] = reason
            else:
                wanted.setdefault(service.image, service)
        problems = await self._each(
            project.name,
            "pull_image",
            [(image, s.name, partial(engine.pull_image, image)) for image, s in wanted.items()],
        )
        return _result(wanted, skipped, [_with_hint(p, project) for p in problems], options.ignore_failures)

    async def build(self, options: BuildOptions | None = None) -> ImagesResult:
        """Build the images of services that have a `build` section; then send them, if asked."""
        options = options or BuildOptions()
        project = self._project()
        engine = await self._engine()
        chosen = _chosen(project, options.services, dependencies=options.include_dependencies)
        work = []
        for service in chosen:
            if service.build is None:
                continue
            build = service.build.model_copy(
                update={
                    "args": {**service.build.args, **options.arguments},
                    "no_cache": service.build.no_cache or options.no_cache,
                    "pull": service.build.pull or options.pull,
                }
            )
            work.append((service.image, service.name, partial(engine.build_image, service.image, build)))
        skipped = {s.name: "it has no build section" for s in chosen if s.build is None}
        # one after the other: each build takes every processor that it can get
        problems = await self._each(project.name, "build_image", work, at_once=1)
        built = [image for image, _, _ in work]
        if options.push and not problems:
            problems = await self._push(engine, project.name, [s for s in chosen if s.build is not None])
        return _result(built, skipped, problems, ignored=False)

    async def push(self, options: PushOptions | None = None) -> ImagesResult:
        """Send the images that services build to their registries."""
        options = options or PushOptions()
        project = self._project()
        engine = await self._engine()
        chosen = _chosen(project, options.services, dependencies=options.include_dependencies)
        built = [s for s in chosen if s.build is not None]
        skipped = {s.name: "it has no build section" for s in chosen if s.build is None}
        problems = await self._push(engine, project.name, built)
        return _result([s.image for s in built], skipped, problems, options.ignore_failures)

    async def facts(
        self, containers: Sequence[ObservedContainer]
    ) -> tuple[tuple[ObservedContainer, ImageFacts], ...]:
        """The image of each container; one whose image is gone is left out."""
        engine = await self._engine()
        found = await together(engine.image_facts(c.image_id or c.image) for c in containers)
        return tuple((c, f) for c, f in zip(containers, found, strict=True) if f is not None)

    async def _push(
        self, engine: ContainerEngine, project: ProjectName, services: Sequence[ServiceConfig]
    ) -> tuple[Problem, ...]:
        images = {s.image: s.name for s in services}
        return await self._each(
            project,
            "push_image",
            [(image, name, partial(engine.push_image, image)) for image, name in images.items()],
        )

    async def _each(
        self,
        project: ProjectName,
        kind: Kind,
        work: Sequence[tuple[str, ServiceName, Work]],
        *,
        at_once: int | None = None,
    ) -> tuple[Problem, ...]:
        """Do it for every image, a few at a time; what went wrong."""
        run = str(ULID())
        slots = asyncio.Semaphore(at_once or self._settings.max_parallel)
        outcomes = await together(
            self._step(slots, project, StepId(f"{run}:{kind}:{i}"), kind, *one) for i, one in enumerate(work)
        )
        return tuple(problem for problem in outcomes if problem is not None)

    async def _step(
        self,
        slots: asyncio.Semaphore,
        project: ProjectName,
        step: StepId,
        kind: Kind,
        image: str,
        service: ServiceName,
        work: Work,
    ) -> Problem | None:
        """One image, when a slot is free: told before and after."""
        what: dict[str, object] = {"source": "transaction", "project": project, "step": step}
        what |= {"step_kind": kind, "service": service, "subject": image}
        problem: Problem | None = None
        async with slots:
            self._publisher.publish(StepStarted.model_validate({"at": self._clock.now(), **what}))
            began = self._clock.monotonic()
            try:
                await work()
            except PodkeeperError as error:
                problem = Problem.of_error(error).model_copy(update={"service": service})
            what |= {
                "outcome": "failed" if problem else "done",
                "message": problem.message if problem else "",
            }
            took_s = self._clock.monotonic() - began
            now = self._clock.now()
            self._publisher.publish(StepFinished.model_validate({"at": now, **what, "duration_s": took_s}))
        return problem


async def _unneeded(
    engine: ContainerEngine, project: ResolvedProject, service: ServiceConfig, options: PullOptions
) -> str:
    """Why an image is not fetched; empty when it is."""
    written = project.document["services"][service.name]
    if service.build is not None and options.ignore_buildable:
        return "it can be built"
    if service.build is not None and "image" not in written:
        return "it is built, and has no image to be fetched"
    policy = options.policy or written.get("pull_policy") or "always"
    if policy in {"never", "build"}:
        return f"its pull_policy is {policy}"
    if policy in {"missing", "if_not_present"} and await engine.image_facts(service.image) is not None:
        return "its image is here already"
    return ""


def _result(
    images: Sequence[str] | Mapping[str, object],
    skipped: Mapping[ServiceName, str],
    problems: Sequence[Problem],
    ignored: bool,  # noqa: FBT001  (private)
) -> ImagesResult:
    return ImagesResult(done=tuple(images), skipped=skipped, problems=tuple(problems), ignored=ignored)


def _with_hint(problem: Problem, project: ResolvedProject) -> Problem:
    """An image that could not be fetched but can be built: say so."""
    service = project.services.get(problem.service) if problem.service else None
    if service is None or service.build is None:
        return problem
    return problem.model_copy(update={"remedy": f"build it: `podkeeper build {service.name}`"})


def _chosen(
    project: ResolvedProject, services: Sequence[str], *, dependencies: bool
) -> tuple[ServiceConfig, ...]:
    """The services that are meant, with what they depend on if asked.

    Raises:
        PodkeeperError: `service_unknown`.
    """
    if not services:
        return tuple(project.services.values())
    wanted: dict[ServiceName, None] = {}
    waiting = [ServiceName(s) for s in services]
    while waiting:
        name = waiting.pop(0)
        if name not in project.services:
            raise unknown_service(name, project.services)
        if name not in wanted:
            wanted[name] = None
            if dependencies:
                waiting.extend(d for d in project.services[name].depends_on if d in project.services)
    return tuple(project.services[name] for name in wanted)
