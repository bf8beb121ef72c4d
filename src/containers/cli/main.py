"""The command `podkeeper`: global options and where the verbs are."""

from pathlib import Path
from typing import Annotated

import typer

from containers import __version__
from containers.cli.globals import Ansi, Globals, Progress
from containers.cli.verbs import Verbs

app = typer.Typer(
    name="podkeeper",
    cls=Verbs,
    help="Keep Compose stacks healthy on Podman.",
    epilog="Example: podkeeper up, podkeeper ps, podkeeper logs -f api, podkeeper down",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"podkeeper {__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    files: Annotated[
        list[Path] | None,
        typer.Option("--file", "-f", help="Compose file; again to merge more."),
    ] = None,
    project_name: Annotated[
        str | None, typer.Option("--project-name", "-p", help="The project's name.")
    ] = None,
    profiles: Annotated[list[str] | None, typer.Option("--profile", help="Enable a profile.")] = None,
    env_files: Annotated[
        list[Path] | None, typer.Option("--env-file", help="Variables, instead of .env.")
    ] = None,
    project_directory: Annotated[
        Path | None,
        typer.Option("--project-directory", help="Where relative paths in the compose files begin."),
    ] = None,
    environment: Annotated[
        str | None,
        typer.Option(
            "--env",
            "-e",
            envvar="PODKEEPER_ENV",
            help="The environment; else the one that `env use` chose, else development.",
        ),
    ] = None,
    progress: Annotated[Progress, typer.Option(help="How progress is shown.")] = Progress.AUTO,
    ansi: Annotated[Ansi, typer.Option(help="When to use colours and move the cursor.")] = Ansi.AUTO,
    engine_url: Annotated[
        str | None, typer.Option("--engine", help="Podman's socket, such as unix:///run/podman/podman.sock.")
    ] = None,
    _version_wanted: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Options that stand before the verb."""
    context.obj = Globals(
        files=tuple(files or ()),
        project_name=project_name,
        profiles=tuple(profiles or ()),
        env_files=tuple(env_files or ()),
        project_directory=project_directory,
        environment=environment,
        progress=progress,
        ansi=ansi,
        engine_url=engine_url,
    )


def main() -> None:
    """Run the command line."""
    app(prog_name="podkeeper")
