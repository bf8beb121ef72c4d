"""Verbs that bring a stack up: up and create."""

from contextlib import nullcontext
from dataclasses import replace
from enum import StrEnum
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
from containers.cli.attached import Attached, follow_until_end
from containers.cli.running import Run, run
from containers.cli.tables import plan_renderable
from containers.cli.watching import watching
from containers.model.base import ServiceName
from containers.planning.options import Mode, Recreate, UpOptions
from containers.watch_scene import WatchOptions

PLAN_HAS_CHANGES = 2
"""The exit code of `plan`, and of `up --dry-run`, where there is something to do."""

Build = Annotated[bool, typer.Option("--build", help="Build images also where they exist.")]
NoBuild = Annotated[bool, typer.Option("--no-build", help="Build nothing, also where an image is missing.")]
ForceRecreate = Annotated[bool, typer.Option("--force-recreate", help="Replace what runs.")]
NoRecreate = Annotated[bool, typer.Option("--no-recreate", help="Keep what exists.")]
RemoveOrphans = Annotated[
    bool, typer.Option("--remove-orphans", help="Remove containers of services not in the file.")
]
Scale = Annotated[
    list[str] | None, typer.Option("--scale", help="How many containers a service gets.", metavar="SERVICE=N")
]


class Pull(StrEnum):
    """When images are pulled."""

    ALWAYS = "always"
    MISSING = "missing"
    NEVER = "never"


PullPolicy = Annotated[Pull | None, typer.Option("--pull", help="When images are pulled.")]


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command(epilog="Example: podkeeper up -d, podkeeper --env staging up api")(up)
    app.command(epilog="Example: podkeeper create --scale worker=3")(create)


