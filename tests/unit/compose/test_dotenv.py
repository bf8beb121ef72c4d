"""The grammar of env files."""

from typing import Any

import pytest

from containers.compose.dotenv import DotenvError, parse
from containers.model.errors import ErrorCode


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("A=1", "1"),
        ("A = 1", "1"),
        ("A: 1", "1"),
        ("export A=1", "1"),
        ("A=", ""),
        ("A=a b # comment", "a b"),
        ("A=a#b", "a#b"),
        ("A='$X # x'", "$X # x"),
        ('A="x # y"', "x # y"),
        (r'A="a\nb"', "a\nb"),
        (r'A="say \"hi\""', 'say "hi"'),
        ('A="one\ntwo"', "one\ntwo"),
        ("A=$X", "known"),
        ("A=${Y:-default}", "default"),
        ("# no\n\n  A=1", "1"),
        ("A=1\r\nB=2", "1"),
        ("A=x=y", "x=y"),
    ],
)
def test_values_are_read_as_compose_reads_them(text: str, value: str) -> None:
    """Quotes, comments, escapes and variables."""
    assert parse(text, {"X": "known"})["A"] == value


def test_a_name_alone_takes_the_value_around_it() -> None:
    """A variable that nobody has set is left out."""
    assert parse("X\nY\n", {"X": "known"}) == {"X": "known"}


def test_later_lines_see_earlier_ones() -> None:
    """An assignment may name those above it; what is around wins."""
    assert parse("A=1\nB=${A}2\nX=3\nC=$X", {"X": "known"})["B"] == "12"
    assert parse("X=3\nC=$X", {"X": "known"})["C"] == "known"


def test_raw_values_are_taken_as_they_are() -> None:
    """No quotes, no comments, no variables."""
    assert parse("A='x' # $Y", {}, raw=True) == {"A": "'x' # $Y"}


@pytest.mark.parametrize(("text", "line"), [("A=1\nB C=2", 1), ("A-ok=1\n!=2", 1), ('A="open', 0)])
def test_what_is_no_assignment_is_refused_with_its_line(text: str, line: int) -> None:
    """The line is counted from zero."""
    with pytest.raises(DotenvError) as caught:
        parse(text, {})
    assert caught.value.line == line


def test_a_bad_line_of_the_projects_env_file_is_placed_in_it(errors: Any) -> None:
    """The diagnostic points into `.env`, not into the compose file."""
    (error,) = errors({"compose.yaml": "services: {a: {image: x}}", ".env": "OK=1\nFOO BAR\n"})
    assert error.code is ErrorCode.INVALID_VALUE
    assert str(error.location) == "/srv/demo/.env:2:1"


def test_a_service_gets_its_files_below_its_own_variables(resolve: Any) -> None:
    """Later files win over earlier ones, `environment` over all of them."""
    project = resolve(
        {
            "compose.yaml": """
                services:
                  a:
                    image: x
                    env_file: [one.env, two.env]
                    environment: {C: own, D: }
                """,
            "one.env": "A=1\nB=1\nC=1\n",
            "two.env": "B=2-$A\n",
        },
        environment={"D": "around"},
    )
    assert project.services["a"].environment == {"A": "1", "B": "2-1", "C": "own", "D": "around"}


def test_a_missing_env_file_is_an_error_unless_it_is_optional(errors: Any, resolve: Any) -> None:
    """The position is that of the entry."""
    (error,) = errors("services:\n  a:\n    image: x\n    env_file:\n      - none.env\n")
    assert error.code is ErrorCode.FILE_NOT_FOUND
    assert str(error.location) == "/srv/demo/compose.yaml:5:9"
    project = resolve("services: {a: {image: x, env_file: [{path: none.env, required: false}]}}")
    assert project.services["a"].environment == {}
