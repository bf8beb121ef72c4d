"""Verbs on single containers: kill, pause, unpause, exec, attach, cp, top, port, wait."""

import sys
from collections.abc import Awaitable, Mapping, Sequence
from typing import Annotated

import typer

from containers.cli.globals import Globals
from containers.cli.running import Run, print_problem, run
from containers.model.errors import ErrorCode, PodkeeperError
from containers.model.observed import ObservedContainer
from containers.model.operations import AttachRequest, ExecRequest
from containers.model.text_columns import columns

Services = Annotated[list[str] | None, typer.Argument(help="Services; all when none is named.")]
Service = Annotated[str, typer.Argument(help="The service.")]
Index = Annotated[int | None, typer.Option("--index", help="Which replica, from 1; else the first.", min=0)]
_OPTIONS_FIRST = {"allow_interspersed_args": False}
"""What follows the service belongs to the command, also where it looks like an option."""
_STREAM = "-"


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command(epilog="Example: podkeeper kill -s HUP proxy")(kill)
    app.command(epilog="Example: podkeeper pause worker")(pause)
    app.command(epilog="Example: podkeeper unpause worker")(unpause)
    app.command("exec", context_settings=_OPTIONS_FIRST, epilog="Example: podkeeper exec db sh")(exec_)
    app.command(epilog="Example: podkeeper attach --no-stdin web")(attach)
    app.command(epilog="Example: podkeeper cp web:/etc/nginx/nginx.conf .")(cp)
    app.command(epilog="Example: podkeeper top web")(top)
    app.command(epilog="Example: podkeeper port web 80")(port)
    app.command(epilog="Example: podkeeper wait migrate")(wait)


def kill(
    context: typer.Context,
    services: Services = None,
    signal: Annotated[str, typer.Option("--signal", "-s", help="Which signal.")] = "SIGKILL",
) -> None:
    """Send a signal to running containers; SIGKILL ends them at once."""

    async def verb(with_: Run) -> int:
        killed = with_.manager.operations.kill(services or (), signal)
        return await _tell_each(with_, killed, "Killed", "no container to kill")

    run(context, verb)


def pause(context: typer.Context, services: Services = None) -> None:
    """Freeze running containers."""

    async def verb(with_: Run) -> int:
        paused = with_.manager.operations.pause(services or ())
        return await _tell_each(with_, paused, "Paused", "no running container to pause")

    run(context, verb)


def unpause(context: typer.Context, services: Services = None) -> None:
    """Let paused containers go on."""

    async def verb(with_: Run) -> int:
        unpaused = with_.manager.operations.unpause(services or ())
        return await _tell_each(with_, unpaused, "Unpaused", "no paused container")

    run(context, verb)


async def _tell_each(
    with_: Run, work: Awaitable[Sequence[ObservedContainer]], done: str, nothing: str
) -> int:
    containers = await work
    for container in containers:
        _note(with_, f"Container {container.name}  {done}")
    if not containers:
        _note(with_, nothing)
    return 0


def exec_(
    context: typer.Context,
    service: Service,
    command: Annotated[list[str], typer.Argument(help="The command and its arguments.")],
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Do not wait for it.")] = False,
    environment: Annotated[
        list[str] | None, typer.Option("--env", "-e", help="NAME=VALUE, or NAME to take ours.")
    ] = None,
    user: Annotated[str | None, typer.Option("--user", "-u", help="As whom to run it.")] = None,
    workdir: Annotated[str | None, typer.Option("--workdir", "-w", help="In which folder.")] = None,
    index: Index = None,
    privileged: Annotated[bool, typer.Option("--privileged", help="With every capability.")] = False,
    no_tty: Annotated[
        bool, typer.Option("--no-tty", "-T", help="No terminal; without it, one where we have one.")
    ] = False,
    _interactive: Annotated[bool, typer.Option("--interactive", "-i", hidden=True)] = True,
    _tty: Annotated[bool, typer.Option("--tty", "-t", hidden=True)] = True,
) -> None:
    """Run a command in a running container; exits with the command's exit code."""
    chosen = context.find_object(Globals) or Globals()
    request = ExecRequest(
        command=tuple(command),
        detach=detach,
        environment=given_variables(environment or (), chosen.environ),
        user=user,
        working_dir=workdir,
        privileged=privileged,
        tty=not (no_tty or detach) and sys.stdin.isatty() and sys.stdout.isatty(),
    )

    async def verb(with_: Run) -> int:
        return await with_.manager.operations.execute(service, request, index=index)

    run(context, verb)


def given_variables(given: Sequence[str], ours: Mapping[str, str]) -> dict[str, str]:
    """What `-e` says; a bare name takes our value, and is nothing where we have none."""
    pairs = (text.partition("=") for text in given)
    return {n: v if eq else ours[n] for n, eq, v in pairs if eq or n in ours}


