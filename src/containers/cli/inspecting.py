"""Verbs that only look: ps, logs, plan, validate, doctor."""

import asyncio
from typing import Annotated

import typer

from containers.cli.running import Run, run
from containers.cli.tables import plan_renderable, status_rows, status_table
from containers.compose.podman_table import Provider
from containers.model.base import ServiceName
from containers.model.diagnostics import Severity
from containers.planning.options import UpOptions

Services = Annotated[list[str] | None, typer.Argument(help="Services; all when none is named.")]
Json = Annotated[bool, typer.Option("--json", help="Print data for programs.")]

PLAN_HAS_CHANGES = 2
"""The exit code of `plan` where there is something to do."""


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command(epilog="Example: podkeeper ps --json")(ps)
    app.command("status", hidden=True)(ps)
    app.command(epilog="Example: podkeeper logs -f --tail 20 api")(logs)
    app.command(epilog="Example: podkeeper plan; exits 0 for no change, 2 for changes, 1 for errors")(plan)
    app.command(epilog="Example: podkeeper --env production validate")(validate)
    app.command(epilog="Example: podkeeper doctor")(doctor)


def ps(context: typer.Context, services: Services = None, json: Json = False) -> None:
    """Show the state and health of every service, also of those not created yet."""

    async def verb(with_: Run) -> int:
        statuses = await with_.manager.get_service_status()
        shown = [s for name, s in statuses.items() if not services or name in services]
        if json:
            with_.terminal.json(status_rows(shown))
        else:
            with_.terminal.out.print(status_table(shown))
        return 0

    run(context, verb)


def logs(
    context: typer.Context,
    services: Services = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines come.")] = False,
    lines: Annotated[int, typer.Option("--tail", "-n", help="Lines from the end.", min=0)] = 100,
    json: Json = False,
) -> None:
    """Show the logs of services."""

    async def verb(with_: Run) -> int:
        statuses = await with_.manager.get_service_status()
        chosen = services or [name for name, status in statuses.items() if status.container]
        width = max((len(s) for s in chosen), default=0)
        prefixes = {s: f"{s:<{width}} | " if len(chosen) > 1 else "" for s in chosen}
        if follow:
            async with asyncio.TaskGroup() as group:
                for service in chosen:
                    _ = group.create_task(_follow(with_, service, lines, prefixes[service]))
            return 0
        texts = {s: await with_.manager.get_service_logs(s, lines) for s in chosen}
        if json:
            with_.terminal.json({s: t.splitlines() for s, t in texts.items()})
            return 0
        for service, text in texts.items():
            for line in text.splitlines():
                with_.terminal.line(f"{prefixes[service]}{line}")
        return 0

    run(context, verb)


async def _follow(with_: Run, service: str, lines: int, prefix: str) -> None:
    async for line in with_.manager.follow_logs(service, lines):
        with_.terminal.line(f"{prefix}{line}")


def plan(context: typer.Context, services: Services = None, json: Json = False) -> None:
    """Show what `up` would do and why; changes nothing."""

    async def verb(with_: Run) -> int:
        found = await with_.manager.plan(UpOptions(services=tuple(ServiceName(s) for s in services or ())))
        if json:
            with_.terminal.json(found.model_dump(mode="json"))
        else:
            with_.terminal.out.print(plan_renderable(found))
        return 0 if found.is_empty else PLAN_HAS_CHANGES

    run(context, verb)


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
