"""What of a recipe the client must see, and what is filled in later."""

import pytest

from containers.adapters.podman_request_shape import fill, is_whole, shape_of
from containers.model.base import ServiceName
from containers.ports.translation import ContainerRecipe


def recipe(*options: str, image: str = "app:1", command: tuple[str, ...] = ()) -> ContainerRecipe:
    """How a service is created."""
    return ContainerRecipe(service=ServiceName("app"), options=options, image=image, command=command)


def test_no_value_is_in_what_the_client_sees() -> None:
    """Everybody on the machine can read a process's arguments."""
    shape = shape_of(
        recipe(
            *("-e", "A=s3cret", "--env=B=s3cret", "--label", "l=s3cret", "--label=m=s3cret"),
            *("--health-cmd", '["check", "s3cret"]', "--entrypoint", '["s3cret"]'),
            command=("run", "s3cret"),
        )
    )
    assert shape is not None
    assert "s3cret" not in " ".join(shape.options)
    assert shape.environment == {"A": "s3cret", "B": "s3cret"}
    assert shape.labels == {"l": "s3cret", "m": "s3cret"}


def test_containers_that_differ_in_values_have_one_shape() -> None:
    """So that the client is asked once."""
    first = shape_of(recipe("-e", "A=1", "--network=n:alias=one,ip=10.0.0.1", command=("x",)))
    second = shape_of(recipe("-e", "A=2", "--network=n:alias=two,ip=10.0.0.1", image="other"))
    assert first is not None
    assert second is not None
    assert first.options == second.options


def test_another_option_is_another_shape() -> None:
    """Only what the client merely carries is left out."""
    first, second = shape_of(recipe("-p", "80:80")), shape_of(recipe("-p", "81:80"))
    assert first is not None
    assert second is not None
    assert first.options != second.options


def test_a_variable_without_a_value_is_left_to_the_client() -> None:
    """It takes it from its own environment."""
    shape = shape_of(recipe("-e", "HOME"))
    assert shape is not None
    assert shape.options == ("-e", "HOME")


@pytest.mark.parametrize("check", ["CMD true", "test -e /ok", '["CMD-SHELL", "a | b"]', '["NONE"]', "[1]"])
def test_a_check_that_the_client_reads_is_left_as_it_is(check: str) -> None:
    """Words it knows decide what becomes of the others."""
    shape = shape_of(recipe("--health-cmd", check))
    assert shape is not None
    assert shape.options == ("--health-cmd", check)


@pytest.mark.parametrize(
    "what",
    [recipe("--env-file", "x"), recipe("--label-file=x"), recipe(image="oci:x"), recipe(image="docker://x")],
)
def test_what_depends_on_more_than_arguments_has_no_shape(what: ContainerRecipe) -> None:
    """A file may say something else the next time, and a transport names no image."""
    assert shape_of(what) is None


def test_values_that_look_like_placeholders_stay_what_they_are() -> None:
    """What is filled in is not looked at again."""
    shape = shape_of(recipe("-e", "A=@podkeeper-0@", "--entrypoint", '["@podkeeper-1@", "b"]'))
    assert shape is not None
    posted = {"entrypoint": ["@podkeeper-0@", "@podkeeper-1@"]}
    assert is_whole(posted, shape)
    filled = fill(posted, shape, "name", {}, ())
    assert filled["entrypoint"] == ["@podkeeper-1@", "b"]
    assert filled["env"] == {"A": "@podkeeper-0@"}


def test_a_request_that_lost_a_placeholder_is_not_used() -> None:
    """A client that does something else with a value than pass it on is asked about each container."""
    shape = shape_of(recipe("--entrypoint", '["a", "b"]'))
    assert shape is not None
    assert not is_whole({"entrypoint": ["@podkeeper-0@"]}, shape)


def test_the_last_word_on_a_label_is_ours() -> None:
    """The labels of a transaction come on top of the recipe's, and those on top of the client's."""
    shape = shape_of(recipe("--label", "a=recipe", "--label", "b=recipe"))
    assert shape is not None
    filled = fill({"labels": {"a": "client", "c": "client"}}, shape, "name", {"b": "ours"}, ("podman",))
    assert filled["labels"] == {"a": "recipe", "b": "ours", "c": "client"}
    assert filled["name"] == "name"
    assert filled["image"] == filled["raw_image_name"] == "app:1"
    assert filled["containerCreateCommand"] == ["podman"]
