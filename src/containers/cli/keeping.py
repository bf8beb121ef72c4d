"""The verb that keeps a stack well: monitor."""

import asyncio
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated

import typer

from containers.bus import EventBus
from containers.cli.event_lines import as_line
from containers.cli.globals import LogLevel
from containers.cli.running import Run, print_problem, run
from containers.cli.terminal import FLUSH_S, Terminal
from containers.cli.watching import on_reload_signal, reload_soon
from containers.cli.writing import Writer
from containers.compose.request import LoadResult
from containers.event_integration import EventIntegration
from containers.event_sharing import ACTS
from containers.model.base import ProjectName
from containers.model.errors import PodkeeperError
from containers.model.events import EventBase
from containers.model.outcome import Problem
from containers.model.project import ResolvedProject

Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
TOPICS = ("container.*", "health.*", "incident.*", "drift.*", "server.*")


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command(epilog="Example: podkeeper monitor")(monitor)


def monitor(
    context: typer.Context,
    install: Annotated[
        bool, typer.Option("--install", help="Have systemd run it for this user from now on.")
    ] = False,
    uninstall: Annotated[bool, typer.Option("--uninstall", help="Undo --install.")] = False,
    json: Json = False,
    log_level: Annotated[
        LogLevel, typer.Option(help="Of standard error; `info` tells why something was not restarted.")
    ] = LogLevel.WARNING,
) -> None:
    """Keep the stack healthy in the foreground: check, restart what is unhealthy or dead, say so."""
    if install and uninstall:
        raise typer.BadParameter("say either --install or --uninstall")

    async def verb(with_: Run) -> int:
        project = with_.manager.require_project()
        if install or uninstall:
            return await (_install if install else _uninstall)(with_, project.name)
        async with with_.terminal.in_background(log_level.number) as out:
            return await _keep(with_, project, out, json=json)

    run(context, verb)


async def _keep(with_: Run, project: ResolvedProject, out: Writer, *, json: bool) -> int:
    keeper = with_.app.keeper(
        with_.manager,
        tell=lambda message, level: with_.terminal.note(f"{level}: {message}"),
        printed=lambda hook, text: with_.terminal.note(f"hook {hook}: {text}"),
    )
    await with_.app.events.setup_event_subscriptions()
    await with_.app.sharing.follow()
    await keeper.start()
    with_.terminal.note(f"watching over {_described(project)}")
    readings = _Readings(with_.terminal, with_.app.events, project)
    files = with_.app.project_files(with_.manager, readings)
    reading = with_.app.tasks.create_task(files.run(), name="project files")
    try:
        with on_reload_signal(lambda: reload_soon(with_)):
            await print_events(with_.app.bus, lambda: readings.project.name, out, json=json)
    finally:
        reading.cancel()
        await keeper.stop()
    return 0


class _Readings:
    """Says what reading the files came to, where it is another than before; follows the project's name."""

    def __init__(self, terminal: Terminal, events: EventIntegration, project: ResolvedProject) -> None:
        self._terminal = terminal
        self._events = events
        self._wrong = ""
        self.project = project
        """As it was read last."""

    def __call__(self, loaded: LoadResult) -> None:
        try:
            before, self.project = self.project.name, loaded.require()
        except PodkeeperError as error:
            if str(error) != self._wrong:
                self._wrong = str(error)
                print_problem(self._terminal, Problem.of_error(error))
                self._terminal.note("it goes on with what the files said before")
            return
        if self._wrong:
            self._wrong = ""
            self._terminal.note("the files are right again, and count")
        if self.project.name != before:
            self._events.unwatch(before)
            self._events.watch(self.project.name)
            now = _described(self.project)
            self._terminal.note(f"watching over {now} from now on, no longer {before}")


def _described(project: ResolvedProject) -> str:
    count = len(project.services)
    return f"{project.name} ({count} service{'' if count == 1 else 's'})"


async def _install(with_: Run, project: ProjectName) -> int:
    """The unit runs just what was asked for here, in the same folder."""
    argv = [sys.executable, "-m", "containers", *with_.chosen.arguments, "monitor"]
    folder = with_.chosen.selection().folder
    path = await with_.app.units.install(_unit(project), f"Podkeeper keeps {project} well", argv, folder)
    with_.terminal.note(f"{_unit(project)} runs now and from each start of this machine on: {path}")
    with_.terminal.note("`loginctl enable-linger` lets it run while you are not logged in")
    return 0


async def _uninstall(with_: Run, project: ProjectName) -> int:
    was_there = await with_.app.units.uninstall(_unit(project))
    with_.terminal.note(f"{_unit(project)} is {'removed' if was_there else 'not installed'}")
    return 0


def _unit(project: ProjectName) -> str:
    return f"podkeeper-monitor-{project}"


async def print_events(bus: EventBus, project: Callable[[], ProjectName], out: Writer, *, json: bool) -> None:
    """Those of the project, by its name of then, and those about none, until there is no reader any more.

    A reader who is too slow keeps nobody up: the bus keeps what waits, then leaves out the oldest.

    Raises:
        OSError: what writing raised, `BrokenPipeError` where the reader has gone.
    """

    async def show(event: EventBase) -> None:
        if event.project not in {None, project()}:
            return
        if json:
            await out.put(event.model_dump_json())
        elif getattr(event, "kind", "") != "server.world_changed":
            await out.put(as_line(event))

    subscription = bus.subscribe("output", show, topics=TOPICS, relayed=ACTS, replay=True)
    try:
        raise await out.failure()
    finally:
        with suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_S):
                await subscription.settled()
        bus.unsubscribe(subscription)
