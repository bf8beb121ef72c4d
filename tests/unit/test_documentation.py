"""What the documentation tells people to type is understood."""

import re
import shlex
from pathlib import Path

import click
import pytest
from typer.main import get_command

from containers.cli.main import app
from containers.model.errors import ErrorCode

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
FENCE = re.compile(r"^```[a-z]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`((?:[A-Z_]+=\S+ )*podkeeper [^`]+)`")
PLACEHOLDER = re.compile(r"[\[\]…]|\.\.\.|\bVERB\b")


def commands(page: Path) -> set[str]:
    """The command lines of a page, from its blocks and its sentences."""
    text = page.read_text()
    found = [line.removeprefix("$ ") for block in FENCE.findall(text) for line in block.splitlines()]
    found += INLINE.findall(FENCE.sub("", text))
    told = {re.split(r" {2,}| #", re.sub(r"^(?:[A-Z_]+=\S+ )+", "", line))[0].strip() for line in found}
    return {
        re.sub(r" \[[A-Z]+\]", "", line)
        for line in told
        if line.startswith("podkeeper ") and not PLACEHOLDER.search(re.sub(r" \[[A-Z]+\]|\[\d+\]", "", line))
    }


ALL = sorted({(page.name, line) for page in PAGES for line in commands(page)})


@pytest.mark.parametrize(("page", "line"), ALL, ids=[f"{page}: {line}" for page, line in ALL])
def test_a_command_of_the_documentation_is_understood(page: str, line: str) -> None:
    """Its verbs and options exist, and their values have the right form."""
    del page
    command: click.Command = get_command(app)  # type: ignore[assignment]  # typer carries its own click
    arguments = shlex.split(line)[1:]
    context = None
    while hasattr(command, "commands"):
        context = command.make_context(command.name or "podkeeper", arguments, parent=context)
        rest = [*context._protected_args, *context.args]
        _, command, arguments = command.resolve_command(context, rest)  # type: ignore[attr-defined]
    assert command.make_context(command.name or "", arguments, parent=context) is not None


def test_the_documentation_is_full_of_commands() -> None:
    """Or the search above found nothing."""
    assert len(ALL) > 40


def test_every_error_code_has_its_cause_and_remedy_told() -> None:
    """Each code stands in the first column of a table of the page on troubleshooting."""
    rows = re.findall(r"^\| (`[^|]+) \|", (ROOT / "docs" / "troubleshooting.md").read_text(), re.MULTILINE)
    told = {code for cell in rows for code in re.findall(r"`(\w+)`", cell)}
    assert {str(code) for code in ErrorCode} - told == set()
