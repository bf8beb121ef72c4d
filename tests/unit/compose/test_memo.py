"""Loading again after an edit gives what loading from scratch gives."""

from pathlib import Path

import pytest
from tests.fakes.memory_files import MemoryFiles

from containers.compose.loading import LoadRequest, LoadResult, load_project
from containers.compose.memo import Memo

STACK = """\
services:
  web: {image: "x:${TAG:-1}", env_file: a.env, depends_on: [db], x-on: 1}
  db: {image: db, environment: {PRICE: 5$$}}
"""


def load(memo: Memo | None, text: str = STACK, env: str = "A=1\n", **request: str) -> LoadResult:
    """Load the stack from files that say so."""
    files = MemoryFiles({"/w/compose.yaml": text, "/w/a.env": env})
    return load_project(LoadRequest(working_dir=Path("/w"), environment=request), files, memo)


@pytest.mark.parametrize(
    ("text", "env", "variables"),
    [
        (STACK, "A=1\n", {}),
        (STACK.replace("5$$", "6$$"), "A=1\n", {}),
        (STACK.replace("x-on: 1", "x-on: true"), "A=1\n", {}),
        (STACK.replace("x-on: 1", "x-on: 1.0"), "A=1\n", {}),
        (STACK, "A=2\n", {}),
        (STACK, "A=1\n", {"TAG": "2"}),
        (STACK, "A=1\n", {"COMPOSE_PROJECT_NAME": "other"}),
        (f"# moved\n\n{STACK}", "A=1\n", {}),
        (STACK.replace("db: {image: db,", "db: {build: .,"), "A=1\n", {}),
    ],
    ids=[
        "nothing",
        "a value",
        "a type",
        "a float",
        "an env file",
        "a variable",
        "the name",
        "lines",
        "a key",
    ],
)
def test_an_edit_changes_just_what_it_says(text: str, env: str, variables: dict[str, str]) -> None:
    """Documents, typed services, fingerprints and places are those of a load without memory."""
    memo = Memo()
    load(memo)
    again, anew = load(memo, text, env, **variables), load(None, text, env, **variables)
    assert again.project is not None
    assert anew.project is not None
    assert again.project.document == anew.project.document
    assert repr(again.project.document) == repr(anew.project.document)
    assert again.project.services == anew.project.services
    assert again.project.config_hash == anew.project.config_hash
    assert dict(again.project.locations) == dict(anew.project.locations)


def test_what_is_unchanged_is_not_made_again() -> None:
    """The very same object, so that nothing was done for it."""
    memo = Memo()
    first, second = load(memo).project, load(memo, STACK.replace("5$$", "6$$")).project
    assert first is not None
    assert second is not None
    db, web = first.services
    assert (db, web) == ("db", "web")
    assert second.services[web] is first.services[web]
    assert second.services[db] is not first.services[db]


def test_an_error_is_told_each_time() -> None:
    """What went wrong once is not remembered as done."""
    memo = Memo()
    wrong = STACK.replace("image: db,", "image: db, stop_grace_period: soon,")
    codes = [[d.code for d in load(memo, wrong).diagnostics] for _ in range(2)]
    assert codes[0] == codes[1] != []
    assert load(memo).project is not None
