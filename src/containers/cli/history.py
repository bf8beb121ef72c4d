"""Verbs about what was applied: history, show, diff, rollback, recover, selftest, report."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from containers.cli.applying import Json, LockPatience, Timeout, Yes, choices, conclude, with_progress
from containers.cli.running import Run, run
from containers.health.health_text import age, percent, with_rates
from containers.model.comparison import Difference
from containers.model.journal import TransactionSummary
from containers.model.metrics import Reliability
from containers.model.report import ChangeReport
from containers.model.revision import RevisionInfo

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

Number = Annotated[int | None, typer.Argument(help="A revision's number.", metavar="REVISION")]


_SHOWN = 4
"""Changed services that a line names; `podkeeper diff` has them all."""


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command(epilog="Example: podkeeper history, podkeeper history --transactions")(history)
    app.command(epilog="Example: podkeeper show, podkeeper show 3")(show)
    app.command(epilog="Example: podkeeper diff 3 4, podkeeper diff 3 --running")(diff)
    app.command(epilog="Example: podkeeper rollback, podkeeper rollback 3")(rollback)
    app.command(epilog="Example: podkeeper recover")(recover)
    app.command(epilog="Example: podkeeper selftest")(selftest)
    app.command(epilog="Example: podkeeper report --json")(report)


def history(
    context: typer.Context,
    limit: Annotated[int, typer.Option("--limit", "-n", help="How many, from the newest.", min=1)] = 20,
    transactions: Annotated[
        bool, typer.Option("--transactions", help="Every change that was tried, also those that failed.")
    ] = False,
    json: Json = False,
) -> None:
    """List the revisions: what was applied, when, and which one could be gone back to."""

    async def verb(with_: Run) -> int:
        if transactions:
            tried = await with_.manager.history.transactions(limit)
            _print(with_, tried, _transaction_table(tried), json=json)
            return 0
        known = (await with_.manager.history.revisions())[:limit]
        _print(with_, known, _revision_table(known), json=json)
        return 0

    run(context, verb)


def _print(
    with_: Run,
    rows: Iterable[RevisionInfo | TransactionSummary | Difference],
    table: "RenderableType",
    *,
    json: bool,
) -> None:
    if json:
        with_.terminal.json([row.model_dump(mode="json") for row in rows])
    else:
        with_.terminal.out.print(table)


def _table(*headings: str) -> "Table":
    from rich import box  # noqa: PLC0415  (start-up time)
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in headings:
        gives_way = heading in {"SERVICES", "WHY", ""}
        table.add_column(heading, overflow="fold", no_wrap=not gives_way)
    return table


def _revision_table(known: tuple[RevisionInfo, ...]) -> "RenderableType":
    if not known:
        return "nothing was applied yet"
    table = _table("REVISION", "APPLIED", "BY", "ENVIRONMENT", "SERVICES", "")
    good = next((info.number for info in known if info.good), None)
    for index, info in enumerate(known):
        marks = ["current"] if index == 0 else []
        marks += ["last known good"] if info.number == good else []
        marks += [] if info.good else ["not gated"]
        before = known[index + 1] if index + 1 < len(known) else None
        when = f"{info.created_at.astimezone():%Y-%m-%d %H:%M:%S}"
        table.add_row(
            str(info.number), when, info.verb, info.environment, _changed(before, info), ", ".join(marks)
        )
    return table


def _changed(before: RevisionInfo | None, info: RevisionInfo) -> str:
    """How many services, and which are other than in the revision before."""
    count = str(len(info.services))
    if before is None:
        return count
    names = [name for name, fingerprint in info.services.items() if before.services.get(name) != fingerprint]
    gone = [f"-{name}" for name in before.services if name not in info.services]
    moved = [ref for ref, image in info.images.items() if before.images.get(ref, image) != image]
    parts = [*names, *gone, *(f"image {ref}" for ref in moved)]
    shown = [*parts[:_SHOWN], f"{len(parts) - _SHOWN} more"] if len(parts) > _SHOWN + 1 else parts
    return f"{count} (changed: {', '.join(shown)})" if parts else count


def _transaction_table(tried: tuple[TransactionSummary, ...]) -> "RenderableType":
    if not tried:
        return "nothing was tried yet"
    table = _table("BEGAN", "VERB", "OUTCOME", "CHANGES", "SECONDS", "REVISION", "WHY")
    for each in tried:
        seconds = (each.finished_at - each.started_at).total_seconds() if each.finished_at else None
        table.add_row(
            f"{each.started_at.astimezone():%Y-%m-%d %H:%M:%S}",
            each.verb,
            f"{each.phase.replace('_', ' ')}{' (recovered)' if each.recovered else ''}",
            str(each.changes),
            "" if seconds is None else f"{seconds:.1f}",
            str(each.revision or ""),
            each.message,
        )
    return table


def show(context: typer.Context, revision: Number = None, json: Json = False) -> None:
    """Print a revision as a compose file, the newest unless another is named; secrets are not in it."""

    async def verb(with_: Run) -> int:
        from containers.compose.writing import to_json, to_yaml  # noqa: PLC0415  (start-up time)

        found = await with_.manager.history.read(revision)
        with_.terminal.line(to_json(found.document) if json else to_yaml(found.document))
        return 0

    run(context, verb)


def diff(
    context: typer.Context,
    before: Annotated[int, typer.Argument(help="A revision's number.", metavar="REVISION")],
    after: Annotated[int | None, typer.Argument(help="Another's.", metavar="[REVISION]")] = None,
    running: Annotated[
        bool, typer.Option("--running", help="Compare with what runs: what going back would do.")
    ] = False,
    json: Json = False,
) -> None:
    """Show what differs between two revisions, or between one and what runs."""
    if (after is None) != running:
        raise typer.BadParameter("name a second revision, or say --running")

    async def verb(with_: Run) -> int:
        if after is None:
            from containers.cli.tables import plan_renderable  # noqa: PLC0415  (start-up time)

            plan = await with_.manager.history.plan_to(before)
            if json:
                with_.terminal.json(plan.model_dump(mode="json"))
            else:
                with_.terminal.out.print(plan_renderable(plan))
            return 0
        found = await with_.manager.history.diff(before, after)
        _print(with_, found, _difference_table(before, after, found), json=json)
        return 0

    run(context, verb)


def _difference_table(before: int, after: int, found: tuple[Difference, ...]) -> "RenderableType":
    if not found:
        return f"revisions {before} and {after} say the same; secrets are not compared"
    table = _table("", f"REVISION {before}", f"REVISION {after}")
    for each in found:
        where = f"{each.where}.{each.key}" if each.key else each.where
        table.add_row(where, each.before or "", each.after or "")
    return table


def rollback(
    context: typer.Context,
    revision: Number = None,
    timeout: Timeout = None,
    wait_lock: LockPatience = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Go back to a revision with its images; if none is named, the last good one before the newest."""

    async def verb(with_: Run) -> int:
        result = await with_progress(
            with_,
            lambda consent: with_.manager.history.roll_back(
                revision, choices(timeout, wait_lock, consent=consent)
            ),
            yes=yes,
        )
        return conclude(with_, result, json=json, with_table=True)

    run(context, verb)


