"""A person's day with a stack: up, a crash, logs, a failure, down; all seen in VS Code, done on Podman."""

import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from tests.e2e import stack
from tests.e2e.conftest import OpenFolder
from tests.e2e.workbench import Workbench
from tests.podman import bed

pytestmark = pytest.mark.asyncio(loop_scope="session")
UNDER_WAY = {"creating", "created", "starting", "waiting"}


def contains(part: str, text: str) -> bool:
    """Whether a text has a part."""
    return part in text


def all_show(text: str, services: tuple[str, ...] = stack.SERVICES) -> Callable[[dict[str, str]], bool]:
    """Whether every service's row begins with a text."""
    return lambda rows: all(rows.get(service, "").startswith(text) for service in services)


async def open_and_up(open_folder: OpenFolder, folder: Path) -> Workbench:
    """A window on the folder, with everything healthy."""
    window = await open_folder(folder)
    await window.show_podkeeper()
    await window.until_rows(all_show("not created"), "rows that are not created")
    await window.command("Podkeeper: Up")
    await window.until_rows(all_show("healthy"), "healthy rows")
    return window


async def test_up_turns_every_row_healthy_and_down_leaves_nothing(
    open_folder: OpenFolder, folder: Path, project: str, engine_url: str
) -> None:
    """Rows are there before anything is created; afterwards only the data volume is left, as it must be."""
    window = await open_folder(folder)
    await window.show_podkeeper()
    await window.until_rows(all_show("not created"), "rows that are not created")
    await window.record_rows()
    await window.command("Podkeeper: Up")
    rows = await window.until_rows(all_show("healthy"), "healthy rows")
    assert rows == {project: "6/6 healthy", **dict.fromkeys(stack.SERVICES, "healthy")}
    for service, texts in (await window.recorded_rows()).items():
        if service != project:
            assert texts[0] == "not created"
            assert UNDER_WAY & set(texts), f"{service}: {texts}"
    await window.until(window.status_bar, "the status bar", lambda texts: f"{project}: 6/6 healthy" in texts)
    assert not await window.notifications()
    await window.command("Podkeeper: Down")
    await window.until_rows(all_show("not created"), "rows that are gone")
    label = f"label=com.docker.compose.project={project}"
    assert bed.podman(engine_url, "ps", "--all", "--quiet", "--filter", label) == ""
    assert bed.podman(engine_url, "network", "ls", "--quiet", "--filter", label) == ""
    assert bed.podman(engine_url, "volume", "ls", "--quiet", "--filter", label) == f"{project}_rows"


async def test_a_killed_service_is_healthy_again_without_anybody_asking(
    open_folder: OpenFolder, folder: Path, project: str, engine_url: str
) -> None:
    """`kill -9` shows in its row and in no other, and the row turns healthy with another process."""
    window = await open_and_up(open_folder, folder)
    await window.record_rows()
    killed = stack.main_process(engine_url, project, "web")
    os.kill(killed, signal.SIGKILL)

    async def texts() -> list[str]:
        return (await window.recorded_rows())["web"]

    await window.until(texts, "web down and up", lambda seen: len(seen) > 1 and seen[-1] == "healthy")
    assert stack.main_process(engine_url, project, "web") not in (0, killed)
    recorded = await window.recorded_rows()
    assert recorded["mail"] == ["healthy"]


async def test_logs_open_from_the_tree_and_the_palette_and_go_on(
    open_folder: OpenFolder, folder: Path
) -> None:
    """A panel for each service: what was written before, and what is written from now on."""
    window = await open_and_up(open_folder, folder)
    await window.press_row_button("mail", "Logs")
    await window.until(window.output, "mail's log", lambda text: "mail is delivered" in text)
    await window.command("Podkeeper: Logs")
    await window.pick("web")
    before = await window.until(window.output, "web's log", lambda text: "web is here" in text)
    await window.until(
        window.output, "more of web's log", lambda text: text.count("GET /") > before.count("GET /")
    )


