"""A real VS Code in a real browser, with the extension as it is packed, on real Podman."""

import os
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Literal, TypeAlias

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, async_playwright
from tests.e2e import code_server, stack, vsix
from tests.e2e.code_server import CodeServer
from tests.e2e.workbench import PATIENCE_S, Workbench
from tests.podman import bed

from containers.model.base import ProjectName

BROWSER_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_SUPERVISED_S = 1.5
"""A window that was closed has its server for a while, which may make something anew amid the removal."""
OpenFolder: TypeAlias = Callable[..., Awaitable[Workbench]]


@pytest.fixture(scope="session")
def engine_url() -> Iterator[str]:
    """A real engine: the rootful one as root, else our own."""
    bed_engine = bed.rootful_engine if os.getuid() == 0 else bed.rootless_engine
    with bed_engine() as url:
        yield url


@pytest.fixture(scope="session")
def home() -> Iterator[Path]:
    """Where code-server keeps everything; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="podkeeper-e2e-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def extensions(home: Path) -> Path:
    """A folder of extensions with ours in it, as a user would have installed it."""
    folder = home / "extensions"
    code_server.install(vsix.packed(), folder, home / "install")
    return folder


@pytest.fixture(scope="session")
def server_command() -> list[str]:
    """The Podkeeper that serves: `PODKEEPER_TEST_SERVER`, or the one beside this Python."""
    given = os.environ.get("PODKEEPER_TEST_SERVER")
    beside = Path(sys.executable).with_name("podkeeper")
    found = given or (str(beside) if beside.exists() else shutil.which("podkeeper"))
    assert found, "there is no podkeeper to serve: run `./dev setup`, or set PODKEEPER_TEST_SERVER"
    return [found]


@pytest.fixture(scope="session")
def vscode(home: Path, extensions: Path, engine_url: str, server_command: list[str]) -> Iterator[CodeServer]:
    """VS Code with the extension, which finds its server through the setting."""
    environ = code_server.environment(home, CONTAINER_HOST=engine_url)
    settings = {"podkeeper.server.command": server_command}
    with code_server.serve(home / "main", extensions, environ, settings) as running:
        yield running


@pytest.fixture
def cautious_vscode(
    tmp_path: Path, extensions: Path, engine_url: str, server_command: list[str]
) -> Iterator[CodeServer]:
    """VS Code that trusts no folder before it is told to, and finds the server on PATH."""
    path = f"{Path(server_command[0]).parent}{os.pathsep}{os.environ['PATH']}"
    environ = code_server.environment(tmp_path, CONTAINER_HOST=engine_url, PATH=path)
    settings = {"security.workspace.trust.enabled": True, "security.workspace.trust.startupPrompt": "never"}
    with code_server.serve(tmp_path / "cautious", extensions, environ, settings) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[BrowserContext]:
    """Chromium, without a window. It keeps what it has loaded: VS Code remembers things by folder."""
    executable = os.environ.get("PODKEEPER_TEST_BROWSER") or shutil.which("chromium")
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=executable, args=BROWSER_FLAGS)
        yield await running.new_context()
        await running.close()


@pytest.fixture
def project(engine_url: str) -> Iterator[ProjectName]:
    """A project name of this test's own; what carries it is removed afterwards."""
    name = ProjectName(f"pke{uuid.uuid4().hex[:10]}")
    yield name
    bed.remove_project(engine_url, name)
    time.sleep(_SUPERVISED_S)
    bed.remove_project(engine_url, name)


@pytest.fixture
def folder(tmp_path: Path, project: ProjectName) -> Path:
    """A folder with the compose file of six services."""
    return stack.write(tmp_path / "shop", project)


@pytest_asyncio.fixture(loop_scope="session")
async def open_folder(browser: BrowserContext, vscode: CodeServer) -> AsyncIterator[OpenFolder]:
    """Opens folders in windows of their own, which are closed at the end."""
    async with AsyncExitStack() as windows:

        async def open_one(
            folder: Path,
            *,
            on: CodeServer = vscode,
            size: tuple[int, int] = (1280, 800),
            colours: Literal["dark", "light"] = "dark",
        ) -> Workbench:
            page = await browser.new_page()
            page.set_default_timeout(PATIENCE_S * 1000)
            windows.push_async_callback(page.close)
            await page.set_viewport_size({"width": size[0], "height": size[1]})
            await page.emulate_media(color_scheme=colours)
            workbench = Workbench(page)
            await workbench.open(on.address_of(folder))
            return workbench

        yield open_one
