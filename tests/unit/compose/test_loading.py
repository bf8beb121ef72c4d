"""Which files, which variables, which name, which services; and the typed project over them."""

from pathlib import Path
from typing import Any

import pytest

from containers.model.diagnostics import Severity
from containers.model.errors import ErrorCode
from containers.model.project import DependencyCondition

IMAGE = "services: {a: {image: x}}"


def test_the_folder_and_those_above_it_are_searched(load: Any) -> None:
    """The nearest compose file and its override."""
    texts = {"compose.yaml": IMAGE, "compose.override.yaml": "services: {a: {user: me}}"}
    project = load(texts, working_dir=Path("/srv/demo/deep/down")).project
    assert [path.name for path in project.files] == ["compose.yaml", "compose.override.yaml"]
    assert project.working_dir == Path("/srv/demo")
    assert project.document["services"]["a"]["user"] == "me"


def test_named_files_come_without_the_override(resolve: Any) -> None:
    """What is named is all there is."""
    texts = {"compose.yaml": IMAGE, "compose.override.yaml": "services: {a: {user: me}}"}
    project = resolve(texts, files=("compose.yaml",))
    assert "user" not in project.document["services"]["a"]


def test_several_compose_files_are_told(load: Any) -> None:
    """The first by rank is taken."""
    result = load({"compose.yaml": IMAGE, "docker-compose.yml": "services: {b: {image: y}}"})
    assert list(result.project.services) == ["a"]
    assert [(d.code, d.severity) for d in result.diagnostics] == [(ErrorCode.CONFLICT, Severity.WARNING)]


def test_the_env_file_may_name_files_profiles_and_the_project(resolve: Any) -> None:
    """`COMPOSE_FILE`, `COMPOSE_PROFILES`, `COMPOSE_PROJECT_NAME`."""
    project = resolve(
        {
            ".env": "COMPOSE_FILE=one.yaml:two.yaml\nCOMPOSE_PROFILES=p,q\nCOMPOSE_PROJECT_NAME=named\n",
            "one.yaml": "services: {a: {image: '$COMPOSE_PROJECT_NAME', profiles: [p]}}",
            "two.yaml": "services: {b: {image: y, profiles: [z]}}",
        }
    )
    assert project.name == "named"
    assert list(project.services) == ["a"]
    assert project.services["a"].image == "named"
    assert project.profiles == ("p", "q")
    assert project.disabled_services == ("b",)


@pytest.mark.parametrize(
    ("options", "text", "name"),
    [
        ({"project_name": "given"}, "name: written\n", "given"),
        ({"environment": {"COMPOSE_PROJECT_NAME": "around"}}, "name: written\n", "around"),
        ({}, "name: wr${X:-it}ten\n", "written"),
        ({}, "", "demo"),
    ],
)
def test_the_name_has_four_sources(resolve: Any, options: dict[str, Any], text: str, name: str) -> None:
    """Given, from the environment, from the file, from the folder."""
    assert resolve(text + IMAGE, **options).name == name


def test_a_name_that_is_not_allowed_suggests_one(errors: Any) -> None:
    """What is given from outside is taken as it is."""
    (error,) = errors(IMAGE, project_name="My Stack")
    assert error.code is ErrorCode.INVALID_VALUE
    assert error.hint == "such as `mystack`"


def test_a_name_in_a_file_is_made_one_that_is_allowed(errors: Any, resolve: Any) -> None:
    """As docker compose does; where nothing is left of it, the place is that of the value."""
    assert resolve(f"name: My Stack\n{IMAGE}\n").name == "mystack"
    (error,) = errors(f"name: '!!!'\n{IMAGE}\n")
    assert str(error.location) == "/srv/demo/compose.yaml:1:7"


@pytest.mark.parametrize(
    ("problem", "code"),
    [
        (FileNotFoundError(), ErrorCode.FILE_NOT_FOUND),
        (IsADirectoryError(), ErrorCode.FILE_UNREADABLE),
        (PermissionError(), ErrorCode.FILE_UNREADABLE),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), ErrorCode.FILE_UNREADABLE),
        (OSError("loop"), ErrorCode.FILE_UNREADABLE),
    ],
)
def test_a_file_that_cannot_be_read_is_a_diagnostic(errors: Any, problem: Exception, code: ErrorCode) -> None:
    """Never an exception."""
    (error,) = errors({"a.yaml": problem}, files=("a.yaml",))
    assert error.code is code