async def test_buttons_of_a_row_act_on_that_service_alone(
    open_folder: OpenFolder, folder: Path, project: str, engine_url: str
) -> None:
    """*Up* of one row creates it and what it depends on, and nothing else."""
    window = await open_folder(folder)
    await window.show_podkeeper()
    await window.until_rows(all_show("not created"), "rows that are not created")
    await window.press_row_button("worker", "Up")
    await window.until_rows(all_show("healthy", ("worker", "database")), "worker and its database healthy")
    rows = await window.rows()
    assert {rows[service] for service in ("api", "cache", "mail", "web")} == {"not created"}
    before = stack.main_process(engine_url, project, "worker")
    await window.press_row_button("worker", "Restart")

    async def process() -> int:
        return stack.main_process(engine_url, project, "worker")

    await window.until(process, "a new process", lambda pid: pid not in (0, before))
    await window.until_rows(all_show("healthy", ("worker", "database")), "worker healthy again")


async def test_a_failed_up_says_why_and_shows_the_log_of_who_failed(
    open_folder: OpenFolder, folder: Path, project: str, engine_url: str
) -> None:
    """One message with code and remedy; its button opens the log; nothing of the attempt is left."""
    file = folder / "compose.yaml"
    file.write_text(file.read_text().replace("echo mail is delivered;", "echo no mailbox >&2; exit 3;"))
    window = await open_folder(folder)
    await window.show_podkeeper()
    await window.until_rows(all_show("not created"), "rows that are not created")
    await window.command("Podkeeper: Up")
    messages = await window.until(
        window.notifications,
        "the failure",
        lambda texts: any("mail" in text and "[" in text for text in texts),
    )
    assert len(messages) == 1, messages
    await window.picture("failure")
    await window.press_notification_button("Show Output")
    await window.until(window.output, "what failed", lambda text: "no mailbox" in text)
    await window.until_rows(all_show("not created"), "rows as they were")
    label = f"label=com.docker.compose.project={project}"
    assert bed.podman(engine_url, "ps", "--all", "--quiet", "--filter", label) == ""


async def test_plan_validate_and_doctor_answer_in_the_output_panel(
    open_folder: OpenFolder, folder: Path, project: str
) -> None:
    """Each shows its whole answer, and changes nothing."""
    window = await open_folder(folder)
    await window.show_podkeeper()
    await window.until_rows(all_show("not created"), "rows that are not created")
    for verb, part in (("Plan", f"create {project}_web_1"), ("Validate", "are valid"), ("Doctor", "podman")):
        await window.command(f"Podkeeper: {verb}")
        await window.until(window.output, f"the answer of {verb}", partial(contains, part))
    assert (await window.rows())["web"] == "not created"


async def test_cancelling_up_puts_everything_back(
    open_folder: OpenFolder, folder: Path, project: str, engine_url: str
) -> None:
    """The message with the progress can be cancelled; what was begun is undone."""
    file = folder / "compose.yaml"
    file.write_text(file.read_text().replace("echo mail is delivered; touch /ready;", "echo mail is late;"))
    window = await open_folder(folder)
    await window.show_podkeeper()
    await window.until_rows(all_show("not created"), "rows that are not created")
    await window.command("Podkeeper: Up")
    await window.until_rows(all_show("healthy", ("cache", "database")), "part of the stack")
    await window.press_notification_button("Cancel")
    await window.until_rows(all_show("not created"), "rows as they were")
    label = f"label=com.docker.compose.project={project}"
    assert bed.podman(engine_url, "ps", "--all", "--quiet", "--filter", label) == ""


async def test_another_environment_is_chosen_from_those_that_there_are(
    open_folder: OpenFolder, folder: Path, project: str
) -> None:
    """The tree shows the stack of the chosen environment, with its overlay and a name of its own."""
    for environment, files in (
        ("development", ["compose.yaml"]),
        ("staging", ["compose.yaml", "extra.yaml"]),
    ):
        place = folder / "environments" / environment
        place.mkdir(parents=True)
        listed = "".join(f"  - {'../../' if file == 'compose.yaml' else ''}{file}\n" for file in files)
        (place / "environment.yaml").write_text(f"compose_files:\n{listed}")
    (folder / "environments/staging/extra.yaml").write_text(
        f"services:\n  probe:\n    image: {bed.IMAGE}\n    command: sleep 1000\n"
    )
    window = await open_folder(folder)
    await window.show_podkeeper()
    await window.until_rows(all_show("not created"), "rows that are not created")
    assert "probe" not in await window.rows()
    await window.command("Podkeeper: Select Environment")
    await window.pick("staging")
    rows = await window.until_rows(lambda rows: "probe" in rows, "the overlay's service")
    assert rows[f"{project}-staging"].endswith("staging")
    assert project not in rows