def recover(
    context: typer.Context,
    timeout: Timeout = None,
    wait_lock: LockPatience = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """End an interrupted change, and bring back the last known good revision, essential services first."""

    async def verb(with_: Run) -> int:
        result = await with_progress(
            with_,
            lambda consent: with_.manager.history.recover(choices(timeout, wait_lock, consent=consent)),
            yes=yes,
        )
        return conclude(with_, result, json=json, with_table=True)

    run(context, verb)


def selftest(
    context: typer.Context,
    every: Annotated[bool, typer.Option("--all", help="Every revision, not only the last good one.")] = False,
    json: Json = False,
) -> None:
    """Prove that the last known good revision is intact and its images are here; changes nothing."""

    async def verb(with_: Run) -> int:
        checks = await with_.manager.history.self_test(every=every)
        if json:
            with_.terminal.json([check.model_dump(mode="json") for check in checks])
        else:
            for check in checks:
                with_.terminal.line(f"{'ok   ' if check.ok else 'error'} {check.name}: {check.value}")
                if check.remedy:
                    with_.terminal.line(f"      {check.remedy}")
        return 0 if all(check.ok for check in checks) else 1

    run(context, verb)


def report(context: typer.Context, json: Json = False) -> None:
    """Say how the changes of this stack went: failures, rollbacks, times."""

    async def verb(with_: Run) -> int:
        found = await with_.manager.history.report()
        past = await with_.manager.health.reliability()
        if json:
            rates = {
                "failure_rate": found.failure_rate,
                "rollback_success_rate": found.rollback_success_rate,
                "availability": with_rates(past) if past is not None else None,
            }
            with_.terminal.json({**found.model_dump(mode="json"), **rates})
        else:
            for name, value in (*_report_lines(found), *_reliability_lines(past)):
                with_.terminal.line(f"{name:<26} {value}")
        return 0

    run(context, verb)


def _report_lines(found: ChangeReport) -> Iterable[tuple[str, str]]:
    yield "changes", f"{found.transactions} ({found.committed} committed, {found.rolled_back} rolled back)"
    yield "ended by a later process", str(found.recovered)
    yield "apply failure rate", _percent(found.failure_rate)
    yield "rollback success rate", _percent(found.rollback_success_rate)
    yield "mean time of a change", _seconds(found.mean_apply_s)
    yield "mean time to recover", _seconds(found.mean_recovery_s)
    yield "torn states", str(found.torn)


def _reliability_lines(past: Reliability | None) -> Iterable[tuple[str, str]]:
    """What was seen while the stack was monitored."""
    if past is None:
        yield "availability", "- (`podkeeper monitor` looks)"
        return
    yield "availability", f"{percent(past.availability_percent)} of {age(past.up_s + past.down_s)} observed"
    yield "incidents", str(past.incidents)
    yield "mean time of an incident", _seconds(past.mean_recovery_s)


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} s"
