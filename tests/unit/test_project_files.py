"""A project that is read anew when its files change."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.fakes.clock import LoopClock
from tests.fakes.managed import Managed
from tests.fakes.memory_files import HERE
from tests.fakes.scripted_watcher import ScriptedWatcher
from tests.fakes.tasks import LoopTasks

from containers.bus import EventBus
from containers.compose.request import LoadResult
from containers.model.events import EventBase, FileChanged, PartFailed
from containers.project_files import ProjectFiles

COMPOSE = "name: demo\nservices: {web: {image: a}}\n"


class Bed:
    """The files of one project, followed."""

    def __init__(self) -> None:
        self.managed = Managed(COMPOSE)
        self.managed.manager.require_project()
        self.watcher = ScriptedWatcher()
        self.tasks = LoopTasks()
        self.bus = EventBus(LoopClock())
        self.bus.start(self.tasks)
        self.seen: list[EventBase] = []
        self.subscription = self.bus.subscribe("test", self.seen.append)
        self.read: asyncio.Queue[LoadResult] = asyncio.Queue()
        files = ProjectFiles(
            manager=self.managed.manager,
            watcher=self.watcher,
            bus=self.bus,
            clock=LoopClock(),
            group=self.tasks,
            told=self.read.put_nowait,
        )
        self.task = self.tasks.create_task(files.run())

    async def write(self, name: str, text: str) -> LoadResult:
        """Change a file; what reading it came to."""
        self.managed.files.write(Path(name), text)
        self.watcher.changed.put_nowait((HERE / name,))
        return await self.next()

    async def next(self) -> LoadResult:
        """What was read next."""
        async with asyncio.timeout(5):
            return await self.read.get()


@pytest.fixture
async def bed() -> AsyncIterator[Bed]:
    """Watched already."""
    made = Bed()
    await made.next()
    yield made
    await made.bus.close()
    await made.tasks.cancel()


async def test_what_is_written_counts_and_is_told(bed: Bed) -> None:
    """A service more; and hooks in a file that was not there before."""
    await bed.write("compose.yaml", "name: demo\nservices: {web: {image: a}, db: {image: b}}\n")
    manager = bed.managed.manager
    assert manager.project is not None
    assert list(manager.project.services) == ["db", "web"]
    await bed.write("podkeeper.yaml", "hooks: {tell: {on: container.died, notify: dead}}\n")
    assert [hook.name for hook in manager.hooks] == ["tell"]
    await bed.subscription.settled()
    told = [event.paths for event in bed.seen if isinstance(event, FileChanged)]
    assert told[-1] == (str(HERE / "podkeeper.yaml"),)


async def test_what_is_wrong_leaves_things_as_they_were(bed: Bed) -> None:
    """Until it is right again."""
    manager = bed.managed.manager
    before = manager.project
    loaded = await bed.write("compose.yaml", "name: demo\nservices: {web: {image: [a]}}\n")
    assert loaded.project is None
    assert manager.project == before
    loaded = await bed.write("compose.yaml", COMPOSE.replace("web", "api"))
    assert loaded.project is not None
    assert manager.project is not None
    assert list(manager.project.services) == ["api"]


async def test_other_files_are_watched_once_the_project_is_made_of_them(bed: Bed) -> None:
    """An included file: it is among what is watched next."""
    included = HERE / "more.yaml"
    bed.managed.files.write(included, "services: {db: {image: b}}\n")
    assert all(included not in paths for paths in bed.watcher.asked)
    await bed.write("compose.yaml", "include: [more.yaml]\n" + COMPOSE)
    await bed.next()  # what changed before it was watched counts as well
    assert included in bed.watcher.asked[-1]


@pytest.mark.parametrize(
    "name",
    [
        "compose.override.yaml",
        ".env",
        "podkeeper.yml",
        "environments/development/environment.yaml",
        "compose.dev.yaml",
        "docker-compose-development.yml",
        ".env.dev",
    ],
)
async def test_what_would_be_read_if_it_were_there_is_watched_for(bed: Bed, name: str) -> None:
    """Symptom: the service of an override that was made later was not kept, and called drift."""
    assert HERE / name in bed.watcher.asked[-1]


@pytest.mark.parametrize(
    ("name", "compose"),
    [
        ("new.env", "services: {web: {image: a, env_file: new.env}}"),
        ("more.env", "services: {web: {image: a, env_file: [{path: more.env, required: false}]}}"),
        ("web.label", "services: {web: {image: a, label_file: web.label}}"),
        ("more.yaml", "include: [more.yaml]\nservices: {web: {image: a}}"),
        ("base.yaml", "services: {web: {extends: {file: base.yaml, service: web}}}"),
    ],
)
async def test_what_the_files_name_and_is_not_there_yet_is_watched_for(
    bed: Bed, name: str, compose: str
) -> None:
    """Whether it is an error that it is not. Symptom: it was made, and the monitor went on without it."""
    await bed.write("compose.yaml", f"name: demo\n{compose}\n")
    await bed.next()
    assert HERE / name in bed.watcher.asked[-1]
    made = "A=1\n" if name.endswith((".env", ".label")) else "services: {web: {image: b}}\n"
    loaded = await bed.write(name, made if name != "more.yaml" else "services: {db: {image: b}}\n")
    assert loaded.project is not None


async def test_watching_that_breaks_is_told(bed: Bed) -> None:
    """What the files say now counts as long as this process lives."""
    bed.watcher.changed.put_nowait(None)
    async with asyncio.timeout(5):
        await bed.task
    await bed.subscription.settled()
    failed = [event.part for event in bed.seen if isinstance(event, PartFailed)]
    assert failed == ["file watcher"]
