"""Events of real Podman: soon, in order, each once, and none lost unannounced when its service is killed."""

import asyncio
import os
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import pytest
from tests.podman import bed
from tests.podman.command_line import Cli

from containers.adapters.podman_rest import PodmanRestEngine, connect
from containers.adapters.process_watch import PidfdWatch
from containers.adapters.system_clock import SystemClock
from containers.app import GuardedTasks
from containers.bus import EventBus
from containers.event_integration import EventIntegration
from containers.model.base import ProjectName
from containers.model.events import ContainerEvent, EventBase
from containers.observation.event_translation import translate
from containers.ports.engine import ContainerEngine
from containers.settings import EngineSettings

STAY = "trap 'exit 0' TERM; while :; do sleep 0.1; done"
PATIENCE_S = 30.0
KILLS = 10


def run(url: str, project: str, service: str, script: str = STAY) -> str:
    """Start a container of a service; its id."""
    labels = (f"com.docker.compose.project={project}", f"com.docker.compose.service={service}")
    options = [word for label in labels for word in ("--label", label)]
    name = f"{project}_{service}_1"
    return bed.podman(url, "run", "--detach", "--name", name, *options, bed.IMAGE, "sh", "-c", script)


class Follower:
    """What a process that follows a project is told."""

    def __init__(self, events: EventIntegration, processes: PidfdWatch, project: ProjectName) -> None:
        self.events = events
        self.processes = processes
        self.project = project
        self.told: list[EventBase] = []

    def kinds(self) -> Counter[str]:
        """How often each kind was told."""
        return Counter(getattr(event, "kind", "") for event in self.told)

    def changes(self) -> list[ContainerEvent]:
        """The containers' changes, in the order in which they were told."""
        return [e for e in self.told if isinstance(e, ContainerEvent) and e.project == self.project]

    def keys(self) -> Counter[tuple[str, str, datetime]]:
        """How often each change was told."""
        return Counter((change.container, change.kind, change.at) for change in self.changes())

    def count(self, kind: str) -> int:
        """How often a change of the project's containers was told."""
        return sum(change.kind == kind for change in self.changes())

    async def until(self, wanted: Callable[[], bool], what: str) -> None:
        """Wait until `wanted()`."""
        clock = SystemClock()
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not wanted():
                    await clock.sleep(0.01)
        except TimeoutError:
            pytest.fail(f"never saw {what}: {self.kinds()}")


@asynccontextmanager
async def following(
    provide: Callable[[], Awaitable[ContainerEngine]], project: ProjectName
) -> AsyncIterator[Follower]:
    """Follow a project for as long as the block lasts; no descriptor is left open after it."""
    clock, processes = SystemClock(), PidfdWatch()
    bus = EventBus(clock)
    events = EventIntegration(engine=provide, bus=bus, clock=clock, processes=processes)
    follower = Follower(events, processes, project)
    async with asyncio.TaskGroup() as group:
        tasks = GuardedTasks(group)
        bus.start(tasks)
        bus.subscribe("test", follower.told.append)
        events.bind(tasks)
        events.watch(project)
        await events.setup_event_subscriptions()
        await follower.until(lambda: follower.kinds()["server.resynchronised"] > 0, "the first look")
        yield follower
        await events.close()
        await bus.close()
    assert len(processes) == 0


async def test_a_death_is_known_before_podman_tells_it_and_told_once(
    engine: PodmanRestEngine, podman_url: str, project: ProjectName
) -> None:
    """With its exit code; the process is watched whoever's Podman it is, and again after a restart."""
    await asyncio.to_thread(run, podman_url, project, "web")

    async def provide() -> ContainerEngine:
        return engine

    async with following(provide, project) as follower:
        for number in range(1, 4):
            await follower.until(lambda: len(follower.processes) == 1, "its process watched")
            pid = await asyncio.to_thread(bed.process_of, podman_url, f"{project}_web_1")
            os.kill(pid, 9)
            await follower.until(lambda n=number: follower.count("container.died") == n, "the death")  # type: ignore[misc]
            died = follower.changes()[-1]
            assert (died.kind, died.exit_code) == ("container.died", 137)
            await asyncio.to_thread(bed.podman, podman_url, "start", f"{project}_web_1")
            await follower.until(lambda n=number: follower.count("container.started") == n, "it back")  # type: ignore[misc]
        await SystemClock().sleep(0.6)  # Podman's own stream has told everything by now
        assert follower.count("container.died") == 3


async def test_what_podman_noted_can_be_read_between_two_moments(
    engine: PodmanRestEngine, podman_url: str, project: ProjectName
) -> None:
    """Oldest first; each event as the stream tells it."""
    before = time.time_ns()
    await asyncio.to_thread(run, podman_url, project, "web", "exit 4")
    await asyncio.to_thread(bed.podman, podman_url, "wait", f"{project}_web_1")
    between = time.time_ns()
    await asyncio.to_thread(bed.podman, podman_url, "rm", f"{project}_web_1")
    noted = [e for e in map(translate, await engine.past_events(before)) if e and e.project == project]
    assert [event.kind for event in noted][:2] == ["container.created", "container.started"]
    assert noted[-1].kind == "container.removed"
    assert [event.exit_code for event in noted if event.kind == "container.died"] == [4]
    early = [e for e in map(translate, await engine.past_events(before, between)) if e]
    assert "container.removed" not in [e.kind for e in early if e.project == project]


