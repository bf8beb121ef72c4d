"""Verbs on images: images, pull, build, push."""

import re
from collections.abc import Awaitable, Mapping, Sequence
from typing import Annotated, Any, Literal

import typer

from containers.cli.formats import ListFormat, compact
from containers.cli.globals import Globals
from containers.cli.progress import progress
from containers.cli.running import Run, print_problem, run
from containers.cli.words import ago, decimal_size
from containers.image_operations import BuildOptions, ImagesResult, PullOptions, PushOptions
from containers.model.observed import ObservedContainer
from containers.model.operations import ImageFacts
from containers.model.text_columns import columns

Services = Annotated[list[str] | None, typer.Argument(help="Services; all when none is named.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]
_TAGGED = re.compile(r"(?P<repository>.+?)(?::(?P<tag>[^:/@]+))?(?:@.*)?")
_SHORT_ID = 12
_NO_TAG = "<none>"
HEADINGS = ("CONTAINER", "REPOSITORY", "TAG", "PLATFORM", "IMAGE ID", "SIZE", "CREATED")


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command(epilog="Example: podkeeper images --format json")(images)
    app.command(epilog="Example: podkeeper pull --include-deps api")(pull)
    app.command(epilog="Example: podkeeper build --no-cache api")(build)
    app.command(epilog="Example: podkeeper push api")(push)


def images(
    context: typer.Context,
    services: Services = None,
    format_: Annotated[ListFormat, typer.Option("--format", help="table or json.")] = ListFormat.TABLE,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only identifiers.")] = False,
) -> None:
    """List the images that the project's containers were made from."""

    async def verb(with_: Run) -> int:
        containers = await with_.manager.operations.containers(services or ())
        found = sorted(await with_.manager.images.facts(containers), key=lambda pair: pair[0].name)
        if quiet:
            for identifier in dict.fromkeys(str(facts.id).removeprefix("sha256:") for _, facts in found):
                with_.terminal.line(identifier)
            return 0
        rows = [_row(*pair) for pair in found]
        if format_ is ListFormat.JSON:
            with_.terminal.line(compact(rows))
            return 0
        now = with_.app.clock.now()
        cells = [
            (
                *(str(row[k]) for k in ("ContainerName", "Repository", "Tag", "Platform")),
                str(row["ID"]).removeprefix("sha256:")[:_SHORT_ID],
                decimal_size(facts.size_bytes),
                ago(facts.created_at, now),
            )
            for row, (_, facts) in zip(rows, found, strict=True)
        ]
        for line in columns(HEADINGS, cells):
            with_.terminal.line(line)
        return 0

    run(context, verb)


def _row(container: ObservedContainer, facts: ImageFacts) -> dict[str, Any]:
    """What `images --format json` prints of a container."""
    name = container.image if container.image in facts.tags or not facts.tags else facts.tags[0]
    parts = _TAGGED.fullmatch(name)
    return {
        "ID": f"sha256:{str(facts.id).removeprefix('sha256:')}",
        "ContainerName": container.name,
        "Repository": parts["repository"] if parts else _NO_TAG,
        "Tag": (parts["tag"] if parts else None) or _NO_TAG,
        "Platform": facts.platform,
        "Size": facts.size_bytes,
        "Created": facts.created_at.isoformat() if facts.created_at else None,
    }


def pull(
    context: typer.Context,
    services: Services = None,
    ignore_buildable: Annotated[
        bool, typer.Option("--ignore-buildable", help="Leave images out that can be built.")
    ] = False,
    ignore_pull_failures: Annotated[
        bool, typer.Option("--ignore-pull-failures", help="Fetch what can be fetched.")
    ] = False,
    include_deps: Annotated[
        bool, typer.Option("--include-deps", help="Also for what the services depend on.")
    ] = False,
    policy: Annotated[str | None, typer.Option("--policy", help="missing or always.")] = None,
    quiet: Quiet = False,
) -> None:
    """Fetch the images of services."""
    if policy not in {None, "missing", "always"}:
        raise typer.BadParameter("missing or always", param_hint="--policy")
    options = PullOptions.model_validate(
        {
            "services": tuple(services or ()),
            "policy": policy,
            "ignore_failures": ignore_pull_failures,
            "ignore_buildable": ignore_buildable,
            "include_dependencies": include_deps,
        }
    )

    async def verb(with_: Run) -> int:
        return await _show(with_, with_.manager.images.pull(options), quiet=quiet)

    run(context, verb)


def build(
    context: typer.Context,
    services: Services = None,
    build_args: Annotated[
        list[str] | None, typer.Option("--build-arg", help="NAME=VALUE, or NAME to take ours.")
    ] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Build every layer anew.")] = False,
    pull_: Annotated[bool, typer.Option("--pull", help="Fetch newer base images.")] = False,
    push_: Annotated[bool, typer.Option("--push", help="Send the images to their registries.")] = False,
    with_dependencies: Annotated[
        bool, typer.Option("--with-dependencies", help="Also what the services depend on.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Build the images of services."""
    chosen = context.find_object(Globals) or Globals()
    options = BuildOptions(
        services=tuple(services or ()),
        arguments=_arguments(build_args or (), chosen.environ),
        no_cache=no_cache,
        pull=pull_,
        push=push_,
        include_dependencies=with_dependencies,
    )

    async def verb(with_: Run) -> int:
        return await _show(with_, with_.manager.images.build(options), quiet=quiet, nothing="build")

    run(context, verb)


def push(
    context: typer.Context,
    services: Services = None,
    ignore_push_failures: Annotated[
        bool, typer.Option("--ignore-push-failures", help="Send what can be sent.")
    ] = False,
    include_deps: Annotated[
        bool, typer.Option("--include-deps", help="Also of what the services depend on.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Send the images that services build to their registries."""
    options = PushOptions(
        services=tuple(services or ()),
        ignore_failures=ignore_push_failures,
        include_dependencies=include_deps,
    )

    async def verb(with_: Run) -> int:
        return await _show(with_, with_.manager.images.push(options), quiet=quiet)

    run(context, verb)


def _arguments(given: Sequence[str], ours: Mapping[str, str]) -> dict[str, str | None]:
    """What `--build-arg` says; a bare name takes our value."""
    pairs = (text.partition("=") for text in given)
    return {name: value if equals else ours.get(name) for name, equals, value in pairs}


async def _show(
    with_: Run,
    work: Awaitable[ImagesResult],
    *,
    quiet: bool,
    nothing: Literal["build"] | None = None,
) -> int:
    """Do the work with its progress shown, then say what came of it; the exit code."""
    if quiet:
        result = await work
    else:
        async with progress(with_.terminal, with_.app.bus, with_.app.clock):
            result = await work
        if nothing and not result.done:
            with_.terminal.note(f"no services to {nothing}")
        elif not nothing:
            for service, reason in result.skipped.items():
                with_.terminal.note(f"Service {service}  Skipped: {reason}")
    for problem in result.problems:
        print_problem(with_.terminal, problem)
    return 0 if result.ok else 1
