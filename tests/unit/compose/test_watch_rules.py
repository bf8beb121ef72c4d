"""`develop.watch` as it is written, and `x-podkeeper` that says one thing twice."""

from typing import Any

import pytest

from containers.model.base import ServiceName
from containers.model.errors import ErrorCode
from containers.model.project import Hook, WatchRule


def test_a_rule_is_understood_in_full(resolve: Any) -> None:
    """Paths are absolute, a single pattern is a list of one, and a command as text is split."""
    project = resolve("""
services:
  api:
    image: x
    develop:
      watch:
        - {path: ./src, action: sync+exec, target: /app, ignore: a, include: [b, c], initial_sync: true,
           exec: {command: make css, user: me}}
        - {path: Containerfile, action: rebuild}
""")
    assert project.services[ServiceName("api")].watch == (
        WatchRule(
            path="/srv/demo/src",
            action="sync+exec",
            target="/app",
            ignore=("a",),
            include=("b", "c"),
            exec=Hook(command=("make", "css"), user="me"),
            initial_sync=True,
        ),
        WatchRule(path="/srv/demo/Containerfile", action="rebuild"),
    )


@pytest.mark.parametrize(
    ("own", "column"),
    [
        ("reload: {signal: HUP, exec: [x]}", 41),
        ("health: {tcp: 1, http: 2}", 36),
    ],
)
def test_two_ways_of_one_thing_are_refused_where_the_second_stands(
    errors: Any, own: str, column: int
) -> None:
    """Nobody should have to guess which one counts."""
    (error,) = errors(f"services:\n  api:\n    image: x\n    x-podkeeper: {{{own}}}\n")
    assert error.code is ErrorCode.CONFLICT
    assert str(error.location) == f"/srv/demo/compose.yaml:4:{column}"
