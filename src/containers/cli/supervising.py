"""Verbs that tell the monitor what to leave alone and what to try again: hold, release, retry."""

from typing import Annotated

import typer

from containers.cli.running import Run, run
from containers.model.base import ServiceName
from containers.model.supervision import Standing

Chosen = Annotated[list[str], typer.Argument(help="Services.")]


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command(epilog="Example: podkeeper hold api; podkeeper release api undoes it")(hold)
    app.command(epilog="Example: podkeeper release api")(release)
    app.command(epilog="Example: podkeeper retry api")(retry)


def hold(context: typer.Context, services: Chosen) -> None:
    """Leave services alone: nothing is restarted automatically until they are released."""

    async def verb(with_: Run) -> int:
        for service in await with_.manager.override.hold(services):
            with_.terminal.note(f"{service} is held: whatever happens to it, it is left alone")
        return 0

    run(context, verb)


def release(context: typer.Context, services: Chosen) -> None:
    """Give services back to the monitor, as if they had never failed."""

    async def verb(with_: Run) -> int:
        for service in await with_.manager.override.release(services):
            with_.terminal.note(f"{service} is released")
        await _say_who_supervises(with_)
        return 0

    run(context, verb)


def retry(context: typer.Context, services: Chosen) -> None:
    """Have services that the monitor gave up on tried again, now."""

    async def verb(with_: Run) -> int:
        for service in await with_.manager.override.retry(services):
            with_.terminal.note(f"{service} is tried again")
        await _say_who_supervises(with_)
        return 0

    run(context, verb)


async def _say_who_supervises(with_: Run) -> None:
    if await with_.manager.override.supervisor() is None:
        with_.terminal.note("nobody watches over this stack now: `podkeeper monitor` or the editor does")


async def standings(with_: Run) -> dict[ServiceName, Standing]:
    """What of each service is out of the ordinary, for lists."""
    return await with_.manager.override.standings()
