"""What is printed can be read again."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.memory_files import MemoryFiles

from containers.compose.loading import LoadRequest, load_project
from containers.compose.writing import to_json, to_yaml

ODD = [
    "",
    " ",
    "yes",
    "no",
    "on",
    "y",
    "N",
    "null",
    "~",
    "1",
    "1_000",
    "0o14",
    "0x1f",
    "1e3",
    "1.0",
    ".inf",
    ".5",
    "2001-01-01",
    "12:30:45",
    "- a",
    "a: b",
    "# c",
    "a #b",
    "'",
    '"',
    "!x",
    "&a",
    "*a",
    "%",
    "@",
    "`",
    "{",
    "[",
    "|",
    ">",
    "a\nb",
    "a \n b\n",
    "\n",
    "\ta",
    "a\t",
    "ä",
    "\u2028",
    "\U0001f600",
    "a\\b",
    "=",
    "<<",
    "---",
]


def reread(text: str) -> Any:
    """The environment of the one service in a printed document, as it is loaded."""
    result = load_project(LoadRequest(working_dir=Path("/w")), MemoryFiles({"/w/compose.yaml": text}))
    assert result.project is not None, [str(d) for d in result.diagnostics]
    return result.project.document["services"]["a"].get("environment", {})


@pytest.mark.parametrize("write", [to_yaml, to_json])
def test_odd_values_stay_what_they_are(write: Any) -> None:
    """Words that some dialect of YAML takes for something else, and everything that needs quotes."""
    environment = {f"V{number}": value for number, value in enumerate(ODD)}
    text = write({"name": "p", "services": {"a": {"image": "x", "environment": environment}}})
    assert reread(text) == environment
    assert yaml.safe_load(text)["services"]["a"]["environment"] == environment


@given(st.dictionaries(st.from_regex(r"[A-Z]{1,5}", fullmatch=True), st.text(st.characters(codec="utf-8"))))
def test_any_text_survives(environment: dict[str, str]) -> None:
    """Whatever is in it, but for what YAML has no place for and what would be a variable."""
    kept = {k: v for k, v in environment.items() if "$" not in v and v.isprintable()}
    assert reread(to_yaml({"name": "p", "services": {"a": {"image": "x", "environment": kept}}})) == kept


def test_sections_come_in_the_order_that_people_expect() -> None:
    """The name first, extensions last."""
    document = {"x-a": 1, "volumes": {}, "services": {}, "networks": {}, "name": "p", "secrets": {}}
    order = ["name", "services", "networks", "volumes", "secrets", "x-a"]
    assert list(yaml.safe_load(to_yaml(document))) == order
