"""Verbs that list what is there: ps, ls, volumes, stats."""

import sys
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

import typer

from containers.cli.container_rows import (
    PS_HEADINGS,
    STATS_HEADINGS,
    VOLUME_HEADINGS,
    absent_cells,
    ps_cells,
    ps_row,
    state_counts,
    stats_row,
    volume_row,
)
from containers.cli.formats import ListFormat, compact, filter_value, templated
from containers.cli.running import Run, run
from containers.cli.tables import status_rows
from containers.model.base import ServiceName
from containers.model.observed import ContainerState, ObservedContainer
from containers.model.text_columns import columns

Services = Annotated[list[str] | None, typer.Argument(help="Services; all when none is named.")]
Format = Annotated[
    str, typer.Option("--format", help="table, json, or a template such as '{{.Name}} {{.State}}'.")
]
_CLEAR = "\033[H\033[J"


class Status(StrEnum):
    """States to filter by, in docker compose's words."""

    PAUSED = "paused"
    RESTARTING = "restarting"
    REMOVING = "removing"
    RUNNING = "running"
    DEAD = "dead"
    CREATED = "created"
    EXITED = "exited"


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command(epilog="Example: podkeeper ps --all, podkeeper ps --format json")(ps)
    app.command("status", hidden=True)(ps)
    app.command(epilog="Example: podkeeper ls --all")(ls)
    app.command(epilog="Example: podkeeper volumes db")(volumes)
    app.command(epilog="Example: podkeeper stats --no-stream")(stats)


def ps(
    context: typer.Context,
    services: Services = None,
    all_: Annotated[
        bool, typer.Option("--all", "-a", help="Also what does not run, and runs of `run`.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only identifiers.")] = False,
    only_services: Annotated[bool, typer.Option("--services", help="Only services' names.")] = False,
    status: Annotated[list[Status] | None, typer.Option(help="Only containers in this state.")] = None,
    filters: Annotated[list[str] | None, typer.Option("--filter", help="status=STATE.")] = None,
    format_: Format = "table",
    no_trunc: Annotated[bool, typer.Option("--no-trunc", help="Identifiers and commands in full.")] = False,
    orphans: Annotated[bool, typer.Option(help="Also services that are not in the files.")] = True,
    json: Annotated[bool, typer.Option("--json", help="One object a service, for programs.")] = False,
) -> None:
    """List the containers of every service, also of those that have none yet."""

    async def verb(with_: Run) -> int:
        if json:
            statuses = await with_.manager.get_service_status()
            standings = await with_.manager.override.standings()
            chosen = [s for n, s in statuses.items() if not services or n in services]
            with_.terminal.json(status_rows(chosen, standings))
            return 0
        states = {str(s) for s in status or ()} | set(filter_value(filters or (), "status").get("status", ()))
        everything = all_ or bool(states)
        found = await with_.manager.operations.containers(services or (), one_off=all_)
        project = with_.manager.project
        if not orphans and project is not None:
            found = tuple(c for c in found if c.service in project.services)
        for_people = not (quiet or only_services) and format_ == "table"
        shown = _shown(found, states, everything=everything, for_people=for_people)
        if quiet:
            _lines(with_, [str(c.id) for c in shown])
        elif only_services:
            _lines(with_, sorted({str(c.service) for c in shown}))
        elif for_people:
            absent = [] if states else _absent(with_, found, services or ())
            await _table(with_, shown, absent, no_trunc=no_trunc)
        else:
            now = with_.app.clock.now()
            rows = [ps_row(r, now, full=no_trunc) for r in await with_.manager.operations.rows(shown)]
            _lines(with_, templated(format_, rows))
        return 0

    run(context, verb)


def _shown(
    found: Sequence[ObservedContainer], states: set[str], *, everything: bool, for_people: bool
) -> list[ObservedContainer]:
    """By default what runs; for people also what a service has that does not run."""
    if states:
        chosen = [c for c in found if c.state in states]
    elif everything:
        chosen = list(found)
    else:
        up = {c.service for c in found if c.state is ContainerState.RUNNING}
        chosen = [
            c for c in found if c.state is ContainerState.RUNNING or (for_people and c.service not in up)
        ]
    return sorted(chosen, key=lambda c: c.name)


