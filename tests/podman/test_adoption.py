"""Stacks that docker compose and podman-compose have started, on real Podman: taken over as they are."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.podman import bed
from tests.podman.stack_services import free_ports

pytestmark = pytest.mark.rootful
KINDS = ("container", "network", "volume")
COMPOSE = """
services:
  db:
    image: IMAGE
    command: ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 3600 & wait $$!; done"]
    environment: {POSTGRES_PASSWORD: s3cret}
    volumes: ["data:/var/lib/data", "./conf:/conf:ro"]
    healthcheck: {test: ["CMD", "test", "-d", "/conf"], interval: 1s, timeout: 2s, retries: 5}
    restart: unless-stopped
  web:
    image: IMAGE
    command: ["sh", "-c", "trap 'exit 0' TERM; httpd -p 80 -h /bin; while :; do sleep 3600 & wait $$!; done"]
    environment: {DEBUG: "DEBUG_VALUE", PRICE: "5 $$"}
    ports: ["127.0.0.1:HOST_PORT:80"]
    depends_on: [db]
    restart: always
    labels: {team: blue}
volumes: {data: {}}
"""


class Adopted:
    """A stack that another program has started."""

    def __init__(self, url: str, folder: Path, program: str, port: int) -> None:
        """Below `folder`, in a project of its own."""
        self.url = url
        self.folder = folder
        self.program = program
        self.project = f"pk{uuid.uuid4().hex[:10]}"
        self.port = port
        (folder / "conf").mkdir()
        self.write()

    def write(self, debug: str = "0") -> None:
        """The compose file, with one variable's value."""
        text = COMPOSE
        for word, value in (("IMAGE", bed.IMAGE), ("HOST_PORT", str(self.port)), ("DEBUG_VALUE", debug)):
            text = text.replace(word, value)
        (self.folder / "compose.yaml").write_text(text)

    def start(self) -> None:
        """Start it with the other program."""
        program = Path(sys.executable).with_name(self.program)
        done = self._run(str(program), "-p", self.project, "up", "-d")
        assert done.returncode == 0, done.stderr

    def podkeeper(self, *verb: str) -> subprocess.CompletedProcess[str]:
        """Run a verb of ours on it."""
        return self._run(sys.executable, "-m", "containers", "-p", self.project, *verb)

    def _run(self, *command: str) -> subprocess.CompletedProcess[str]:
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "COLUMNS": "400",
            "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
            "CONTAINER_HOST": self.url,
            "DOCKER_HOST": self.url,
            "PODKEEPER_STATE_DIR": str(self.folder.parent / "state"),
        }
        return subprocess.run(
            command,
            cwd=self.folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    def containers(self) -> dict[str, str]:
        """The id of each service's container."""
        label = f"label=com.docker.compose.project={self.project}"
        listed: list[dict[str, Any]] = json.loads(
            bed.podman(self.url, "ps", "-a", "--filter", label, "--format", "json")
        )
        return {each["Labels"]["com.docker.compose.service"]: each["Id"] for each in listed}

    def left(self) -> list[str]:
        """What of it is still there."""
        named = [
            name
            for kind in (*KINDS, "pod")
            for name in bed.podman(
                self.url,
                kind,
                "ls",
                *(["-a"] if kind == "container" else []),
                "--format",
                "{{.Names}}" if kind == "container" else "{{.Name}}",
            ).split()
        ]
        return [name for name in named if self.project in name]


@pytest.fixture(params=["docker-compose", "podman-compose"])
def stack(request: pytest.FixtureRequest, rootful_url: str, tmp_path: Path) -> Iterator[Adopted]:
    """A stack of two services, started by each program in turn."""
    folder = tmp_path / "stack"
    folder.mkdir()
    with ExitStack() as held:
        port = free_ports(1, held)
    adopted = Adopted(rootful_url, folder, request.param, port)
    try:
        adopted.start()
        yield adopted
    finally:
        bed.remove(rootful_url, "pod", "rm", "--force", "--ignore", f"pod_{adopted.project}")
        bed.remove_project(rootful_url, adopted.project)


def test_a_stack_that_another_program_started_has_nothing_to_change(stack: Adopted) -> None:
    """`plan` says so, `up` keeps the very containers, and every other verb finds them."""
    before = stack.containers()
    plan = stack.podkeeper("plan")
    assert (plan.returncode, "nothing to do" in plan.stdout) == (0, True), plan.stdout + plan.stderr

    up = stack.podkeeper("up", "-d")
    assert up.returncode == 0, up.stderr
    assert stack.containers() == before

    shown = stack.podkeeper("ps", "--json").stdout
    assert all(name in shown for name in ("db", "web", str(stack.port)))
    assert stack.podkeeper("logs", "web").returncode == 0
    assert stack.podkeeper("restart", "web").returncode == 0
    assert stack.podkeeper("stop").returncode == 0
    assert stack.podkeeper("up", "-d").returncode == 0
    assert stack.containers() == before

    down = stack.podkeeper("down", "-v", "-y", "-t", "1")
    assert down.returncode == 0, down.stderr
    assert stack.left() == []


def test_only_the_service_that_was_changed_is_recreated(stack: Adopted) -> None:
    """The plan names the field and no other, and the others' containers stay."""
    before = stack.containers()
    stack.write(debug="hush-hush")
    plan = stack.podkeeper("plan")
    assert plan.returncode == 2, plan.stdout + plan.stderr
    changes = [line for line in plan.stdout.splitlines() if line.startswith(("~", "+", "-"))]
    by = "docker compose" if stack.program == "docker-compose" else "podman-compose"
    assert changes == [
        f"~ recreate {stack.project}_web_1: it was started by {by}, and `environment DEBUG` differs"
    ]
    assert "hush-hush" not in plan.stdout + plan.stderr

    up = stack.podkeeper("up", "-d")
    assert up.returncode == 0, up.stderr
    after = stack.containers()
    assert after["db"] == before["db"]
    assert after["web"] != before["web"]
    again = stack.podkeeper("plan")
    assert again.returncode == 0, again.stdout

    journal = [p.read_bytes() for p in (stack.folder.parent / "state").rglob("state.db*")]
    assert journal
    assert not any(b"s3cret" in text or b"hush-hush" in text for text in journal)
    assert stack.podkeeper("down", "-v", "-y", "-t", "1").returncode == 0
    assert stack.left() == []


def test_a_dependency_that_was_changed_is_recreated_with_what_podman_binds_to_it(stack: Adopted) -> None:
    """Docker compose binds nothing; podman-compose's dependents can not do without the very container."""
    before = stack.containers()
    path = stack.folder / "compose.yaml"
    path.write_text(path.read_text().replace("unless-stopped", "always"))
    plan = stack.podkeeper("plan").stdout
    assert "`restart` differs" in plan
    up = stack.podkeeper("up", "-d")
    assert up.returncode == 0, up.stderr
    after = stack.containers()
    assert after["db"] != before["db"]
    assert (after["web"] != before["web"]) is (stack.program == "podman-compose")
    assert "could not be removed" not in up.stdout + up.stderr
    assert len(bed.podman(stack.url, "ps", "-aq", "--filter", f"name={stack.project}").split()) == 2
    assert stack.podkeeper("plan").returncode == 0
    assert stack.podkeeper("down", "-v", "-y", "-t", "1").returncode == 0
    assert stack.left() == []
