"""Take the picture of the README: a stack in VS Code, all healthy, and what a saved change would do to it.

Run as `python -m tests.e2e.take_pictures` from the root of the clone.
"""

import asyncio
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.async_api import async_playwright
from tests.e2e import code_server, vsix
from tests.e2e.conftest import BROWSER_FLAGS
from tests.e2e.workbench import Workbench
from tests.podman import bed

PICTURE = Path(__file__).parents[2] / "docs/images/vscode.png"
PROJECT = "shop"
SERVICES = ("api", "cache", "db", "edge", "web", "worker")
COMPOSE = f"""\
name: {PROJECT}

x-service: &service
  image: {bed.IMAGE}
  init: true
  restart: unless-stopped
  command: sleep 1d
  healthcheck: {{ test: ["CMD", "true"], interval: 2s }}

services:
  edge:
    <<: *service
    ports: ["127.0.0.1:8080:80"]
    depends_on: {{ web: {{ condition: service_healthy }} }}
  web:
    <<: *service
    depends_on: {{ api: {{ condition: service_healthy }} }}
    environment: {{ RELEASE: "1.4" }}
  api:
    <<: *service
    depends_on:
      migrate: {{ condition: service_completed_successfully }}
      cache: {{ condition: service_healthy }}
  worker:
    <<: *service
    depends_on: {{ db: {{ condition: service_healthy }} }}
  migrate:
    image: {bed.IMAGE}
    command: echo migrated
    depends_on: {{ db: {{ condition: service_healthy }} }}
  db:
    <<: *service
    volumes: ["rows:/var/lib/rows"]
  cache:
    <<: *service

volumes:
  rows:
"""


async def take(url: str, home: Path) -> None:
    """Bring the stack up by the palette, change a service, ask for the plan, and take the picture."""
    folder = home / PROJECT
    folder.mkdir()
    file = folder / "compose.yaml"
    file.write_text(COMPOSE)
    extensions = home / "extensions"
    code_server.install(vsix.packed(), extensions, home / "install")
    environ = code_server.environment(home, CONTAINER_HOST=url)
    environ["PYTHONPATH"] = str(source())
    settings: dict[str, Any] = {
        "podkeeper.server.command": [sys.executable, "-m", "containers"],
        "remote.autoForwardPorts": False,
    }
    with code_server.serve(home / "editor", extensions, environ, settings) as running:
        async with async_playwright() as playwright:
            executable = os.environ.get("PODKEEPER_TEST_BROWSER") or shutil.which("chromium")
            browser = await playwright.chromium.launch(executable_path=executable, args=BROWSER_FLAGS)
            page = await browser.new_page(viewport={"width": 1400, "height": 900}, color_scheme="dark")
            window = Workbench(page)
            await window.open(running.address_of(folder))
            await window.show_podkeeper()
            await window.until(window.rows, "rows", lambda rows: rows.get("web") == "not created")
            await window.command("Podkeeper: Up")
            await window.until(
                window.rows,
                "healthy rows",
                lambda rows: all(rows.get(service, "").startswith("healthy") for service in SERVICES),
            )
            file.write_text(COMPOSE.replace('RELEASE: "1.4"', 'RELEASE: "1.5"'))
            await window.open_file(file.name)
            await window.command("Podkeeper: Plan")
            await window.until(window.output, "the plan", lambda text: "recreate" in text)
            await window.command("View: Focus Active Editor Group")
            PICTURE.parent.mkdir(parents=True, exist_ok=True)
            await page.locator(".quick-input-widget").wait_for(state="hidden")
            await page.screenshot(path=PICTURE, animations="disabled")
            await browser.close()


def source() -> Path:
    """The folder of this clone's Podkeeper."""
    return Path(__file__).parents[2] / "src"


def main() -> None:
    """Take it, and leave nothing behind."""
    engine = bed.rootful_engine if os.getuid() == 0 else bed.rootless_engine
    with engine() as url, tempfile.TemporaryDirectory(prefix="pk-", ignore_cleanup_errors=True) as home:
        try:
            asyncio.run(take(url, Path(home)))
        finally:
            bed.remove_project(url, PROJECT)


if __name__ == "__main__":
    main()
