"""The subjects of the contract: the fake engine, and Podman as root and as an ordinary user."""

import os
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.contract.subjects import FakeSubject, LiveSubject, Subject
from tests.fakes.fake_engine import FakeEngine
from tests.fakes.manual_clock import ManualClock
from tests.podman import bed

from containers.adapters.podman_rest import connect
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
        "fake",
        pytest.param("rootful", marks=pytest.mark.rootful),
        pytest.param("rootless", marks=pytest.mark.rootless),
    ]
)
async def subject(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Subject]:
    """Each engine in turn, with a project of its own that is gone afterwards."""
    project = ProjectName(f"pk{uuid.uuid4().hex[:10]}")
    if request.param == "fake":
        clock = ManualClock()
        fake = FakeEngine(clock, images=[bed.IMAGE])
        yield FakeSubject(fake, project, bed.IMAGE, clock=clock)
        return
    url = str(request.getfixturevalue(f"{request.param}_url"))
    engine = await connect(EngineSettings(url=url), os.environ, tmp_path)
    try:
        yield LiveSubject(engine, project, bed.IMAGE)
    finally:
        await engine.close()
        bed.remove_project(url, project)
