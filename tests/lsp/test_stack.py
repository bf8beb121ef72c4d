"""Verbs, views, events and logs on a real engine, through the real server."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.lsp.conftest import server_environment
from tests.lsp.editor import PATIENCE_S, Editor, plain
from tests.podman import bed

from containers.model.base import ProjectName

STACK = """
name: {name}
services:
  web:
    image: {image}
    command: ["sh", "-c", "trap exit TERM; echo web is here; while :; do sleep 0.1; done"]
    depends_on: {{db: {{condition: service_healthy}}}}
    healthcheck: {{test: ["CMD", "true"], interval: 2s}}
  db:
    image: {image}
    command: ["sh", "-c", "trap exit TERM; sleep 0.3; touch /ready; while :; do sleep 0.1; done"]
    healthcheck: {{test: ["CMD", "test", "-e", "/ready"], interval: 2s}}
    restart: unless-stopped
"""


def write_stack(folder: Path, name: ProjectName) -> Path:
    """Two services; one waits for the other to be healthy."""
    file = folder / "compose.yaml"
    file.write_text(STACK.format(name=name, image=bed.IMAGE))
    return file


async def until_phases(editor: Editor, wanted: dict[str, str]) -> None:
    """Wait for patches until the tree shows `wanted`; nothing is asked for."""

    def shown() -> bool:
        seen: dict[str, str] = {}
        for patch in editor.patches:
            for view in plain(patch)["projects"]:
                seen = {s["service"]: s["phase"] for s in view["services"]}
        return seen == wanted

    await editor.until(shown, f"the tree as {wanted}")


def said_to_be_done_to(editor: Editor, service: str) -> set[str]:
    """What the tree said was being done to a service."""
    views = [view for patch in editor.patches for view in plain(patch)["projects"]]
    return {row["busy"] for view in views for row in view["services"] if row["service"] == service}


async def test_up_shows_progress_and_turns_the_tree_healthy_and_down_leaves_nothing(
    live_editor: Editor, tmp_path: Path, project: ProjectName, engine_url: str
) -> None:
    """The whole journey of a person, patch by patch."""
    write_stack(tmp_path, project)
    await live_editor.open(tmp_path)
    await until_phases(live_editor, {"web": "absent", "db": "absent"})
    live_editor.patches.clear()
    result = await live_editor.command("up", token="t1")  # noqa: S106  (a work-done token)
    assert result["ok"], result
    await until_phases(live_editor, {"web": "healthy", "db": "healthy"})
    assert {"creating", "starting", "waiting"} <= said_to_be_done_to(live_editor, "web")
    kinds_of_report = [plain(r.value)["kind"] for r in live_editor.reports]
    assert (kinds_of_report[0], kinds_of_report[-1]) == ("begin", "end")
    assert "report" in kinds_of_report
    wanted = {"transaction.started", "container.created", "container.started", "health.changed"}
    await live_editor.until(
        lambda: wanted <= {e.kind for e in live_editor.events}, "an event for each change"
    )
    status = await live_editor.command("status")
    assert {s["service"]: s["health"] for s in status["data"]} == {"web": "healthy", "db": "healthy"}
    assert (await live_editor.command("plan"))["data"]["text"] == f"{project}: nothing to do"
    assert "web is here" in (await live_editor.command("logs", services=["web"]))["data"]["web"]
    live_editor.patches.clear()
    assert (await live_editor.command("down"))["ok"]
    await until_phases(live_editor, {"web": "absent", "db": "absent"})
    assert bed.podman(engine_url, "ps", "-aq", "--filter", f"label=io.podman.compose.project={project}") == ""


async def test_a_killed_service_runs_again_and_the_tree_shows_it_by_itself(
    live_editor: Editor, tmp_path: Path, project: ProjectName, engine_url: str
) -> None:
    """Once by Podman's policy (db), once by the monitor (web); an event for each change."""
    write_stack(tmp_path, project)
    await live_editor.open(tmp_path)
    assert (await live_editor.command("up"))["ok"]
    await until_phases(live_editor, {"web": "healthy", "db": "healthy"})
    for service in ("db", "web"):
        live_editor.patches.clear()
        live_editor.events.clear()
        pid = bed.process_of(engine_url, f"{project}_{service}_1")
        os.kill(pid, signal.SIGKILL)
        await live_editor.until(
            lambda: (
                {"container.died", "container.started", "health.changed"}
                <= {e.kind for e in live_editor.events}
            ),
            f"the events of {service}",
        )
        await until_phases(live_editor, {"web": "healthy", "db": "healthy"})
        assert bed.process_of(engine_url, f"{project}_{service}_1") != pid


async def test_logs_are_followed_as_they_come(
    live_editor: Editor, tmp_path: Path, project: ProjectName
) -> None:
    """The end of the log first, then more."""
    write_stack(tmp_path, project)
    await live_editor.open(tmp_path)
    assert (await live_editor.command("up"))["ok"]
    await live_editor.request("podkeeper/logs/follow", {"stream": "s", "service": "web"})
    await live_editor.until(lambda: "web is here" in live_editor.log_text, "the log")
    await live_editor.request("podkeeper/logs/unfollow", {"stream": "s"})


