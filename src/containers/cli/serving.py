"""The verb that serves the editor."""

import asyncio
import logging
import sys
from typing import Annotated

import typer

from containers.app import serve_lsp
from containers.cli.globals import Globals, LogLevel


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command(epilog="Example: podkeeper lsp; an editor starts it, nobody else needs to")(lsp)


def lsp(
    context: typer.Context,
    log_level: Annotated[LogLevel, typer.Option(help="Of standard error.")] = LogLevel.INFO,
) -> None:
    """Serve the Language Server Protocol on standard input and output."""
    chosen = context.find_object(Globals) or Globals()
    logging.basicConfig(
        stream=sys.stderr,
        level=log_level.number,
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
    )
    logging.getLogger("pygls").setLevel(logging.WARNING)
    logging.getLogger("urllib3").setLevel(logging.WARNING)
    asyncio.run(serve_lsp(chosen.environ))