def test_a_folder_without_compose_files_says_what_to_do(errors: Any) -> None:
    """There is nothing to point at."""
    (error,) = errors({"readme.md": "x"})
    assert (error.code, error.location) == (ErrorCode.FILE_NOT_FOUND, None)


def test_a_named_env_file_must_be_there(errors: Any) -> None:
    """Unlike `.env`."""
    (error,) = errors(IMAGE, env_files=("none.env",))
    assert error.code is ErrorCode.FILE_NOT_FOUND


def test_the_typed_project_says_what_the_planner_needs(resolve: Any) -> None:
    """Defaults of the specification included."""
    project = resolve(
        """
        services:
          a:
            build: {context: ./app, target: run, args: {V: 1}}
            ports: ["127.0.0.1:8080:80"]
            volumes: ["data:/d:ro"]
            tmpfs: ["/run:ro"]
            restart: on-failure:3
            stop_grace_period: 1m30s
            healthcheck: {test: [CMD, "true"], interval: 5s, retries: 7, start_interval: 500ms}
            deploy: {replicas: 2}
            depends_on: {b: {condition: service_healthy, restart: true}}
          b: {image: y, healthcheck: {disable: true}, network_mode: host}
          c: {image: z, healthcheck: {test: [NONE]}, deploy: {restart_policy: {condition: any}}}
        volumes: {data: }
        """
    )
    a, b, c = (project.services[name] for name in "abc")
    assert a.image == "demo-a"
    assert a.build is not None
    assert (a.build.context, a.build.target, a.build.args) == ("/srv/demo/app", "run", {"V": "1"})
    assert [(p.host_ip, p.published, p.target) for p in a.ports] == [("127.0.0.1", "8080", 80)]
    assert [(m.type, m.target, m.read_only) for m in a.volumes] == [
        ("volume", "/d", True),
        ("tmpfs", "/run", True),
    ]
    assert (a.restart_policy.name, a.restart_policy.max_retries) == ("on-failure", 3)
    assert (a.stop_grace_period_s, a.replicas, a.networks) == (90.0, 2, ("default",))
    assert a.health_check is not None
    assert (a.health_check.interval_s, a.health_check.timeout_s, a.health_check.retries) == (5.0, 30.0, 7)
    assert a.health_check.start_interval_s == 0.5
    assert a.depends_on["b"].condition is DependencyCondition.HEALTHY
    assert a.depends_on["b"].restart
    assert (b.health_check, b.networks, b.network_mode) == (None, (), "host")
    assert (c.health_check, c.restart_policy.name) == (None, "always")


def test_sharing_a_namespace_or_volumes_is_a_dependency(resolve: Any) -> None:
    """What one needs of the other has to be there first."""
    project = resolve(
        """
        services:
          a: {image: x}
          b: {image: x, network_mode: "service:a"}
          c: {image: x, volumes_from: ["a:ro"]}
          d: {image: x, links: ["a:alias"]}
        """
    )
    assert {name: list(s.depends_on) for name, s in project.services.items()} == {
        "a": [],
        "b": ["a"],
        "c": ["a"],
        "d": ["a"],
    }


def test_hashes_follow_the_container_and_nothing_else(resolve: Any) -> None:
    """What can change without a new container does not change the hash."""
    first = resolve("services: {a: {image: x, environment: {A: 1}}, b: {image: y}}").services["a"]
    same = resolve(
        """
        services:
          a: {image: x, environment: [A=1], depends_on: [b], scale: 3, pull_policy: always}
          b: {image: y}
        """
    ).services["a"]
    other = resolve("services: {a: {image: x, environment: {A: 2}}, b: {image: y}}").services["a"]
    assert first.config_hash == same.config_hash
    assert first.field_hashes == same.field_hashes
    assert first.config_hash != other.config_hash
    changed = {key for key, value in first.field_hashes.items() if other.field_hashes[key] != value}
    assert changed == {"environment"}


def test_the_nearest_written_place_stands_for_a_default(resolve: Any) -> None:
    """What was filled in is located at what it was filled into."""
    project = resolve("services:\n  a:\n    image: x\n    ports:\n      - '80:80'\n")
    assert str(project.location_of("services", "a", "ports", 0, "protocol")) == "/srv/demo/compose.yaml:5:9"
    assert project.location_of("networks", "default") is None
    assert ("services", "a", "image") in project.locations
