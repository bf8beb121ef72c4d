"""Drift and going back, from the palette: seen in VS Code, done on Podman."""

from functools import partial
from pathlib import Path

import pytest
from tests.e2e.conftest import OpenFolder
from tests.podman import bed

pytestmark = pytest.mark.asyncio(loop_scope="session")


def shows(service: str, part: str, rows: dict[str, str]) -> bool:
    """Whether a service's row has a text in it."""
    return part in rows.get(service, "")


async def test_what_somebody_stopped_is_shown_as_drift_and_put_back(
    open_folder: OpenFolder, folder: Path, project: str, engine_url: str
) -> None:
    """The row says so, *Drift* says what and how to end it, and *Reconcile* does."""
    window = await open_folder(folder)
    await window.show_podkeeper()
    await window.command("Podkeeper: Up")
    await window.until_rows(lambda rows: "6/6 healthy" in rows.values(), "a healthy stack")
    bed.podman(engine_url, "stop", "--time", "1", f"{project}_mail_1")
    await window.until_rows(partial(shows, "mail", "drifted"), "a drifted row")
    await window.command("Podkeeper: Drift")
    await window.until(window.output, "what differs", lambda text: f"{project}_mail_1 does not run" in text)
    await window.picture("drift")
    await window.command("Podkeeper: Reconcile")
    await window.until_rows(lambda rows: rows.get("mail") == "healthy", "the service as it was")


async def test_an_earlier_revision_is_picked_and_gone_back_to(
    open_folder: OpenFolder, folder: Path, project: str, engine_url: str
) -> None:
    """The list has what was applied before, and the container is what it was then."""
    window = await open_folder(folder)
    await window.show_podkeeper()
    await window.command("Podkeeper: Up")
    await window.until_rows(lambda rows: "6/6 healthy" in rows.values(), "a healthy stack")
    file = folder / "compose.yaml"
    file.write_text(file.read_text().replace("mail is delivered", "mail is lost"))
    await window.command("Podkeeper: Up")
    log = ("logs", f"{project}_mail_1")
    await window.until(lambda: _text(engine_url, *log), "the new service", lambda text: "lost" in text)
    await window.until_rows(lambda rows: "6/6 healthy" in rows.values(), "the new stack")
    # the services are well a moment before what made them so has been written down
    await window.page.locator(".notification-toast", has_text="Podkeeper: Up").wait_for(state="hidden")
    await window.command("Podkeeper: Rollback")
    rows = window.page.locator(".quick-input-list .monaco-list-row", has_text="up, 6 services")
    await rows.first.wait_for()
    await window.picture("rollback")
    await rows.first.click()
    await window.until(lambda: _text(engine_url, *log), "the old service", lambda text: "delivered" in text)
    await window.until_rows(lambda rows: "6/6 healthy" in rows.values(), "the old stack")


async def _text(url: str, *arguments: str) -> str:
    try:
        return bed.podman(url, *arguments)
    except AssertionError:  # between two containers
        return ""
