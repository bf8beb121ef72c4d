"""Preflight on real Podman: what would stop `up` half-way is told before anything is done."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.podman import bed
from tests.podman.command_line import Cli

from containers.model.base import ProjectName


@pytest.fixture
def port() -> int:
    """One that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def stranger(podman_url: str, project: ProjectName) -> Iterator[str]:
    """The name of a container that a test makes by hand, and that is no project's."""
    name = f"{project}-stranger"
    yield name
    bed.remove(podman_url, "rm", "-f", "-t", "0", "--ignore", name)


def codes(cli: Cli, *arguments: str) -> dict[str, str]:
    """What a refused `up` says, by code; nothing may have been made."""
    done = cli("up", "-d", "--json", *arguments)
    assert done.returncode == 1, done.stdout + done.stderr
    result = json.loads(done.stdout)
    assert result["outcome"] is None, "nothing was begun"
    return {problem["code"]: problem["message"] for problem in result["problems"]}


def test_a_process_that_has_a_port_is_named_before_anything_is_done(cli: Cli) -> None:
    """With the place in the file."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        cli.write(f"services: {{a: {{image: IMAGE, command: LOOP, ports: ['127.0.0.1:{port}:80']}}}}")
        message = codes(cli)["port_in_use"]
    assert f"port 127.0.0.1:{port} is already in use by process " in message
    assert "compose.yaml:2" in message


def test_a_container_that_has_a_port_is_named(cli: Cli, podman_url: str, stranger: str, port: int) -> None:
    """Even one that is no project's."""
    publish = f"127.0.0.1:{port}:80"
    bed.podman(podman_url, "run", "-d", "--name", stranger, "-p", publish, bed.IMAGE, "sleep", "60")
    cli.write(f"services: {{a: {{image: IMAGE, command: LOOP, ports: ['{port}:80']}}}}")
    assert codes(cli)["port_in_use"].endswith(f"port {port} is already in use by the container {stranger}")


def test_a_container_that_is_replaced_does_not_stand_in_its_own_way(cli: Cli, port: int) -> None:
    """Nor does one that is kept, or started again."""
    text = f"services: {{a: {{image: IMAGE, command: LOOP, environment: {{A: '%s'}}, ports: ['{port}:80']}}}}"
    for value in ("1", "2", "2"):
        cli.write(text % value)
        done = cli("up", "-d")
        assert done.returncode == 0, done.stderr
    assert cli("stop").returncode == 0
    done = cli("start")
    assert done.returncode == 0, done.stderr


def test_everything_that_is_wrong_is_told_at_once(
    cli: Cli, podman_url: str, stranger: str, tmp_path: Path
) -> None:
    """A taken port and name, a missing secret, image and folder, in one run that leaves nothing."""
    bed.podman(podman_url, "create", "--name", stranger, bed.IMAGE, "true")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        cli.write(
            f"""
services:
  a:
    image: IMAGE
    command: LOOP
    container_name: {stranger}
    ports: ['127.0.0.1:{port}:80']
    secrets: [word]
    volumes:
      - {{type: bind, source: {tmp_path}/none, target: /data, bind: {{create_host_path: false}}}}
  b: {{image: 'localhost/no/such:1', pull_policy: never, command: LOOP}}
secrets: {{word: {{environment: PODKEEPER_TEST_NOT_SET}}}}
"""
        )
        found = codes(cli)
    assert found.keys() == {
        "port_in_use",
        "name_in_use",
        "secret_missing",
        "path_unreadable",
        "image_not_found",
    }
    assert "PODKEEPER_TEST_NOT_SET" in found["secret_missing"]
    assert cli.project not in bed.podman(podman_url, "network", "ls", "--format", "{{.Name}}")


def test_a_subnet_that_another_network_has_is_refused(cli: Cli, podman_url: str) -> None:
    """That of Podman's own network is always there."""
    seen = json.loads(bed.podman(podman_url, "network", "inspect", "podman"))
    subnet = seen[0]["subnets"][0]["subnet"]
    cli.write(
        f"""
services: {{a: {{image: IMAGE, command: LOOP, networks: [own]}}}}
networks: {{own: {{ipam: {{config: [{{subnet: {subnet}}}]}}}}}}
"""
    )
    assert "of the network podman" in codes(cli)["subnet_in_use"]


def test_a_limit_without_effect_is_told_when_the_container_is_made(cli: Cli, podman_url: str) -> None:
    """Podman says so in a log that nobody sees; a second `up` has nothing to add."""
    facts = bed.podman(
        podman_url, "info", "-f", "{{.Host.CgroupsVersion}} {{.Host.Security.Rootless}}"
    ).split()
    cli.write(
        "services: {a: {image: IMAGE, command: LOOP, mem_limit: 64m}, b: {image: IMAGE, command: LOOP}}"
    )
    done = cli("up", "-d")
    assert done.returncode == 0, done.stderr
    assert ("services.a.mem_limit is ignored" in done.stderr) == (facts == ["v1", "true"]), done.stderr
    assert "mem_limit" not in cli("up", "-d").stderr
