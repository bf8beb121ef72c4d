"""Files that change on disk: what applying them would do is told, and done only where that is asked for."""

import asyncio
import subprocess
from pathlib import Path
from typing import Any

from lsprotocol import types
from tests.lsp.editor import Editor, plain
from tests.podman import bed

from containers.model.base import ProjectName

SETTLED_S = 1.5
"""Long enough for something to happen that must not."""


def write(folder: Path, project: ProjectName, value: str, *, workers: int = 1) -> None:
    """A service whose variable has a value, and others beside it; in the file all at once."""
    loop = '["sh", "-c", "trap exit TERM; while :; do sleep 0.1; done"]'
    fresh = folder / "compose.yaml.new"
    fresh.write_text(
        f"name: {project}\nservices:\n"
        f"  api: {{image: {bed.IMAGE}, command: {loop}, environment: {{VALUE: '{value}'}}}}\n"
        f"  worker: {{image: {bed.IMAGE}, command: {loop}, scale: {workers}}}\n"
    )
    fresh.rename(folder / "compose.yaml")


def told(editor: Editor, kind: str) -> list[dict[str, Any]]:
    """The events of a kind that the editor was sent."""
    return [plain(e.event) for e in editor.events if e.kind == kind]


async def opened_and_up(editor: Editor, folder: Path, project: ProjectName, apply_on_save: str) -> None:
    """A stack that runs, in an editor."""
    write(folder, project, "1")
    await editor.initialize_async(
        types.InitializeParams(
            capabilities=types.ClientCapabilities(),
            workspace_folders=[types.WorkspaceFolder(uri=folder.as_uri(), name=folder.name)],
            root_uri=folder.as_uri(),
            initialization_options={"trusted": True, "applyOnSave": apply_on_save},
        )
    )
    editor.initialized(types.InitializedParams())
    result = await editor.command("up")
    assert result["ok"], result
    await asyncio.sleep(0.3)


def value_of(url: str, project: ProjectName) -> str:
    """The variable that the service runs with."""
    return bed.inside(url, f"{project}_api_1", "sh", "-c", "echo $VALUE")


async def test_a_change_by_another_program_is_one_preview_and_nothing_is_done(
    live_editor: Editor, tmp_path: Path, project: ProjectName, engine_url: str
) -> None:
    """No document is open, and the editor tells of nothing."""
    await opened_and_up(live_editor, tmp_path, project, "off")
    live_editor.events.clear()
    write(tmp_path, project, "2")
    await live_editor.until(lambda: told(live_editor, "config.impact"), "the impact")
    await asyncio.sleep(SETTLED_S)
    (impact,) = told(live_editor, "config.impact")
    assert impact["effects"] == ["recreates `api`"]
    assert len(told(live_editor, "file.changed")) == 1
    assert told(live_editor, "transaction.started") == []
    assert value_of(engine_url, project) == "1"
    shown = [plain(p)["projects"] for p in live_editor.patches]
    assert any(view["impact"] == "recreates `api`" for views in shown for view in views)


async def test_a_checkout_of_many_files_is_one_revalidation(
    live_editor: Editor, tmp_path: Path, project: ProjectName
) -> None:
    """Five hundred files of which the stack is made change at once."""
    await opened_and_up(live_editor, tmp_path, project, "off")
    lines = "".join(f"      - e{number}.env\n" for number in range(500))
    for number in range(500):
        (tmp_path / f"e{number}.env").write_text(f"V{number}=1\n")
    file = tmp_path / "compose.yaml"
    file.write_text(f"name: {project}\nservices:\n  api:\n    image: {bed.IMAGE}\n    env_file:\n{lines}")
    await live_editor.until(lambda: told(live_editor, "config.impact"), "the first impact")
    await asyncio.sleep(SETTLED_S)
    fresh = [tmp_path / f"e{number}.env.new" for number in range(500)]
    for number, place in enumerate(fresh):
        place.write_text(f"V{number}=2\n")
    live_editor.events.clear()
    for place in fresh:
        place.rename(place.with_suffix(""))

    def paths() -> int:
        return sum(len(change["paths"]) for change in told(live_editor, "file.changed"))

    await live_editor.until(lambda: paths() >= 500, "every change")
    # renaming them takes longer than a batch may on a busy machine
    assert len(told(live_editor, "file.changed")) <= 3


