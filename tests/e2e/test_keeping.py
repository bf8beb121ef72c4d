"""What keeps a stack well, as a person sees and steers it: held, released, given up, tried again."""

from functools import partial
from pathlib import Path

import pytest
from tests.e2e import stack
from tests.e2e.conftest import OpenFolder
from tests.e2e.workbench import Workbench
from tests.podman import bed

pytestmark = pytest.mark.asyncio(loop_scope="session")

FRAIL = """
  frail:
    image: {image}
    init: true
    command:
      - sh
      - -c
      - trap 'echo read anew' HUP; until test -e /state/bad; do sleep 0.1; done; echo the disk is bad; exit 3
    volumes: ["./state:/state"]
    x-podkeeper:
      restart: {{max_attempts: 2, first_backoff: 100ms, longest_backoff: 200ms}}
      reload: {{signal: HUP}}
"""


def shows(service: str, part: str, rows: dict[str, str]) -> bool:
    """Whether a service's row has a text in it."""
    return part in rows.get(service, "")


async def open_and_up(open_folder: OpenFolder, folder: Path) -> Workbench:
    """A window on the folder, with everything healthy."""
    window = await open_folder(folder)
    await window.show_podkeeper()
    await window.command("Podkeeper: Up")
    await window.until_rows(lambda rows: any("healthy" in t and "/" in t for t in rows.values()), "the stack")
    await window.until(window.notifications, "no notice left", lambda texts: not texts)
    return window


def add_frail(folder: Path) -> Path:
    """One more service, which ends while a file is there; that file."""
    (folder / "state").mkdir(mode=0o755)
    file = folder / "compose.yaml"
    service = FRAIL.format(image=bed.IMAGE)
    file.write_text(file.read_text().replace("\nvolumes:\n", f"{service}\nvolumes:\n"))
    return folder / "state" / "bad"


async def test_what_is_held_stays_down_until_it_is_released(open_folder: OpenFolder, folder: Path) -> None:
    """*Hold* asks for which service; its row says so; *Release* has it brought back at once."""
    bad = add_frail(folder)
    window = await open_and_up(open_folder, folder)
    await window.command("Podkeeper: Hold")
    await window.pick("frail")
    await window.until_rows(partial(shows, "frail", "held"), "that it is held")
    bad.touch()
    await window.until_rows(partial(shows, "frail", "exited"), "that it is down")
    bad.unlink()
    await window.page.wait_for_timeout(2000)
    assert shows("frail", "exited", await window.rows())
    await window.picture("held")
    await window.command("Podkeeper: Release")
    await window.pick("frail")
    await window.until_rows(lambda rows: rows.get("frail") in {"running", "healthy"}, "it back")


async def test_what_is_given_up_is_told_once_with_the_cause_and_a_button_tries_again(
    open_folder: OpenFolder, folder: Path
) -> None:
    """Its row says so, too, and the others go on."""
    bad = add_frail(folder)
    window = await open_and_up(open_folder, folder)
    bad.touch()
    await window.until_rows(partial(shows, "frail", "given up"), "that it is given up")
    messages = await window.until(
        window.notifications, "the notice", lambda texts: any("gave up" in text for text in texts)
    )
    assert len(messages) == 1, messages
    assert "frail" in messages[0]
    assert "the disk is bad" in messages[0]
    await window.picture("given-up")
    others = dict.fromkeys(stack.SERVICES, "healthy")
    await window.until_rows(lambda rows: rows.items() >= others.items(), "the others healthy")
    bad.unlink()
    await window.press_notification_button("Retry")
    await window.until_rows(lambda rows: rows.get("frail") in {"running", "healthy"}, "it back")


async def test_health_lists_every_service_and_reload_sends_what_the_file_says(
    open_folder: OpenFolder, folder: Path, project: str, engine_url: str
) -> None:
    """*Health* in the output channel; *Reload* leaves the process alone."""
    add_frail(folder)
    window = await open_and_up(open_folder, folder)
    await window.command("Podkeeper: Health")
    text = await window.until(window.output, "the health", lambda text: "frail" in text and "web" in text)
    assert "Traceback" not in text
    await window.picture("health")
    process = stack.main_process(engine_url, project, "frail")
    await window.command("Podkeeper: Reload")
    await window.pick("frail")
    await window.command("Podkeeper: Logs")
    await window.pick("frail")
    await window.until(window.output, "what the signal does", lambda text: "read anew" in text)
    assert stack.main_process(engine_url, project, "frail") == process
