"""Variables in values."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.compose.interpolation import InterpolationError, interpolate
from containers.model.diagnostics import Severity
from containers.model.errors import ErrorCode

VARIABLES = {"S": "set", "E": "", "N": "S"}


def fill(text: str) -> str:
    """Fill in the variables of a text."""
    return interpolate(text, VARIABLES, lambda _: None)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$S", "set"),
        ("${S}", "set"),
        ("a${S}b$S.", "asetbset."),
        ("${U}", ""),
        ("${S:-d}", "set"),
        ("${E:-d}", "d"),
        ("${E-d}", ""),
        ("${U-d}", "d"),
        ("${U:-d}", "d"),
        ("${S:+r}", "r"),
        ("${E:+r}", ""),
        ("${E+r}", "r"),
        ("${U+r}", ""),
        ("${S:?m}", "set"),
        ("${E?m}", ""),
        ("${U:-${S}}", "set"),
        ("${U:-${V:-${W:-deep}}}", "deep"),
        ("${U:-a}${U:-b}", "ab"),
        ("${U:-x$$y}", "x$y"),
        ("$$S", "$S"),
        ("$${S}", "${S}"),
        ("$$$S", "$set"),
        ("cost: 5$", "cost: 5$"),
        ("$1 $(date)", "$1 $(date)"),
    ],
)
def test_every_operator_does_what_compose_does(text: str, value: str) -> None:
    """Set, empty and unset are told apart; defaults may hold variables; other dollars stay."""
    assert fill(text) == value


@pytest.mark.parametrize("text", ["${}", "${S", "${S:}", "${S:=x}", "${1}", "${U:-${S}"])
def test_what_is_not_written_correctly_is_refused(text: str) -> None:
    """Braces demand a name and a known operator."""
    with pytest.raises(InterpolationError) as caught:
        fill(text)
    assert caught.value.required is None


@pytest.mark.parametrize("text", ["${U:?say why}", "${U?say why}", "${E:?say why}"])
def test_a_required_variable_says_its_message(text: str) -> None:
    """The error names the variable and what the author wrote."""
    with pytest.raises(InterpolationError, match="say why") as caught:
        fill(text)
    assert caught.value.required == text[2]


@given(st.text())
def test_a_doubled_dollar_always_comes_back(text: str) -> None:
    """Escaping and filling in are inverse to each other."""
    assert fill(text.replace("$", "$$")) == text


def test_a_missing_required_variable_is_placed_at_its_value(errors: Any) -> None:
    """The position is that of the value which names it."""
    (error,) = errors("services:\n  a:\n    image: ${TAG:?pick a version}\n")
    assert error.code is ErrorCode.VARIABLE_REQUIRED
    assert str(error.location) == "/srv/demo/compose.yaml:3:12"
    assert "TAG" in error.message
    assert "pick a version" in error.message


def test_an_unset_variable_is_only_a_warning(load: Any) -> None:
    """Compose takes a blank string, and says so once for each variable."""
    result = load("services:\n  a:\n    image: x${TAG}\n    user: u${TAG}\n")
    assert result.project.services["a"].image == "x"
    (warning,) = result.diagnostics
    assert (warning.code, warning.severity) == (ErrorCode.VARIABLE_UNSET, Severity.WARNING)
    assert str(warning.location) == "/srv/demo/compose.yaml:3:12"


def test_keys_are_left_alone(resolve: Any) -> None:
    """Only values hold variables."""
    project = resolve("services: {a: {image: x, labels: {$S: $S}}}", environment={"S": "v"})
    assert project.services["a"].labels == {"$S": "v"}


def test_values_get_their_type_after_filling_in(resolve: Any) -> None:
    """A variable is text; the key decides what it becomes."""
    project = resolve(
        "services: {a: {image: x, init: '${I}', cpus: '${C}', deploy: {replicas: '${R}'}}}",
        environment={"I": "yes", "C": "0.5", "R": "3"},
    )
    service = project.document["services"]["a"]
    assert (service["init"], service["cpus"]) == (True, 0.5)
    assert project.services["a"].replicas == 3


def test_a_value_of_the_wrong_type_is_refused(errors: Any) -> None:
    """What a variable gives is checked like what is written."""
    (error,) = errors("services: {a: {image: x, cpus: '${C}'}}", environment={"C": "many"})
    assert error.code is ErrorCode.INVALID_TYPE
    assert "a number" in error.message


def test_the_canonical_document_doubles_dollars_and_the_model_does_not(resolve: Any) -> None:
    """Reading the document again gives the same; the typed model holds what the container gets."""
    project = resolve("services: {a: {image: x, environment: {P: 'a$$b'}}}")
    assert project.document["services"]["a"]["environment"] == {"P": "a$$b"}
    assert project.services["a"].environment == {"P": "a$b"}


@pytest.mark.parametrize(
    ("process", "variables", "expected"),
    [({"T": "process"}, {"T": "given"}, "process"), ({}, {"T": "given"}, "given"), ({}, {}, "file")],
)
def test_the_process_wins_over_the_environment_which_wins_over_the_env_file(
    resolve: Any, process: dict[str, str], variables: dict[str, str], expected: str
) -> None:
    """Three sources, in this order."""
    texts = {"compose.yaml": "services: {a: {image: 'x:$T'}}", ".env": "T=file"}
    project = resolve(texts, environment=process, variables=variables)
    assert project.services["a"].image == f"x:{expected}"
