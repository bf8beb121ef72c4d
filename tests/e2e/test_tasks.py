"""Podkeeper's tasks: in the list, and in `tasks.json`."""

import json
from pathlib import Path

import pytest
from tests.e2e.conftest import OpenFolder
from tests.podman import bed

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_task_list_offers_up_and_runs_it(
    open_folder: OpenFolder, folder: Path, project: str, engine_url: str
) -> None:
    """The task runs the command line in a terminal; the tree follows it all the same."""
    window = await open_folder(folder)
    await window.show_podkeeper()
    await window.until_rows(lambda rows: len(rows) == 7, "seven rows")
    await window.command("Tasks: Run Task")
    await window.pick("podkeeper")
    await window.pick("podkeeper: up")
    await window.until_rows(lambda rows: rows.get(project) == "6/6 healthy", "a healthy stack")
    await window.picture("task")
    label = f"label=com.docker.compose.project={project}"
    assert len(bed.podman(engine_url, "ps", "--quiet", "--filter", label).split()) == 6


async def test_a_task_of_tasks_json_names_services_and_environment(
    open_folder: OpenFolder, folder: Path
) -> None:
    """Only the named services, and those that they depend on, are brought up."""
    definition = {"type": "podkeeper", "task": "up", "environment": "development", "services": ["worker"]}
    task = {**definition, "label": "work", "problemMatcher": []}
    (folder / ".vscode").mkdir()
    (folder / ".vscode/tasks.json").write_text(json.dumps({"version": "2.0.0", "tasks": [task]}))
    window = await open_folder(folder)
    await window.show_podkeeper()
    await window.until_rows(lambda rows: len(rows) == 7, "seven rows")
    await window.command("Tasks: Run Task")
    await window.pick("work")
    healthy = dict.fromkeys(("worker", "database"), "healthy")
    untouched = dict.fromkeys(("api", "cache", "mail", "web"), "not created")

    def those_alone(rows: dict[str, str]) -> bool:
        return rows.items() >= {**healthy, **untouched}.items()

    await window.until_rows(those_alone, "a healthy worker and its database, and nothing else")
