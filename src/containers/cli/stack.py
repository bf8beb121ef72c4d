"""Verbs that change a stack: up, down, restart, stop."""

from collections.abc import Awaitable
from typing import Annotated, Any

import typer

from containers.cli.progress import progress
from containers.cli.running import Run, print_problem, run
from containers.cli.tables import status_rows, status_table
from containers.model.base import ServiceName
from containers.model.diagnostics import Severity
from containers.model.outcome import Committed, ComposeResult, RolledBack
from containers.planning.options import DownOptions, Recreate, UpOptions

Services = Annotated[list[str] | None, typer.Argument(help="Services; all when none is named.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Timeout = Annotated[
    float | None, typer.Option("--timeout", "-t", help="Seconds for a container to stop in.", min=0)
]


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command(epilog="Example: podkeeper up -d, podkeeper --env staging up api")(up)
    app.command(epilog="Example: podkeeper down --volumes")(down)
    app.command(epilog="Example: podkeeper restart api")(restart)
    app.command(epilog="Example: podkeeper stop, podkeeper stop api")(stop)


def up(
    context: typer.Context,
    services: Services = None,
    _detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Leave it running; this is what `up` does.")
    ] = False,
    _wait: Annotated[
        bool, typer.Option("--wait", help="Wait until all is healthy; this is what `up` does.")
    ] = False,
    environment: Annotated[str | None, typer.Option("--env", help="The environment to bring up.")] = None,
    build: Annotated[bool, typer.Option("--build", help="Build images also where they exist.")] = False,
    pull: Annotated[str | None, typer.Option(help="always, missing or never.")] = None,
    force_recreate: Annotated[bool, typer.Option("--force-recreate", help="Replace what runs.")] = False,
    no_recreate: Annotated[bool, typer.Option("--no-recreate", help="Keep what exists.")] = False,
    no_deps: Annotated[bool, typer.Option("--no-deps", help="Only the named services.")] = False,
    remove_orphans: Annotated[
        bool, typer.Option("--remove-orphans", help="Remove containers of services not in the file.")
    ] = False,
    timeout: Timeout = None,
    json: Json = False,
) -> None:
    """Create and start the stack, and wait until every service is ready; else roll back."""
    if force_recreate and no_recreate:
        raise typer.BadParameter("--force-recreate and --no-recreate exclude each other")
    recreate = Recreate.ALWAYS if force_recreate else Recreate.NEVER if no_recreate else Recreate.CHANGED
    options = UpOptions(
        services=tuple(ServiceName(s) for s in services or ()),
        recreate=recreate,
        with_dependencies=not no_deps,
        build=build,
        pull=pull,
        remove_orphans=remove_orphans,
    )

    async def verb(with_: Run) -> int:
        return await _apply(
            with_,
            with_.manager.start_services(with_.select(environment), options, timeout_s=timeout),
            json=json,
            with_table=True,
        )

    run(context, verb)


def down(
    context: typer.Context,
    services: Services = None,
    volumes: Annotated[
        bool, typer.Option("--volumes", "-v", help="Remove the volumes too, and the data in them.")
    ] = False,
    remove_orphans: Annotated[
        bool, typer.Option("--remove-orphans", help="Remove containers of services not in the file.")
    ] = False,
    timeout: Timeout = None,
    json: Json = False,
) -> None:
    """Stop and remove containers and networks."""
    options = DownOptions(
        services=tuple(ServiceName(s) for s in services or ()), volumes=volumes, remove_orphans=remove_orphans
    )

    async def verb(with_: Run) -> int:
        return await _apply(with_, with_.manager.down(options, timeout_s=timeout), json=json)

    run(context, verb)


def restart(
    context: typer.Context, services: Services = None, timeout: Timeout = None, json: Json = False
) -> None:
    """Restart services in order, and wait until they are ready."""

    async def verb(with_: Run) -> int:
        return await _apply(with_, with_.manager.restart_services(services, timeout_s=timeout), json=json)

    run(context, verb)


def stop(
    context: typer.Context, services: Services = None, timeout: Timeout = None, json: Json = False
) -> None:
    """Stop services; containers stay."""

    async def verb(with_: Run) -> int:
        return await _apply(with_, with_.manager.stop(services or (), timeout_s=timeout), json=json)

    run(context, verb)


async def _apply(with_: Run, work: Awaitable[ComposeResult], *, json: bool, with_table: bool = False) -> int:
    """Do the work with its progress shown, then say what came of it; the exit code."""
    async with progress(with_.terminal, with_.app.bus, with_.app.clock):
        result = await work
    return _conclude(with_, result, json=json, with_table=with_table)


def _conclude(with_: Run, result: ComposeResult, *, json: bool, with_table: bool = False) -> int:
    """Print what came of it; the exit code."""
    terminal = with_.terminal
    if json:
        terminal.json(_as_json(result))
        return result.exit_code
    for warning in _warnings(result):
        terminal.note(f"warning: {warning}")
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
        "services": status_rows(result.services.values()),
    }


def _warnings(result: ComposeResult) -> tuple[str, ...]:
    """What a person should know although it went on."""
    found = [str(d) for d in result.diagnostics if d.severity is Severity.WARNING]
    if result.outcome is not None:
        found.extend(result.outcome.plan.warnings)
    if isinstance(result.outcome, Committed):
        found.extend(p.message for p in result.outcome.warnings)
    return tuple(found)
