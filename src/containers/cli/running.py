"""From a verb to the event loop and back: the application, signals, and exit codes."""

import asyncio
import signal
import sys
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NoReturn

import typer

from containers.app import Application, default_settings, running
from containers.cli.globals import STANDARD_INPUT, Globals
from containers.cli.terminal import Terminal
from containers.compose_manager import ComposeManager
from containers.environment_manager import DEFAULT
from containers.model.errors import ErrorCode, PodkeeperError
from containers.model.outcome import Problem
from containers.settings import Settings

INTERRUPTED = 130
"""The shell's code for a program that INT ended."""


@dataclass(slots=True)
class Run:
    """What a verb has to work with."""

    app: Application
    manager: ComposeManager
    terminal: Terminal
    chosen: Globals
    is_attached: bool = False
    """Whether logs are being shown until the person interrupts."""
    is_interrupted: bool = False

    def select(self, environment: str | None) -> str:
        """Take another environment than the one chosen so far, if one is named; its name."""
        if environment is not None:
            self.manager.environment = environment
        self.app.use_connection(self.manager.connection)
        return self.manager.environment


Verb = Callable[[Run], Awaitable[int]]


def run(context: typer.Context, verb: Verb) -> NoReturn:
    """Run `verb` with everything it needs, and exit with its code; errors are printed, never raised.

    INT and TERM once: what is under way is stopped and rolled back. Twice: stop here.
    """
    chosen = context.find_object(Globals) or Globals()
    terminal = Terminal(chosen)
    try:
        code = asyncio.run(_run(chosen, terminal, verb))
    except PodkeeperError as error:
        print_problem(terminal, Problem.of_error(error))
        code = 1
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:  # the reader of our output has seen enough
        code = 0
    except Exception as error:  # noqa: BLE001  (the boundary: no traceback reaches a person)
        print_problem(terminal, _unexpected(error, default_settings(chosen.environ)))
        code = 1
    raise typer.Exit(code)


def _standard_input() -> str:
    try:
        return sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PodkeeperError(
            ErrorCode.FILE_UNREADABLE, "standard input is not UTF-8", remedy="pass a compose file in UTF-8"
        ) from error


def _unexpected(error: Exception, settings: Settings) -> Problem:
    """A fault of ours: said in a line, with the whole chain in a file."""
    report = settings.state_dir / "last-error.txt"
    try:
        settings.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        report.write_text("".join(traceback.format_exception(error)))
        where = f"the details are in {report}"
    except OSError as failure:
        where = f"the details could not be written to {report}: {failure.strerror}"
    message = f"unexpected: {type(error).__name__}: {error}"
    return Problem(code=ErrorCode.INTERNAL, message=message, remedy=f"this is a fault of Podkeeper; {where}")


async def _run(chosen: Globals, terminal: Terminal, verb: Verb) -> int:
    settings = default_settings(chosen.environ, chosen.engine_url)
    async with running(settings, chosen.environ) as app:
        selection = chosen.selection()
        if selection.folder / STANDARD_INPUT in selection.files:
            app.files.open_document(selection.folder / STANDARD_INPUT, _standard_input())
        manager = app.manager(selection)
        run = Run(app, manager, terminal, chosen)
        run.select(chosen.environment or app.choices.get(selection.folder) or DEFAULT)
        return await _until_interrupted(run, verb)


async def _until_interrupted(context: Run, verb: Verb) -> int:
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    interrupts = 0
    was_busy = False

    def interrupted() -> None:
        nonlocal interrupts, was_busy
        interrupts += 1
        context.is_interrupted = True
        was_busy = context.manager.is_busy
        if context.is_attached and interrupts == 1 and task is not None:
            task.cancel()
        elif interrupts == 1 and context.manager.is_busy:
            context.terminal.note("stopping and rolling back (once more to leave it as it is)")
            context.manager.cancel()
        elif task is not None:
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupted)
    try:
        code = await verb(context)
    except asyncio.CancelledError:
        if not interrupts or task is None:
            raise
        task.uncancel()  # it was our own signal, and it has been answered
        if was_busy:
            context.terminal.note(
                "left as it is: the next change puts it right first, as does `podkeeper recover`"
            )
        return INTERRUPTED
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
    return INTERRUPTED if interrupts and code else code


def print_problem(terminal: Terminal, problem: Problem) -> None:
    """One failure: what, why, what to do, and what the service said last."""
    from rich.text import Text  # noqa: PLC0415  (start-up time)

    text = Text()
    text.append("error", style="bold red")
    text.append(f" [{problem.code}]: {problem.message}")
    if problem.remedy:
        text.append(f"\n  {problem.remedy}", style="dim")
    if problem.check_output:
        text.append("\n  its health check said: ", style="dim")
        text.append(problem.check_output.replace("\n", "\n    "))
    if problem.log_tail:
        text.append("\n  the end of its log:", style="dim")
        for line in problem.log_tail:
            text.append(f"\n    {line}")
    terminal.err.print(text, soft_wrap=True)
