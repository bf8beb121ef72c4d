"""A Podman that is killed amid a start, and what it left half started."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.podman import bed

from containers.adapters.podman_errors import PortConflict
from containers.adapters.podman_half_started import end_half_started
from containers.adapters.podman_rest import PodmanRestEngine
from containers.model.base import ContainerId, ProjectName, ServiceName
from containers.ports.translation import ContainerRecipe

pytestmark = pytest.mark.rootful

PATIENCE_S = 30.0
RUNTIME = """#!/bin/sh
case " $* " in *" create "*)
  if [ -e "{folder}/kill" ]; then
    {runtime} "$@"
    rm "{folder}/kill"
    kill -9 "$(cat "{folder}/pid")"
    exit
  fi
esac
exec {runtime} "$@"
"""
"""Once it has made a container, Podman can not note that any more, if so asked."""
SERVE = """
while :; do
  rm -f "$0/s"
  podman --runtime "$0/runtime" system service --time=0 "unix://$0/s" & echo $! > "$0/pid"
  wait $!
done
"""
"""As systemd does it, there is another one when it was killed."""
START = 'echo $$ > "$0/pid"; exec podman --runtime "$0/runtime" start "$1"'
"""By a Podman that is no service."""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A private one with a path short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="pk-") as name:
        yield Path(name)


@pytest.fixture
def podman_url(folder: Path, rootful_url: str) -> Iterator[str]:
    """A service that can be killed, of the Podman of which `rootful_url` has the image."""
    assert rootful_url
    runtime = shutil.which("crun") or shutil.which("runc")
    (folder / "runtime").write_text(RUNTIME.format(folder=folder, runtime=runtime))
    (folder / "runtime").chmod(0o755)
    with subprocess.Popen(
        ["sh", "-c", SERVE, str(folder)], env=bed.serving_environ(), start_new_session=True
    ) as serving:
        try:
            deadline = time.monotonic() + PATIENCE_S
            while not bed.answers(folder / "s"):
                assert time.monotonic() < deadline, "the service does not answer"
                time.sleep(bed.LOOK_S)
            yield f"unix://{folder / 's'}"
        finally:
            os.killpg(serving.pid, signal.SIGKILL)


@pytest.fixture
def port() -> int:
    """One that nobody has."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture(params=["no port", "a port"])
async def container(
    request: pytest.FixtureRequest, engine: PodmanRestEngine, project: ProjectName, port: int
) -> ContainerId:
    """One that was created only; what is left of its start holds the port that it publishes."""
    options: tuple[str, ...] = ("--init",)
    if request.param == "a port":
        options = (*options, "-p", f"127.0.0.1:{port}:80")
    recipe = ContainerRecipe(
        service=ServiceName("web"), options=options, image=bed.IMAGE, command=("sleep", "60")
    )
    return await engine.create_container(f"{project}-web-1", recipe, {"com.docker.compose.project": project})


async def test_a_container_starts_though_podman_is_killed_amid_it(
    engine: PodmanRestEngine, container: ContainerId, folder: Path
) -> None:
    """The next Podman refuses once, as its runtime has it already, and tidies up only then."""
    (folder / "kill").touch()
    await engine.start_container(container)
    assert (await engine.inspect_container(container)).state == "running"
    assert not (folder / "kill").exists()


async def test_what_was_left_half_started_can_be_restarted(
    engine: PodmanRestEngine, container: ContainerId, folder: Path
) -> None:
    """It is the same refusal."""
    (folder / "kill").touch()
    starting = await asyncio.create_subprocess_exec(
        "sh", "-c", START, str(folder), container, env=bed.serving_environ()
    )
    assert await starting.wait() == -signal.SIGKILL
    await engine.restart_container(container)
    assert (await engine.inspect_container(container)).state == "running"


@pytest.mark.parametrize("container", ["a port"], indirect=True)
async def test_a_start_that_is_not_torn_is_left_alone(
    engine: PodmanRestEngine, container: ContainerId, port: int
) -> None:
    """Neither one that somebody makes ready after we were refused, nor one that runs."""
    conflict = PortConflict("127.0.0.1", port, "tcp")
    refused_at = time.clock_gettime(time.CLOCK_BOOTTIME)
    await engine.ready_container(container)
    assert not end_half_started(container, conflict, refused_at)
    await engine.start_container(container)
    assert not end_half_started(container, conflict, time.clock_gettime(time.CLOCK_BOOTTIME) + 1)
    assert (await engine.inspect_container(container)).state == "running"
