"""Whether a project fits together."""

from typing import Any

import pytest

from containers.model.diagnostics import Severity
from containers.model.errors import ErrorCode


def test_a_cycle_relates_each_of_its_edges(errors: Any) -> None:
    """The places are where each dependency is written."""
    (error,) = errors(
        """\
        services:
          a:
            image: x
            depends_on: [b]
          b:
            image: x
            depends_on:
              c: {condition: service_started}
          c:
            image: x
            depends_on:
              - a
        """
    )
    assert error.code is ErrorCode.DEPENDENCY_CYCLE
    assert "a -> b -> c -> a" in error.message
    assert [str(place) for place in error.related] == [
        "/srv/demo/compose.yaml:4:18",
        "/srv/demo/compose.yaml:8:7",
        "/srv/demo/compose.yaml:12:9",
    ]
    assert error.location == error.related[0]


def test_many_paths_to_one_service_are_no_cycle(load: Any) -> None:
    """Twenty layers of four, all joined: looking at every path would never end."""
    lines = ["services:"]
    for layer in range(20):
        below = [f"s{layer - 1}-{n}" for n in range(4)] if layer else []
        lines += [f"  s{layer}-{n}: {{image: x, depends_on: [{', '.join(below)}]}}" for n in range(4)]
    assert load("\n".join(lines)).project is not None


@pytest.mark.parametrize(
    ("written", "noun", "column"),
    [
        ("networks: [nope]", "network `nope`", 16),
        ("volumes: ['nope:/d']", "volume `nope`", 15),
        ("secrets: [nope]", "secret `nope`", 15),
        ("configs: [{source: nope}]", "config `nope`", 16),
        ("depends_on: [nope]", "`nope`, which is no service", 18),
        ("models: [nope]", "model `nope`", 14),
        ("network_mode: service:nope", "`nope`, which is no service", 19),
        ("links: [nope]", "`nope`, which is no service", 13),
    ],
)
def test_an_undefined_name_is_placed_where_it_is_used(
    errors: Any, written: str, noun: str, column: int
) -> None:
    """Networks, volumes, secrets, configs, services."""
    (error,) = errors(f"services:\n  a:\n    image: x\n    {written}\n")
    assert error.code is ErrorCode.UNDEFINED_REFERENCE
    assert noun in error.message
    assert error.location.range.start.line == 3
    assert error.location.range.start.character in {column - 1, 4, column + 3}


def test_an_undefined_name_suggests_the_nearest(errors: Any) -> None:
    """Most of these are typing errors."""
    (error,) = errors("services: {web: {image: x, depends_on: [databse]}, database: {image: y}}")
    assert error.hint == "did you mean `database`?"


def test_a_dependency_that_no_profile_enables_is_told_apart(errors: Any, resolve: Any) -> None:
    """The hint is another one, and `required: false` makes it fine."""
    (error,) = errors("services: {a: {image: x, depends_on: [b]}, b: {image: x, profiles: [p]}}")
    assert "no active profile" in error.message
    project = resolve(
        """
        services:
          a: {image: x, depends_on: {b: {condition: service_started, required: false}}}
          b: {image: x, profiles: [p]}
        """
    )
    assert project.disabled_services == ("b",)
    assert not project.services["a"].depends_on["b"].required


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("on-failur", "did you mean `on-failure`?"),
        ("unless-stoped", "did you mean `unless-stopped`?"),
        ("never", "it must be one of no, always, on-failure, unless-stopped, or on-failure:3"),
        ("on-failure:many", "it must be one of no, always, on-failure, unless-stopped, or on-failure:3"),
        ("always:3", "it must be one of no, always, on-failure, unless-stopped, or on-failure:3"),
    ],
)
def test_a_restart_policy_that_podman_would_refuse_is_found_before(
    errors: Any, written: str, hint: str
) -> None:
    """Symptom: `up` had started everything else, and had to roll it back."""
    (error,) = errors(f"services:\n  a:\n    image: x\n    restart: {written}\n")
    assert (error.code, error.hint) == (ErrorCode.INVALID_VALUE, hint)
    assert str(error.location) == "/srv/demo/compose.yaml:4:14"


@pytest.mark.parametrize("written", ["'no'", "always", "on-failure", "on-failure:3", "unless-stopped", "''"])
def test_the_restart_policies_of_the_specification_are_taken(resolve: Any, written: str) -> None:
    """None at all, too."""
    service = resolve(f"services:\n  a:\n    image: x\n    restart: {written}\n").services["a"]
    assert service.restart_policy.name == (written.strip("'").partition(":")[0] or "no")


def test_a_service_needs_an_image_or_a_build(errors: Any, load: Any) -> None:
    """Unless consistency is not asked for."""
    (error,) = errors("services:\n  a: {user: me}\n")
    assert error.code is ErrorCode.INVALID_COMPOSE
    assert str(error.location) == "/srv/demo/compose.yaml:2:3"
    assert load("services: {a: {user: me}}", check_consistency=False).project is not None


@pytest.mark.parametrize(
    "services",
    [
        "a: {image: x, network_mode: host, networks: [default]}",
        "a: {build: {context: ., dockerfile: D, dockerfile_inline: FROM x}}",
        "a: {image: x, container_name: one, scale: 2}",
        "a: {image: x, container_name: one}, b: {image: x, container_name: one}",
        "a: {image: x, scale: 2, deploy: {replicas: 3}}",
        "a: {image: x, platform: linux/riscv64, build: {context: ., platforms: [linux/amd64]}}",
    ],
)
def test_what_excludes_each_other_is_refused(errors: Any, services: str) -> None:
    """Each pair is one conflict."""
    (error,) = errors(f"services: {{{services}}}\nnetworks: {{default: }}\n")
    assert error.code is ErrorCode.CONFLICT


def test_one_host_port_for_two_services_is_a_warning(load: Any) -> None:
    """Compose finds out only at the second start; we say so before, with both places."""
    result = load("services: {a: {image: x, ports: ['80:80']}, b: {image: x, ports: ['80:8080']}}")
    (warning,) = result.diagnostics
    assert (warning.code, warning.severity) == (ErrorCode.CONFLICT, Severity.WARNING)
    assert len(warning.related) == 1
    assert (
        load("services: {a: {image: x, ports: ['80:80']}, b: {image: x, ports: ['80:80/udp']}}").diagnostics
        == ()
    )


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("secrets: {s: {file: a, environment: B}}", ErrorCode.CONFLICT),
        ("configs: {c: {content: a, file: b}}", ErrorCode.CONFLICT),
        ("secrets: {s: {}}", ErrorCode.INVALID_COMPOSE),
        ("volumes: {v: {external: true, driver: x}}", ErrorCode.CONFLICT),
        ("networks: {n: {name: a, external: {name: b}}}", ErrorCode.CONFLICT),
    ],
)
def test_resources_must_say_one_thing(errors: Any, text: str, code: ErrorCode) -> None:
    """Where content comes from, and what is made elsewhere."""
    (error,) = errors(f"services: {{a: {{image: x}}}}\n{text}\n")
    assert error.code is code