def _absent(with_: Run, found: Sequence[ObservedContainer], services: Sequence[str]) -> list[ServiceName]:
    project = with_.manager.project
    there = {c.service for c in found}
    names = project.services if project is not None else ()
    return [n for n in names if n not in there and (not services or n in services)]


async def _table(
    with_: Run, shown: Sequence[ObservedContainer], absent: Sequence[ServiceName], *, no_trunc: bool
) -> None:
    now = with_.app.clock.now()
    rows = await with_.manager.operations.rows(shown)
    standings = await with_.manager.override.standings()
    cells = [ps_cells(row, now, standings.get(row.container.service), full=no_trunc) for row in rows]
    project = with_.manager.project
    if project is not None:
        cells += [absent_cells(project.services[name]) for name in absent]
    _lines(with_, columns(PS_HEADINGS, cells))


def ls(
    context: typer.Context,
    all_: Annotated[bool, typer.Option("--all", "-a", help="Also stacks of which nothing runs.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only names.")] = False,
    format_: Annotated[ListFormat, typer.Option("--format", help="table or json.")] = ListFormat.TABLE,
    filters: Annotated[list[str] | None, typer.Option("--filter", help="name=PART.")] = None,
) -> None:
    """List the stacks on this engine, whoever started them; needs no compose file."""

    async def verb(with_: Run) -> int:
        names = filter_value(filters or (), "name").get("name", [])
        found = []
        for stack in await with_.manager.operations.stacks():
            status = state_counts(stack.states, everything=all_)
            if status and all(part in stack.name for part in names):
                found.append((str(stack.name), status, ",".join(stack.files)))
        if quiet:
            _lines(with_, [name for name, _, _ in found])
        elif format_ is ListFormat.JSON:
            rows = [{"Name": n, "Status": s, "ConfigFiles": f} for n, s, f in found]
            with_.terminal.line(compact(rows))
        else:
            _lines(with_, columns(("NAME", "STATUS", "CONFIG FILES"), found))
        return 0

    run(context, verb)


def volumes(
    context: typer.Context,
    services: Services = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only names.")] = False,
    format_: Format = "table",
) -> None:
    """List the project's volumes, or those that services mount."""

    async def verb(with_: Run) -> int:
        found = await with_.manager.operations.volumes(services or ())
        rows = [volume_row(v) for v in found]
        if quiet:
            _lines(with_, [v.name for v in found])
        else:
            template = r"table {{.Driver}}\t{{.Name}}" if format_ == "table" else format_
            _lines(with_, templated(template, rows, VOLUME_HEADINGS))
        return 0

    run(context, verb)


def stats(
    context: typer.Context,
    services: Services = None,
    all_: Annotated[bool, typer.Option("--all", "-a", help="Also what does not run.")] = False,
    no_stream: Annotated[bool, typer.Option("--no-stream", help="Once, instead of for ever.")] = False,
    no_trunc: Annotated[bool, typer.Option("--no-trunc", help="Identifiers in full.")] = False,
    format_: Format = "table",
) -> None:
    """Show what each container uses of processors, memory, network and disks; end with Ctrl-C."""
    if format_ == "table":
        fields = ("ID", "Name", "CPUPerc", "MemUsage", "MemPerc", "NetIO", "BlockIO", "PIDs")
        format_ = r"table " + r"\t".join(f"{{{{.{field}}}}}" for field in fields)
    in_place = sys.stdout.isatty() and not no_stream

    async def verb(with_: Run) -> int:
        while True:
            found = await with_.manager.operations.containers(services or ())
            chosen = [c for c in found if all_ or c.state is ContainerState.RUNNING]
            usage = {u.sample.container: u for u in await with_.manager.operations.usage(chosen)}
            rows = [stats_row(c, usage.get(c.id), full=no_trunc) for c in chosen]
            lines = templated(format_, rows, STATS_HEADINGS)
            _lines(with_, [_CLEAR + "\n".join(lines)] if in_place else lines)
            if no_stream:
                return 0
            await with_.app.clock.sleep(0.5)

    run(context, verb)


def _lines(with_: Run, lines: Sequence[str]) -> None:
    for line in lines:
        with_.terminal.line(line)
