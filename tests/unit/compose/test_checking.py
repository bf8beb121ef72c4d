"""The shape of a compose file: every mistake at once, each with its place and what to do."""

from typing import Any

import pytest

from containers.compose.schema import ComposeFile
from containers.compose.schema_parts import Shape
from containers.model.errors import ErrorCode


def test_an_unknown_key_suggests_the_nearest_and_lists_all(errors: Any) -> None:
    """The key itself is marked."""
    (error,) = errors("services:\n  web:\n    image: x\n    enviroment: {A: 1}\n")
    assert error.code is ErrorCode.UNKNOWN_KEY
    assert str(error.location) == "/srv/demo/compose.yaml:4:5"
    assert error.location.range.end.character == 14
    assert error.hint.startswith("did you mean `environment`? valid keys: annotations, attach, ")
    assert error.service == "web"


def test_an_unknown_key_that_is_like_nothing_lists_all(errors: Any) -> None:
    """No far-fetched suggestion."""
    (error,) = errors("services: {a: {image: x, zzz: 1}}")
    assert error.hint.startswith("valid keys: ")


def test_keys_that_begin_with_x_are_anybodys(resolve: Any) -> None:
    """Extensions are kept at the top and left out below."""
    project = resolve("x-a: {b: [1]}\nservices: {a: {image: x, x-c: 1}}")
    assert project.document["x-a"] == {"b": [1]}
    assert "x-c" not in project.document["services"]["a"]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("ports: '80:80'", "services.a.ports must be a list, not a string"),
        ("environment: 3", "services.a.environment must be a mapping or a list, not a number"),
        (
            "environment: {A: [1]}",
            "services.a.environment.A must be a string or a number or true or false, not a list",
        ),
        ("hostname: 5", "services.a.hostname must be a string, not a number"),
        ("hostname: null", "services.a.hostname must be a string, not nothing"),
        ("build: [x]", "services.a.build must be a string or a mapping, not a list"),
        ("stop_grace_period: 90", "services.a.stop_grace_period must be a string, not a number"),
        ("privileged: 1", "services.a.privileged must be true or false or a string, not a number"),
        ("cpus: .inf", "services.a.cpus must be a number or a string, not a number"),
        ("cgroup: hots", "services.a.cgroup does not accept `hots`"),
        ("container_name: x", "services.a.container_name does not accept `x`"),
        ("oom_score_adj: 2000", "services.a.oom_score_adj must be at most 1000, not 2000"),
        ("security_opt: [a, a]", "services.a.security_opt says `a` twice"),
        ("extends: {file: b.yaml, service: [1]}", "services.a.extends does not say which service"),
        ("develop: {watch: [{path: .}]}", "services.a.develop.watch.0 has no `action`"),
        ("depends_on: {b: {}}", "services.a.depends_on.b has no `condition`"),
        ("volumes: [{source: x, target: /x}]", "services.a.volumes.0 has no `type`"),
    ],
)
def test_a_wrong_value_says_what_is_wanted(errors: Any, written: str, message: str) -> None:
    """The message names the path, what may stand there and what does."""
    assert message in [error.message for error in errors(f"services: {{a: {{image: x, {written}}}}}")]


def test_a_wrong_type_is_placed_at_the_value(errors: Any) -> None:
    """Not at its key, which is right."""
    (error,) = errors("services:\n  a:\n    image: x\n    ports:\n      80: 80\n".replace("80: 80", "a: 80"))
    assert error.code is ErrorCode.INVALID_TYPE
    assert str(error.location) == "/srv/demo/compose.yaml:5:7"


def test_every_mistake_is_told_at_once(errors: Any) -> None:
    """Shape, references and conflicts of different services in one go."""
    codes = [
        error.code
        for error in errors(
            """
            services:
              a: {image: x, imgae: y, ports: 80}
              b: {image: x, networks: [nope]}
              c: {depends_on: [gone]}
            volumes: {v: {drivr: x}}
            """
        )
    ]
    assert sorted(codes) == sorted(
        [
            ErrorCode.UNKNOWN_KEY,
            ErrorCode.INVALID_TYPE,
            ErrorCode.UNKNOWN_KEY,
            ErrorCode.UNDEFINED_REFERENCE,
            ErrorCode.UNDEFINED_REFERENCE,
            ErrorCode.INVALID_COMPOSE,
        ]
    )


def test_a_name_that_is_not_allowed_is_refused(errors: Any) -> None:
    """Services are named with letters, digits, dots, dashes and underscores."""
    first = errors("services: {'a b': {image: x}}")[0]
    assert first.code is ErrorCode.INVALID_VALUE
    assert "`a b`" in first.message


def test_the_version_is_only_a_warning(load: Any) -> None:
    """The key is marked, and the file works."""
    result = load("version: '3'\nservices: {a: {image: x}}")
    (warning,) = result.diagnostics
    assert warning.code is ErrorCode.DEPRECATED
    assert result.project is not None


def _shapes(shape: type[Shape], found: set[type[Shape]]) -> set[type[Shape]]:
    """Every shape that a shape's fields mention."""
    if shape not in found:
        found.add(shape)
        pending = [field.annotation for field in shape.model_fields.values()]
        while pending:
            annotation = pending.pop()
            if isinstance(annotation, type) and issubclass(annotation, Shape):
                _shapes(annotation, found)
            pending += [part for part in getattr(annotation, "__args__", ()) if part is not None]
    return found


def test_every_key_of_the_specification_is_described() -> None:
    """Completion and hover show these texts."""
    shapes = _shapes(ComposeFile, set())
    assert len(shapes) > 35
    missing = [
        f"{shape.__name__}.{name}"
        for shape in shapes
        for name, field in shape.model_fields.items()
        if not (field.description or "").strip()
    ]
    assert missing == []
