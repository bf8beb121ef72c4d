"""What verbs that change a stack have in common: options, progress, consent, and telling the outcome."""

import sys
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import typer

from containers.cli.progress import progress
from containers.cli.running import Run, print_problem
from containers.cli.tables import status_rows, status_table
from containers.model.diagnostics import Severity
from containers.model.errors import ErrorCode
from containers.model.outcome import Committed, ComposeResult, RolledBack
from containers.project_changes import ChangeOptions

Services = Annotated[list[str] | None, typer.Argument(help="Services; all when none is named.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Timeout = Annotated[
    float | None, typer.Option("--timeout", "-t", help="Seconds for a container to stop in.", min=0)
]
LockPatience = Annotated[
    float | None,
    typer.Option("--wait-lock", help="Seconds to wait for another change of this stack.", min=0),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do what can not be undone without asking.")]


def choices(
    timeout_s: float | None,
    wait_lock_s: float | None,
    *,
    consent: bool = False,
    gate_timeout_s: float | None = None,
) -> ChangeOptions:
    """The options as the managers take them."""
    return ChangeOptions(
        timeout_s=timeout_s,
        lock_patience_s=wait_lock_s,
        has_consent=consent,
        gate_timeout_s=gate_timeout_s,
    )


def is_interactive() -> bool:
    """Whether there is a person who can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask(with_: Run, question: str) -> bool:
    """Ask a person; no answer is no."""
    with_.terminal.err.print(f"{question} [y/N] ", end="", markup=False)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


async def with_progress(
    with_: Run, work: Callable[[bool], Awaitable[ComposeResult]], *, yes: bool = False
) -> ComposeResult:
    """Do the work with its progress shown; where it can not be undone, ask first.

    Args:
        with_: where it is shown.
        work: does it, given whether the person agreed to what can not be undone.
        yes: whether the person did already.
    """

    async def shown(*, consent: bool) -> ComposeResult:
        async with progress(with_.terminal, with_.app.bus, with_.app.clock):
            return await work(consent)

    result = await shown(consent=yes)
    needed = next((p for p in result.problems if p.code is ErrorCode.CONFIRMATION_NEEDED), None)
    if needed is None or not is_interactive():
        return result
    return await shown(consent=True) if ask(with_, f"{needed.message}. Go on?") else result


def conclude(with_: Run, result: ComposeResult, *, json: bool, with_table: bool = False) -> int:
    """Print what came of it; the exit code."""
    terminal = with_.terminal
    if json:
        terminal.json(_as_json(result))
        return result.exit_code
    for notice in result.notices:
        terminal.note(f"note: {notice.message}")
    for warning in _warnings(result):
        terminal.note(warning)
    outcome = result.outcome
    if isinstance(outcome, Committed):
        if outcome.plan.is_empty:
            terminal.note(f"{result.project}: nothing to do")
        if with_table:
            terminal.out.print(status_table(result.services.values()))
    for problem in result.problems:
        print_problem(terminal, problem)
    if isinstance(outcome, RolledBack):
        terminal.note(f"{result.project}: rolled back, everything is as it was before")
    return result.exit_code


def _as_json(result: ComposeResult) -> dict[str, Any]:
    outcome = result.outcome
    return {
        "ok": result.ok,
        "project": result.project,
        "outcome": outcome.kind if outcome else None,
        "transaction": outcome.transaction if outcome else None,
        "problems": [p.model_dump(mode="json") for p in result.problems],
        "notices": [p.model_dump(mode="json") for p in result.notices],
        "services": status_rows(result.services.values()),
    }


def _warnings(result: ComposeResult) -> tuple[str, ...]:
    """What a person should know although it went on."""
    found = [str(d) for d in result.diagnostics if d.severity is Severity.WARNING]
    if result.outcome is not None:
        found.extend(f"warning: {warning}" for warning in result.outcome.plan.warnings)
    if isinstance(result.outcome, Committed):
        found.extend(f"warning: {p.message}" for p in result.outcome.warnings)
    return tuple(found)
