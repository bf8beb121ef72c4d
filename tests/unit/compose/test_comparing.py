"""How environments differ, and what stays hidden while that is shown."""

import pytest
from tests.fakes.projects import project

from containers.compose.comparing import differences
from containers.compose.matrix import ASPECTS, matrix
from containers.compose.secrecy import MASK, is_secret_name, masked


def difference(
    before: dict[str, object], after: dict[str, object]
) -> list[tuple[str, str | None, str | None]]:
    """What differs in one service."""
    left, right = project(services={"a": before}), project(services={"a": after})
    return [(d.key, d.before, d.after) for d in differences(left, right)]


def test_alike_is_alike_whatever_the_project_is_called() -> None:
    """Names of networks and volumes follow the project's."""
    services = {"a": {"volumes": [{"type": "volume", "source": "v", "target": "/v"}]}}
    found = differences(project("one", services=services), project("two", services=services))
    assert [(d.where, d.before, d.after) for d in found] == [("project", "one", "two")]


def test_lists_are_compared_by_what_their_entries_are_about() -> None:
    """A port that moved is one difference, whatever stands before it."""
    web = {"target": 80, "published": "8080", "protocol": "tcp"}
    admin = {"target": 81, "published": "8081", "protocol": "tcp"}
    assert difference({"ports": [web]}, {"ports": [admin, {**web, "published": "80"}]}) == [
        ("ports[80/tcp].published", "8080", "80"),
        ("ports[81/tcp].published", None, "8081"),
    ]


def test_sizes_are_words_and_dollars_are_single() -> None:
    """As people would write them."""
    assert difference({"mem_limit": "536870912"}, {"mem_limit": "1610612736"}) == [
        ("mem_limit", "512 MiB", "1.5 GiB")
    ]
    assert difference({"command": ["a", "$$X"]}, {"command": ["b c"]}) == [("command", "a $X", '"b c"')]


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ("x", "y", (f"{MASK} (1)", f"{MASK} (2)")),
        (None, "y", (None, MASK)),
        ("", "y", ("", MASK)),
    ],
)
def test_secrets_that_differ_are_told_apart_but_not_shown(
    before: str | None, after: str, shown: tuple[str | None, str | None]
) -> None:
    """Whoever reads a report sees that they differ."""
    old = {} if before is None else {"DB_PASSWORD": before}
    found = difference({"environment": old}, {"environment": {"DB_PASSWORD": after}})
    assert found == [("environment.DB_PASSWORD", *shown)]


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("PASSWORD", True),
        ("POSTGRES_PASSWORD", True),
        ("api_key", True),
        ("AWS_SECRET_ACCESS_KEY", True),
        ("TOKEN", True),
        ("GITHUB_TOKEN_V2", True),
        ("PASSWORD_FILE", False),
        ("TOKEN_TTL", False),
        ("KEYBOARD", False),
        ("MONKEY", False),
        ("PASSENGERS", False),
        ("HOST", False),
    ],
)
def test_secrets_are_known_by_their_names(name: str, secret: bool) -> None:  # noqa: FBT001
    """Whole words, not parts of others; a file that holds one is none."""
    assert is_secret_name(name) is secret


def test_a_password_in_an_address_is_hidden_alone() -> None:
    """The rest of the address says where it leads."""
    assert masked("URL", "postgres://me:hush@db:5432/app") == f"postgres://me:{MASK}@db:5432/app"
    assert masked("URL", "http://db:5432/app") == "http://db:5432/app"


def test_the_matrix_has_every_aspect_of_every_service_in_each_environment() -> None:
    """A service that an environment does not have has no value there."""
    check = {"test": ["CMD", "true"], "interval": "10s", "timeout": "2s", "retries": 5}
    plain = project(services={"a": {"image": "x:1"}})
    hardened = project(
        services={
            "a": {
                "image": f"x:1@sha256:{'a' * 64}",
                "healthcheck": check,
                "mem_limit": "67108864",
                "cpus": 0.5,
                "pids_limit": 100,
                "restart": "on-failure:3",
                "logging": {"driver": "journald", "options": {"tag": "t"}},
                "ports": [{"target": 80, "published": "8080", "host_ip": "127.0.0.1", "protocol": "udp"}],
                "read_only": True,
                "user": "1000",
                "cap_drop": ["ALL"],
                "cap_add": ["NET_ADMIN"],
                "security_opt": ["no-new-privileges:true"],
            },
            "b": {"privileged": True, "network_mode": "host"},
        }
    )
    found = matrix({"development": plain, "production": hardened})
    assert found.environments == ("development", "production")
    rows = {(row.service, row.aspect): row for row in found.rows}
    assert set(rows) == {(service, aspect) for service in ("a", "b") for aspect in ASPECTS}
    said = {aspect: tuple(rows["a", aspect].values.values()) for aspect in ASPECTS}
    assert said == {
        "image": ("tag 1", "by digest"),
        "health check": ("none", "every 10 s, 5 tries of 2 s"),
        "limits": ("none", "64 MiB, 0.5 CPU, 100 processes"),
        "restart": ("no", "on-failure:3"),
        "logging": ("engine's default", "journald tag=t"),
        "networks": ("default", "default"),
        "published ports": ("none", "127.0.0.1:8080 -> 80/udp"),
        "read-only": ("no", "yes"),
        "user": ("image's", "1000"),
        "capabilities": ("engine's default", "-ALL, +NET_ADMIN, no new privileges"),
        "secrets": ("none", "none"),
    }
    assert rows["a", "image"].differs
    assert not rows["a", "networks"].differs
    assert rows["b", "capabilities"].values == {"production": "privileged"}
    assert rows["b", "networks"].values == {"production": "host"}
