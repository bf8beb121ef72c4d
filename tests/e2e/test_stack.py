"""A person's day with a stack: up, a crash, logs, a failure, down; all seen in VS Code, done on Podman."""

import os
import signal
from collections.abc import Callable
from functools import partial
from operator import eq
from pathlib import Path

import pytest
from tests.e2e import stack
from tests.e2e.conftest import OpenFolder
from tests.e2e.workbench import Workbench
from tests.podman import bed

pytestmark = pytest.mark.asyncio(loop_scope="session")


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
    await window.until(window.notifications, "no notice left", lambda texts: not texts)  # it has ended
    return window


async def test_up_turns_every_row_healthy_and_down_leaves_nothing(
    open_folder: OpenFolder, folder: Path, project: str, engine_url: str
) -> None:
    """Rows are there before anything is created; afterwards only the data volume is left, as it must be."""
    file = folder / "compose.yaml"
    text = file.read_text().replace("echo api answers; touch /ready;", "echo api answers;")
    file.write_text(text.replace("retries: 3", "retries: 1000"))  # it is ready when the test says so
    window = await open_folder(folder)
    await window.show_podkeeper()
    await window.until_rows(all_show("not created"), "rows that are not created")
    await window.command("Podkeeper: Up")
    await window.until_rows(lambda rows: rows.get("api") == "waiting", "a row that is waited for")
    await window.until_rows(lambda rows: rows.get("cache") == "healthy", "a row that is healthy already")
    await window.picture("busy")
    bed.podman(engine_url, "exec", f"{project}_api_1", "touch", "/ready")
    whole = {project: "6/6 healthy", **dict.fromkeys(stack.SERVICES, "healthy")}
    await window.until_rows(partial(eq, whole), "healthy rows, and no others")
    await window.until(window.status_bar, "the status bar", lambda texts: f"{project}: 6/6 healthy" in texts)
    await window.until(window.notifications, "no notice left", lambda texts: not texts)
    await window.command("Podkeeper: Down")
    await window.until_rows(all_show("not created"), "rows that are gone")
    label = f"label=com.docker.compose.project={project}"
    assert bed.podman(engine_url, "ps", "--all", "--quiet", "--filter", label) == ""

    async def networks() -> str:
        return bed.podman(engine_url, "network", "ls", "--quiet", "--filter", label)

    await window.until(networks, "no network", lambda listed: not listed)
    assert bed.podman(engine_url, "volume", "ls", "--quiet", "--filter", label) == f"{project}_rows"


async def test_a_killed_service_is_healthy_again_without_anybody_asking(
    open_folder: OpenFolder, folder: Path, project: str, engine_url: str
) -> None:
    """`kill -9` shows in its row and in no other, and the row turns healthy with another process."""
    file = folder / "compose.yaml"
    # its second life is ready when the test says so: what is shown before can be seen on any machine
    twice = "if test -e /first; then rm -f /ready; else touch /first /ready; fi;"
    text = file.read_text().replace("echo web is here; touch /ready;", f"echo web is here; {twice}")
    assert twice in text
    file.write_text(text.replace("retries: 3", "retries: 1000"))
    window = await open_and_up(open_folder, folder)
    await window.record_rows()
    killed = stack.main_process(engine_url, project, "web")
    os.kill(killed, signal.SIGKILL)

    async def process() -> int:
        return stack.main_process(engine_url, project, "web")

    async def texts() -> list[str]:
        return (await window.recorded_rows()).get("web", [])

    await window.until(texts, "web down", lambda seen: bool(set(seen) - {"healthy"}))
    await window.until(process, "another process", lambda pid: pid not in {0, killed})
    bed.podman(engine_url, "exec", f"{project}_web_1", "touch", "/ready")
    await window.until(texts, "web up", lambda seen: seen[-1] == "healthy")
    assert stack.main_process(engine_url, project, "web") != killed
    recorded = await window.recorded_rows()
    assert recorded["mail"] == ["healthy"]


async def test_logs_open_from_the_tree_and_the_palette_and_go_on(
    open_folder: OpenFolder, folder: Path, project: str, engine_url: str
) -> None:
    """A panel for each service: what was written before, and what is written from now on."""
    file = folder / "compose.yaml"
    talks = "while :; do sleep 1; echo GET /; done"
    assert talks in file.read_text()
    file.write_text(file.read_text().replace(talks, "exec sleep 1000"))  # the panel shows a few lines only
    window = await open_and_up(open_folder, folder)
    await window.press_row_button("mail", "Logs")
    await window.until(window.output, "mail's log", lambda text: "mail is delivered" in text)
    await window.command("Podkeeper: Logs")
    await window.pick("web")
    before = await window.until(window.output, "web's log", lambda text: "web is here" in text)
    assert "GET /" not in before
    bed.podman(engine_url, "exec", f"{project}_web_1", "sh", "-c", "echo GET / > /proc/1/fd/1")
    await window.until(window.output, "more of web's log", lambda text: "GET /" in text)


async def test_buttons_of_a_row_act_on_that_service_alone(
    open_folder: OpenFolder, folder: Path, project: str, engine_url: str
) -> None:
    """*Up* of one row creates it and what it depends on, and nothing else."""
    window = await open_folder(folder)
    await window.show_podkeeper()
    await window.until_rows(all_show("not created"), "rows that are not created")
    await window.press_row_button("worker", "Up")
    await window.until_rows(all_show("healthy", ("worker", "database")), "worker and its database healthy")
    await window.until_rows(
        all_show("not created", ("api", "cache", "mail", "web")), "the others as they were"
    )
    before = stack.main_process(engine_url, project, "worker")
    await window.press_row_button("worker", "Restart")

    async def process() -> int:
        return stack.main_process(engine_url, project, "worker")

    await window.until(process, "a new process", lambda pid: pid != before)
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
    await window.until_rows(all_show("not created"), "rows as they were")


async def test_cancelling_up_puts_everything_back(
    open_folder: OpenFolder, folder: Path, project: str, engine_url: str
) -> None:
    """The message with the progress can be cancelled; what was begun is undone."""
    file = folder / "compose.yaml"
    text = file.read_text().replace("echo mail is delivered; touch /ready;", "echo mail is late;")
    assert "retries: 3" in text
    file.write_text(text.replace("retries: 3", "retries: 1000"))  # it ends by cancelling, and by nothing else
    window = await open_folder(folder)
    await window.show_podkeeper()
    await window.until_rows(all_show("not created"), "rows that are not created")
    await window.command("Podkeeper: Up")
    await window.until_rows(all_show("healthy", ("cache", "database")), "part of the stack")
    await window.press_notification_button("Cancel")
    await window.until_rows(all_show("not created"), "rows as they were")
    await window.until(
        window.notifications, "that it was cancelled", lambda texts: any("cancelled" in t for t in texts)
    )
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

    def of_staging(rows: dict[str, str]) -> bool:
        # the tree draws a row at a time
        named = rows.get(f"{project}-staging", "").endswith("staging")
        return named and "probe" in rows and project not in rows

    await window.until_rows(of_staging, "the overlay's service under the other name")
