"""Values of variables leave the argument list, and nothing else does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.adapters.podman_cli_environment import (
    UnpassableValueError,
    client_environment,
    hide_values,
    is_reserved,
)

ENV = frozenset({"-e", "--env"})


def test_values_go_to_the_environment_and_names_stay() -> None:
    """Podman's client looks a bare name up in its own environment."""
    hidden = hide_values(["-e", "A=secret", "--net", "n", "--env", "B=two\nlines"], flags=ENV)
    assert hidden.options == ["-e", "A", "--net", "n", "--env", "B"]
    assert hidden.environment == {"A": "secret", "B": "two\nlines"}
    assert hidden.file_lines == []


def test_every_spelling_of_the_flag_is_seen() -> None:
    """`--env=A=b` and `-eA=b` are the same."""
    hidden = hide_values(["--env=A=b=c", "-eB=d"], flags=ENV)
    assert hidden.options == ["--env", "A", "-e", "B"]
    assert hidden.environment == {"A": "b=c", "B": "d"}


def test_a_name_without_a_value_stays_as_it_is() -> None:
    """It asks for whatever the environment has."""
    assert hide_values(["-e", "A"], flags=ENV).options == ["-e", "A"]


def test_the_last_of_several_values_wins() -> None:
    """As it does for Podman."""
    assert hide_values(["-e", "A=1", "-e", "A=2"], flags=ENV).environment == {"A": "2"}


def test_what_would_disturb_the_client_goes_to_a_file() -> None:
    """A service's HOME must not become the client's."""
    options = ["-e", "HOME=/srv", "-e", "CONTAINER_HOST=tcp://x", "-e", "http_proxy=http://p", "-e", "A*=b"]
    hidden = hide_values(options, flags=ENV)
    assert hidden.options == []
    assert hidden.environment == {}
    assert hidden.file_lines == ["HOME=/srv", "CONTAINER_HOST=tcp://x", "http_proxy=http://p", "A*=b"]


def test_names_that_a_shell_would_drop_go_to_the_file() -> None:
    """`podman` may be a shell script; several lines can only go the other way."""
    hidden = hide_values(["-e", "app.mode=x", "-e", "app.text=a\nb"], flags=ENV)
    assert hidden.file_lines == ["app.mode=x"]
    assert hidden.environment == {"app.text": "a\nb"}


def test_a_file_can_not_carry_several_lines() -> None:
    """Better an error than a value cut off, or a second variable."""
    with pytest.raises(UnpassableValueError, match="HOME"):
        hide_values(["-e", "HOME=a\nB=c"], flags=ENV)


def test_a_value_too_long_for_the_environment_goes_to_the_file() -> None:
    """The kernel takes 128 KiB an entry."""
    hidden = hide_values(["-e", "BIG=" + "x" * 130_000], flags=ENV)
    assert hidden.options == []
    assert len(hidden.file_lines) == 1


@pytest.mark.parametrize("name", ["PATH", "LD_PRELOAD", "XDG_RUNTIME_DIR", "no_proxy", "GODEBUG", "", "a b"])
def test_reserved_names(name: str) -> None:
    """They mean something to the client, or can not be passed by name."""
    assert is_reserved(name)


@pytest.mark.parametrize(
    "name", ["POSTGRES_PASSWORD", "PATHS", "spring.config.name", "_x", "app-mode", "HOMEPAGE"]
)
def test_ordinary_names(name: str) -> None:
    """They are a service's own business."""
    assert not is_reserved(name)


def test_the_client_gets_what_it_needs_and_no_connection_of_its_own() -> None:
    """Neither our secrets nor another engine's address."""
    environ = {
        "PATH": "/bin",
        "HOME": "/h",
        "CONTAINER_HOST": "tcp://other",
        "CONTAINERS_CONF": "/c",
        "AWS_SECRET": "s",
        "https_proxy": "p",
    }
    assert client_environment(environ) == {
        "PATH": "/bin",
        "HOME": "/h",
        "CONTAINERS_CONF": "/c",
        "https_proxy": "p",
    }


@given(st.dictionaries(st.from_regex(r"[A-Za-z_]\w{0,8}", fullmatch=True), st.text(max_size=20), max_size=5))
def test_no_value_is_left_in_the_options(variables: dict[str, str]) -> None:
    """Whatever names and values there are."""
    secret = {name: f"«{value.replace(chr(10), ' ')}»" for name, value in variables.items()}
    hidden = hide_values([p for n, v in secret.items() for p in ("-e", f"{n}={v}")], flags=ENV)
    assert not any("«" in option for option in hidden.options)
    assert {**hidden.environment, **dict(line.split("=", 1) for line in hidden.file_lines)} == secret
