"""The command line on real Podman, rootful and rootless: what a person types and sees."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.podman import bed
from tests.podman.command_line import Cli


def containers(url: str, project: str) -> str:
    """Ids of everything that carries the project's label."""
    return bed.podman(
        url, "ps", "-aq", "--no-trunc", "--filter", f"label=io.podman.compose.project={project}"
    )


THREE_LAYERS = """
services:
  edge:
    image: IMAGE
    command: LOOP
    depends_on: {app: {condition: service_healthy}}
    networks: [front]
  app:
    image: IMAGE
    command: ["sh", "-c", "trap exit TERM; sleep 0.3; touch /ready; while :; do sleep 0.05; done"]
    healthcheck: {test: ["CMD", "test", "-e", "/ready"], interval: 30s}
    depends_on: {migrate: {condition: service_completed_successfully}}
    networks: [front, back]
  migrate:
    image: IMAGE
    command: ["sh", "-c", "cat /data/schema > /data/migrated"]
    depends_on: {db: {condition: service_healthy}}
    volumes: ["data:/data"]
    networks: [back]
  db:
    image: IMAGE
    command: ["sh", "-c", "trap exit TERM; echo tables > /data/schema; while :; do sleep 0.05; done"]
    healthcheck: {test: "test -s /data/schema", interval: 30s}
    volumes: ["data:/data"]
    networks: [back]
networks:
  front: {}
  back: {internal: true}
volumes: {data: {}}
"""


def test_a_stack_goes_up_healthy_stays_and_goes_down_to_nothing(cli: Cli, podman_url: str) -> None:
    """Up, up again, ps, logs, down: the whole life, with docker compose's exit codes."""
    cli.write(THREE_LAYERS)
    assert cli("plan").returncode == 2
    up = cli("up", "-d")
    assert up.returncode == 0, up.stderr
    rows = cli.ps()
    assert {s: (r["state"], r["health"]) for s, r in rows.items()} == {
        "edge": ("running", "none"),
        "app": ("running", "healthy"),
        "db": ("running", "healthy"),
        "migrate": ("exited", "none"),
    }
    before = containers(podman_url, cli.project)
    again = cli("up", "-d")
    assert again.returncode == 0
    assert "nothing to do" in again.stderr
    assert containers(podman_url, cli.project) == before
    assert cli("plan").returncode == 0
    down = cli("down", "-v", "-y")
    assert down.returncode == 0, down.stderr
    assert containers(podman_url, cli.project) == ""
    for kind in ("network", "volume"):
        assert cli.project not in bed.podman(podman_url, kind, "ls", "--format", "{{.Name}}")