def attach(
    context: typer.Context,
    service: Service,
    detach_keys: Annotated[
        str | None, typer.Option("--detach-keys", help="The keys that end it, such as ctrl-p,ctrl-q.")
    ] = None,
    index: Index = None,
    no_stdin: Annotated[bool, typer.Option("--no-stdin", help="Only watch.")] = False,
    sig_proxy: Annotated[
        bool, typer.Option("--sig-proxy/--no-sig-proxy", help="Pass our signals on to the process.")
    ] = True,
) -> None:
    """Join this terminal to a running container; exits with the container's exit code."""
    request = AttachRequest(stdin=not no_stdin, detach_keys=detach_keys, proxy_signals=sig_proxy)

    async def verb(with_: Run) -> int:
        return await with_.manager.operations.attach(service, request, index=index)

    run(context, verb)


def cp(
    context: typer.Context,
    source: Annotated[str, typer.Argument(help="SERVICE:PATH, a path, or - for a tar archive.")],
    target: Annotated[str, typer.Argument(help="SERVICE:PATH, a path, or - for a tar archive.")],
    archive: Annotated[
        bool, typer.Option("--archive", "-a", help="Keep the numbers of user and group.")
    ] = False,
    _follow_link: Annotated[
        bool, typer.Option("--follow-link", "-L", help="Follow a link in the source; Podman always does.")
    ] = False,
    index: Index = None,
) -> None:
    """Copy files or folders out of a service's container, or into all of them."""

    async def verb(with_: Run) -> int:
        operations = with_.manager.operations
        outward, inward = _in_service(source), _in_service(target)
        if outward is not None and inward is None:
            container = await operations.copy_from(*outward, target, index=index)
            _note(with_, f"Container {container.name}  Copied {outward[1]} to {target}")
        elif inward is not None and outward is None:
            containers = await operations.copy_to(source, *inward, index=index, keep_owner=archive)
            for container in containers:
                _note(with_, f"Container {container.name}  Copied {source} to {inward[1]}")
        else:
            raise PodkeeperError(
                ErrorCode.USAGE,
                "one of source and target must be SERVICE:PATH, and only one",
                remedy="copy out to a folder first, then in",
            )
        return 0

    run(context, verb)


def _in_service(text: str) -> tuple[str, str] | None:
    """`SERVICE:PATH` in its parts; None for a path on this machine."""
    if text == _STREAM or text.startswith(("/", ".")):
        return None
    service, colon, path = text.partition(":")
    return (service, path) if colon and "/" not in service else None


def top(context: typer.Context, services: Services = None) -> None:
    """Show the processes of running containers."""

    async def verb(with_: Run) -> int:
        found = await with_.manager.operations.processes(services or ())
        if found:
            rows = [(c.service, str(c.number), *row) for c, table in found for row in table.rows]
            for line in columns(("SERVICE", "#", *found[0][1].titles), rows):
                with_.terminal.line(line)
        return 0

    run(context, verb)


def port(
    context: typer.Context,
    service: Service,
    private: Annotated[int | None, typer.Argument(help="The container's port; all without it.")] = None,
    index: Index = None,
    protocol: Annotated[str, typer.Option("--protocol", help="tcp or udp.")] = "tcp",
) -> None:
    """Show where the host answers for a container's port."""

    async def verb(with_: Run) -> int:
        operations = with_.manager.operations
        if private is not None:
            found = await operations.published(service, private, protocol=protocol, index=index)
            with_.terminal.line(found.address)
            return 0
        for each in await operations.ports(service, index=index):
            with_.terminal.line(f"{each.container_port}/{each.protocol} -> {each.address}")
        return 0

    run(context, verb)


def wait(
    context: typer.Context,
    services: Annotated[list[str], typer.Argument(help="Services.")],
    down_project: Annotated[
        bool, typer.Option("--down-project", help="Take the stack down when the first container ends.")
    ] = False,
) -> None:
    """Wait until containers end; exits with the exit code of the last."""

    async def verb(with_: Run) -> int:
        containers = [c for s in services for c in await with_.manager.operations.of_service(s)]

        def tell(container: ObservedContainer, code: int) -> None:
            with_.terminal.line(f'container "{container.id}" exited with status code {code}')

        code = await with_.manager.operations.wait(containers, tell, first_only=down_project)
        if not down_project:
            return code
        result = await with_.manager.down()
        for problem in result.problems:
            print_problem(with_.terminal, problem)
        return code if result.ok else result.exit_code

    run(context, verb)


def _note(with_: Run, text: str) -> None:
    if not with_.terminal.is_quiet:
        with_.terminal.note(text)
