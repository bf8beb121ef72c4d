"""A name server that dies while a stack comes up: what waits for a name gets ready all the same."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.podman import bed
from tests.podman.own_podman import OwnPodman

pytestmark = [pytest.mark.rootful, pytest.mark.own_podman]

PATIENCE_S = 60.0
STACK = f"""
name: names
services:
  db:
    image: {bed.IMAGE}
    command: [sleep, "600"]
    init: true
  web:
    image: {bed.IMAGE}
    command: [sleep, "600"]
    init: true
    depends_on: [db]
    volumes: ["./go:/go"]
    healthcheck:
      test: ["CMD", "sh", "-c", "test -e /go/now && nslookup -type=a db.dns.podman"]
      interval: 1s
      timeout: 5s
      retries: 30
"""


@pytest.fixture
def podman(rootful_url: str) -> Iterator[OwnPodman]:
    """One whose name server no other test needs."""
    with tempfile.TemporaryDirectory(prefix="pk-") as folder:
        made = OwnPodman(Path(folder))
        try:
            made.take_image(rootful_url)
            yield made
        finally:
            made.end()


def test_a_name_server_that_dies_during_up_is_started_again(podman: OwnPodman, tmp_path: Path) -> None:
    """The check that asks for a name passes in the end, and a warning says what there was."""
    (tmp_path / "go").mkdir()
    (tmp_path / "compose.yaml").write_text(STACK)
    up = podman.start_podkeeper(tmp_path, "up", "-d")
    try:
        deadline = time.monotonic() + PATIENCE_S
        while len(bed.podman(podman.url, "ps", "--quiet").split()) < 2:
            assert time.monotonic() < deadline, "the containers do not run"
            time.sleep(bed.LOOK_S)
        podman.kill_name_server()
        (tmp_path / "go" / "now").touch()
        said, _ = up.communicate(timeout=PATIENCE_S)
    finally:
        up.kill()
        up.wait()
    assert up.returncode == 0, said
    assert "name server did not answer for the containers any more, and was brought back" in said


def test_a_name_server_that_died_before_is_no_obstacle(podman: OwnPodman, tmp_path: Path) -> None:
    """Where nobody takes note of its end, it counts as running, and none would be started."""
    (tmp_path / "go").mkdir()
    (tmp_path / "go" / "now").touch()
    (tmp_path / "compose.yaml").write_text(STACK)

    def podkeeper(*verb: str) -> str:
        running = podman.start_podkeeper(tmp_path, *verb)
        said, _ = running.communicate(timeout=PATIENCE_S)
        assert running.returncode == 0, said
        return said

    podkeeper("up", "-d")
    podman.kill_name_server()
    podkeeper("down", "-t", "0")
    assert "name server" not in podkeeper("up", "-d")
