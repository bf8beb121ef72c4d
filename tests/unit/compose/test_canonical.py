"""The long form of what can be written in one line."""

from typing import Any

import pytest

from containers.compose.measures import duration_ns, duration_text, size_bytes
from containers.compose.short_forms import ShortFormError, parse_ports, parse_volume
from containers.model.errors import ErrorCode


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("80", [("", "", 80, "tcp")]),
        ("8080:80", [("", "8080", 80, "tcp")]),
        ("127.0.0.1:8080:80/udp", [("127.0.0.1", "8080", 80, "udp")]),
        ("127.0.0.1::80", [("127.0.0.1", "", 80, "tcp")]),
        ("[::1]:8080:80", [("::1", "8080", 80, "tcp")]),
        ("::1:8080:80", [("::1", "8080", 80, "tcp")]),
        ("3000-3001", [("", "", 3000, "tcp"), ("", "", 3001, "tcp")]),
        ("4000-4001:3000-3001", [("", "4000", 3000, "tcp"), ("", "4001", 3001, "tcp")]),
        ("4000-4009:80", [("", "4000-4009", 80, "tcp")]),
    ],
)
def test_ports_in_one_line(spec: str, expected: list[tuple[str, str, int, str]]) -> None:
    """Addresses, ranges and protocols."""
    ports = [
        (p.get("host_ip", ""), p.get("published", ""), p["target"], p["protocol"]) for p in parse_ports(spec)
    ]
    assert ports == expected


@pytest.mark.parametrize(
    "spec", ["", "a:80", "80:", "1.2.3:80:80", "9-8", "1-3:1-2", "70000", "80/icmp", "127.0.0.1:80", "²", "0"]
)
def test_what_is_no_port_is_refused(spec: str) -> None:
    """Every part is checked."""
    with pytest.raises(ShortFormError):
        parse_ports(spec)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("/data", {"type": "volume", "target": "/data", "volume": {}}),
        ("v:/data", {"type": "volume", "target": "v:/data", "volume": {}}),
        (
            "vol:/data:ro",
            {"type": "volume", "source": "vol", "target": "/data", "read_only": True, "volume": {}},
        ),
        ("vol:/d:nocopy", {"type": "volume", "source": "vol", "target": "/d", "volume": {"nocopy": True}}),
        (
            "./a:/b:z",
            {
                "type": "bind",
                "source": "./a",
                "target": "/b",
                "bind": {"selinux": "z", "create_host_path": True},
            },
        ),
        ("C:\\x:/b", {"type": "bind", "source": "C:\\x", "target": "/b", "bind": {"create_host_path": True}}),
    ],
)
def test_volumes_in_one_line(spec: str, expected: dict[str, Any]) -> None:
    """Binds, named and anonymous volumes; one letter and a colon are a drive, as compose has it."""
    assert parse_volume(spec) == expected


@pytest.mark.parametrize("spec", ["", ":/d", "aa::bb", "aa:bb:cc:dd"])
def test_what_is_no_volume_is_refused(spec: str) -> None:
    """No part may be empty, and there are three at most."""
    with pytest.raises(ShortFormError):
        parse_volume(spec)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("90s", "1m30s"),
        ("1.5h", "1h30m0s"),
        ("500ms", "500ms"),
        ("1w", "168h0m0s"),
        ("1m", "1m0s"),
        ("0", "0s"),
    ],
)
def test_durations_have_one_form(text: str, canonical: str) -> None:
    """Reading the canonical form gives the same duration."""
    assert duration_text(duration_ns(text)) == canonical
    assert duration_ns(canonical) == duration_ns(text)


@pytest.mark.parametrize("text", ["", "90", "abc", "1x", "s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    """A number needs a unit."""
    with pytest.raises(ValueError, match=text or "^$"):
        duration_ns(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [("64m", 2**26), ("64MiB", 2**26), ("1.5g", 3 * 2**29), ("1024", 1024), ("-1", -1), ("2 kb", 2048)],
)
def test_sizes_are_bytes(text: str, size: int) -> None:
    """Units are powers of 1024."""
    assert size_bytes(text) == size


def test_a_service_is_written_in_its_long_form(resolve: Any) -> None:
    """One document of everything that has a short form."""
    service = resolve(
        """
        services:
          a:
            image: x
            command: echo "a b" 'c'
            stop_grace_period: 90s
            mem_limit: 1g
            shm_size: 64m
            tmpfs: /run
            devices: ["/dev/a"]
            gpus: all
            ulimits: {nofile: 5}
            healthcheck: {test: curl x, interval: 1m30s}
            secrets: [s]
            configs: [{source: c, mode: 0440}]
            networks: [n]
            extra_hosts: {h: 10.0.0.1}
        secrets: {s: {file: ./s.txt}}
        configs: {c: {content: hi}}
        networks: {n: }
        """
    ).document["services"]["a"]
    assert service == {
        "image": "x",
        "command": ["echo", "a b", "c"],
        "entrypoint": None,
        "stop_grace_period": "1m30s",
        "mem_limit": "1073741824",
        "shm_size": "67108864",
        "tmpfs": ["/run"],
        "devices": [{"source": "/dev/a", "target": "/dev/a", "permissions": "rwm"}],
        "gpus": [{"count": -1}],
        "ulimits": {"nofile": 5},
        "healthcheck": {"test": ["CMD-SHELL", "curl x"], "interval": "1m30s"},
        "secrets": [{"source": "s", "target": "/run/secrets/s"}],
        "configs": [{"source": "c", "mode": "0440"}],
        "networks": {"n": None},
        "extra_hosts": ["h=10.0.0.1"],
    }


def test_resources_get_the_projects_name(resolve: Any) -> None:
    """External ones keep their own; unused ones are left out."""
    project = resolve(
        """
        services: {a: {image: x, volumes: ["data:/d", "ext:/e", "named:/n"]}}
        volumes: {data: , ext: {external: true}, named: {name: mine}, unused: }
        """,
        project_name="p",
    )
    assert {key: volume.name for key, volume in project.volumes.items()} == {
        "data": "p_data",
        "ext": "ext",
        "named": "mine",
    }
    assert project.networks["default"].name == "p_default"


@pytest.mark.parametrize(
    "written",
    [
        "stop_grace_period: '90'",
        "mem_limit: lots",
        "ports: ['a:80']",
        "ports: [{published: 80}]",
        "volumes: [':/d']",
        "volumes: [{type: bind, source: ./x}]",
        "command: 'echo \"'",
        "healthcheck: {test: [curl, x]}",
        "environment: ['A =1']",
        "configs: [{source: c, mode: '9'}]",
        "ports: [{target: 80, host_ip: here}]",
        "develop: {watch: [{path: ., action: sync}]}",
    ],
)
def test_a_value_that_cannot_be_read_is_placed(errors: Any, written: str) -> None:
    """Each is an invalid value of this service, at its place."""
    found = errors(f"services:\n  a:\n    image: x\n    {written}\nconfigs: {{c: {{content: x}}}}\n")
    assert [(error.code, error.service) for error in found] == [(ErrorCode.INVALID_VALUE, "a")]
    assert found[0].location.range.start.line == 3
