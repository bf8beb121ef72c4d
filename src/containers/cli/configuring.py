"""Verbs about what the files mean: config and explain."""

import json as json_text
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from containers.cli.running import Run, run
from containers.cli.texts import write_out
from containers.compose.selecting import only
from containers.model.diagnostics import Severity
from containers.model.explanation import Explanation
from containers.model.project import ResolvedProject

Services = Annotated[list[str] | None, typer.Argument(help="Services; all when none is named.")]


class Format(StrEnum):
    """How `config` prints."""

    YAML = "yaml"
    JSON = "json"


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command(epilog="Example: podkeeper config --format json, podkeeper config --services")(config)
    app.command(epilog="Example: podkeeper explain services.api.environment.DB_URL --env staging")(explain)


def _names(section: str) -> Any:
    return lambda project, _: list(project.document.get(section) or {})


_LISTS: dict[str, Any] = {
    "services": _names("services"),
    "volumes": _names("volumes"),
    "networks": _names("networks"),
    "profiles": lambda _, document: sorted(
        {p for s in document["services"].values() for p in s.get("profiles") or ()}
    ),
    "images": lambda project, _: [s.image for s in project.services.values()],
}


def config(  # noqa: C901  (one branch an option, as people know them)
    context: typer.Context,
    services: Services = None,
    output_format: Annotated[
        Format, typer.Option("--format", help="How the document is printed.")
    ] = Format.YAML,
    services_only: Annotated[bool, typer.Option("--services", help="Only the services' names.")] = False,
    volumes: Annotated[bool, typer.Option("--volumes", help="Only the volumes' names.")] = False,
    networks: Annotated[bool, typer.Option("--networks", help="Only the networks' names.")] = False,
    profiles: Annotated[bool, typer.Option("--profiles", help="Only the profiles' names.")] = False,
    images: Annotated[bool, typer.Option("--images", help="Only the images.")] = False,
    variables: Annotated[
        bool, typer.Option("--variables", help="The variables that the files name.")
    ] = False,
    environment: Annotated[
        bool, typer.Option("--environment", help="The variables that interpolation sees.")
    ] = False,
    hash_of: Annotated[
        str | None, typer.Option("--hash", help="A service's fingerprint; `*` prints all.", metavar="SERVICE")
    ] = None,
    no_interpolate: Annotated[
        bool, typer.Option("--no-interpolate", help="Leave variables as they are written.")
    ] = False,
    no_consistency: Annotated[
        bool, typer.Option("--no-consistency", help="Do not check references between the parts.")
    ] = False,
    resolve_image_digests: Annotated[
        bool, typer.Option("--resolve-image-digests", help="Replace tags by the digests of local images.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to a file instead of the terminal.")
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print nothing; the exit code says it.")
    ] = False,
) -> None:
    """Check the files and print what they mean, in canonical form and stable order."""
    wanted = [
        name
        for name, chosen in {
            "services": services_only,
            "volumes": volumes,
            "networks": networks,
            "profiles": profiles,
            "images": images,
            "variables": variables,
            "environment": environment,
            "hash": hash_of is not None,
        }.items()
        if chosen
    ]
    if len(wanted) > 1:
        raise typer.BadParameter(f"--{wanted[0]} and --{wanted[1]} exclude each other")

    async def verb(with_: Run) -> int:
        if wanted == ["variables"]:
            return _print(with_, _variables(with_, output_format), output)
        if wanted == ["environment"]:
            found = with_.manager.environments.resolve_environment_variables(with_.manager.environment)
            return _print(with_, _environment(found, output_format), output)
        loaded = with_.manager.environments.load_project(
            with_.manager.environment,
            check_consistency=not no_consistency,
            as_written=no_interpolate,
            all_profiles=profiles,
        )
        failed = False
        for diagnostic in loaded.diagnostics:
            failed = failed or diagnostic.severity is Severity.ERROR
            if diagnostic.severity is Severity.ERROR or not quiet:
                with_.terminal.note(str(diagnostic))
        if failed:
            return 1
        document = only(loaded.document, services) if services else dict(loaded.document)
        if quiet:
            return 0
        if resolve_image_digests and loaded.project is not None:
            pinned = await with_.manager.images.pinned()
            declared = document["services"].items()
            document["services"] = {name: {**s, "image": pinned[name]} for name, s in declared}
        if wanted:
            project = loaded.project or with_.manager.require_project()
            lines = _hashes(project, hash_of) if hash_of is not None else _LISTS[wanted[0]](project, document)
            return _print(with_, "".join(f"{line}\n" for line in lines), output)
        from containers.compose.writing import to_json, to_yaml  # noqa: PLC0415  (start-up time)

        text = to_json(document) if output_format is Format.JSON else to_yaml(document)
        return _print(with_, text, output)

    run(context, verb)


