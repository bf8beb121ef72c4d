"""Take the pictures of docs/environments.md: how the environments of the Phoenix example differ.

Run as `python -m tests.e2e.take_environment_pictures` from the root of the clone.
"""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.async_api import ViewportSize, async_playwright
from tests.e2e.conftest import BROWSER_FLAGS

ROOT = Path(__file__).parents[2]
PICTURES = {
    "env-matrix": ("matrix", "development", "staging", "production"),
    "env-diff": ("diff", "staging", "production"),
}
SIZE: ViewportSize = {"width": 1100, "height": 860}


def write_pages(folder: Path) -> None:
    """Write each page into a folder."""
    environ = {**os.environ, "NCA_API_KEY": "key", "NCA_TOOLKIT_TAG": f"latest@sha256:{'0' * 64}"}
    for name, verb in PICTURES.items():
        file = folder / f"{name}.html"
        argv = [sys.executable, "-m", "containers", "env", *verb, "--format", "html", "-o", str(file)]
        subprocess.run(argv, cwd=ROOT, env=environ, check=True)


async def take(folder: Path) -> None:
    """Take a picture of each page's beginning."""
    executable = os.environ.get("PODKEEPER_TEST_BROWSER") or shutil.which("chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=BROWSER_FLAGS)
        for name in PICTURES:
            page = await browser.new_page(viewport=SIZE, color_scheme="light")
            await page.goto((folder / f"{name}.html").as_uri())
            target = ROOT / "docs/images" / f"{name}.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            await page.screenshot(path=target)
        await browser.close()


def main() -> None:
    """Take them."""
    with tempfile.TemporaryDirectory(prefix="pk-") as folder:
        write_pages(Path(folder))
        asyncio.run(take(Path(folder)))


if __name__ == "__main__":
    main()
