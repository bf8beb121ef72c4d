"""Verbs for developing: watch and reload."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from containers.cli.applying import Services, choices, conclude, with_progress
from containers.cli.progress import progress
from containers.cli.running import Run, print_problem, run
from containers.cli.terminal import Terminal
from containers.execution.together import bare_errors
from containers.model.base import ServiceName
from containers.model.errors import PodkeeperError
from containers.model.events import EventBase, FilesSynced, WatchingDegraded
from containers.model.outcome import ComposeResult, Problem
from containers.planning.options import UpOptions
from containers.watch_scene import WatchOptions

RELOAD_SIGNAL = signal.SIGUSR1
"""Not HUP: that is what a terminal sends when it closes, and then a program should end."""
_DONE = {
    "rebuild": "rebuilt",
    "restart": "restarted",
    "reload": "reloaded",
    "exec": "ran its command",
}
NOTHING_RUNS = "nothing runs that could reload"


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command(epilog="Example: podkeeper watch, podkeeper watch --no-up api")(watch)
    app.command(epilog="Example: podkeeper reload proxy")(reload)


def watch(
    context: typer.Context,
    services: Services = None,
    no_up: Annotated[
        bool, typer.Option("--no-up", help="Do not build and start services before watching.")
    ] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove an image when a rebuild has replaced it.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Do not show the progress of builds.")] = False,
    trigger_file: Annotated[
        Path | None,
        typer.Option("--trigger-file", help="Reload the services that FILE names whenever it is written."),
    ] = None,
) -> None:
    """Bring what you save into the running services, as `develop.watch` says; end with Ctrl-C."""
    options = WatchOptions(
        services=tuple(services or ()), prune=prune, trigger_file=trigger_file and trigger_file.absolute()
    )

    async def verb(with_: Run) -> int:
        if not no_up and (code := await _bring_up(with_, services or (), quiet=quiet)):
            return code
        with_.is_attached = True
        async with watching(with_, options, quiet=quiet):
            await asyncio.Event().wait()
        return 0

    run(context, verb)


def reload(context: typer.Context, services: Services = None) -> None:
    """Have services take up new files without a restart, as `x-podkeeper.reload` says."""

    async def verb(with_: Run) -> int:
        told = await with_.manager.reloads.reload(services or ())
        if not told:
            with_.terminal.note(NOTHING_RUNS)
        for each in told:
            if each.problem is not None:
                print_problem(with_.terminal, each.problem)
                continue
            many = f"{each.containers} containers, " if each.containers > 1 else ""
            with_.terminal.note(f"{each.service}: reloaded ({many}{each.how})")
        return int(any(each.problem for each in told))

    run(context, verb)


@asynccontextmanager
async def watching(with_: Run, options: WatchOptions, *, quiet: bool = False) -> AsyncIterator[None]:
    """Watch while the block runs, saying each batch in a line.

    Raises:
        PodkeeperError: there is nothing to watch.
    """
    app, terminal = with_.app, with_.terminal
    project = with_.manager.require_project()
    app.events.watch(project.name)
    await app.events.setup_event_subscriptions()
    subscription = app.bus.subscribe(
        "watch-lines", lambda event: _say(terminal, event), topics=("file.synced", "file.watching_degraded")
    )
    service_watch = app.service_watch(with_.manager)

    def begun(paths: Sequence[str]) -> None:
        terminal.note(f"watching {len(paths)} path{'' if len(paths) == 1 else 's'} of {project.name}")

    try:
        async with bare_errors(), asyncio.TaskGroup() as group:
            task = group.create_task(service_watch.run(options, begun))
            with on_reload_signal(service_watch.reload):
                if quiet:
                    yield
                else:
                    async with progress(terminal, app.bus, app.clock, in_place=False):
                        yield
            task.cancel()
    finally:
        app.bus.unsubscribe(subscription)


@contextmanager
def on_reload_signal(reload_all: Callable[[], None]) -> Iterator[None]:
    """Have USR1 reload while the block runs."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(RELOAD_SIGNAL, reload_all)
    try:
        yield
    finally:
        loop.remove_signal_handler(RELOAD_SIGNAL)


def reload_soon(with_: Run) -> None:
    """Have all services that say how reload, in the background; what goes wrong is said."""

    async def reload_all() -> None:
        try:
            told = await with_.manager.reloads.reload()
        except PodkeeperError as error:
            print_problem(with_.terminal, Problem.of_error(error))
            return
        for each in told:
            if each.problem is not None:
                print_problem(with_.terminal, each.problem)
        if reloaded := [each.service for each in told if each.problem is None]:
            with_.terminal.note(f"reloaded: {', '.join(reloaded)}")
        elif not told:
            with_.terminal.note(NOTHING_RUNS)

    _ = with_.app.tasks.create_task(reload_all(), name="reload")


async def _bring_up(with_: Run, services: Sequence[str], *, quiet: bool) -> int:
    """What `up` does; its exit code."""
    wanted = UpOptions(services=tuple(ServiceName(s) for s in services))

    async def work(consent: bool) -> ComposeResult:
        chosen = choices(None, None, consent=consent)
        return await with_.manager.start_services(with_.manager.environment, wanted, chosen)

    result = await work(consent=False) if quiet else await with_progress(with_, work)
    return conclude(with_, result, json=False)


def _say(terminal: Terminal, event: EventBase) -> None:
    """One line a batch."""
    at = event.at.astimezone().strftime("%H:%M:%S")
    match event:
        case FilesSynced():
            terminal.note(f"{at} {event.service}: {_words(event)} ({event.duration_s * 1000:.0f} ms)")
        case WatchingDegraded():
            terminal.note(f"{at} note: {event.reason}")
        case _:
            return


def _words(event: FilesSynced) -> str:
    done = []
    if event.copied or event.removed:
        done.append(f"synced {event.copied} file{'' if event.copied == 1 else 's'}")
    if event.removed:
        done.append(f"removed {event.removed}")
    if event.message:
        return ", ".join([*done, f"error: {event.message}"])
    done += [_DONE[word] for word in event.action.split("+") if word in _DONE]
    return ", ".join(done) or "synced"
