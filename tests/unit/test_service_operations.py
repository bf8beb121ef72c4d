"""ServiceOperations and ImageOperations on an engine that does as it is told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.fakes.fake_container import Behaviour
from tests.fakes.fake_engine import FakeEngine
from tests.fakes.projects import BUSYBOX, project
from tests.fakes.stack import Bench

from containers.image_operations import BuildOptions, ImageOperations, PullOptions, PushOptions
from containers.model.base import ProjectName, ServiceName
from containers.model.errors import ErrorCode, LockHeldError, PodkeeperError
from containers.model.events import StepFinished
from containers.model.observed import ContainerState
from containers.model.operations import ExecRequest, LogQuery
from containers.model.project import ResolvedProject
from containers.ports.translation import ContainerRecipe
from containers.service_operations import ServiceOperations
from containers.settings import EngineSettings

STACK = project(
    services={
        "web": {},
        "db": {"volumes": [{"type": "volume", "source": "data", "target": "/data"}]},
    }
)


class Held:
    """The lock: who took it for what, in order; refused while `busy`."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.inside = False
        self.busy = False

    @asynccontextmanager
    async def hold(self, project: ProjectName, verb: str) -> AsyncIterator[None]:
        """Take it."""
        if self.busy:
            raise LockHeldError(ErrorCode.LOCK_HELD, f"{project} is locked")
        self.taken.append(verb)
        self.inside = True
        yield
        self.inside = False


class Stage:
    """A stack that is up, and the operations on it."""

    def __init__(self, resolved: ResolvedProject) -> None:
        self.project = resolved
        self.bench = Bench(BUSYBOX)
        self.engine = self.bench.engine
        self.lock = Held()
        self.operations = ServiceOperations(
            project=lambda: self.project, engine=self.provide, hold=self.lock.hold, clock=self.bench.clock
        )
        self.images = ImageOperations(
            project=lambda: self.project,
            engine=self.provide,
            publisher=self.bench.recorder,
            clock=self.bench.clock,
            settings=EngineSettings(),
        )

    async def provide(self) -> FakeEngine:
        """The engine."""
        return self.engine

    async def add(self, service: str, number: int, *labels: str, ports: tuple[str, ...] = ()) -> None:
        """A container of the project that runs."""
        pairs = (
            f"com.docker.compose.project={self.project.name}",
            f"com.docker.compose.service={service}",
            f"com.docker.compose.container-number={number}",
            *labels,
        )
        options = [part for pair in pairs for part in ("--label", pair)]
        options += [part for port in ports for part in ("--publish", port)]
        recipe = ContainerRecipe(service=ServiceName(service), options=tuple(options), image=BUSYBOX)
        name = f"{self.project.name}_{service}_{number}"
        await self.engine.start_container(await self.engine.create_container(name, recipe, {}))

    async def states(self) -> dict[str, str]:
        """Each container's state, by service and number."""
        found = await self.operations.containers()
        return {f"{c.service}-{c.number}": str(c.state) for c in found}


@pytest.fixture
async def stage() -> Stage:
    """Two replicas of web, one db, all running."""
    stage = Stage(STACK)
    await stage.add("web", 1, ports=("127.0.0.1:8080:80", "9000:90/udp"))
    await stage.add("web", 2)
    await stage.add("db", 1)
    return stage


async def refusal(work: object) -> PodkeeperError:
    """What `work` raises; it must have a remedy."""
    with pytest.raises(PodkeeperError) as refused:
        await work  # type: ignore[misc]
    assert refused.value.remedy
    return refused.value


async def test_kill_reaches_every_running_replica_under_the_lock(stage: Stage) -> None:
    """And nothing of other services."""
    killed = await stage.operations.kill(["web"])
    assert [c.number for c in killed] == [1, 2]
    assert stage.lock.taken == ["kill"]
    assert await stage.states() == {"web-1": "exited", "web-2": "exited", "db-1": "running"}


async def test_pause_and_unpause_take_only_what_they_are_about(stage: Stage) -> None:
    """What is paused is not paused again, what runs is not unpaused."""
    assert len(await stage.operations.pause(["db"])) == 1
    assert len(await stage.operations.pause()) == 2
    assert len(await stage.operations.unpause(["db"])) == 1
    assert await stage.states() == {"web-1": "paused", "web-2": "paused", "db-1": "running"}


async def test_nothing_is_touched_while_another_writer_has_the_lock(stage: Stage) -> None:
    """An apply under way is not raced."""
    stage.lock.busy = True
    with pytest.raises(LockHeldError):
        await stage.operations.kill()
    assert set((await stage.states()).values()) == {"running"}


