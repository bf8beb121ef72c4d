"""The verbs of `podkeeper env`: environments, listed, shown, chosen and compared."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from containers.cli.environment_reports import FORMATS, Report
from containers.cli.running import Run, run
from containers.cli.texts import write_out
from containers.compose.secrecy import masked
from containers.model.diagnostics import Severity
from containers.model.errors import ErrorCode, PodkeeperError
from containers.model.project import ResolvedProject

Json = Annotated[bool, typer.Option("--json", help="Print data for programs.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="Write to a file.")]
EXAMPLE = ".env.example"


class Format(StrEnum):
    """How environments are compared."""

    TABLE = "table"
    MARKDOWN = "markdown"
    JSON = "json"
    HTML = "html"


Shown = Annotated[Format, typer.Option("--format", help="table, markdown, json or html (one whole page).")]


def register(app: typer.Typer) -> None:
    """Add the group to the command line."""
    group = typer.Typer(
        help="Environments: list, show, choose and compare them.", no_args_is_help=True, rich_markup_mode=None
    )
    group.command("list", epilog="Example: podkeeper env list")(list_environments)
    group.command(epilog="Example: podkeeper env show staging")(show)
    group.command(epilog="Example: podkeeper env use staging; podkeeper env use development")(use)
    group.command(epilog="Example: podkeeper env init")(init)
    group.command(epilog="Example: podkeeper env diff staging production --format markdown")(diff)
    group.command(epilog="Example: podkeeper env matrix --format html -o environments.html")(matrix)
    app.add_typer(group, name="env")


def list_environments(context: typer.Context, json: Json = False) -> None:
    """List the environments: what each is called on the engine, and whether its files are right."""

    async def verb(with_: Run) -> int:
        environments = with_.manager.environments
        rows: list[dict[str, Any]] = []
        for name in environments.list_environments():
            loaded = environments.load_project(name)
            errors = sum(d.severity is Severity.ERROR for d in loaded.diagnostics)
            try:
                description = environments.load_environment_config(name).description
            except PodkeeperError:
                description = ""
            rows.append(
                {
                    "environment": name,
                    "selected": name == with_.manager.environment,
                    "project": loaded.project.name if loaded.project else None,
                    "services": len(loaded.project.services) if loaded.project else None,
                    "errors": errors,
                    "description": description,
                }
            )
        if json:
            with_.terminal.json(rows)
        else:
            with_.terminal.out.print(_listing(rows))
        return 0

    run(context, verb)


def _listing(rows: list[dict[str, Any]]) -> Any:
    from rich import box  # noqa: PLC0415  (start-up time)
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("", "ENVIRONMENT", "PROJECT", "SERVICES", "STATE", "DESCRIPTION"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        errors = row["errors"]
        state = Text("valid", style="green")
        if errors:
            state = Text(f"{errors} error{'s' if errors > 1 else ''}", style="red")
        table.add_row(
            "*" if row["selected"] else "",
            row["environment"],
            row["project"] or "",
            "" if row["services"] is None else str(row["services"]),
            state,
            row["description"],
        )
    return table


def show(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="The environment; else the selected one.")] = None,
    json: Json = False,
) -> None:
    """Show what an environment is made of; values that look like secrets are hidden."""

    async def verb(with_: Run) -> int:
        config = with_.manager.environments.load_environment_config(name or with_.manager.environment)
        written = config.model_dump(mode="json", exclude={"locations"})
        hidden = {key: masked(key, value) for key, value in config.environment_variables.items()}
        written["environment_variables"] = hidden
        if json:
            with_.terminal.json(written)
            return 0
        from containers.compose.writing import to_yaml  # noqa: PLC0415  (start-up time)

        shown = {key: value for key, value in written.items() if value not in (None, "", [], {})}
        with_.terminal.line(to_yaml(shown))
        return 0

    run(context, verb)


def use(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(help="The environment; nothing prints the selected one.")
    ] = None,
) -> None:
    """Choose the environment that every verb in this folder takes, unless it is told another."""

    async def verb(with_: Run) -> int:
        if name is None:
            with_.terminal.line(with_.manager.environment)
            return 0
        with_.manager.environments.load_environment_config(name)
        with_.app.choices.choose(with_.manager.environments.selection.folder, name)
        with_.terminal.note(f"{name} is the environment of this folder now")
        return 0

    run(context, verb)


def init(
    context: typer.Context,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that says something else.")] = False,
) -> None:
    """Write `.env.example`: every variable of every environment, with its default and where it is used."""

    async def verb(with_: Run) -> int:
        environments = with_.manager.environments
        text, count = environments.variable_template()
        path = environments.selection.folder / EXAMPLE
        if path.exists() and path.read_text() != text and not force:
            raise PodkeeperError(
                ErrorCode.CONFLICT,
                f"{path} is there already and says something else",
                remedy="look at it, then use --force, or move it away",
            )
        write_out(path, text)
        with_.terminal.note(f"{path}: {count} variables")
        return 0

    run(context, verb)


def diff(
    context: typer.Context,
    before: Annotated[str, typer.Argument(help="An environment.")],
    after: Annotated[str, typer.Argument(help="Another environment.")],
    output_format: Shown = Format.TABLE,
    output: Output = None,
) -> None:
    """Show what differs between two environments, per service and key; secrets stay hidden."""

    async def verb(with_: Run) -> int:
        from containers.compose.comparing import differences  # noqa: PLC0415  (start-up time)

        found = differences(_project(with_, before), _project(with_, after))
        return _print(with_, Report.of_differences(before, after, found), output_format, output)

    run(context, verb)


def matrix(
    context: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(help="Environments; else all of them.")] = None,
    output_format: Shown = Format.TABLE,
    output: Output = None,
) -> None:
    """Show what reviewers ask of every service, side by side for each environment."""

    async def verb(with_: Run) -> int:
        from containers.compose import matrix as table  # noqa: PLC0415  (start-up time)

        chosen = names or with_.manager.environments.list_environments()
        found = table.matrix({name: _project(with_, name) for name in chosen})
        return _print(with_, Report.of_matrix(found), output_format, output)

    run(context, verb)


def _project(with_: Run, name: str) -> ResolvedProject:
    """An environment's project, all profiles on: what is compared is what is written."""
    loaded = with_.manager.environments.load_project(name, all_profiles=True)
    try:
        return loaded.require()
    except PodkeeperError as error:
        raise PodkeeperError(error.code, f"{name}: {error}", remedy=error.remedy) from error


def _print(with_: Run, report: Report, chosen: Format, output: Path | None) -> int:
    if chosen is Format.TABLE and output is None:
        with_.terminal.out.print(report.table())
        return 0
    text = FORMATS[chosen](report)
    if output is None:
        with_.terminal.line(text)
    else:
        write_out(output, text)
        with_.terminal.note(f"written to {output}")
    return 0
