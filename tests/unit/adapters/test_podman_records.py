"""Podman's answers, as recorded from 4.3 and 5.4, and what they become."""

import json
from datetime import UTC, datetime

import pytest

from containers.adapters.podman_info_records import HostRecord
from containers.adapters.podman_records import (
    EventRecord,
    InspectedContainer,
    ListedContainer,
    NetworkRecord,
    VolumeRecord,
    health_of,
    parse_list,
    state_of,
)
from containers.model.health import HealthState
from containers.model.observed import ContainerState

LISTED = {
    "AutoRemove": False,
    "Command": ["sleep", "1000"],
    "Created": "2026-11-21T03:58:24.893470394Z",
    "ExitedAt": -62135596800,
    "ExitCode": 0,
    "Id": "c5195fc0d9ed",
    "Image": "localhost/tb/busybox:latest",
    "ImageID": "6c76ceb7696f",
    "Labels": {"com.docker.compose.project": "demo", "com.docker.compose.service": "web"},
    "Names": ["demo-web-1"],
    "Ports": [
        {"host_ip": "127.0.0.1", "container_port": 80, "host_port": 18099, "range": 2, "protocol": "tcp"},
        {"host_ip": "0.0.0.0", "container_port": 53, "host_port": 53, "range": 1, "protocol": "tcp,udp"},  # noqa: S104
    ],
    "StartedAt": 1795233505,
    "State": "running",
    "Status": "starting",
}


def test_a_listed_container_becomes_an_observed_one() -> None:
    """One call tells state, health, ports and labels."""
    seen = ListedContainer.model_validate(LISTED).to_observed()
    assert seen is not None
    assert (seen.project, seen.service, seen.number) == ("demo", "web", 1)
    assert (seen.state, seen.health, seen.exit_code) == (ContainerState.RUNNING, HealthState.STARTING, None)
    assert seen.created_at == datetime(2026, 11, 21, 3, 58, 24, 893470, tzinfo=UTC)
    assert seen.started_at == datetime.fromtimestamp(1795233505, UTC)
    assert [str(p) for p in seen.ports] == [
        "127.0.0.1:18099->80/tcp",
        "127.0.0.1:18100->81/tcp",
        "0.0.0.0:53->53/tcp",
        "0.0.0.0:53->53/udp",
    ]


def test_null_stands_for_empty() -> None:
    """Go writes an empty list or map as null."""
    bare = {**LISTED, "Labels": None, "Ports": None, "Names": None}
    assert ListedContainer.model_validate(bare).to_observed() is None
    assert parse_list(NetworkRecord, None) == ()


def test_a_container_that_never_ran_has_no_start() -> None:
    """Go's zero time is the year 1."""
    seen = ListedContainer.model_validate(
        {**LISTED, "State": "created", "StartedAt": -62135596800}
    ).to_observed()
    assert seen is not None
    assert seen.started_at is None
    assert seen.state is ContainerState.CREATED


def test_an_exit_code_counts_only_after_an_exit() -> None:
    """Podman writes 0 for what runs."""
    seen = ListedContainer.model_validate({**LISTED, "State": "exited", "ExitCode": 7}).to_observed()
    assert seen is not None
    assert seen.exit_code == 7


def test_podman_composes_own_labels_are_understood() -> None:
    """And a replica's number is read where there is one."""
    labels = {
        "io.podman.compose.project": "demo",
        "io.podman.compose.service": "db",
        "com.docker.compose.container-number": "3",
    }
    seen = ListedContainer.model_validate({**LISTED, "Labels": labels}).to_observed()
    assert seen is not None
    assert (seen.project, seen.service, seen.number) == ("demo", "db", 3)


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("configured", ContainerState.CREATED),
        ("stopping", ContainerState.RUNNING),
        ("stopped", ContainerState.EXITED),
        ("paused", ContainerState.PAUSED),
        ("something new", ContainerState.UNKNOWN),
    ],
)
def test_podmans_words_for_states_are_docker_composes(word: str, state: ContainerState) -> None:
    """`stopping` still lives; what we do not know is unknown, not an error."""
    assert state_of(word) is state


def test_unknown_health_is_none() -> None:
    """Podman 5 has added words."""
    assert [health_of(w) for w in (None, "", "stopped", "healthy")] == [
        HealthState.NONE,
        HealthState.NONE,
        HealthState.NONE,
        HealthState.HEALTHY,
    ]


