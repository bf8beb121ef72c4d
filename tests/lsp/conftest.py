"""A real server over standard input and output, in a workspace of its own."""

import asyncio
import os
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.lsp.editor import PATIENCE_S, Editor, plain
from tests.podman import bed

from containers.model.base import ProjectName

_SHOWN_CHARACTERS = 16_000
"""Of the end of what a server logged, where its test failed."""


def server_environment(tmp_path: Path, engine_url: str | None) -> dict[str, str]:
    """The environment of a server: the machine's, with a state folder and an engine of its own."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("COMPOSE_", "PODKEEPER_"))}
    environ["PODKEEPER_STATE_DIR"] = str(tmp_path / "state")
    if engine_url is not None:
        environ["CONTAINER_HOST"] = engine_url
    return environ


@asynccontextmanager
async def serve(environ: dict[str, str]) -> AsyncIterator[Editor]:
    """Start a server, and end it as an editor does; none of its parts may have broken meanwhile."""
    client = Editor()
    log = Path(environ["PODKEEPER_STATE_DIR"]).with_name("server.log")
    # nobody would read its standard error: a server that says much would stand still once the pipe is full
    logged = ("-c", 'exec "$0" -m containers lsp 2>> "$1"', sys.executable, str(log))
    await client.start_io("sh", *logged, env=environ)
    try:
        yield client
    finally:
        try:
            async with asyncio.timeout(PATIENCE_S):
                await client.shutdown_async(None)
                client.exit(None)
                await client.stop()  # type: ignore[no-untyped-call]
        finally:
            sys.stdout.write(log.read_text()[-_SHOWN_CHARACTERS:])
    broken = [plain(event)["event"] for event in client.events if event.kind == "bus.handler_failed"]
    assert not broken, broken


@pytest.fixture
async def editor(tmp_path: Path) -> AsyncIterator[Editor]:
    """A server whose engine does not answer: documents are checked all the same."""
    async with serve(server_environment(tmp_path, f"unix://{tmp_path}/no.sock")) as client:
        yield client


@pytest.fixture(
    scope="session",
    params=[
        pytest.param(bed.rootful_engine, id="rootful", marks=pytest.mark.rootful)
        if os.getuid() == 0
        else pytest.param(bed.rootless_engine, id="rootless", marks=pytest.mark.rootless)
    ],
)
def engine_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A real engine: the rootful one as root, else our own."""
    with request.param() as url:
        yield url


@pytest.fixture
def project(engine_url: str) -> Iterator[ProjectName]:
    """A project name of this test's own; what carries it is removed afterwards."""
    name = ProjectName(f"pkl{uuid.uuid4().hex[:10]}")
    yield name
    bed.remove_project(engine_url, name)


@pytest.fixture
async def live_editor(tmp_path: Path, engine_url: str, project: ProjectName) -> AsyncIterator[Editor]:
    """A server on a real engine. It ends before its project is removed, which it would bring back."""
    del project
    async with serve(server_environment(tmp_path, engine_url)) as client:
        yield client
