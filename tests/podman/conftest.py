"""Fixtures for tests against real Podman."""

import os
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.podman import bed
from tests.podman.command_line import Cli
from tests.podman.monitors import monitor  # noqa: F401  (a fixture)
from tests.podman.watching import watch  # noqa: F401  (a fixture)

from containers.adapters.podman_rest import PodmanRestEngine, connect
from containers.model.base import ProjectName
from containers.settings import EngineSettings


@pytest.fixture(scope="session")
def rootful_url() -> Iterator[str]:
    """An engine that runs as root."""
    with bed.rootful_engine() as url:
        yield url


@pytest.fixture(scope="session")
def rootless_url() -> Iterator[str]:
    """An engine that runs as an ordinary user."""
    with bed.rootless_engine() as url:
        yield url


@pytest.fixture(
    params=[
        pytest.param("rootful", marks=pytest.mark.rootful),
        pytest.param("rootless", marks=pytest.mark.rootless),
    ]
)
def podman_url(request: pytest.FixtureRequest) -> str:
    """Each of the two engines in turn."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
def project(podman_url: str) -> Iterator[ProjectName]:
    """A project name of this test's own; what carries it is removed afterwards."""
    name = ProjectName(f"pk{uuid.uuid4().hex[:10]}")
    yield name
    bed.remove_project(podman_url, name)


@pytest.fixture
async def engine(podman_url: str, tmp_path: Path) -> AsyncIterator[PodmanRestEngine]:
    """The adapter, connected to one of the engines."""
    connected = await connect(EngineSettings(url=podman_url), os.environ, tmp_path)
    yield connected
    await connected.close()


@pytest.fixture
def cli(podman_url: str, project: ProjectName, tmp_path: Path) -> Iterator[Cli]:
    """The command line on one of the engines, in a folder that the engine's user can read."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("COMPOSE_", "PODKEEPER_"))}
    environ |= {"CONTAINER_HOST": podman_url, "PODKEEPER_STATE_DIR": str(tmp_path / "state")}
    with tempfile.TemporaryDirectory(prefix="podkeeper-test-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield Cli(folder, project, environ)
