"""Why a value is what it is, through every stage that may have changed it."""

from pathlib import Path

import pytest
from tests.fakes.memory_files import MemoryFiles

from containers.environment_manager import EnvironmentManager, Selection
from containers.model.errors import ErrorCode, PodkeeperError
from containers.model.explanation import Explanation

FOLDER = Path("/w")
STACK = {
    "compose.yaml": """\
include: [part/compose.yaml]
x-common: &common {restart: always, init: true}
services:
  api:
    <<: *common
    extends: {file: base.yaml, service: base}
    image: "api:${TAG:-1}"
    restart: "no"
    env_file: [a.env, b.env]
    environment: {URL: "http://${HOST}:${PORT}/$$x", LEVEL: info}
    ports: ["8080:80", "8080:80"]
    depends_on: [db]
  db: {image: db}
""",
    "base.yaml": "services:\n  base:\n    image: base\n    user: '1'\n    environment: {LEVEL: debug}\n",
    "part/compose.yaml": "services: {part: {image: 'part:$TAG'}}\n",
    "part/.env": "TAG=of-part\n",
    "a.env": "# first\nLEVEL=a\nFROM_A=1\n",
    "b.env": "LEVEL=b\nFROM_A=2\n",
    ".env": "HOST=here\n\nPORT=80\n",
    "environments/live/environment.yaml": (
        "compose_files: [../../compose.yaml, over.yaml]\n"
        "env_files: [../../.env]\n"
        "variables: {HOST: there}\n"
        "resource_limits: {memory: 1g}\n"
    ),
    "environments/live/over.yaml": "services:\n  api:\n    environment: [LEVEL=warn]\n    user: '2'\n",
}


def explain(path: str, env: str = "development", environ: dict[str, str] | None = None) -> Explanation:
    """The explanation of one path of the stack above."""
    files = MemoryFiles({str(FOLDER / name): text for name, text in STACK.items()})
    one = EnvironmentManager(selection=Selection(folder=FOLDER), files=files, environ=environ or {})
    return one.explain(path, env)


def layers(explanation: Explanation) -> list[str]:
    """Each layer as `file:line:column text`."""
    return [
        f"{layer.location.path.relative_to(FOLDER)}:{layer.location.range.start.line + 1}"
        f":{layer.location.range.start.character + 1} {layer.written}"
        for layer in explanation.layers
    ]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("services.api.image", ['compose.yaml:7:12 "api:${TAG:-1}"', "base.yaml:3:12 base"]),
        ("services.api.restart", ['compose.yaml:8:14 "no"', "compose.yaml:2:29 always"]),
        ("services.api.init", ["compose.yaml:2:43 true"]),
        ("services.api.user", ["base.yaml:4:11 '1'"]),
        (
            "services.api.environment.LEVEL",
            ["compose.yaml:10:61 info", "base.yaml:5:26 debug", "b.env:1:1 LEVEL=b", "a.env:2:1 LEVEL=a"],
        ),
        ("services.api.environment.FROM_A", ["b.env:2:1 FROM_A=2", "a.env:3:1 FROM_A=1"]),
        ("services.api.ports[0]", ['compose.yaml:11:24 "8080:80"', 'compose.yaml:11:13 "8080:80"']),
        ("services.api.depends_on.db.required", []),
        ("services.part.image", ["part/compose.yaml:1:26 'part:$TAG'"]),
    ],
)
def test_each_place_that_set_a_value_is_named_from_the_last_to_the_first(
    path: str, expected: list[str]
) -> None:
    """Through merge keys, extends, includes, env files and repeated items; a default has no place."""
    assert layers(explain(path)) == expected


def test_an_overlay_is_named_above_what_it_replaced() -> None:
    """The environment's own file first, then the compose file, and so on down."""
    assert layers(explain("services.api.user", "live")) == [
        "environments/live/over.yaml:4:11 '2'",
        "base.yaml:4:11 '1'",
    ]
    assert layers(explain("services.api.environment.LEVEL", "live"))[:2] == [
        "environments/live/over.yaml:3:19 LEVEL=warn",
        "compose.yaml:10:61 info",
    ]
    assert layers(explain("services.db.mem_limit", "live")) == ["environments/live/environment.yaml:4:27 1g"]


def origins(explanation: Explanation) -> dict[str, tuple[str | None, str]]:
    """Each variable of the first layer with its value and source."""
    return {v.name: (v.value, v.source) for v in explanation.layers[0].variables}


def test_each_variable_says_where_it_comes_from() -> None:
    """The process, the environment's file, an env file with its line, or what is taken instead."""
    path = "services.api.environment.URL"
    assert explain(path).value == "http://here:80/$x"
    assert origins(explain(path)) == {"HOST": ("here", "/w/.env:1:1"), "PORT": ("80", "/w/.env:3:1")}
    live = origins(explain(path, "live", {"PORT": "9"}))
    assert live["HOST"] == ("there", "/w/environments/live/environment.yaml:3:19")
    assert live["PORT"] == ("9", "the process environment")
    assert origins(explain("services.api.image")) == {"TAG": (None, "not set; `1` is taken instead")}
    assert origins(explain("services.part.image")) == {"TAG": ("of-part", "/w/part/.env:1:1")}


def test_a_mapping_is_explained_value_by_value() -> None:
    """Each with the place nearest to it."""
    found = {e.path: (e.value, str(e.location)) for e in explain("services.api.ports").entries}
    assert found["services.api.ports[0].target"] == (80, "/w/compose.yaml:11:24")


def test_what_nobody_wrote_is_there_by_default() -> None:
    """Beside keys that were written, and in a service; what a short form implies stands where that does."""
    found = {e.path: e.location is not None for e in explain("services.api").entries}
    assert not found["services.api.command"]
    assert not found["services.api.networks.default"]
    assert found["services.api.depends_on.db.condition"]
    assert found["services.api.ports[0].protocol"]


@pytest.mark.parametrize(
    ("path", "message", "remedy"),
    [
        ("services.apy.image", "services has no `apy`", "did you mean api?"),
        ("services.api.ports[7]", "services.api.ports has no `7`", "it has 1 items, from 0 on"),
        ("services.api.image.tag", "services.api.image has no `tag`", "it is a single value"),
        ("zzz", "the project has no `zzz`", "there is: name, networks, services, x-common"),
    ],
)
def test_a_path_that_is_not_there_names_what_is(path: str, message: str, remedy: str) -> None:
    """Nearest first."""
    with pytest.raises(PodkeeperError) as wrong:
        explain(path)
    assert wrong.value.code is ErrorCode.NOT_FOUND
    assert (str(wrong.value), wrong.value.remedy) == (message, remedy)
