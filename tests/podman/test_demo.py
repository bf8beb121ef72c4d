"""The demo stack, as `./dev demo` brings it up: every service ready, a page that answers, nothing left."""

import json
import os
import subprocess
import sys
import urllib.request
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.podman import bed

ROOT = Path(__file__).parents[2]


@pytest.mark.rootful
def test_the_demo_comes_up_healthy_answers_and_goes_down_to_nothing(
    rootful_url: str, tmp_path: Path, unused_tcp_port_factory: Callable[[], int]
) -> None:
    """Its own image, built offline; eight services in three layers; a migration that completes."""
    project = f"pkd{uuid.uuid4().hex[:10]}"
    port = unused_tcp_port_factory()
    environ = os.environ | {
        "CONTAINER_HOST": rootful_url,
        "PODKEEPER_STATE_DIR": str(tmp_path),
        "DEMO_WEB_PORT": str(port),
        "DEMO_METRICS_PORT": str(unused_tcp_port_factory()),
    }
    subprocess.run([ROOT / "environments/demo/build-image.sh"], check=True, env=environ, cwd=ROOT)

    def podkeeper(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "containers", "-p", project, "--env", "demo", *arguments],
            check=False,
            capture_output=True,
            text=True,
            env=environ,
            cwd=ROOT,
        )

    try:
        up = podkeeper("up", "-d")
        assert up.returncode == 0, up.stderr
        rows = {r["service"]: r for r in json.loads(podkeeper("ps", "--json").stdout)}
        states = {s: r["health"] if r["health"] != "none" else r["exit_code"] for s, r in rows.items()}
        assert len(states) >= 6
        assert states.pop("migrate") == 0
        assert set(states.values()) == {"healthy"}
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as page:
            assert page.status == 200
        assert podkeeper("down", "--volumes", "--yes").returncode == 0
        left = bed.podman(rootful_url, "ps", "-aq", "--filter", f"label=io.podman.compose.project={project}")
        assert left == ""
    finally:
        bed.remove_project(rootful_url, project)
