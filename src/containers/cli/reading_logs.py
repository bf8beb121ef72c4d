"""The verb logs: the lines of many containers, each with its name before it."""

import asyncio
import sys
from collections.abc import Sequence
from itertools import cycle
from typing import Annotated

import typer

from containers.cli.globals import Ansi
from containers.cli.moments import parse_moment
from containers.cli.running import Run, run
from containers.model.errors import ErrorCode, PodkeeperError
from containers.model.observed import ObservedContainer
from containers.model.operations import LogQuery
from containers.model.project import ResolvedProject

Services = Annotated[list[str] | None, typer.Argument(help="Services; all when none is named.")]
_COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command(epilog="Example: podkeeper logs -f --tail 20 api")(logs)


def logs(
    context: typer.Context,
    services: Services = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines come.")] = False,
    index: Annotated[int | None, typer.Option("--index", help="Which replica, from 1.", min=0)] = None,
    no_color: Annotated[bool, typer.Option("--no-color", help="No colours.")] = False,
    no_log_prefix: Annotated[
        bool, typer.Option("--no-log-prefix", help="No container's name before a line.")
    ] = False,
    since: Annotated[
        str | None, typer.Option("--since", help="A time such as 2026-01-02T13:23:37Z, or 42m ago.")
    ] = None,
    lines: Annotated[str, typer.Option("--tail", "-n", help="Lines from the end of each; or all.")] = "all",
    timestamps: Annotated[bool, typer.Option("--timestamps", "-t", help="Each line's time.")] = False,
    until: Annotated[str | None, typer.Option("--until", help="As --since.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print data for programs.")] = False,
) -> None:
    """Show the logs of services, replica by replica."""

    async def verb(with_: Run) -> int:
        now = with_.app.clock.now()
        query = LogQuery(
            lines=_line_count(lines),
            follow=follow and not json,
            since=parse_moment(since, now) if since else None,
            until=parse_moment(until, now) if until else None,
            timestamps=timestamps,
        )
        containers = await _containers(with_, services or (), index)
        if json:
            with_.terminal.json(await _by_service(with_, containers, query))
            return 0
        colours = not no_color and sys.stdout.isatty() and with_.chosen.ansi is not Ansi.NEVER
        colours = colours or (with_.chosen.ansi is Ansi.ALWAYS and not no_color)
        names = [_short_name(c, with_.manager.project) for c in containers]
        prefixes = [""] * len(names) if no_log_prefix else _prefixes(names, colours=colours)
        chosen = tuple(zip(containers, prefixes, strict=True))
        if not follow:
            for container, prefix in chosen:
                await _print(with_, container, query, prefix)
            return 0
        async with asyncio.TaskGroup() as group:
            for container, prefix in chosen:
                _ = group.create_task(_print(with_, container, query, prefix))
        return 0

    run(context, verb)


async def _containers(
    with_: Run, services: Sequence[str], index: int | None
) -> tuple[ObservedContainer, ...]:
    operations = with_.manager.operations
    if not services:
        return tuple(c for c in await operations.containers() if not index or c.number == index)
    return tuple([c for s in services for c in await operations.of_service(s, index)])


async def _print(with_: Run, container: ObservedContainer, query: LogQuery, prefix: str) -> None:
    async for line in with_.manager.operations.log(container, query):
        with_.terminal.line(f"{prefix}{line}")


async def _by_service(
    with_: Run, containers: Sequence[ObservedContainer], query: LogQuery
) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for container in containers:
        lines = [line async for line in with_.manager.operations.log(container, query)]
        found.setdefault(container.service, []).extend(lines)
    return found


def _prefixes(names: Sequence[str], *, colours: bool) -> list[str]:
    """`web-1  | `, all of one width; each in a colour of its own."""
    width = max((len(name) for name in names), default=0) + 1
    plain = [f"{name:<{width}} | " for name in names]
    if not colours:
        return plain
    return [f"\033[{c}m{prefix}\033[0m" for prefix, c in zip(plain, cycle(_COLOURS), strict=False)]


def _short_name(container: ObservedContainer, project: ResolvedProject | None) -> str:
    """`web-1`, or the name that the file gives."""
    usual = f"{container.project}_{container.service}_{container.number}"
    config = project.services.get(container.service) if project else None
    named = config is not None and config.container_name is not None
    is_usual = container.name.replace("-", "_") == usual.replace("-", "_")
    return f"{container.service}-{container.number}" if is_usual and not named else container.name


def _line_count(text: str) -> int | None:
    """`all` is None.

    Raises:
        PodkeeperError: `usage`: it is neither a number nor `all`.
    """
    if text == "all":
        return None
    if text.isdigit():
        return int(text)
    raise PodkeeperError(
        ErrorCode.USAGE, f"--tail takes a number or all, not {text}", remedy="see `podkeeper logs --help`"
    )