async def test_safe_applies_what_only_recreates_and_leaves_what_would_remove(
    live_editor: Editor, tmp_path: Path, project: ProjectName, engine_url: str
) -> None:
    """One container fewer is for a person to say; what it would do is shown all the same."""
    await opened_and_up(live_editor, tmp_path, project, "safe")
    live_editor.events.clear()
    write(tmp_path, project, "2", workers=2)
    await live_editor.until(lambda: told(live_editor, "transaction.finished"), "a change")
    assert value_of(engine_url, project) == "2"
    await asyncio.sleep(SETTLED_S)
    live_editor.events.clear()
    write(tmp_path, project, "2", workers=1)

    def last_effects() -> list[str]:
        impacts = told(live_editor, "config.impact")
        return list(impacts[-1]["effects"]) if impacts else []

    await live_editor.until(lambda: last_effects() == ["removes `worker`"], "the impact")
    await asyncio.sleep(SETTLED_S)
    assert last_effects() == ["removes `worker`"]
    assert told(live_editor, "transaction.started") == []


async def test_in_a_folder_that_is_not_trusted_nothing_is_watched(
    live_editor: Editor, tmp_path: Path, project: ProjectName, engine_url: str
) -> None:
    """Although the settings ask for it, and a stack of that name runs."""
    write(tmp_path, project, "1")
    await live_editor.initialize_async(
        types.InitializeParams(
            capabilities=types.ClientCapabilities(),
            workspace_folders=[types.WorkspaceFolder(uri=tmp_path.as_uri(), name=tmp_path.name)],
            root_uri=tmp_path.as_uri(),
            initialization_options={"trusted": False, "applyOnSave": "safe"},
        )
    )
    live_editor.initialized(types.InitializedParams())
    name = f"{project}_api_1"
    label = f"com.docker.compose.project={project}"
    bed.podman(engine_url, "create", "--name", name, "--label", label, bed.IMAGE, "true")
    await asyncio.sleep(0.5)
    write(tmp_path, project, "2")
    await asyncio.sleep(SETTLED_S)
    assert live_editor.events == []


async def test_prompt_asks_with_the_impact_and_does_as_it_is_told(
    live_editor: Editor, tmp_path: Path, project: ProjectName, engine_url: str
) -> None:
    """The first answer is to leave it, the second to apply it."""
    asked: list[str] = []
    answers: list[types.MessageActionItem | None] = [None, types.MessageActionItem(title="Apply")]

    def ask(params: types.ShowMessageRequestParams) -> types.MessageActionItem | None:
        asked.append(params.message)
        live_editor.changed.set()
        return answers[len(asked) - 1]

    live_editor.feature(types.WINDOW_SHOW_MESSAGE_REQUEST)(ask)
    await opened_and_up(live_editor, tmp_path, project, "prompt")
    live_editor.events.clear()
    write(tmp_path, project, "2")
    await live_editor.until(lambda: asked, "a question")
    assert "recreates `api`" in asked[0]
    await asyncio.sleep(SETTLED_S)
    assert value_of(engine_url, project) == "1"
    write(tmp_path, project, "3")
    await live_editor.until(lambda: told(live_editor, "transaction.finished"), "a change")
    assert value_of(engine_url, project) == "3"


async def test_reload_without_saying_how_answers_what_to_write(
    live_editor: Editor, tmp_path: Path, project: ProjectName
) -> None:
    """The palette's command is the command line's."""
    await opened_and_up(live_editor, tmp_path, project, "off")
    result = await live_editor.command("reload", services=["api"])
    assert not result["ok"]
    assert result["problems"][0]["code"] == "usage"
    assert "x-podkeeper" in result["problems"][0]["remedy"]


async def test_git_is_no_editor_and_all_the_same_seen(
    live_editor: Editor, tmp_path: Path, project: ProjectName
) -> None:
    """A real checkout of another branch."""
    write(tmp_path, project, "1")

    def git(*arguments: str) -> None:
        identity = ("-c", "user.name=t", "-c", "user.email=t@localhost")
        subprocess.run(["git", "-C", str(tmp_path), *identity, *arguments], check=True, capture_output=True)

    git("init", "-q", "-b", "main")
    git("add", "compose.yaml")
    git("commit", "-qm", "one")
    git("checkout", "-qb", "other")
    write(tmp_path, project, "2")
    git("commit", "-qam", "two")
    git("checkout", "-q", "main")
    await opened_and_up(live_editor, tmp_path, project, "off")
    live_editor.events.clear()
    git("checkout", "-q", "other")
    await live_editor.until(lambda: told(live_editor, "config.impact"), "the impact")
    assert told(live_editor, "config.impact")[-1]["effects"] == ["recreates `api`"]
