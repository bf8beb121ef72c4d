"""`develop.watch` as it is written, and `x-podkeeper` that says one thing twice."""

from typing import Any

import pytest

from containers.model.base import ServiceName
from containers.model.diagnostics import Severity
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


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ('reload: {exec: "nginx -s \'reload"}', "a quotation in `x-podkeeper.reload.exec`"),
        ("restart: {window: 99999999999999h}", "too long to be one"),
        ("health: {tcp: 1, start_period: 99999999999999h}", "too long to be one"),
        ('health: {tcp: 1, interval: "5s\\n"}', "does not accept"),
        ("reload: {signal: RTMIN+99}", "the signal `RTMIN+99`"),
        ("reload: {signal: FOO}", "the signal `FOO`"),
        ("reload: {signal: SIGRTMINX}", "the signal `SIGRTMINX`"),
        ("restart: {enabled: maybe}", "`maybe` for `enabled`"),
        ("essential: perhaps", "`perhaps` for `essential`"),
        ("restart: {first_backoff: 5s, longest_backoff: 2s}", "longer than its `longest_backoff`"),
        ("health: {tcp: 1, interval: 0s}", "no time for `x-podkeeper.health.interval`"),
        ("health: {http: 1, status: [99]}", "must be at least 100"),
        ("restart: {window: 5x}", "does not accept `5x`"),
    ],
)
def test_what_means_nothing_is_refused_where_it_stands(errors: Any, own: str, message: str) -> None:
    """Rather than when it is needed."""
    (error,) = errors(f"services:\n  api:\n    image: x\n    x-podkeeper: {{{own}}}\n")
    assert message in error.message
    assert "^" not in (error.hint or ""), "a pattern is no help"
    assert str(error.location).startswith("/srv/demo/compose.yaml:4:")


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ("reload: {}", "neither `signal` nor `exec`"),
        ("reload: {exec: []}", "neither `signal` nor `exec`"),
        ("reload: {exec: ' '}", "neither `signal` nor `exec`"),
        ("health: {interval: 5s}", "neither `tcp` nor `http`"),
    ],
)
def test_what_does_nothing_is_warned_of(load: Any, own: str, message: str) -> None:
    """An override may have taken away what did something."""
    loaded = load(f"services:\n  api:\n    image: x\n    x-podkeeper: {{{own}}}\n")
    (found,) = loaded.diagnostics
    assert (found.severity, message in found.message) == (Severity.WARNING, True)
    own_config = loaded.require().services[ServiceName("api")].own
    assert (own_config.reload, own_config.probe) == (None, None)


@pytest.mark.parametrize(("written", "means"), [("n", "no"), ("y", "yes"), ("''", "no"), ("'off'", "no")])
def test_words_for_yes_and_no_are_those_of_every_other_flag(resolve: Any, written: str, means: str) -> None:
    """A variable that is not set leaves an empty one: the default."""
    project = resolve(f"services: {{api: {{image: x, x-podkeeper: {{essential: {written}}}}}}}")
    assert project.services[ServiceName("api")].own.essential is (means == "yes")


@pytest.mark.parametrize(
    "signal", ["HUP", "SIGHUP", "USR1", "RTMIN", "SIGRTMIN+3", "RTMAX-1", "WINCH", "SIGCLD", "IOT", "POLL"]
)
def test_every_signal_there_is_may_be_sent(resolve: Any, signal: str) -> None:
    """With and without its SIG."""
    project = resolve(f"services: {{api: {{image: x, x-podkeeper: {{reload: {{signal: {signal}}}}}}}}}")
    assert project.services[ServiceName("api")].own.reload.signal == signal.removeprefix("SIG")


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("{path: src, action: sync, target: /app/../../etc}", "leads out of itself"),
        ("{path: src, action: restart, target: /a/../b}", "leads out of itself"),
        ("{path: src, action: sync+exec, target: /app}", "it only copies"),
    ],
)
def test_a_rule_that_watch_refuses_or_does_half_is_warned_of(load: Any, rule: str, message: str) -> None:
    """It keeps nobody from `up`."""
    loaded = load(f"services:\n  api:\n    image: x\n    develop:\n      watch:\n        - {rule}\n")
    (found,) = loaded.diagnostics
    assert (found.severity, message in found.message) == (Severity.WARNING, True)
    assert str(found.location).startswith("/srv/demo/compose.yaml:6:")
