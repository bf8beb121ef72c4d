"""`extends` and `include`: other services and other files."""

from typing import Any

from containers.model.diagnostics import Severity
from containers.model.errors import ErrorCode


def test_a_service_begins_as_a_copy_of_another(resolve: Any) -> None:
    """What both say is merged; the copied one stays as it is."""
    project = resolve(
        """
        services:
          base: {image: x, environment: {A: "1"}, command: [base]}
          a: {extends: base, environment: {B: "2"}, command: [own]}
        """
    )
    service = project.document["services"]["a"]
    assert project.services["a"].environment == {"A": "1", "B": "2"}
    assert (service["image"], service["command"]) == ("x", ["own"])
    assert project.services["base"].environment == {"A": "1"}


def test_paths_of_another_file_begin_at_its_folder(resolve: Any) -> None:
    """The extended file means its own folder, through every level."""
    project = resolve(
        {
            "compose.yaml": """
                services: {a: {extends: {file: sub/mid.yaml, service: m}, volumes: ['./own:/own']}}
                """,
            "sub/mid.yaml": "services: {m: {extends: {file: deep/base.yaml, service: b}}}",
            "sub/deep/base.yaml": "services: {b: {build: ., volumes: ['./data:/data'], env_file: v.env}}",
            "sub/deep/v.env": "V=1",
        }
    )
    service = project.services["a"]
    assert service.build is not None
    assert service.build.context == "/srv/demo/sub/deep"
    assert {m.target: m.source for m in service.volumes} == {
        "/data": "/srv/demo/sub/deep/data",
        "/own": "/srv/demo/own",
    }
    assert service.environment == {"V": "1"}


def test_a_circle_of_extends_names_every_edge(errors: Any) -> None:
    """Each `extends` that takes part is related."""
    (error,) = errors("services:\n  a:\n    extends: b\n  b:\n    extends: a\n")
    assert error.code is ErrorCode.DEPENDENCY_CYCLE
    assert "a -> b -> a" in error.message
    assert [place.range.start.line for place in error.related] == [2, 4]


def test_an_extends_that_is_reset_extends_nothing(resolve: Any) -> None:
    """A tag where a name should stand is not looked at."""
    project = resolve("services: {a: {image: x, extends: !reset null}}")
    assert project.services["a"].image == "x"


def test_a_file_that_includes_itself_under_ever_new_names_ends(errors: Any) -> None:
    """Each include names two; without a limit that would be a billion files."""
    texts = {
        "/srv/demo/" + "sub/" * depth + name: "include: [sub/compose.yaml, sub/b.yaml]\nservices: {}"
        for depth in range(40)
        for name in ("compose.yaml", "b.yaml")
    }
    assert ErrorCode.TOO_COMPLEX in {error.code for error in errors(texts)}


def test_extending_what_is_not_there_is_refused(errors: Any) -> None:
    """The position is that of the name."""
    first = errors("services:\n  a:\n    extends:\n      service: nope\n")[0]
    assert first.code is ErrorCode.UNDEFINED_REFERENCE
    assert str(first.location) == "/srv/demo/compose.yaml:4:16"


def test_an_included_file_has_its_own_folder_and_variables(resolve: Any) -> None:
    """Relative paths and `.env` are those of the included file; variables from outside win."""
    project = resolve(
        {
            "compose.yaml": "include: [sub/compose.yaml]\nservices: {a: {image: 'a:$T', depends_on: [b]}}",
            ".env": "T=outer",
            "sub/compose.yaml": "services: {b: {image: 'b:$T-$U', build: .}}",
            "sub/.env": "T=inner\nU=inner",
        }
    )
    assert project.services["a"].image == "a:outer"
    assert project.services["b"].image == "b:outer-inner"
    assert project.services["b"].build is not None
    assert project.services["b"].build.context == "/srv/demo/sub"
    assert {path.name for path in project.sources} == {"compose.yaml", ".env"}
    assert len(project.sources) == 4


def test_the_including_file_is_laid_over_the_included_one(resolve: Any) -> None:
    """Later files of one include override the first, and the including file overrides both."""
    project = resolve(
        {
            "compose.yaml": """
                include:
                  - path: [one.yaml, two.yaml]
                services: {a: {user: me}}
                """,
            "one.yaml": "services: {a: {image: one, hostname: one, user: one}}",
            "two.yaml": "services: {a: {hostname: two}}",
        }
    )
    service = project.document["services"]["a"]
    assert (service["image"], service["hostname"], service["user"]) == ("one", "two", "me")


def test_two_includes_that_disagree_are_told(load: Any) -> None:
    """Compose takes the first without a word; we say so."""
    result = load(
        {
            "compose.yaml": "include: [one.yaml, two.yaml]",
            "one.yaml": "services: {a: {image: one}}",
            "two.yaml": "services: {a: {image: two}}",
        }
    )
    assert result.project.services["a"].image == "one"
    assert [(d.code, d.severity) for d in result.diagnostics] == [(ErrorCode.CONFLICT, Severity.WARNING)]


def test_files_that_include_each_other_are_refused(errors: Any) -> None:
    """The message shows the circle."""
    first = errors({"compose.yaml": "include: [b.yaml]\nservices: {}", "b.yaml": "include: [compose.yaml]"})[
        0
    ]
    assert first.code is ErrorCode.DEPENDENCY_CYCLE
    assert "compose.yaml -> b.yaml -> compose.yaml" in first.message


def test_a_missing_include_is_placed_at_its_entry(errors: Any) -> None:
    """The reader sees which entry names nothing."""
    (error,) = errors("include:\n  - none.yaml\nservices: {a: {image: x}}\n")
    assert error.code is ErrorCode.FILE_NOT_FOUND
    assert str(error.location) == "/srv/demo/compose.yaml:2:5"
