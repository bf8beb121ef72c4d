"""Loading again after an edit gives what loading from scratch gives."""

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.memory_files import MemoryFiles

from containers.compose.chunks import split
from containers.compose.incremental import Incremental
from containers.compose.loading import LoadRequest, LoadResult, load_project

STACK = """\
name: shop
x-common: &common {restart: always}

services:
  # the front
  web:
    <<: *common
    image: "x:${TAG:-1}"
    env_file: a.env
    depends_on: [db]
    x-on: 1
    command: |+
      say this

  db:
    image: db
    environment: {PRICE: 5$$, HOST: $HOST}
    volumes: [data:/data]
  job: {image: job, profiles: [now], ports: ["80:80"]}
networks:
  default: {}
volumes:
  data: {}
"""
FILES = {"compose.yaml": STACK, "a.env": "A=1\n", "b.env": "B=1\n"}


def load(incremental: Incremental | None, texts: Mapping[str, str], **request: Any) -> LoadResult:
    """Load the stack from files that say so."""
    files = MemoryFiles({f"/w/{name}": text for name, text in texts.items()})
    asked = LoadRequest.model_validate({"working_dir": Path("/w"), **request})
    return load_project(asked, files) if incremental is None else incremental.load(asked, files)


def assert_alike(again: LoadResult, anew: LoadResult) -> None:
    """Documents to the type, typed services, fingerprints, places and everything that was said."""
    assert sorted(map(str, again.diagnostics)) == sorted(map(str, anew.diagnostics))
    assert set(again.files) == set(anew.files)
    assert repr(again.document) == repr(anew.document)
    assert (again.project is None) == (anew.project is None)
    if again.project is not None and anew.project is not None:
        left, right = again.project, anew.project
        assert (left.services, left.config_hash) == (right.services, right.config_hash)
        assert (list(left.services), left.disabled_services) == (
            list(right.services),
            right.disabled_services,
        )
        assert set(left.sources) == set(right.sources)
        # the section as a whole may seem to begin later, where an override took over its first service
        places = [{k: v for k, v in p.locations.items() if k != ("services",)} for p in (left, right)]
        assert places[0] == places[1]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("5$$", "6$$"),
        ("5$$", "$UNSET"),
        ("$HOST", "x"),
        ("x-on: 1", "x-on: true"),
        ("x-on: 1", "x-on: 1.0"),
        ("image: db", "build: ."),
        ("image: db", "image: 'db"),
        ("image: db", "imagee: db"),
        ("image: db", 'image: "db'),
        ("  db:\n", "  other:\n"),
        ("  db:\n", "  web:\n"),
        ("  db:\n", "\n  db:\n"),
        ("  db:\n", "  db: &db\n"),
        ("[db]", "[job]"),
        ("[now]", "[]"),
        ("say this", "say that"),
        ("restart: always", "restart: no"),
        ("data:/data", "none:/data"),
        ("name: shop", "name: other"),
        ("a.env", "b.env"),
        ("a.env", "c.env"),
        ("  job: {image: job", "  job: {image: [job"),
        ("services:\n", "services:  # all\n"),
        ("networks:\n", "---\nnetworks:\n"),
        ("  default: {}\n", "  default: {internal: true}\n"),
    ],
)
def test_an_edit_changes_just_what_it_says(old: str, new: str) -> None:
    """There, and back again."""
    incremental = Incremental()
    edited = {**FILES, "compose.yaml": STACK.replace(old, new)}
    assert edited != FILES
    for texts in (FILES, edited, FILES, edited, edited):
        assert_alike(load(incremental, texts), load(None, texts))


@pytest.mark.parametrize(
    "other",
    [
        {"a.env": "A=2\n"},
        {"a.env": "A=$NOBODY\n"},
        {".env": "TAG=9\n"},
        {"compose.override.yaml": "services: {db: {restart: always}}\n"},
        {"compose.override.yaml": "services:\n  db:\n    image: other\n"},
    ],
)
def test_another_file_changes_what_depends_on_it(other: dict[str, str]) -> None:
    """An env file, one that was not there, an override that comes and goes."""
    incremental = Incremental()
    for texts in (FILES, {**FILES, **other}, FILES):
        assert_alike(load(incremental, texts), load(None, texts))


