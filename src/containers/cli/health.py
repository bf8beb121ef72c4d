"""The verb health: how services are, and how they did."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from containers.cli.applying import Json
from containers.cli.moments import parse_moment
from containers.cli.running import Run, run
from containers.health.health_text import footer_lines, incident_lines, report_json, table_lines

UNWELL = 1
"""The exit code where a service is unhealthy or dead."""


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command(
        epilog="Example: podkeeper health, podkeeper health api --since 24h, podkeeper health --incidents. "
        "Exit code 0: all is well; 1: a service is unhealthy, ended with an error, or is not there."
    )(health)


def health(
    context: typer.Context,
    services: Annotated[list[str] | None, typer.Argument(help="Services; all without.")] = None,
    since: Annotated[
        str, typer.Option("--since", help="The window: how long ago (90m, 24h, 7d) or a time.")
    ] = "24h",
    incidents: Annotated[
        bool, typer.Option("--incidents", help="List the incidents in the window instead; exits with 0.")
    ] = False,
    json: Json = False,
) -> None:
    """Show each service's health, use of resources, availability and time to recover.

    Exits with 1 when a service is unhealthy, ended with an error, or is not there.
    """

    async def verb(with_: Run) -> int:
        began = parse_moment(since, datetime.now(UTC))
        if incidents:
            found = await with_.manager.health.incidents(began, services or ())
            if json:
                with_.terminal.json([i.model_dump(mode="json") for i in found])
            else:
                with_.terminal.line("\n".join(incident_lines(found)))
            return 0
        report = await with_.manager.health.report(began, services or ())
        if json:
            with_.terminal.json(report_json(report))
        else:
            with_.terminal.line("\n".join(table_lines(tuple(report.services.values()), report.until)))
            for line in footer_lines(report):
                with_.terminal.note(line)
        return 0 if report.is_well else UNWELL

    run(context, verb)
