"""Which key of a service becomes which option, and what is said about those that can not."""

from collections.abc import Mapping
from typing import Any

import pytest

from containers.compose.podman_options import (
    ADDED,
    ELSEWHERE,
    RESHAPED,
    TRANSLATED,
    UNAVAILABLE,
    Context,
    added_options,
    lost,
)

CONTEXT = Context({"db": "demo_db_1", "named": "the-one"})


def options(service: Mapping[str, Any]) -> tuple[str, ...]:
    """The options that are added for one service of the project."""
    return added_options(service, CONTEXT)


def test_every_key_is_in_exactly_one_table() -> None:
    """Nothing is done twice, and nothing falls between the tables."""
    tables = (TRANSLATED, RESHAPED, set(ADDED), set(ELSEWHERE), set(UNAVAILABLE))
    assert sum(len(table) for table in tables) == len(set().union(*tables))


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ({"cgroup": "private"}, ("--cgroupns", "private")),
        ({"cgroup_parent": "a.slice"}, ("--cgroup-parent", "a.slice")),
        ({"cpu_period": 100000, "cpu_quota": 50000}, ("--cpu-period", "100000", "--cpu-quota", "50000")),
        ({"cpu_rt_period": 9, "cpu_rt_runtime": 5}, ("--cpu-rt-period", "9", "--cpu-rt-runtime", "5")),
        ({"ipc": "shareable"}, ("--ipc", "shareable")),
        ({"ipc": "service:db"}, ("--ipc", "container:demo_db_1")),
        ({"ipc": "service:elsewhere"}, ("--ipc", "container:elsewhere")),
        ({"mem_swappiness": "60"}, ("--memory-swappiness", "60")),
        ({"memswap_limit": "-1"}, ("--memory-swap", "-1")),
        ({"oom_kill_disable": True}, ("--oom-kill-disable",)),
        ({"oom_kill_disable": False}, ()),
        ({"oom_score_adj": 500}, ("--oom-score-adj", "500")),
        ({"stop_grace_period": "1m30s"}, ("--stop-timeout", "90")),
        ({"stop_grace_period": "1.5s"}, ("--stop-timeout", "2")),
        ({"storage_opt": {"size": "1G"}}, ("--storage-opt", "size=1G")),
        ({"uts": "host"}, ("--uts", "host")),
        ({"cgroup_parent": "a$$b"}, ("--cgroup-parent", "a$b")),
        ({"ipc": None}, ()),
    ],
)
def test_a_dropped_key_becomes_its_option(service: dict[str, Any], expected: tuple[str, ...]) -> None:
    """One key, one option, with canonical text unescaped."""
    assert options(service) == expected


def test_volumes_come_from_services_and_from_foreign_containers() -> None:
    """A service is its first container, under the name it has; the mode stays."""
    assert options({"volumes_from": ["db", "named:ro", "container:other:ro"]}) == (
        *("--volumes-from", "demo_db_1"),
        *("--volumes-from", "the-one:ro"),
        *("--volumes-from", "other:ro"),
    )


def test_block_io_is_limited_by_device() -> None:
    """Also with the capital letters that docker compose prints."""
    limits = {
        "weight": 300,
        "weight_device": [{"path": "/dev/sda", "weight": 400}],
        "device_read_bps": [{"Path": "/dev/sda", "Rate": "1024"}],
        "device_write_iops": [{"path": "/dev/sdb", "rate": "30"}],
    }
    assert options({"blkio_config": limits}) == (
        *("--blkio-weight", "300"),
        *("--blkio-weight-device", "/dev/sda:400"),
        *("--device-read-bps", "/dev/sda:1024"),
        *("--device-write-iops", "/dev/sdb:30"),
    )
    assert options({"blkio_config": {"device_read_bps": []}}) == ()


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({}, ()),
        ({"condition": "none"}, ()),
        ({"condition": "any"}, ("--restart", "always")),
        ({"delay": "5s"}, ("--restart", "always")),
        ({"condition": "on-failure"}, ("--restart", "on-failure")),
        ({"condition": "on-failure", "max_attempts": 3}, ("--restart", "on-failure:3")),
    ],
)
def test_a_swarm_restart_policy_is_carried_over(policy: dict[str, Any], expected: tuple[str, ...]) -> None:
    """As docker compose does, with `any` as the default condition of a policy that is there."""
    assert options({"deploy": {"restart_policy": policy}}) == expected


def test_restart_wins_over_the_swarm_restart_policy() -> None:
    """Podman gets one policy, that of `restart`, which podman-compose translates."""
    assert options({"restart": "no", "deploy": {"restart_policy": {"condition": "any"}}}) == ()


def test_a_check_of_one_word_needs_no_shell() -> None:
    """A list of one would be run by `/bin/sh -c`, and never pass in an image without a shell."""
    assert options({"healthcheck": {"test": ["CMD", "/ready"]}}) == ("--health-cmd", "CMD /ready")
    assert options({"healthcheck": {"test": ["CMD", "/my ready"]}}) == ()
    assert options({"healthcheck": {"test": ["CMD", "/ready", "now"]}}) == ()
    assert options({"healthcheck": {"test": ["CMD-SHELL", "true"]}}) == ()
    assert options({"healthcheck": {"test": ["CMD", "/ready"], "disable": True}}) == ()


@pytest.mark.parametrize("key", sorted(UNAVAILABLE))
def test_what_podman_can_not_do_is_told(key: str) -> None:
    """By key, with a reason."""
    assert list(lost({key: "something"})) == [(key, UNAVAILABLE[key])]


@pytest.mark.parametrize(
    ("service", "keys"),
    [
        ({"use_api_socket": False, "post_start": []}, []),
        ({"x-mine": 1, "image": "a", "gpus": [{"count": 1}], "ipc": "host", "profiles": ["a"]}, []),
        ({"brand_new": 1}, ["brand_new"]),
        ({"deploy": {"placement": {}, "resources": {}}}, []),
        ({"deploy": {"placement": {"constraints": ["a"]}}}, ["deploy.placement"]),
        (
            {"deploy": {"restart_policy": {"delay": "1s", "max_attempts": 2}}},
            ["deploy.restart_policy.delay", "deploy.restart_policy.max_attempts"],
        ),
        ({"deploy": {"restart_policy": {"condition": "on-failure", "max_attempts": 2}}}, []),
        (
            {"deploy": {"resources": {"reservations": {"cpus": 1, "generic_resources": [1]}}}},
            ["deploy.resources.reservations.cpus", "deploy.resources.reservations.generic_resources"],
        ),
        (
            {"deploy": {"resources": {"reservations": {"devices": [{"capabilities": ["tpu"]}]}}}},
            ["deploy.resources.reservations.devices"],
        ),
        ({"deploy": {"resources": {"reservations": {"devices": [{"capabilities": ["gpu"]}]}}}}, []),
        ({"gpus": [{"driver": "amd", "count": 1}]}, ["gpus"]),
        ({"networks": {"a": None, "b": {"aliases": ["x"], "x-mine": 1}}}, []),
        ({"networks": {"a": {"priority": 1}}}, ["networks.a.priority"]),
        ({"healthcheck": {"interval": "5s"}}, ["healthcheck"]),
        ({"healthcheck": {"disable": True}}, []),
    ],
)  # fmt: skip
def test_nothing_is_lost_in_silence(service: dict[str, Any], keys: list[str]) -> None:
    """Every key without effect is named, and none that has one."""
    assert [key for key, _reason in lost(service)] == keys