async def test_each_mistake_has_its_own_code_and_remedy(stage: Stage) -> None:
    """An unknown service, one that does not run, a missing replica, a port that is not published."""
    await stage.operations.kill(["db"])
    request, operations = ExecRequest(command=("true",)), stage.operations
    unknown = await refusal(operations.execute("nosuch", request))
    stopped = await refusal(operations.execute("db", request))
    missing = await refusal(operations.execute("web", request, index=5))
    unpublished = await refusal(operations.published("web", 81))
    assert (unknown.code, unknown.remedy) == (ErrorCode.SERVICE_UNKNOWN, "choose from: web, db")
    assert stopped.code is ErrorCode.SERVICE_EXITED
    assert (missing.code, missing.remedy) == (ErrorCode.NOT_FOUND, "choose from: 1, 2")
    assert unpublished.code is ErrorCode.NOT_FOUND


async def test_nothing_is_begun_in_what_is_paused(stage: Stage) -> None:
    """The remedy is to let it go on."""
    await stage.operations.pause(["db"])
    refused = await refusal(stage.operations.execute("db", ExecRequest(command=("true",))))
    assert refused.code is ErrorCode.CONFLICT
    assert "podkeeper unpause db" in refused.remedy


async def test_a_service_without_a_container_is_no_unknown_one(stage: Stage) -> None:
    """The remedy is to bring it up."""
    stage.project = project(services={"web": {}, "late": {}})
    refused = await refusal(stage.operations.of_service("late"))
    assert refused.code is ErrorCode.NOT_FOUND
    assert "podkeeper up late" in refused.remedy


async def test_a_command_runs_in_the_first_replica_that_runs(stage: Stage) -> None:
    """Also when the first one has ended; a chosen one must run itself."""
    stage.engine.die(f"{STACK.name}_web_1")
    assert (await stage.operations.running("web")).number == 2
    assert (await refusal(stage.operations.running("web", 1))).code is ErrorCode.SERVICE_EXITED


async def test_ports_are_answered_by_number_and_protocol(stage: Stage) -> None:
    """As `port` prints them; every interface is 0.0.0.0."""
    assert (await stage.operations.published("web", 80)).address == "127.0.0.1:8080"
    assert (await stage.operations.published("web", 90, protocol="udp")).address == "0.0.0.0:9000"
    assert [p.container_port for p in await stage.operations.ports("web")] == [80, 90]


async def test_runs_of_a_service_are_no_replicas_of_it(stage: Stage) -> None:
    """They are listed when they are asked for."""
    await stage.add("db", 7, "com.docker.compose.oneoff=True")
    assert [c.number for c in await stage.operations.containers(["db"])] == [1]
    assert [c.number for c in await stage.operations.containers(["db"], one_off=True)] == [1, 7]


async def test_waiting_tells_each_end_and_answers_the_last(stage: Stage) -> None:
    """In the order in which they end."""
    told: list[tuple[int, int]] = []
    containers = await stage.operations.of_service("web")
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(
            stage.operations.wait(containers, lambda c, code: told.append((c.number, code)))
        )
        for number, code in ((2, 3), (1, 4)):
            for _ in range(20):
                await asyncio.sleep(0)
            stage.engine.die(f"{STACK.name}_web_{number}", code)
    assert told == [(2, 3), (1, 4)]
    assert waiting.result() == 4


async def test_waiting_for_the_first_lets_the_others_run(stage: Stage) -> None:
    """As `--down-project` needs it."""
    containers = await stage.operations.of_service("web")
    stage.engine.die(f"{STACK.name}_web_2", 9)
    assert await stage.operations.wait(containers, lambda _c, _code: None, first_only=True) == 9
    assert (await stage.states())["web-1"] == "running"


async def test_every_stack_on_the_engine_is_listed(stage: Stage) -> None:
    """Also one that somebody else started, with its files and its containers' states."""
    other = Stage(project("other", services={"app": {}}))
    other.engine = stage.engine
    await other.add("app", 1, "com.docker.compose.project.config_files=/a/one.yaml,/a/two.yaml")
    stage.engine.die(f"{STACK.name}_db_1")
    mine, theirs = sorted(await stage.operations.stacks(), key=lambda s: s.name != STACK.name)
    assert sorted(mine.states) == [ContainerState.EXITED, ContainerState.RUNNING, ContainerState.RUNNING]
    assert (theirs.name, theirs.files) == ("other", ("/a/one.yaml", "/a/two.yaml"))


async def test_volumes_are_those_of_the_project_or_of_services(stage: Stage) -> None:
    """Nobody else's."""
    label = ("--label", f"com.docker.compose.project={STACK.name}")
    await stage.engine.create_volume(f"{STACK.name}_data", label)
    await stage.engine.create_volume(f"{STACK.name}_left", label)
    stage.engine.add_volume("theirs")
    operations = stage.operations
    assert [v.name for v in await operations.volumes()] == [f"{STACK.name}_data", f"{STACK.name}_left"]
    assert [v.name for v in await operations.volumes(["db"])] == [f"{STACK.name}_data"]
    assert await operations.volumes(["web"]) == ()


