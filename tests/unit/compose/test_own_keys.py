"""What a service says under `x-podkeeper`."""

import json
from typing import Any

from containers.model.base import ServiceName
from containers.model.own_config import OutsideProbe, OwnConfig, Reload, RestartRules
from containers.stack_history import essential_services

API = ServiceName("api")


def test_without_it_everything_has_its_default(resolve: Any) -> None:
    """Nobody has to write it."""
    assert resolve("services: {api: {image: x}}").services[API].own == OwnConfig()


def test_all_of_it_is_understood(resolve: Any) -> None:
    """Durations become seconds, a signal loses its `SIG`."""
    project = resolve("""
services:
  api:
    image: x
    x-podkeeper:
      essential: true
      restart: {after: 2, max_attempts: 3, window: 1m, first_backoff: 200ms, longest_backoff: 5s}
      health: {http: 8080, path: /ready, interval: 2s, retries: 1, status: [200, 204]}
      reload: {signal: SIGHUP}
""")
    assert project.services[API].own == OwnConfig(
        essential=True,
        restart=RestartRules(
            after=2, max_attempts=3, window_s=60.0, first_backoff_s=0.2, longest_backoff_s=5.0
        ),
        probe=OutsideProbe(
            kind="http", port=8080, path="/ready", statuses=(200, 204), interval_s=2.0, retries=1
        ),
        reload=Reload(signal="HUP"),
    )


def test_a_command_as_text_is_split_like_a_shell_would(resolve: Any) -> None:
    """As everywhere else in a compose file."""
    own = (
        resolve("services: {api: {image: x, x-podkeeper: {reload: {exec: 'nginx -s \"re load\"'}}}}")
        .services[API]
        .own
    )
    assert own.reload == Reload(command=("nginx", "-s", "re load"))


def test_it_shapes_no_container(resolve: Any) -> None:
    """Another rule for restarts recreates nothing."""
    plain = resolve("services: {api: {image: x}}").services[API]
    ruled = resolve("services: {api: {image: x, x-podkeeper: {restart: {after: 3}}}}").services[API]
    assert plain.config_hash == ruled.config_hash
    assert plain.field_hashes == ruled.field_hashes


def test_a_wrong_key_is_refused_where_it_stands(errors: Any) -> None:
    """Other extensions are anybody's; this one is ours."""
    (error,) = errors("services:\n  api:\n    image: x\n    x-podkeeper: {restrat: {after: 1}}\n")
    assert str(error.location) == "/srv/demo/compose.yaml:4:19"
    assert "did you mean `restart`?" in error.hint


def test_what_is_essential_comes_with_all_that_it_needs(resolve: Any) -> None:
    """Of the stack as it is written, and as a revision keeps it."""
    project = resolve("""
services:
  api: {image: x, depends_on: [db], x-podkeeper: {essential: true}}
  db: {image: x}
  web: {image: x, depends_on: [api]}
""")
    assert essential_services(project) == {"api", "db"}
    again = resolve(json.dumps(project.document))
    assert essential_services(again) == {"api", "db"}
