"""Logs that the editor follows, over the lives of a container, on an engine that does as it is told."""

from collections.abc import AsyncIterator

import pytest
from pydantic import BaseModel
from tests.fakes.fake_container import Behaviour
from tests.fakes.managed import Managed
from tests.fakes.projects import BUSYBOX
from tests.fakes.tasks import LoopTasks
from typing_extensions import override

from containers.lsp.client import EditorClient
from containers.lsp.features.log_streams import RETRY_S, LogStreams
from containers.lsp.protocol import LogsAppended, LogsFollowParams
from containers.model.errors import EngineError, ErrorCode

COMPOSE = f"name: demo\nservices:\n  web: {{image: '{BUSYBOX}'}}\n"


class Editor(EditorClient):
    """Keeps what a panel would show."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""

    @override
    def notify(self, method: str, params: BaseModel) -> None:
        """Append it."""
        assert isinstance(params, LogsAppended)
        self.text += params.text


class Panel:
    """A log panel of the service `web`, whose container a test makes, starts and kills."""

    def __init__(self, compose: str = COMPOSE) -> None:
        self.managed = Managed(compose, BUSYBOX)
        self.engine = self.managed.engine
        self.editor = Editor()
        self.tasks = LoopTasks()
        self.streams = LogStreams(client=self.editor, clock=self.managed.clock, group=self.tasks)
        self.name = ""

    async def open(self, lines: int = 200) -> None:
        """Begin to follow."""
        self.streams.follow(self.managed.manager, LogsFollowParams(stream="s", service="web", lines=lines))
        await self.managed.clock.advance(0)

    async def pass_retries(self, times: int = 3) -> None:
        """Let the panel look again."""
        await self.managed.clock.advance(times * RETRY_S)

    async def up(self, *lines: str) -> None:
        """Make the container, if need be, and start it; it writes at once."""
        self.engine.script("web", Behaviour(log=lines))
        if not self.name:
            self.name = await self.managed.create("web")
        await self.engine.start_container(self.engine.container(self.name).id)

    async def remove(self) -> None:
        """Take the container away."""
        await self.engine.remove_container(self.engine.container(self.name).id)
        self.name = ""

    @property
    def shown(self) -> list[str]:
        """Its lines."""
        return self.editor.text.splitlines()


@pytest.fixture
async def panel() -> AsyncIterator[Panel]:
    """Not open yet."""
    made = Panel()
    yield made
    made.streams.close()
    await made.tasks.cancel()


async def test_a_panel_opened_before_up_shows_the_log_from_its_first_line(panel: Panel) -> None:
    """It said that there is no container, and must not take that for the end of a log."""
    await panel.open()
    assert [line for line in panel.shown if "no container" in line]
    before = len(panel.shown)
    await panel.managed.clock.advance(RETRY_S / 2)
    await panel.up("one", "two")
    await panel.pass_retries()
    panel.engine.write(panel.name, "three")
    await panel.pass_retries()
    assert panel.shown[before:] == ["one", "two", "three"]


async def test_each_life_of_a_container_that_crashes_at_once_is_shown_once(panel: Panel) -> None:
    """Lives that begin and end between two looks too; nothing comes twice, though all is one second's."""
    await panel.up("life 1")
    await panel.open()
    panel.engine.die(panel.name)
    for life in (2, 3, 4):
        await panel.up(f"life {life}", "trace", "trace")
        panel.engine.die(panel.name)
    await panel.pass_retries()
    await panel.up("life 5")
    panel.engine.die(panel.name)
    await panel.pass_retries()
    traces = [line for life in (2, 3, 4) for line in (f"life {life}", "trace", "trace")]
    assert panel.shown == ["life 1", *traces, "life 5"]


async def test_the_end_of_a_log_is_no_longer_because_it_was_followed_again(panel: Panel) -> None:
    """Of a trace only the last lines were asked for: those before them are not told later."""
    await panel.up(*(f"line {n}" for n in range(10)))
    panel.engine.die(panel.name)
    await panel.open(lines=3)
    await panel.pass_retries()
    await panel.up("again")
    await panel.pass_retries()
    assert panel.shown == ["line 7", "line 8", "line 9", "again"]


async def test_a_container_that_took_the_place_of_another_is_followed_whole(panel: Panel) -> None:
    """Its log is another one."""
    await panel.up("old")
    await panel.open()
    await panel.managed.clock.advance(5)
    await panel.remove()
    await panel.up("new", "new")
    await panel.pass_retries()
    assert panel.shown == ["old", "new", "new"]


async def test_a_panel_that_is_taken_up_again_shows_only_what_comes(panel: Panel) -> None:
    """A server that was started anew is asked for no lines; the next life is shown all the same."""
    await panel.up("shown by the server before")
    await panel.managed.clock.advance(5)
    await panel.open(lines=0)
    panel.engine.die(panel.name)
    await panel.managed.clock.advance(RETRY_S / 2)
    await panel.up("new")
    await panel.pass_retries()
    assert panel.shown == ["new"]


async def test_a_panel_on_a_service_that_is_down_reads_no_files_and_no_log(panel: Panel) -> None:
    """Symptom: `config.validated` once a second while it was open, and the whole log read each time."""
    await panel.up("one")
    panel.engine.die(panel.name)
    await panel.open()
    loaded = panel.managed.times_loaded()
    panel.engine.fail_next("read_log", EngineError(ErrorCode.ENGINE_ERROR, "it was read again"))
    await panel.pass_retries(10)
    assert panel.managed.times_loaded() == loaded
    assert panel.shown == ["one"]


async def test_a_panel_on_a_service_without_container_reads_no_files() -> None:
    """Its project is the one that was read last."""
    panel = Panel()
    panel.managed.manager.load()
    await panel.open()
    await panel.pass_retries(10)
    assert panel.managed.times_loaded() == 1
    assert len(panel.shown) == 1
    panel.streams.close()
    await panel.tasks.cancel()


async def test_files_that_are_wrong_are_said_once_and_not_read_again() -> None:
    """Until somebody saves them; then the project is there."""
    panel = Panel("name: demo\nservices: {web: {image: 3}}\n")
    await panel.open()
    await panel.pass_retries(10)
    assert panel.managed.times_loaded() == 1
    assert len(panel.shown) == 1
    panel.streams.close()
    await panel.tasks.cancel()