INSPECTED = {
    "Id": "2ba78ebc5eee",
    "Name": "y1",
    "RestartCount": 2,
    "State": {
        "Status": "running",
        "Pid": 13200,
        "ExitCode": 0,
        "StartedAt": "2026-11-21T04:19:21.041163199+02:00",
        "FinishedAt": "0001-01-01T00:00:00Z",
        "Health": {
            "Status": "unhealthy",
            "FailingStreak": 3,
            "Log": [
                {
                    "Start": "2026-11-21T04:19:22.0Z",
                    "End": "2026-11-21T04:19:22.25Z",
                    "ExitCode": 1,
                    "Output": "no\n",
                }
            ],
        },
    },
    "Config": {"Healthcheck": {"Test": ["CMD-SHELL", "false"], "Timeout": 2_000_000_000}, "StopTimeout": 4},
    "HostConfig": {"RestartPolicy": {"Name": "always", "MaximumRetryCount": 0}},
}


def test_an_inspected_container_tells_its_life() -> None:
    """Times are aware; what has not happened has none."""
    detail = InspectedContainer.model_validate(INSPECTED).to_detail()
    assert (detail.pid, detail.restart_count, detail.restart_policy) == (13200, 2, "always")
    assert (detail.health, detail.health_output) == (HealthState.UNHEALTHY, "no\n")
    assert detail.started_at is not None
    assert detail.started_at.utcoffset() is not None
    assert detail.finished_at is None


@pytest.mark.parametrize(("word", "is_cleaned_up"), [("stopped", False), ("exited", True), ("created", True)])
def test_what_has_only_stopped_may_yet_be_started_again_by_podman(word: str, is_cleaned_up: bool) -> None:  # noqa: FBT001
    """Podman says `exited` once it has cleaned up after, which it does not between two lives of a loop."""
    inspected = {**INSPECTED, "State": {"Status": word}}
    assert InspectedContainer.model_validate(inspected).to_detail().is_cleaned_up is is_cleaned_up


def test_a_probe_is_the_last_check_in_the_log() -> None:
    """State and streak are the container's, code, output and time the check's."""
    probe = InspectedContainer.model_validate(INSPECTED).to_probe(9.0)
    assert (probe.state, probe.failing_streak, probe.exit_code) == (HealthState.UNHEALTHY, 3, 1)
    assert (probe.output, probe.duration_s) == ("no", 0.25)


def test_a_container_without_health_or_config_is_read() -> None:
    """Podman 5 leaves `Health` out where there is no check."""
    bare = {"Id": "a", "State": {"Status": "created", "Health": None}, "Config": None}
    record = InspectedContainer.model_validate(bare)
    assert record.to_detail().health is HealthState.NONE
    assert record.to_probe(0.5).duration_s == 0.5
    assert record.config.stop_timeout_s == 10


def test_an_event_keeps_its_attributes_and_nanoseconds() -> None:
    """The health word is at the top level; empty means none."""
    line = {
        "status": "health_status",
        "Type": "container",
        "Action": "health_status",
        "Actor": {"ID": "abc", "Attributes": {"name": "z4", "containerExitCode": "0"}},
        "timeNano": 1795234819285313554,
        "HealthStatus": "starting",
    }
    event = EventRecord.model_validate_json(json.dumps(line)).to_event()
    assert (event.type, event.action, event.id, event.name) == ("container", "health_status", "abc", "z4")
    assert (event.at_ns, event.health) == (1795234819285313554, "starting")


def test_networks_and_volumes_have_labels_or_none() -> None:
    """Podman leaves them out or writes null."""
    assert NetworkRecord.model_validate({"name": "n"}).to_observed().labels == {}
    assert VolumeRecord.model_validate({"Name": "v", "Labels": None}).to_observed().labels == {}


def test_the_owner_of_a_rootless_engine_is_who_its_root_is() -> None:
    """The first row of the map, whatever its order."""
    maps = {"uidmap": [{"container_id": 1, "host_id": 100000}, {"container_id": 0, "host_id": 1001}]}
    assert HostRecord.model_validate({"idMappings": maps}).owner_uid == 1001
    assert HostRecord.model_validate({"idMappings": {"uidmap": None}}).owner_uid == 0