def test_podman_compose_and_docker_compose_see_the_stack(cli: Cli, podman_url: str, tmp_path: Path) -> None:
    """By its labels: with the peers' own `ps`."""
    cli.write("services: {web: {image: IMAGE, command: LOOP}, db: {image: IMAGE, command: LOOP}}")
    assert cli("up", "-d").returncode == 0
    scripts = Path(sys.executable).parent
    docker = subprocess.run(
        [scripts / "docker-compose", "-p", cli.project, "ps", "--format", "{{.Service}}"],
        cwd=tmp_path,
        env={**cli.environ, "DOCKER_HOST": podman_url},
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(docker.stdout.split()) == {"web", "db"}
    remote = tmp_path / "podman-remote"
    remote.write_text(f'#!/bin/sh\nexec podman --remote --url "{podman_url}" "$@"\n')
    remote.chmod(0o755)
    podman = subprocess.run(
        [scripts / "podman-compose", "--podman-path", remote, "-p", cli.project, "ps"],
        cwd=cli.folder,
        env=cli.environ,
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"{cli.project}_web_1" in podman.stdout


def test_a_dependent_starts_soon_after_its_dependency_is_ready(cli: Cli) -> None:
    """With `interval: 30s` and nobody to run checks, readiness is noticed when it is there."""
    cli.write(
        """
services:
  slow:
    image: IMAGE
    command:
      - sh
      - -c
      - "trap exit TERM; sleep 1; cut -d' ' -f1 /proc/uptime | tee /ready; while :; do sleep 0.05; done"
    healthcheck: {test: ["CMD", "test", "-s", "/ready"], interval: 30s}
  after:
    image: IMAGE
    command: ["sh", "-c", "trap exit TERM; cut -d' ' -f1 /proc/uptime; while :; do sleep 0.05; done"]
    depends_on: {slow: {condition: service_healthy}}
"""
    )
    assert cli("up", "-d").returncode == 0
    ready, started = (float(first_line(cli, service)) for service in ("slow", "after"))
    assert started - ready < 20, "the figure is in the benchmark; here it must only not wait for the interval"


def first_line(cli: Cli, service: str) -> str:
    """What a service says first, once it has."""
    deadline = time.monotonic() + 30
    while not (lines := cli("logs", "--no-log-prefix", service).stdout.splitlines()):
        assert time.monotonic() < deadline, f"{service} says nothing"
    return lines[0]


NEVER_WELL = "healthcheck: {test: ['CMD', 'false'], interval: 30s}"
"""Who has this is waited for until it ends; else it counts as up where its death takes its time."""
BAD = {
    "a port in use": (
        "services: {{taken: {{image: IMAGE, command: LOOP, ports: ['127.0.0.1:{port}:80']}}}}",
        "port_in_use",
    ),
    "a port that is taken meanwhile": (
        (
            "services: {{first: {{image: IMAGE, network_mode: host, init: true, "
            "command: [httpd, -f, -p, '127.0.0.1:{port}'], "
            "healthcheck: {{test: ['CMD', 'nc', '127.0.0.1', '{port}', '-e', 'true'], "
            "interval: 200ms, retries: 20}}}}, "
            "late: {{image: IMAGE, command: LOOP, ports: ['127.0.0.1:{port}:80'], "
            "depends_on: {{first: {{condition: service_healthy}}}}}}}}"
        ),
        "port_in_use",
    ),
    "an image that can not be pulled": (
        "services: {{a: {{image: '127.0.0.1:1/no/such:1', command: LOOP}}}}",
        "image_pull_failed",
    ),
    "a service that dies at once": (
        (
            "services: {{a: {{image: IMAGE, command: ['sh', '-c', 'echo no config; exit 3'], "
            "healthcheck: {{test: ['CMD', 'false'], interval: 30s}}}}}}"
        ),
        "service_exited",
    ),
    "a service that never gets healthy": (
        (
            "services: {{a: {{image: IMAGE, command: LOOP, healthcheck: "
            "{{test: ['CMD', 'false'], interval: 200ms, retries: 2, timeout: 1s}}}}}}"
        ),
        "gate_failed",
    ),
    "a command that is not there": (
        "services: {{a: {{image: IMAGE, command: [/no/such/program]}}}}",
        "start_failed",
    ),
    "a dependency cycle": (
        "services: {{a: {{image: IMAGE, depends_on: [b]}}, b: {{image: IMAGE, depends_on: [a]}}}}",
        "dependency_cycle",
    ),
    "an unknown key": ("services: {{a: {{image: IMAGE, comand: x}}}}", "unknown_key"),
    "invalid YAML": ("services: {{a: [", "invalid_yaml"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_goes_wrong_is_one_coded_error_and_leaves_nothing(
    what: str, cli: Cli, podman_url: str, unused_tcp_port_factory: Callable[[], int]
) -> None:
    """Exit code 1, the code once, no traceback, and nothing of the project on the engine."""
    text, code = BAD[what]
    port = unused_tcp_port_factory()
    cli.write(text.format(port=port))
    holder = f"{cli.project}-holder"
    if what == "a port in use":
        bed.podman(
            podman_url, "run", "-d", "--name", holder, "-p", f"127.0.0.1:{port}:80", bed.IMAGE, "sleep", "60"
        )
    try:
        done = cli("up", "-d")
    finally:
        bed.podman(podman_url, "rm", "-f", "-i", "-t", "0", holder)
    assert done.returncode == 1, done.stderr
    assert len(re.findall(rf"error \[{code}\]", done.stderr)) == 1, done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert containers(podman_url, cli.project) == ""
    if code in {"dependency_cycle", "unknown_key", "invalid_yaml"}:
        assert re.search(r"compose\.yaml:\d+:\d+", done.stderr)


def test_a_failed_update_leaves_the_running_stack_as_it_was(cli: Cli, podman_url: str) -> None:
    """The same containers, running; the error shows the service's last words."""
    cli.write("services: {a: {image: IMAGE, command: LOOP}, b: {image: IMAGE, command: LOOP}}")
    assert cli("up", "-d").returncode == 0
    before = containers(podman_url, cli.project)
    cli.write(
        "services: {a: {image: IMAGE, command: ['sh', '-c', 'echo cannot read config; exit 1'], "
        f"{NEVER_WELL}}}, b: {{image: IMAGE, command: LOOP}}}}"
    )
    up = cli("up", "-d")
    assert up.returncode == 1
    assert "cannot read config" in up.stderr
    assert "rolled back" in up.stderr
    assert set(containers(podman_url, cli.project).split()) == set(before.split())
    assert {r["state"] for r in cli.ps().values()} == {"running"}


def test_ctrl_c_rolls_back(cli: Cli, podman_url: str) -> None:
    """Once INT: what was begun is undone, and the shell sees 130."""
    cli.write(
        "services: {a: {image: IMAGE, command: LOOP, healthcheck: {test: ['CMD', 'false'], interval: 30s}}}"
    )
    running = cli.start("up", "-d")
    deadline = time.monotonic() + 60
    while not containers(podman_url, cli.project):
        assert time.monotonic() < deadline, "nothing was created"
        time.sleep(0.05)
    time.sleep(0.5)
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=30)
    assert running.returncode == 130, err
    assert "rolled back" in err
    assert containers(podman_url, cli.project) == ""


def test_a_second_writer_is_told_who_holds_the_lock(cli: Cli) -> None:
    """Two applies at once: one works, the other says so and fails."""
    cli.write(
        "services: {a: {image: IMAGE, command: LOOP, healthcheck: "
        "{test: ['CMD', 'false'], interval: 2s, retries: 4, timeout: 1s}}}"
    )
    first = cli.start("up", "-d")
    cli.until_locked()
    second = cli("down")
    first.communicate(timeout=60)
    assert second.returncode == 1, second.stderr
    assert "error [lock_held]" in second.stderr
    assert str(first.pid) in second.stderr


def test_secrets_are_in_no_process_list_and_in_no_output(cli: Cli, podman_url: str) -> None:
    """Environment values reach the container, and nothing else."""
    cli.environ["TOKEN"] = "s3cr3t-in-the-environment"  # noqa: S105  (it is what must not be seen)
    cli.write("services: {a: {image: IMAGE, command: LOOP, environment: {TOKEN: '${TOKEN}'}}}")
    up = cli("up", "--json")
    assert up.returncode == 0, up.stderr
    inside = bed.inside(podman_url, f"{cli.project}_a_1", "sh", "-c", "echo $TOKEN")
    assert inside == "s3cr3t-in-the-environment"
    shown = up.stdout + up.stderr + cli("ps", "--json").stdout + cli("plan", "--json").stdout
    state = "".join(
        p.read_text(errors="replace")
        for p in Path(cli.environ["PODKEEPER_STATE_DIR"]).rglob("*")
        if p.is_file()
    )
    assert "s3cr3t" not in shown + state


def test_events_and_monitor_restart_what_died(cli: Cli, podman_url: str) -> None:
    """`monitor` brings a killed service back, and prints each change as a JSON line."""
    cli.write("services: {a: {image: IMAGE, command: LOOP}}")
    assert cli("up", "-d").returncode == 0
    keeper = cli.start("monitor", "--json")
    assert keeper.stdout is not None
    patience = threading.Timer(120, keeper.kill)
    patience.start()
    try:
        for line in keeper.stdout:
            if json.loads(line)["kind"] == "server.resynchronised":
                break
        os.kill(bed.process_of(podman_url, f"{cli.project}_a_1"), signal.SIGKILL)
        kinds = []
        for line in keeper.stdout:
            kinds.append(json.loads(line)["kind"])
            if kinds[-1] == "health.restarted":
                break
        assert kinds[-1] == "health.restarted"
        assert "container.died" in kinds
        assert cli.ps()["a"]["state"] == "running"
    finally:
        keeper.send_signal(signal.SIGTERM)
        keeper.communicate(timeout=60)
        patience.cancel()
    assert keeper.returncode == 130


def test_without_podman_the_error_says_what_to_install(cli: Cli, tmp_path: Path) -> None:
    """No socket, no program: one error with a remedy."""
    cli.write("services: {a: {image: IMAGE}}")
    cli.environ |= {"CONTAINER_HOST": "", "PATH": "/nowhere", "PODKEEPER_PODMAN": "no-such-podman"}
    cli.environ["XDG_RUNTIME_DIR"] = str(tmp_path)
    done = cli("--engine", f"unix://{tmp_path}/no.sock", "up", "-d")
    assert done.returncode == 1
    assert re.search(r"error \[(daemon_unreachable|podman_not_installed)\]", done.stderr)
    assert "Traceback" not in done.stderr


def test_doctor_says_which_podman_and_why(cli: Cli, podman_url: str) -> None:
    """Engine, socket, who runs the checks, podman-compose."""
    done = cli("doctor", "--json")
    assert done.returncode == 0, done.stdout
    found = {c["name"]: c["value"] for c in json.loads(done.stdout)}
    assert podman_url in found["socket"]
    assert "CONTAINER_HOST" in found["socket"]
    assert "podman-compose" in found
