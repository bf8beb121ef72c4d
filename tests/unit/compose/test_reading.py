"""From text to trees: what YAML means here, and what is refused."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from containers.compose.loading import LoadRequest, load_project
from containers.compose.scalars import typed, written
from containers.model.errors import ErrorCode


@pytest.mark.parametrize("word", ["yes", "no", "on", "off", "y", "n", "Yes", "OFF"])
def test_old_boolean_words_are_strings(word: str) -> None:
    """Only true and false are booleans, as in YAML 1.2."""
    assert typed(word) == word


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("0o17", 15),
        ("0777", 511),
        ("0x1F", 31),
        ("1_000", 1000),
        ("+5", 5),
        ("08", 8.0),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("60:30", "60:30"),
        ("1.2.3", "1.2.3"),
        ("-", "-"),
    ],
)
def test_plain_scalars_have_the_type_that_compose_gives_them(text: str, value: Any) -> None:
    """Numbers in every base, no sexagesimals."""
    assert typed(text) == value
    assert type(typed(text)) is type(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (1.0, "1"),
        (1.5, "1.5"),
        (1e6, "1e+06"),
        (123456789.5, "1.234567895e+08"),
        (0.00001, "1e-05"),
    ],
)
def test_numbers_become_text_as_compose_writes_them(value: float, text: str) -> None:
    """An environment variable gets the shortest form, with an exponent from a million on."""
    assert written(value) == text


def test_a_quoted_number_stays_a_string(resolve: Any) -> None:
    """Quotes decide the type."""
    project = resolve('services: {a: {image: x, labels: {v: "0777", w: 0777}}}')
    assert project.services["a"].labels == {"v": "0777", "w": "511"}


def test_a_duplicate_key_points_at_the_second_and_relates_the_first(errors: Any) -> None:
    """The later key is the offending token; columns are right."""
    (error,) = errors("services:\n  a:\n    image: x\n    image: y\n")
    assert error.code is ErrorCode.DUPLICATE_KEY
    assert str(error.location) == "/srv/demo/compose.yaml:4:5"
    assert [str(place) for place in error.related] == ["/srv/demo/compose.yaml:3:5"]


def test_a_tab_is_explained(errors: Any) -> None:
    """Invalid YAML has a position and says what to do."""
    (error,) = errors("services:\n  a:\n\timage: x\n")
    assert error.code is ErrorCode.INVALID_YAML
    assert error.location.range.start.line == 2
    assert "spaces" in error.hint


def test_an_open_quote_is_explained(errors: Any) -> None:
    """The reader learns that something is still open."""
    (error,) = errors('services:\n  a:\n    image: "x\n')
    assert error.code is ErrorCode.INVALID_YAML
    assert "close the quote" in error.hint


def test_merge_keys_give_what_is_not_there_yet(resolve: Any) -> None:
    """Own keys win over merged ones, earlier sources over later ones."""
    project = resolve(
        """
        x-one: &one {image: one, user: one}
        x-two: &two {image: two, user: two, hostname: two}
        services:
          a:
            <<: [*one, *two]
            image: own
        """
    )
    service = project.document["services"]["a"]
    assert (service["image"], service["user"], service["hostname"]) == ("own", "one", "two")


def test_an_alias_is_a_copy(resolve: Any) -> None:
    """What is done to one use of an anchor does not show in another."""
    project = resolve(
        {
            "compose.yaml": """
                services:
                  a: {image: x, environment: &e {A: "1"}}
                  b: {image: x, environment: *e, env_file: [b.env]}
                """,
            "b.env": "B=2",
        }
    )
    assert project.services["a"].environment == {"A": "1"}
    assert project.services["b"].environment == {"A": "1", "B": "2"}


def test_an_alias_bomb_is_refused_quickly(errors: Any) -> None:
    """Ten levels of nine aliases would be billions of values; the budget stops at once."""
    lines = ["x-0: &a0 {k: v}"]
    lines += [f"x-{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 11)]
    (error,) = errors("\n".join([*lines, "services: {a: {image: x}}"]))
    assert error.code is ErrorCode.TOO_COMPLEX


def test_deep_nesting_is_refused(errors: Any) -> None:
    """Depth has a limit far below Python's."""
    (error,) = errors("x-deep: " + "[" * 300 + "]" * 300)
    assert error.code is ErrorCode.TOO_COMPLEX


def test_an_alias_inside_its_own_anchor_is_refused(errors: Any) -> None:
    """A value cannot contain itself."""
    (error,) = errors("services: {a: {image: x, labels: &l {labels: *l}}}")
    assert error.code is ErrorCode.TOO_COMPLEX
    assert "*l" in error.message


def test_a_key_that_is_no_string_is_refused(errors: Any) -> None:
    """The hint shows the key in quotes."""
    (error,) = errors("services:\n  123: {image: x}\n")
    assert error.code is ErrorCode.INVALID_YAML
    assert error.hint == 'write it in quotes: "123"'


def test_documents_of_one_file_are_merged(resolve: Any) -> None:
    """`---` begins a layer over what stands above it."""
    project = resolve("services: {a: {image: x}}\n---\nservices: {a: {user: me}}\n")
    assert project.document["services"]["a"]["user"] == "me"
    assert project.services["a"].image == "x"


@pytest.mark.parametrize("text", ["", "# nothing\n", "version: '3'\n", "services: !reset {}\n"])
def test_an_empty_file_is_refused(errors: Any, text: str) -> None:
    """A file must say something."""
    (error,) = errors(text)
    assert error.code is ErrorCode.INVALID_COMPOSE
    assert "empty" in error.message


def test_a_list_at_the_top_is_refused(errors: Any) -> None:
    """The top level is a mapping."""
    first = errors("- a\n")[0]
    assert first.code is ErrorCode.INVALID_COMPOSE
    assert "mapping" in first.message


class _OneFile:
    """A `Files` port with one text."""

    def __init__(self, text: str) -> None:
        self._text = text

    def read_text(self, path: Any) -> str:
        """The text, whatever the path."""
        if path.name != "compose.yaml":
            raise FileNotFoundError(path)
        return self._text

    def is_file(self, path: Any) -> bool:
        """Only the compose file is there."""
        return bool(path.name == "compose.yaml")

    def is_dir(self, path: Any) -> bool:
        """There are no folders."""
        return path is None

    def list_dir(self, path: Any) -> tuple[str, ...]:
        """The one file."""
        return ("compose.yaml",) if path is not None else ()


_PIECES = st.sampled_from(
    [
        *(
            "services:",
            "a:",
            "  ",
            "\n",
            "- ",
            "image: x",
            "{",
            "}",
            "[",
            "]",
            "&a ",
            "*a",
            "<<: ",
            ": ",
            '"',
        ),
        *("${A", "}", "!reset ", "null", "1", "x", "ports:", "volumes:", "environment:", "depends_on:"),
        *("extends: a", "build:", "deploy:", "networks:", "include:", "profiles:", "\t", "|\n", "? "),
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(_PIECES, max_size=30).map("".join))
def test_no_text_raises(text: str) -> None:
    """Any text gives a project or an error, never a traceback."""
    result = load_project(LoadRequest(working_dir=Path("/srv/demo"), project_name="p"), _OneFile(text))
    assert (result.project is None) == any(d.severity == "error" for d in result.diagnostics)