@pytest.mark.parametrize(
    "request_",
    [
        {"environment": {"TAG": "2"}},
        {"project_name": "other"},
        {"profiles": ("now",)},
        {"variables": {"HOST": "h"}},
    ],
)
def test_another_request_is_another_answer(request_: dict[str, Any]) -> None:
    """Variables, the name, profiles."""
    incremental = Incremental()
    for asked in ({}, request_, {}):
        assert_alike(load(incremental, FILES, **asked), load(None, FILES, **asked))


def test_what_is_unchanged_is_not_made_again() -> None:
    """The very same objects, so that nothing was done for them."""
    incremental = Incremental()
    first = load(incremental, FILES)
    assert load(incremental, FILES) is first
    texts = {**FILES, "compose.yaml": STACK.replace("say this", "say that")}
    second = load(incremental, texts)
    assert first.project is not None
    assert second.project is not None
    same = {
        name: second.project.services[name] is first.project.services[name] for name in first.project.services
    }
    # something is said about HOST, which nobody has set, so that db is looked at each time
    assert same == {"db": False, "web": False}
    set_ = {"environment": {"HOST": "h"}}
    before, after = load(incremental, FILES, **set_).project, load(incremental, texts, **set_).project
    assert before is not None
    assert after is not None
    db, web = before.services
    assert after.services[db] is before.services[db]
    assert after.services[web] is not before.services[web]


OVERRIDE = "services:\n  web:\n    image: y\n  db:\n    command: [a]\n  extra:\n    image: z\n"
LINES = [
    "    image: other",
    "    restart: always",
    "    environment: {A: $A, B: '$$'}",
    "    ports: ['80:80']",
    "  new:",
    "  db:",
    "    depends_on: [web]",
    "    env_file: b.env",
    "    command: |+",
    "      text",
    "",
    "# note",
    "    'x",
    "    labels: {a: 1}",
    "volumes: {}",
    "services:",
    "    <<: *common",
    "    extends: web",
    "    volumes: [more:/m]",
]


@pytest.mark.parametrize("seed", range(12))
def test_any_sequence_of_edits_gives_what_the_last_one_gives(seed: int) -> None:
    """Lines that come, go, move and change, in both files, right or wrong."""
    random_ = random.Random(seed)  # noqa: S311  (for edits)
    incremental = Incremental()
    texts = {**FILES, "compose.override.yaml": OVERRIDE}
    for _ in range(40):
        name = random_.choice(["compose.yaml", "compose.yaml", "compose.override.yaml"])
        lines = texts[name].split("\n")
        at = random_.randrange(len(lines))
        match random_.randrange(5):
            case 0:
                lines.insert(at, random_.choice(LINES))
            case 1:
                del lines[at]
            case 2:
                lines[at] = random_.choice(LINES)
            case 3:
                lines[at] += random_.choice([" ", "x", "'", " # note", "0"])
            case _:
                lines = (STACK if name == "compose.yaml" else OVERRIDE).split("\n")
        texts = {**texts, name: "\n".join(lines)}
        assert_alike(load(incremental, texts), load(None, texts))


@pytest.mark.parametrize(
    "text",
    [
        "services: {a: {image: x}}\n",
        "services:\n  a: &a {image: x}\n  b: *a\n",
        "services:\n  a: {image: x}\n  b: {extends: a}\n",
        "include: [x]\nservices:\n  a: {image: x}\n",
        "services:\n  a: {image: x}\n---\nservices:\n  b: {image: x}\n",
        "services:\n  a: {image: x}\n  a: {image: y}\n",
        "services:\n  <<: *x\n  a: {image: x}\n",
        "services:\n\ta: {image: x}\n",
        "services:\n  'a': {image: x}\n",
        "volumes: {}\n",
        "",
    ],
)
def test_what_cannot_be_taken_apart_safely_is_left_whole(text: str) -> None:
    """Or else an edit could go unnoticed."""
    assert split(text) is None