def _print(with_: Run, text: str, output: Path | None) -> int:
    if output is None:
        if text:
            with_.terminal.line(text)
        return 0
    write_out(output, text)
    return 0


def _variables(with_: Run, output_format: Format) -> str:
    found = with_.manager.environments.find_variables(with_.manager.environment)
    if output_format is Format.JSON:
        rows = [v.model_dump(mode="json") for v in found]
        return json_text.dumps(rows, indent=2) + "\n"
    heads = ("NAME", "REQUIRED", "DEFAULT VALUE", "ALTERNATE VALUE")
    lines = [heads, *((v.name, str(v.required).lower(), v.default, v.alternative) for v in found)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    padded = (
        "   ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines
    )
    return "".join(f"{line.rstrip()}\n" for line in padded)


def _environment(found: dict[str, str], output_format: Format) -> str:
    if output_format is Format.JSON:
        return json_text.dumps(dict(sorted(found.items())), indent=2) + "\n"
    return "".join(f"{name}={value}\n" for name, value in sorted(found.items()))


def _hashes(project: ResolvedProject, wanted: str) -> list[str]:
    if wanted == "*":
        return [f"{name} {service.config_hash}" for name, service in project.services.items()]
    names = [name.strip() for name in wanted.split(",")]
    only(project.document, names)
    return [f"{name} {s.config_hash}" for name, s in project.services.items() if name in names]


def explain(
    context: typer.Context,
    path: Annotated[str, typer.Argument(help="Such as services.api.image or services.api.ports[0].")],
    environment: Annotated[str | None, typer.Option("--env", help="The environment to look at.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print data for programs.")] = False,
) -> None:
    """Say why a value is what it is: each place that set it, what that replaced, and its variables."""

    async def verb(with_: Run) -> int:
        found = with_.manager.environments.explain(path, with_.select(environment))
        if json:
            with_.terminal.json(found.model_dump(mode="json"))
        else:
            _show(with_, found)
        return 0

    run(context, verb)


def _show(with_: Run, found: Explanation) -> None:
    from rich.text import Text  # noqa: PLC0415  (start-up time)

    here = Path.cwd()

    def near(place: object) -> str:
        return str(place).removeprefix(f"{here}/")

    text = Text()
    if found.entries:
        width = max(len(entry.path) for entry in found.entries)
        for entry in found.entries:
            place = near(entry.location) if entry.location else "by default"
            text.append(f"{entry.path:<{width}}  ", style="bold")
            text.append(f"{_value(entry.value)}  ").append(f"{place}\n", style="dim")
        with_.terminal.out.print(text, end="", soft_wrap=True)
        return
    text.append(found.path, style="bold").append(f" = {_value(found.value)}\n")
    if not found.layers:
        text.append("  by default: no file says it\n", style="dim")
    for number, layer in enumerate(found.layers):
        text.append(
            "  set in   " if number == 0 else "  replaced ", style="green" if number == 0 else "yellow"
        )
        text.append(f"{near(layer.location)}  ", style="cyan").append(f"{layer.written}\n")
        for variable in layer.variables:
            value = "" if variable.value is None else f" = {_value(variable.value)}"
            text.append(f"             {variable.name}{value}  ").append(
                f"{near(variable.source)}\n", style="dim"
            )
    with_.terminal.out.print(text, end="", soft_wrap=True)


def _value(value: Any) -> str:
    return value if isinstance(value, str) and value else json_text.dumps(value, ensure_ascii=False)
