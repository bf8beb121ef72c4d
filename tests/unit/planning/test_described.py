"""What changed of a service, in words that a person understands."""

from containers.planning.described import Described, in_words

KNOWN = Described(
    "then",
    {
        "environment": tuple(f"environment.V{n} 1 -> 2" for n in range(5)),
        "ports": ("ports[80/tcp].published 8080 -> 8081",),
    },
)


def test_values_are_told_one_by_one_and_many_are_counted() -> None:
    """Three of each key, so that a line stays a line."""
    assert in_words(("environment", "ports"), KNOWN, "then") == (
        "environment.V0 1 -> 2; environment.V1 1 -> 2; environment.V2 1 -> 2; 2 more of environment; "
        "ports[80/tcp].published 8080 -> 8081"
    )


def test_what_is_not_known_value_by_value_is_named() -> None:
    """A secret, or a key that the last revision does not tell apart."""
    assert in_words(("command", "ports", "labels"), KNOWN, "then") == (
        "ports[80/tcp].published 8080 -> 8081; command, labels changed"
    )


def test_a_container_from_another_time_is_not_described_by_the_last_revision() -> None:
    """Its own labels say which keys differ, and no more is known."""
    assert in_words(("environment", "ports"), KNOWN, "earlier") == "environment, ports changed"
    assert in_words(("environment",), None, "then") == "environment changed"
