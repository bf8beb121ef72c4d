"""Verbs on containers that exist: start, stop, restart, rm, down."""

from typing import Annotated

import typer

from containers.cli.applying import (
    Json,
    LockPatience,
    Services,
    Timeout,
    Yes,
    ask,
    choices,
    conclude,
    is_interactive,
    with_progress,
)
from containers.cli.running import Run, run
from containers.model.base import ServiceName
from containers.model.errors import ErrorCode, PodkeeperError
from containers.planning.options import DownOptions


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command(epilog="Example: podkeeper start, podkeeper start api")(start)
    app.command(epilog="Example: podkeeper stop, podkeeper stop api")(stop)
    app.command(epilog="Example: podkeeper restart api")(restart)
    app.command(epilog="Example: podkeeper rm, podkeeper rm --stop --force api")(rm)
    app.command(epilog="Example: podkeeper down, podkeeper down --volumes -y")(down)


def start(
    context: typer.Context,
    services: Services = None,
    wait_timeout: Annotated[
        float | None, typer.Option("--wait-timeout", help="Seconds for a service to become ready.", min=0)
    ] = None,
    wait_lock: LockPatience = None,
    json: Json = False,
) -> None:
    """Start containers that exist, in order, and wait until they are ready; `create` makes them."""

    async def verb(with_: Run) -> int:
        chosen = choices(None, wait_lock, gate_timeout_s=wait_timeout)
        result = await with_progress(with_, lambda _: with_.manager.start(services or (), chosen))
        return conclude(with_, result, json=json)

    run(context, verb)


def stop(
    context: typer.Context,
    services: Services = None,
    timeout: Timeout = None,
    wait_lock: LockPatience = None,
    json: Json = False,
) -> None:
    """Stop services; containers stay."""

    async def verb(with_: Run) -> int:
        chosen = choices(timeout, wait_lock)
        result = await with_progress(with_, lambda _: with_.manager.stop(services or (), chosen))
        return conclude(with_, result, json=json)

    run(context, verb)


def restart(
    context: typer.Context,
    services: Services = None,
    timeout: Timeout = None,
    wait_lock: LockPatience = None,
    json: Json = False,
) -> None:
    """Restart services in order, and wait until they are ready."""

    async def verb(with_: Run) -> int:
        chosen = choices(timeout, wait_lock)
        result = await with_progress(with_, lambda _: with_.manager.restart_services(services, chosen))
        return conclude(with_, result, json=json)

    run(context, verb)


def rm(
    context: typer.Context,
    services: Services = None,
    stop: Annotated[bool, typer.Option("--stop", "-s", help="Stop what runs first.")] = False,
    force: Annotated[bool, typer.Option("--force", "-f", help="Do not ask.")] = False,
    volumes: Annotated[
        bool, typer.Option("--volumes", "-v", help="Remove their anonymous volumes, too.")
    ] = False,
    wait_lock: LockPatience = None,
    json: Json = False,
) -> None:
    """Remove the containers of services that do not run; asks first."""

    async def verb(with_: Run) -> int:
        _require_consent(with_, "removing the containers", "--force", given=force)
        chosen = choices(None, wait_lock, consent=True)
        result = await with_progress(
            with_,
            lambda _: with_.manager.remove(services or (), running_too=stop, volumes=volumes, choices=chosen),
        )
        return conclude(with_, result, json=json)

    run(context, verb)


def down(
    context: typer.Context,
    services: Services = None,
    volumes: Annotated[
        bool, typer.Option("--volumes", "-v", help="Remove the volumes too, and the data in them; asks.")
    ] = False,
    rmi: Annotated[
        str | None, typer.Option("--rmi", help="Remove images: `all`, or `local` for those without a name.")
    ] = None,
    remove_orphans: Annotated[
        bool, typer.Option("--remove-orphans", help="Remove containers of services not in the file.")
    ] = False,
    timeout: Timeout = None,
    wait_lock: LockPatience = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Stop and remove containers and networks."""
    if rmi not in {None, "all", "local"}:
        raise typer.BadParameter("--rmi is `all` or `local`")
    options = DownOptions(
        services=tuple(ServiceName(s) for s in services or ()),
        volumes=volumes,
        remove_orphans=remove_orphans,
        images=rmi,
    )

    async def verb(with_: Run) -> int:
        if volumes:
            _require_consent(with_, "removing the volumes, and the data in them,", "--yes", given=yes)
        chosen = choices(timeout, wait_lock, consent=True)
        result = await with_progress(with_, lambda _: with_.manager.down(options, chosen))
        return conclude(with_, result, json=json)

    run(context, verb)


def _require_consent(with_: Run, what: str, flag: str, *, given: bool) -> None:
    """Ask, unless the person agreed already.

    Raises:
        PodkeeperError: `confirmation_needed`: the answer is no, or there is nobody to ask.
    """
    if given or (is_interactive() and ask(with_, f"This means {what.rstrip(',')}. Go on?")):
        return
    raise PodkeeperError(
        ErrorCode.CONFIRMATION_NEEDED,
        f"nothing was done: {what} needs your consent",
        remedy=f"Say {flag} to have it done without being asked.",
    )
