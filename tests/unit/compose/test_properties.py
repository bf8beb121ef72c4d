"""What holds for every compose project, whatever is in it.

`PODKEEPER_EXAMPLES` says how many examples each property is tried with; without it they are few, and always
the same ones.
"""

import json
import os
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.fakes.memory_files import HERE, MemoryFiles
from tests.fuzz.valid_projects import (
    ODD,
    PLAIN,
    Document,
    as_yaml,
    projects,
    texts,
    variables,
)

from containers.compose.dotenv import parse
from containers.compose.hiding import Hidden
from containers.compose.loading import LoadRequest, load_project
from containers.compose.rendering import materials, render
from containers.compose.writing import to_json, to_yaml
from containers.model.base import ServiceName
from containers.model.project import ResolvedProject, ServiceConfig

EXAMPLES = os.environ.get("PODKEEPER_EXAMPLES")
examples = settings(
    max_examples=int(EXAMPLES or 40),
    deadline=None,
    derandomize=EXAMPLES is None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
A = ServiceName("a")
ENVIRONMENT = {"HOME": "/home/me", "TOKEN": "t", "PAGE": "p"}


class Verbatim(MemoryFiles):
    """Files with just these texts."""

    def __init__(self, contents: Mapping[str, str]) -> None:
        """Take texts by path, relative to the demo folder."""
        super().__init__({})
        self._texts.update({HERE / path: text for path, text in contents.items()})


def load(*layers: str, environment: Mapping[str, str] = ENVIRONMENT, **beside: str) -> ResolvedProject:
    """Load compose files that are laid over each other, with every profile; they must be right.

    `beside` are further files, by their name without its dot.
    """
    named = {f"{number}.yaml": layer for number, layer in enumerate(layers)}
    request = LoadRequest(
        working_dir=HERE,
        files=tuple(HERE / name for name in named),
        project_name="p",
        profiles=("*",),
        environment=environment,
    )
    files = Verbatim({**named, **{f".{name}": text for name, text in beside.items()}})
    result = load_project(request, files)
    assert result.project is not None, [str(diagnostic) for diagnostic in result.diagnostics]
    return result.project


def facts(project: ResolvedProject) -> Mapping[str, Any]:
    """All that a project says, its hashes among it, but for where it was written."""
    return project.model_dump(exclude={"locations", "files", "sources"})


# The canonical form


@pytest.mark.parametrize("write", [to_yaml, to_json])
@given(document=projects())
@examples
def test_the_canonical_form_is_a_project_that_resolves_to_itself(
    write: Callable[[Mapping[str, Any]], str], document: Document
) -> None:
    """Written as YAML or JSON and loaded again, it has the same document, services and hashes."""
    project = load(as_yaml(document))
    assert facts(load(write(project.document))) == facts(project)


@given(st.dictionaries(variables, texts, max_size=4), st.lists(texts, max_size=4))
@example({f"V{number}": text for number, text in enumerate(ODD)}, list(ODD))
@examples
def test_texts_reach_the_container_as_they_were_meant(values: dict[str, str], words: list[str]) -> None:
    """Neither YAML, nor interpolation, nor the canonical form takes a text for anything else."""
    project = load(as_yaml({"services": {"a": {"image": "x", "environment": values, "command": words}}}))
    for each in (project, load(to_yaml(project.document))):
        assert each.services[A].environment == values
        assert [word.replace("$$", "$") for word in each.document["services"]["a"]["command"] or ()] == words


@given(texts)
@examples
def test_what_a_variable_holds_is_not_looked_at_again(value: str) -> None:
    """Dollars in it are dollars, and it becomes no other type."""
    text = 'services: {a: {image: x, environment: {A: "${V}", B: "<$V>"}}}'
    project = load(text, environment={"V": value})
    assert project.services[A].environment == {"A": value, "B": f"<{value}>"}


# Merging


@st.composite
def layers(draw: Any) -> Document:
    """A file that can stand below others and above them; all of them are about the same services."""
    keys = {
        key: draw(PLAIN[key])
        for key in draw(st.lists(st.sampled_from(sorted(PLAIN)), max_size=6, unique=True))
    }
    if any("[" in str(host) for host in keys.get("extra_hosts") or ()):
        # An address in brackets is another than the same without, to docker compose as well.
        del keys["extra_hosts"]
    return {
        "services": {name: {"image": "x", "networks": ["n"], **keys} for name in ("a", "b")},
        "networks": {"n": None},
    }


@given(layers(), layers(), layers())
@examples
def test_files_can_be_merged_in_any_grouping(first: Document, second: Document, third: Document) -> None:
    """Whether what lies below was merged before makes no difference to mappings, lists and the rest."""
    one, two, three = as_yaml(first), as_yaml(second), as_yaml(third)
    whole = facts(load(one, two, three))
    below = to_yaml(load(one, two).document)
    assert facts(load(below, three)) == whole


@given(layers(), layers(), layers())
@examples
def test_documents_of_a_file_are_layers_like_files(
    first: Document, second: Document, third: Document
) -> None:
    """`---` separates what could as well be files."""
    one, two, three = as_yaml(first), as_yaml(second), as_yaml(third)
    whole = facts(load(one, two, three))
    assert facts(load(f"{one}\n---\n{two}\n---\n{three}\n")) == whole
    assert facts(load(one, f"{two}\n---\n{three}\n")) == whole


@given(layers())
@examples
def test_a_file_laid_over_itself_changes_nothing(document: Document) -> None:
    """Lists have each of their entries once, mappings each of their keys."""
    text = as_yaml(document)
    assert facts(load(text, text)) == facts(load(text))


@given(projects())
@examples
def test_a_file_that_says_nothing_changes_nothing(document: Document) -> None:
    """Above as below, with empty sections or with nothing but extensions."""
    text = as_yaml(document)
    empty = "{services: {}, networks: {}, volumes: {}, secrets: {}, configs: {}}"
    whole = facts(load(text))
    assert facts(load(text, empty)) == whole
    assert facts(load(empty, text)) == whole


@given(layers(), layers())
@examples
def test_extending_a_service_lays_one_over_the_other(below: Document, above: Document) -> None:
    """A service that extends that of another file is what the two files make of it together."""
    over = {"services": {"a": {**above["services"]["a"], "extends": {"file": ".base", "service": "a"}}}}
    extended = load(as_yaml({**above, **over}), base=as_yaml(below))
    merged = load(as_yaml(below), as_yaml(above))
    assert extended.services[A] == merged.services[A]
    assert extended.document["services"]["a"] == merged.document["services"]["a"]


@given(projects())
@examples
def test_including_a_file_is_loading_it(document: Document) -> None:
    """From the same folder, with nothing beside it."""
    text = as_yaml(document)
    included = facts(load("include: [.included]", included=text))
    alone = facts(load(text))
    assert {**included, "document": None, "config_hash": None} == {
        **alone,
        "document": None,
        "config_hash": None,
    }
    extensions = {key for key in alone["document"] if key.startswith("x-")}
    assert included["document"] == {k: v for k, v in alone["document"].items() if k not in extensions}


# Rendering for podman-compose

KEPT = frozenset(
    {
        *("cap_add", "cpus", "dns", "dns_search", "expose", "group_add", "hostname", "init", "mem_limit"),
        *("privileged", "read_only", "restart", "shm_size", "stop_signal", "sysctls"),
        *("tty", "user", "working_dir"),
    }
)
"""What podman-compose reads word for word.

Hidden behind placeholders are image, command, entrypoint, environment, labels, annotations, tests of checks
and paths of the host. Said in other words are ports, mounts, devices, extra hosts, limits, logging and
connections; configs become mounts. Left out is what the plan does: stopping, builds, dependencies, profiles,
pulling, replicas, and ranges of ports, which replicas share out.
"""


@given(projects())
@examples
def test_what_is_rendered_for_podman_compose_is_the_same_project(document: Document) -> None:
    """It is a compose file of its own, and once the placeholders are lifted it says the same."""
    project = load(as_yaml(document))
    done = render(project, {m: f"/state/{m.name}" for m in materials(project)}, (5, 4))
    rendered = json.loads(done.text)
    for service in rendered["services"].values():
        assert all(":" in limit for limit in service.pop("ulimits", {}).values())  # podman-compose's own form
    read = load(to_json(rendered))
    assert read.name == project.name
    assert set(read.services) - {"podkeeper-unused"} == set(project.services)
    for name, service in project.services.items():
        before, after = (each.document["services"][name] for each in (project, read))
        assert {key: after[key] for key in KEPT & after.keys()} == {
            key: before[key] for key in KEPT & before.keys()
        }
        check_service(service, read.services[name], done.hidden)
    for section in ("networks", "volumes"):
        assert named(read, section) == named(project, section)


def check_service(service: ServiceConfig, read: ServiceConfig, hidden: Hidden) -> None:
    """What is hidden comes back, and ports, networks and mounts are the same."""
    assert hidden.reveal(read.image) == service.image
    for before, after in ((service.environment, read.environment), (service.labels, read.labels)):
        expected = [f"{key}={value}" for key, value in before.items() if value is not None]
        assert list(hidden.reveal_list(f"{key}={value}" for key, value in after.items())) == expected
    assert set(read.ports) == {port for port in service.ports if "-" not in port.published}
    assert set(read.networks) == set(service.networks)
    lifted = {
        (mount.type, hidden.reveal(mount.source.removeprefix(f"{HERE}/")), mount.target, mount.read_only)
        for mount in read.volumes
    }
    single = service.replicas == 1
    expected_mounts = {
        (mount.type, mount.source, mount.target, mount.read_only)
        for mount in service.volumes
        if mount.source or mount.type == "tmpfs" or single
    }
    assert expected_mounts <= lifted
    assert len(lifted - expected_mounts) == len(service.configs)


def named(project: ResolvedProject, section: str) -> dict[str, str]:
    """The engine's names of the networks or volumes."""
    return {key: resource.name for key, resource in getattr(project, section).items()}


@given(projects())
@examples
def test_rendering_is_the_same_for_the_same_project(document: Document) -> None:
    """Nothing in it depends on how the project was written, so that a recording of it can be used again."""
    project = load(as_yaml(document))
    again = load(to_yaml(project.document))
    texts_of = [
        render(each, {m: f"/state/{m.name}" for m in materials(each)}, (4, 3, 1)).text
        for each in (project, again)
    ]
    assert texts_of[0] == texts_of[1]
    assert json.loads(texts_of[0])["name"] == "p"


# Env files


def double_quoted(text: str) -> str:
    """A value in double quotes."""
    escapes = {"\\": "\\\\", '"': '\\"', "$": "\\$", "\r": "\\r"}
    return '"' + "".join(escapes.get(char, char) for char in text) + '"'


@given(st.dictionaries(variables, texts, max_size=5))
@example({f"V{number}": text for number, text in enumerate(ODD)})
@examples
def test_values_in_double_quotes_come_back(values: dict[str, str]) -> None:
    """Backslashes, quotes, dollars and carriage returns are escaped; all else stands as it is."""
    text = "".join(f"{name}={double_quoted(value)}\n" for name, value in values.items())
    assert parse(text, {}) == values
    assert parse(text.replace("\n", "\r\n"), {}) == values


@given(st.dictionaries(variables, texts.filter(lambda text: not set(text) & set("\\\r")), max_size=5))
@examples
def test_values_in_single_quotes_come_back(values: dict[str, str]) -> None:
    """Only a single quote is escaped; a dollar is a dollar. Backslashes and carriage returns have no way."""
    quoted = {name: value.replace("'", "\\'") for name, value in values.items()}
    text = "".join(f"{name}='{value}' # why\n" for name, value in quoted.items())
    assert parse(text, {}) == values


@given(st.dictionaries(variables, texts.filter(lambda text: not set(text) & set("\n\r")), max_size=5))
@examples
def test_raw_values_come_back(values: dict[str, str]) -> None:
    """Whatever stands on the rest of the line."""
    text = "".join(f"{name}={value}\n" for name, value in values.items())
    assert parse(text, {}, raw=True) == values


@given(st.dictionaries(variables, texts, max_size=5))
@examples
def test_env_files_give_containers_what_they_say(values: dict[str, str]) -> None:
    """Read for a service, and for the project's variables."""
    text = "".join(f"{name}={double_quoted(value)}\n" for name, value in values.items())
    project = load("services: {a: {image: x, env_file: .given}}", given=text)
    assert project.services[A].environment == values
    uses = "{" + ", ".join(f"{name}: '${{{name}}}'" for name in values) + "}"
    project = load(f"services: {{a: {{image: x, environment: {uses}}}}}", environment={}, env=text)
    assert project.services[A].environment == values