def up(
    context: typer.Context,
    services: Services = None,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Do not stay to show the logs.")] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="As --detach; that all is ready is waited for anyhow.")
    ] = False,
    wait_timeout: Annotated[
        float | None, typer.Option("--wait-timeout", help="Seconds for a service to become ready.", min=0)
    ] = None,
    environment: Annotated[str | None, typer.Option("--env", help="The environment to bring up.")] = None,
    mode: Annotated[
        Mode, typer.Option(help="safe: every service has to be ready; fast: Podman has to have started it.")
    ] = Mode.SAFE,
    build: Build = False,
    no_build: NoBuild = False,
    pull: PullPolicy = None,
    force_recreate: ForceRecreate = False,
    always_recreate_deps: Annotated[
        bool, typer.Option("--always-recreate-deps", help="With --force-recreate: dependencies, too.")
    ] = False,
    no_recreate: NoRecreate = False,
    renew_anon_volumes: Annotated[
        bool,
        typer.Option("--renew-anon-volumes", "-V", help="New containers do not take over anonymous volumes."),
    ] = False,
    no_deps: Annotated[bool, typer.Option("--no-deps", help="Only the named services.")] = False,
    no_start: Annotated[
        bool, typer.Option("--no-start", help="Create what is missing, start nothing.")
    ] = False,
    remove_orphans: RemoveOrphans = False,
    scale: Scale = None,
    abort_on_container_exit: Annotated[
        bool, typer.Option("--abort-on-container-exit", help="Stop everything when a container ends.")
    ] = False,
    abort_on_container_failure: Annotated[
        bool,
        typer.Option("--abort-on-container-failure", help="Stop everything when a container fails."),
    ] = False,
    exit_code_from: Annotated[
        str | None,
        typer.Option("--exit-code-from", help="Exit with this service's code; stops when a container ends."),
    ] = None,
    attach: Annotated[
        list[str] | None, typer.Option("--attach", help="Show the logs of these services only.")
    ] = None,
    no_attach: Annotated[
        list[str] | None, typer.Option("--no-attach", help="Do not show the logs of these services.")
    ] = None,
    no_log_prefix: Annotated[
        bool, typer.Option("--no-log-prefix", help="Lines as they are written.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Bring what you save into the services, as `watch` does.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan; change nothing.")] = False,
    timeout: Timeout = None,
    wait_lock: LockPatience = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Create and start the stack, and wait until every service is ready; else roll back.

    Without --detach the services' logs are shown until you end it, which stops them.
    """
    options = UpOptions(
        services=tuple(ServiceName(s) for s in services or ()),
        recreate=_recreate(force=force_recreate, never=no_recreate),
        always_recreate_dependencies=always_recreate_deps,
        with_dependencies=not no_deps,
        build=build,
        no_build=no_build,
        pull=pull.value if pull else None,
        remove_orphans=remove_orphans,
        start=not no_start,
        renew_volumes=renew_anon_volumes,
        scale=scaled(scale),
        mode=mode,
    )
    watched = Attached(
        services=tuple(services or ()),
        shown=tuple(attach or ()),
        hidden=tuple(no_attach or ()),
        prefixed=not no_log_prefix,
        stops_on_exit=abort_on_container_exit or exit_code_from is not None,
        stops_on_failure=abort_on_container_failure,
        code_from=exit_code_from,
        timeout_s=timeout,
    )
    if watched.stops and (detach or wait):
        raise typer.BadParameter(
            "--abort-on-container-exit and the like wait for a container to end: leave --detach out"
        )
    stays = not (detach or wait or json or no_start)
    if watch and not stays:
        raise typer.BadParameter("--watch stays: leave --detach, --wait, --json and --no-start out")

    async def verb(with_: Run) -> int:
        chosen = with_.select(environment)
        began = with_.app.clock.now()
        if dry_run:
            return await show_plan(with_, options, json=json)
        result = await with_progress(
            with_,
            lambda consent: with_.manager.start_services(
                chosen, options, choices(timeout, wait_lock, consent=consent, gate_timeout_s=wait_timeout)
            ),
            yes=yes,
        )
        code = conclude(with_, result, json=json, with_table=not stays)
        if code or not stays:
            return code
        async with watching(with_, WatchOptions()) if watch else nullcontext():
            return await follow_until_end(with_, replace(watched, since=began))

    run(context, verb)


def create(
    context: typer.Context,
    services: Services = None,
    build: Build = False,
    no_build: NoBuild = False,
    pull: PullPolicy = None,
    force_recreate: ForceRecreate = False,
    no_recreate: NoRecreate = False,
    remove_orphans: RemoveOrphans = False,
    scale: Scale = None,
    wait_lock: LockPatience = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Create the stack's containers, and start none."""
    options = UpOptions(
        services=tuple(ServiceName(s) for s in services or ()),
        recreate=_recreate(force=force_recreate, never=no_recreate),
        build=build,
        no_build=no_build,
        pull=pull.value if pull else None,
        remove_orphans=remove_orphans,
        scale=scaled(scale),
        start=False,
    )

    async def verb(with_: Run) -> int:
        result = await with_progress(
            with_,
            lambda consent: with_.manager.start_services(
                with_.manager.environment, options, choices(None, wait_lock, consent=consent)
            ),
            yes=yes,
        )
        return conclude(with_, result, json=json, with_table=True)

    run(context, verb)


async def show_plan(with_: Run, options: UpOptions, *, json: bool) -> int:
    """Print what `up` would do; the exit code of `plan`."""
    found = await with_.manager.plan(options)
    if json:
        with_.terminal.json(found.model_dump(mode="json"))
    else:
        with_.terminal.out.print(plan_renderable(found))
    return 0 if found.is_empty else PLAN_HAS_CHANGES


def scaled(wanted: list[str] | None) -> dict[ServiceName, int]:
    """`SERVICE=N` as data."""
    found = {}
    for text in wanted or ():
        name, _, count = text.partition("=")
        if not name or not count.isdecimal():
            raise typer.BadParameter(f"--scale {text}: say SERVICE=N, such as worker=3")
        found[ServiceName(name)] = int(count)
    return found


def _recreate(*, force: bool, never: bool) -> Recreate:
    if force and never:
        raise typer.BadParameter("--force-recreate and --no-recreate exclude each other")
    return Recreate.ALWAYS if force else Recreate.NEVER if never else Recreate.CHANGED