class Service:
    """A Podman service of this test's own, on the storage of the machine, that can be killed."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "s"
        self.url = f"unix://{self.socket}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = subprocess.Popen(
            ["podman", "system", "service", "--time=0", self.url], env=bed.serving_environ()
        )
        deadline = time.monotonic() + PATIENCE_S
        while not bed.answers(self.socket):
            assert time.monotonic() < deadline, "the service does not answer"
            time.sleep(0.02)

    def kill(self) -> None:
        """End it as an out-of-memory killer would; its socket stays behind."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self.socket.unlink(missing_ok=True)


@pytest.fixture
def service() -> Iterator[Service]:
    """Running."""
    with tempfile.TemporaryDirectory(prefix="pk-") as folder:
        made = Service(Path(folder))
        try:
            made.start()
            yield made
        finally:
            made.kill()


@pytest.mark.rootful
async def test_a_service_that_is_killed_ten_times_loses_no_event_unannounced(
    service: Service, rootful_url: str, tmp_path: Path
) -> None:
    """Containers live and die meanwhile: each change is told once, each gap announced, the picture true."""
    project = ProjectName(f"pkev{os.urandom(4).hex()}")
    environ = {**os.environ}
    engines: list[PodmanRestEngine] = []

    async def provide() -> ContainerEngine:
        if not engines:
            engines.append(await connect(EngineSettings(url=service.url), environ, tmp_path))
        return engines[0]

    began = time.time_ns()
    names = [f"{project}_s{number}_1" for number in range(3)]
    try:
        for number in range(3):
            await asyncio.to_thread(run, rootful_url, project, f"s{number}")
        async with following(provide, project) as follower:
            for number in range(KILLS):
                await _disturb(service, rootful_url, names, number)
                await follower.until(
                    lambda n=number: follower.kinds()["server.engine_connected"] == n + 2,  # type: ignore[misc]
                    f"gap {number} announced",
                )
            truth = await (await provide()).past_events(began)
            noted = [e for e in map(translate, truth) if e and e.project == project]
            known_from = follower.told[0].at
            # the log may have been rotated meanwhile: what was told is more than what it still has
            expected = {(e.container, e.kind, e.at) for e in noted if e.at >= known_from}
            await follower.until(lambda: expected <= follower.keys().keys(), "every change")
            assert set(follower.keys().values()) == {1}
            assert follower.kinds()["server.engine_disconnected"] == KILLS
            assert follower.kinds()["server.engine_connected"] == KILLS + 1
            # also where Podman was killed before it had written something down
            assert follower.kinds()["server.resynchronised"] >= KILLS + 1
            await follower.until(lambda: _all_run(follower), "a true picture")
    finally:
        for engine in engines:
            await engine.close()
        await asyncio.to_thread(bed.remove_project, rootful_url, project)


async def _disturb(service: Service, url: str, names: list[str], number: int) -> None:
    """A container dies before the service does, another while it is away, and both come back."""
    first, second = names[number % 3], names[(number + 1) % 3]
    await asyncio.to_thread(bed.podman, url, "kill", first)
    await asyncio.to_thread(service.kill)
    await asyncio.to_thread(bed.podman, url, "kill", second)
    await asyncio.to_thread(bed.podman, url, "wait", first)  # else it is taken for one that runs
    await asyncio.to_thread(bed.podman, url, "start", first)
    await asyncio.to_thread(service.start)
    await asyncio.to_thread(bed.podman, url, "wait", second)
    await asyncio.to_thread(bed.podman, url, "start", second)


def _all_run(follower: Follower) -> bool:
    containers = follower.events.world.of_project(follower.project)
    return len(containers) == 3 and all(container.is_running for container in containers)


def test_events_of_the_past_and_of_now_are_shown_on_the_command_line(cli: Cli) -> None:
    """The past once, of the services that are named, until the moment that is named."""
    cli.write(f"services: {{web: {{image: {bed.IMAGE}, command: LOOP}}}}")
    assert cli("up", "--detach").returncode == 0
    shown = cli("events", "--since", "5m", "--no-follow", "web")
    assert shown.returncode == 0
    kinds = [line.split()[1] for line in shown.stdout.splitlines()]
    assert kinds[:2] == ["container.created", "container.started"]
    followed = cli("events", "--since", "5m", "--until", _in_seconds(3), "--json", "--topic", "transaction.*")
    assert followed.returncode == 0
    assert followed.stdout.count('"kind":"transaction.finished"') == 1
    assert cli("events", "--no-follow", "nope").returncode == 1


def _in_seconds(seconds: float) -> str:
    return str(time.time() + seconds)
