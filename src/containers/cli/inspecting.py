"""Verbs that only look: plan, validate, doctor."""

from typing import Annotated

import typer

from containers.cli.running import Run, run
from containers.cli.stack import show_plan
from containers.compose.podman_table import Provider
from containers.model.base import ServiceName
from containers.model.diagnostics import Severity
from containers.planning.options import UpOptions

Services = Annotated[list[str] | None, typer.Argument(help="Services; all when none is named.")]
Json = Annotated[bool, typer.Option("--json", help="Print data for programs.")]


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command(epilog="Example: podkeeper plan; exits 0 for no change, 2 for changes, 1 for errors")(plan)
    app.command(epilog="Example: podkeeper --env production validate")(validate)
    app.command(epilog="Example: podkeeper doctor")(doctor)


def plan(context: typer.Context, services: Services = None, json: Json = False) -> None:
    """Show what `up` would do and why; changes nothing."""
    options = UpOptions(services=tuple(ServiceName(s) for s in services or ()))
    run(context, lambda with_: show_plan(with_, options, json=json))


def validate(
    context: typer.Context,
    engine: Annotated[
        bool, typer.Option("--engine/--no-engine", help="Also say what works differently on Podman here.")
    ] = True,
    provider: Annotated[
        Provider, typer.Option(help="Who would run it; podman-compose alone does less than Podkeeper.")
    ] = Provider.PODMAN,
    json: Json = False,
) -> None:
    """Check the compose files; every error has its file, line and code."""

    async def verb(with_: Run) -> int:
        result = await with_.manager.validate_compose_files(on_engine=engine, provider=provider)
        if json:
            with_.terminal.json(result.model_dump(mode="json"))
            return 0 if result.ok else 1
        for diagnostic in result.diagnostics:
            with_.terminal.line(str(diagnostic))
        errors = sum(d.severity is Severity.ERROR for d in result.diagnostics)
        if result.ok:
            with_.terminal.note(f"valid: {', '.join(result.files)}")
        else:
            with_.terminal.note(f"{errors} error{'s' if errors > 1 else ''}")
        return 0 if result.ok else 1

    run(context, verb)


def doctor(context: typer.Context, json: Json = False) -> None:
    """Say what there is to know about Podman, podman-compose and this machine."""

    async def verb(with_: Run) -> int:
        checks = await with_.manager.examine()
        if json:
            with_.terminal.json([c.model_dump(mode="json") for c in checks])
        else:
            width = max(len(c.name) for c in checks)
            for check in checks:
                sign = "ok   " if check.ok else "error"
                with_.terminal.line(f"{sign} {check.name:<{width}}  {check.value}")
                if check.remedy:
                    with_.terminal.line(f"      {'':<{width}}  {check.remedy}")
        return 0 if all(c.ok for c in checks) else 1

    run(context, verb)
