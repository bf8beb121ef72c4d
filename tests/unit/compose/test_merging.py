"""Several files: what is merged, appended and replaced."""

from typing import Any

import pytest


def merged(resolve: Any, base: str, over: str) -> dict[str, Any]:
    """The service `a` of two files, given as flow mappings of its keys."""
    texts = {
        "a.yaml": f"services: {{a: {{image: x, {base}}}}}",
        "b.yaml": f"services: {{a: {{{over}}}}}",
    }
    project = resolve(texts, files=("a.yaml", "b.yaml"))
    return dict(project.document["services"]["a"])


@pytest.mark.parametrize(
    ("key", "base", "over", "expected"),
    [
        ("user", "user: a", "user: b", "b"),
        ("command", "command: [a]", "command: [b]", ["b"]),
        ("entrypoint", "entrypoint: a b", "entrypoint: c", ["c"]),
        ("environment", "environment: {A: 1, B: 1}", "environment: [B=2]", {"A": "1", "B": "2"}),
        ("labels", "labels: [a=1]", "labels: {b: 2}", {"a": "1", "b": "2"}),
        ("dns", "dns: 1.1.1.1", "dns: [8.8.8.8]", ["1.1.1.1", "8.8.8.8"]),
        ("cap_add", "cap_add: [A]", "cap_add: [A, B]", ["A", "B"]),
        ("tmpfs", "tmpfs: /a", "tmpfs: [/b, /a]", ["/a", "/b"]),
        ("expose", "expose: [80]", "expose: ['80', 90]", ["80", "90"]),
        ("profiles", "profiles: ['']", "profiles: [x]", ["", "x"]),
        (
            "extra_hosts",
            "extra_hosts: {a: 1.1.1.1}",
            "extra_hosts: ['b:2.2.2.2']",
            ["a=1.1.1.1", "b=2.2.2.2"],
        ),
        ("sysctls", "sysctls: {n: 1}", "sysctls: [n=2]", {"n": "2"}),
        (
            "ulimits",
            "ulimits: {nofile: 1}",
            "ulimits: {nofile: {soft: 2, hard: 3}}",
            {"nofile": {"hard": 3, "soft": 2}},
        ),
    ],
)
def test_each_key_has_its_rule(resolve: Any, key: str, base: str, over: str, expected: Any) -> None:
    """Lists are appended without repeats, mappings merged, commands replaced."""
    assert merged(resolve, base, over)[key] == expected


def test_volumes_are_one_for_each_target(resolve: Any) -> None:
    """A later volume takes the place of the one at the same target."""
    service = merged(resolve, "volumes: ['/a:/t', '/b:/u']", "volumes: ['/c:/t:ro']")
    assert [(v["source"], v["target"]) for v in service["volumes"]] == [("/c", "/t"), ("/b", "/u")]


def test_ports_are_appended(resolve: Any) -> None:
    """The same port is said once."""
    service = merged(resolve, "ports: ['80:80']", "ports: ['80:80', '81:81']")
    assert [port["published"] for port in service["ports"]] == ["80", "81"]


@pytest.mark.parametrize(("driver", "options"), [("a", {"x": "1", "y": "2"}), ("b", {"y": "2"})])
def test_logging_options_merge_only_for_one_driver(
    resolve: Any, driver: str, options: dict[str, str]
) -> None:
    """Options of another driver would mean nothing."""
    base = "logging: {driver: a, options: {x: 1}}"
    service = merged(resolve, base, f"logging: {{driver: {driver}, options: {{y: 2}}}}")
    assert service["logging"] == {"driver": driver, "options": options}


def test_dependencies_merge_across_their_forms(resolve: Any) -> None:
    """A list of names and a mapping of conditions become one mapping."""
    texts = {
        "a.yaml": "services: {a: {image: x, depends_on: [b]}, b: {image: x}, c: {image: x}}",
        "b.yaml": "services: {a: {depends_on: {c: {condition: service_healthy}}}}",
    }
    project = resolve(texts, files=("a.yaml", "b.yaml"))
    conditions = {name: d.condition for name, d in project.services["a"].depends_on.items()}
    assert conditions == {"b": "service_started", "c": "service_healthy"}


def test_reset_removes_and_override_replaces(resolve: Any) -> None:
    """The two tags of the specification."""
    service = merged(
        resolve,
        "ports: ['80:80'], environment: {A: 1, B: 1}, dns: [1.1.1.1], user: u",
        "ports: !override ['90:90'], environment: {A: !reset null}, dns: !reset [], user: !reset null",
    )
    assert [port["published"] for port in service["ports"]] == ["90"]
    assert service["environment"] == {"B": "1"}
    assert "dns" not in service
    assert "user" not in service


def test_what_is_laid_over_a_mapping_must_be_one(errors: Any) -> None:
    """The error stands at the later value, and names the earlier one."""
    texts = {
        "a.yaml": "services: {a: {image: x, healthcheck: {interval: 5s}}}",
        "b.yaml": "services: {a: {healthcheck: 7}}",
    }
    (error,) = errors(texts, files=("a.yaml", "b.yaml"))
    assert error.location.path.name == "b.yaml"
    assert [place.path.name for place in error.related] == ["a.yaml"]


def test_nothing_laid_over_a_mapping_changes_nothing(resolve: Any) -> None:
    """A key without a value leaves what is there."""
    assert merged(resolve, "healthcheck: {interval: 5s}", "healthcheck: ")["healthcheck"] == {
        "interval": "5s"
    }


def test_what_is_wrong_in_a_file_is_wrong_however_it_is_overridden(errors: Any) -> None:
    """Each file is checked before the next one is laid over it."""
    texts = {
        "a.yaml": "services: {a: {image: x, hostname: '${MISSING:?}', tty: maybe, cap_add: ALL}}",
        "b.yaml": "services: {a: {hostname: h, tty: true, cap_add: !override [ALL]}}",
    }
    found = errors(texts, files=("a.yaml", "b.yaml"))
    assert {error.location.path.name for error in found} == {"a.yaml"}
    assert len(found) == 3


def test_every_value_says_which_file_it_came_from(resolve: Any) -> None:
    """Locations survive merging."""
    texts = {
        "a.yaml": "services:\n  a:\n    image: x\n    environment:\n      A: 1\n",
        "b.yaml": "services:\n  a:\n    environment:\n      - B=2\n    user: me\n",
    }
    project = resolve(texts, files=("a.yaml", "b.yaml"))
    places = {
        path: str(project.location_of("services", "a", *path))
        for path in [("image",), ("environment", "A"), ("environment", "B"), ("user",)]
    }
    assert places == {
        ("image",): "/srv/demo/a.yaml:3:12",
        ("environment", "A"): "/srv/demo/a.yaml:5:10",
        ("environment", "B"): "/srv/demo/b.yaml:4:9",
        ("user",): "/srv/demo/b.yaml:5:11",
    }