async def test_a_saved_change_is_planned_and_applied_to_that_service_alone(
    live_editor: Editor, tmp_path: Path, project: ProjectName, engine_url: str
) -> None:
    """The other container is the very same afterwards."""
    file = write_stack(tmp_path, project)
    await live_editor.open(tmp_path)
    assert (await live_editor.command("up"))["ok"]
    before = bed.podman(engine_url, "inspect", "-f", "{{.Id}}", f"{project}_db_1", f"{project}_web_1").split()
    file.write_text(file.read_text().replace("web is here", "web is new"))
    text = (await live_editor.command("plan"))["data"]["text"]
    assert text.startswith(f"~ recreate {project}_web_1: command sh -c ")
    assert "\n" not in text
    assert (await live_editor.command("up"))["ok"]
    after = bed.podman(engine_url, "inspect", "-f", "{{.Id}}", f"{project}_db_1", f"{project}_web_1").split()
    assert after[0] == before[0]
    assert after[1] != before[1]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
async def test_nothing_is_left_when_the_editor_is_killed(how: signal.Signals, tmp_path: Path) -> None:
    """The server's input ends, and so does the server, with the Podman service that it started."""
    environ = server_environment(tmp_path, None)
    environ["CONTAINER_HOST"] = f"unix://{tmp_path}/no.sock"
    (tmp_path / "compose.yaml").write_text("services: {a: {image: x}}\n")
    script = (
        "import asyncio, sys, os\n"
        "from pathlib import Path\n"
        "from tests.lsp.editor import Editor\n"
        "async def main():\n"
        "    editor = Editor()\n"
        "    await editor.start_io(sys.executable, '-m', 'containers', 'lsp', env=dict(os.environ))\n"
        "    await editor.open(Path(sys.argv[1]))\n"
        "    print(editor._server.pid, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    root = Path(__file__).parents[2]
    environ["PYTHONPATH"] = f"{root}:{root / 'src'}"
    editor = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, str(tmp_path), env=environ, stdout=asyncio.subprocess.PIPE
    )
    assert editor.stdout is not None
    server = int(await editor.stdout.readline())
    editor.send_signal(how)
    await editor.wait()

    def is_gone() -> Any:
        try:
            state = Path(f"/proc/{server}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except FileNotFoundError:
            return True
        return state == "Z"

    async with asyncio.timeout(PATIENCE_S):
        while not is_gone():  # noqa: ASYNC110  (another process' end: there is nothing to wait on)
            await asyncio.sleep(0.05)


async def test_an_environment_is_not_selected_while_a_stack_is_changed(
    live_editor: Editor, tmp_path: Path, project: ProjectName
) -> None:
    """Another one may name another Podman, which what is under way must not end up on."""
    write_stack(tmp_path, project)
    other = tmp_path / "environments" / "other" / "environment.yaml"
    other.parent.mkdir(parents=True)
    other.write_text("compose_files: [../../compose.yaml]\n")
    await live_editor.open(tmp_path)
    async with asyncio.TaskGroup() as group:
        coming_up = group.create_task(live_editor.command("up"))
        await live_editor.until(
            lambda: "transaction.started" in {e.kind for e in live_editor.events}, "the change"
        )
        params = {"folder": None, "environment": "other"}
        answer = await live_editor.request("podkeeper/environment/select", params)
    assert plain(answer)["selected"] == "development"
    assert "select the environment when that has ended" in str(live_editor.messages)
    assert coming_up.result()["ok"]
    answer = await live_editor.request("podkeeper/environment/select", params)
    assert plain(answer)["selected"] == "other"


async def test_hooks_run_in_a_trusted_workspace(
    live_editor: Editor, tmp_path: Path, project: ProjectName
) -> None:
    """What a hook notifies of is shown, and what it runs has the event."""
    write_stack(tmp_path, project)
    (tmp_path / "podkeeper.yaml").write_text(
        "hooks:\n"
        "  tell: {on: container.started, when: {service: db}, notify: 'hook: {service} runs'}\n"
        "  note: {on: container.started, when: {service: db}, run: [sh, -c, 'cat > noted']}\n"
    )
    await live_editor.open(tmp_path)
    assert (await live_editor.command("up"))["ok"]
    await live_editor.until(lambda: "hook: db runs" in str(live_editor.messages), "the message")
    noted = tmp_path / "noted"
    await live_editor.until(lambda: noted.is_file() and '"container.started"' in noted.read_text(), "the run")


async def test_hooks_of_an_untrusted_workspace_do_nothing(
    live_editor: Editor, tmp_path: Path, project: ProjectName, engine_url: str
) -> None:
    """Opening a stranger's folder runs nothing of theirs."""
    write_stack(tmp_path, project)
    (tmp_path / "podkeeper.yaml").write_text("hooks: {note: {on: '*', run: [touch, noted]}}\n")
    await live_editor.open(tmp_path, trusted=False)
    labels = (f"com.docker.compose.project={project}", "com.docker.compose.service=web")
    options = [word for label in labels for word in ("--label", label)]
    await asyncio.to_thread(bed.podman, engine_url, "run", *options, bed.IMAGE, "true")
    await asyncio.sleep(1)
    assert not await asyncio.to_thread((tmp_path / "noted").exists)