async def test_use_is_measured_between_two_samples(stage: Stage) -> None:
    """A quarter of a processor, whatever was used before."""
    containers = await stage.operations.containers(["db"])
    (usage,) = await stage.bench.passing(stage.operations.usage(containers))
    assert usage.cpu_percent == pytest.approx(25)


async def test_a_log_is_that_of_one_replica(stage: Stage) -> None:
    """With what the query asks for."""
    stage.engine.script("db", Behaviour(log=("one", "two")))
    await stage.add("db", 2)
    (container,) = await stage.operations.of_service("db", 2)
    assert [line async for line in stage.operations.log(container, LogQuery(lines=1))] == ["two"]


BUILT = project(
    services={
        "api": {
            "build": {"context": "."},
            "image": "registry.example/api:1",
            "depends_on": {"db": {"condition": "service_started"}},
        },
        "own": {"build": {"context": "."}},
        "db": {"image": "registry.example/db:1"},
        "again": {"image": "registry.example/db:1"},
        "kept": {"image": "registry.example/kept:1", "pull_policy": "never"},
    }
)


@pytest.fixture
def shop() -> Stage:
    """A project with images to build and to fetch."""
    return Stage(BUILT)


def steps(stage: Stage) -> list[tuple[str, str, str]]:
    """What was told of finished steps: kind, image and outcome."""
    found = [e for e in stage.bench.recorder.events if isinstance(e, StepFinished)]
    return sorted((e.step_kind, e.subject, e.outcome) for e in found)


async def test_an_image_of_two_services_is_fetched_once(shop: Stage) -> None:
    """What is only built, or never to be fetched, is left out, and said."""
    shop.engine.pullable |= {"registry.example/db:1", "registry.example/api:1"}
    result = await shop.images.pull()
    assert result.ok
    assert set(result.done) == {"registry.example/db:1", "registry.example/api:1"}
    assert set(result.skipped) == {"own", "kept"}
    assert steps(shop) == [
        ("pull_image", "registry.example/api:1", "done"),
        ("pull_image", "registry.example/db:1", "done"),
    ]


async def test_what_cannot_be_fetched_is_a_problem_and_the_rest_is_fetched(shop: Stage) -> None:
    """Unless failures are ignored; what can be built says so."""
    shop.engine.pullable |= {"registry.example/db:1"}
    result = await shop.images.pull()
    assert not result.ok
    (problem,) = result.problems
    assert (problem.code, problem.service) == (ErrorCode.IMAGE_NOT_FOUND, "api")
    assert "podkeeper build api" in problem.remedy
    assert (await shop.images.pull(PullOptions(ignore_failures=True))).ok
    assert (await shop.images.pull(PullOptions(ignore_buildable=True))).ok


async def test_the_policy_missing_fetches_only_what_is_not_here(shop: Stage) -> None:
    """Whatever the services say."""
    shop.engine.pullable |= {"registry.example/db:1"}
    await shop.images.pull(PullOptions(services=("db",)))
    result = await shop.images.pull(PullOptions(services=("db",), policy="missing"))
    assert result.done == ()
    assert result.skipped == {"db": "its image is here already"}


async def test_dependencies_come_along_when_they_are_asked_for(shop: Stage) -> None:
    """Only then."""
    shop.engine.pullable |= {"registry.example/db:1", "registry.example/api:1"}
    alone = await shop.images.pull(PullOptions(services=("api",)))
    both = await shop.images.pull(PullOptions(services=("api",), include_dependencies=True))
    assert alone.done == ("registry.example/api:1",)
    assert both.done == ("registry.example/api:1", "registry.example/db:1")


async def test_what_has_a_build_section_is_built_and_sent(shop: Stage) -> None:
    """One after the other, and nothing is sent after a build that failed."""
    shop.engine.pushable |= {"registry.example/api:1"}
    built = await shop.images.build(BuildOptions(services=("api",), push=True, arguments={"A": "1"}))
    assert built.ok
    assert [call[0] for call in shop.engine.calls] == ["build_image", "push_image"]
    shop.engine.failures["registry.example/api:1"] = "no such file"
    failed = await shop.images.build(BuildOptions(services=("api",), push=True))
    assert [p.code for p in failed.problems] == [ErrorCode.BUILD_FAILED]
    assert shop.engine.calls[-1][0] == "build_image"


async def test_only_built_images_are_sent(shop: Stage) -> None:
    """One whose registry refuses is a problem, or ignored."""
    await shop.images.build()
    shop.engine.pushable |= {"registry.example/api:1"}
    result = await shop.images.push()
    assert {p.service for p in result.problems} == {"own"}
    assert set(result.skipped) == {"db", "again", "kept"}
    assert (await shop.images.push(PushOptions(ignore_failures=True))).ok


async def test_an_unknown_service_is_refused_before_anything_is_done(shop: Stage) -> None:
    """With those that there are."""
    refused = await refusal(shop.images.pull(PullOptions(services=("nosuch",))))
    assert refused.code is ErrorCode.SERVICE_UNKNOWN
    assert shop.engine.calls == []
