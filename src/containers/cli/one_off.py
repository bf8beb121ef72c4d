"""The verb `run`: one command in a container of its own."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from containers.cli.applying import conclude, with_progress
from containers.cli.containers import given_variables
from containers.cli.globals import Globals
from containers.cli.running import Run
from containers.cli.running import run as run_verb
from containers.model.base import ServiceName
from containers.one_off_runs import RunRequest


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command(
        "run",
        context_settings={"allow_interspersed_args": False},
        epilog="Example: podkeeper run --rm api python manage.py migrate",
    )(run)


def run(
    context: typer.Context,
    service: Annotated[str, typer.Argument(help="The service.")],
    command: Annotated[list[str] | None, typer.Argument(help="The command and its arguments.")] = None,
    build: Annotated[bool, typer.Option("--build", help="Build the image first.")] = False,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Do not wait; print the name.")] = False,
    entrypoint: Annotated[str | None, typer.Option("--entrypoint", help="Instead of the image's.")] = None,
    environment: Annotated[
        list[str] | None, typer.Option("--env", "-e", help="NAME=VALUE, or NAME to take ours.")
    ] = None,
    interactive: Annotated[
        bool, typer.Option("--interactive/--no-interactive", "-i", help="Join standard input.")
    ] = True,
    labels: Annotated[list[str] | None, typer.Option("--label", "-l", help="NAME=VALUE.")] = None,
    name: Annotated[str | None, typer.Option("--name", help="The container's name.")] = None,
    no_tty: Annotated[
        bool, typer.Option("--no-tty", "-T", help="No terminal; without it, one where we have one.")
    ] = False,
    no_deps: Annotated[bool, typer.Option("--no-deps", help="Do not bring up what it depends on.")] = False,
    publish: Annotated[list[str] | None, typer.Option("--publish", "-p", help="Publish a port.")] = None,
    remove: Annotated[bool, typer.Option("--rm", help="Remove the container when it has ended.")] = False,
    service_ports: Annotated[
        bool, typer.Option("--service-ports", "-P", help="Publish the service's own ports.")
    ] = False,
    use_aliases: Annotated[
        bool, typer.Option("--use-aliases", help="Answer to the service's names in its networks.")
    ] = False,
    user: Annotated[str | None, typer.Option("--user", "-u", help="As whom to run it.")] = None,
    volumes: Annotated[
        list[str] | None, typer.Option("--volume", "-v", help="Mount SOURCE:TARGET[:ro].")
    ] = None,
    workdir: Annotated[str | None, typer.Option("--workdir", "-w", help="In which folder.")] = None,
) -> None:
    """Run a command in a new container of a service; exits with the command's exit code."""
    chosen = context.find_object(Globals) or Globals()
    request = RunRequest(
        service=ServiceName(service),
        command=tuple(command or ()),
        entrypoint=entrypoint,
        name=name,
        environment=given_variables(environment or (), chosen.environ),
        labels=dict(label.partition("=")[::2] for label in labels or ()),
        user=user,
        working_dir=workdir,
        ports=tuple(publish or ()),
        service_ports=service_ports,
        volumes=tuple(_absolute(volume) for volume in volumes or ()),
        use_aliases=use_aliases,
        with_dependencies=not no_deps,
        build=build,
        tty=not (no_tty or detach) and sys.stdin.isatty() and sys.stdout.isatty(),
        stdin=interactive,
        detach=detach,
        remove=remove,
    )

    async def verb(with_: Run) -> int:
        runs = with_.manager.runs
        result = await with_progress(with_, lambda _: runs.prepare(request))
        if not result.ok:
            return conclude(with_, result, json=False)
        container, made = await runs.create(request)
        if detach:
            with_.terminal.line(made)
        return await runs.start(container, request)

    run_verb(context, verb)


def _absolute(volume: str) -> str:
    """A mount whose source, where it is a path, begins at the root."""
    source, colon, rest = volume.partition(":")
    is_path = source.startswith((".", "/", "~"))
    return f"{Path(source).expanduser().absolute()}{colon}{rest}" if is_path and colon else volume
