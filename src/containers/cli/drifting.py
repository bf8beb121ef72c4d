"""Verbs about drift: drift and reconcile."""

from typing import Annotated

import typer

from containers.cli.applying import (
    Json,
    LockPatience,
    Services,
    Timeout,
    Yes,
    choices,
    conclude,
    with_progress,
)
from containers.cli.running import Run, run
from containers.model.base import ServiceName
from containers.model.drift import DriftReport

HAS_DRIFT = 2
"""The exit code of `drift` where there is some."""


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command(epilog="Example: podkeeper drift; exits 0 for none, 2 for drift, 1 for errors")(drift)
    app.command(epilog="Example: podkeeper reconcile api, podkeeper reconcile --ignore")(reconcile)


def drift(
    context: typer.Context,
    every: Annotated[bool, typer.Option("--all", help="Also what was said to be all right.")] = False,
    json: Json = False,
) -> None:
    """Show how what runs differs from what was applied, and what was edited since; changes nothing."""

    async def verb(with_: Run) -> int:
        report = await with_.manager.drift.find()
        if json:
            with_.terminal.json(report.model_dump(mode="json"))
        else:
            _print(with_, report, every=every)
        return HAS_DRIFT if report.open else 0

    run(context, verb)


def _print(with_: Run, report: DriftReport, *, every: bool) -> None:
    terminal = with_.terminal
    if report.revision is None:
        terminal.note(f"{report.project}: nothing was applied yet")
        return
    for each in report.found if every else report.open:
        terminal.line(f"{each.message}{' (ignored)' if each.ignored else ''}")
        terminal.line(f"  {each.remedy}")
    ignored = len(report.found) - len(report.open)
    if not report.open:
        terminal.note(f"{report.project}: as revision {report.revision} says")
    if ignored and not every:
        terminal.note(f"{ignored} ignored: `podkeeper drift --all` shows them")


def reconcile(
    context: typer.Context,
    services: Services = None,
    ignore: Annotated[
        bool, typer.Option("--ignore", help="Change nothing: what differs now is all right.")
    ] = False,
    no_ignore: Annotated[
        bool, typer.Option("--no-ignore", help="Change nothing: count all drift again.")
    ] = False,
    timeout: Timeout = None,
    wait_lock: LockPatience = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Put back what runs otherwise than it was applied; edits that were not applied stay so."""
    chosen = tuple(ServiceName(s) for s in services or ())

    async def verb(with_: Run) -> int:
        if no_ignore:
            await with_.manager.drift.forget_ignored()
            return 0
        if ignore:
            _print(with_, await with_.manager.drift.ignore(chosen), every=True)
            return 0
        result = await with_progress(
            with_,
            lambda consent: with_.manager.history.reconcile(
                chosen, choices(timeout, wait_lock, consent=consent)
            ),
            yes=yes,
        )
        return conclude(with_, result, json=json, with_table=True)

    run(context, verb)
