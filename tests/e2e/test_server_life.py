"""When the server runs, and when it must not."""

import asyncio
import json
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.e2e import code_server
from tests.e2e.code_server import CodeServer
from tests.e2e.conftest import OpenFolder
from tests.e2e.workbench import PATIENCE_S

pytestmark = pytest.mark.asyncio(loop_scope="session")


def servers_of(running: CodeServer) -> Callable[[], Awaitable[list[int]]]:
    """Looks for the Podkeeper processes of a VS Code."""

    async def look() -> list[int]:
        return code_server.podkeepers(running.pid)

    return look


async def test_nothing_runs_in_an_untrusted_folder_until_it_is_trusted(
    open_folder: OpenFolder, cautious_vscode: CodeServer, folder: Path, server_command: list[str]
) -> None:
    """The folder's own settings name a program: it is not run; once the folder is trusted it serves."""
    trap, program = folder / "trap", folder / "serve.sh"
    program.write_text(f'#!/bin/sh\ntouch {trap}\nexec {server_command[0]} "$@"\n')
    program.chmod(0o755)
    (folder / ".vscode").mkdir()
    (folder / ".vscode/settings.json").write_text(json.dumps({"podkeeper.server.command": [str(program)]}))
    window = await open_folder(folder, on=cautious_vscode)
    await window.show_podkeeper()
    await window.until(window.welcome, "the welcome", lambda text: "trust" in text)
    await window.command("Podkeeper: Up")
    await window.until(window.notifications, "the refusal", lambda texts: any("trusted" in t for t in texts))
    await window.hold_notification()
    await window.picture("untrusted")
    assert code_server.podkeepers(cautious_vscode.pid) == []
    assert await window.rows() == {}
    assert not trap.exists()
    await window.press_notification_button("Manage Workspace Trust")
    await window.page.get_by_role("button", name="Trust", exact=True).click()
    await window.page.keyboard.press("Escape")
    await window.until_rows(lambda rows: len(rows) == 7, "seven rows")
    assert trap.exists()


async def test_a_server_that_dies_is_replaced_and_one_is_enough(
    open_folder: OpenFolder, vscode: CodeServer, folder: Path
) -> None:
    """The tree fills again by itself; restarts that are asked for at once do not pile up."""
    servers = servers_of(vscode)
    window = await open_folder(folder)
    await window.show_podkeeper()
    await window.until_rows(lambda rows: rows.get("web") == "not created", "rows")
    (first,) = await window.until(servers, "one server", lambda found: len(found) == 1)
    os.kill(first, signal.SIGKILL)
    (second,) = await window.until(
        servers, "another server", lambda found: len(found) == 1 and found != [first]
    )
    await window.record_rows()
    (folder / "compose.yaml").write_text(
        (folder / "compose.yaml").read_text().replace("  worker:", "  labourer:")
    )
    await window.until_rows(lambda rows: "labourer" in rows and "worker" not in rows, "the new file")
    for _ in range(3):
        await window.command("Podkeeper: Restart Server")
    await window.until(servers, "a third server", lambda found: len(found) == 1 and second not in found)
    await window.until_rows(lambda rows: rows.get("labourer") == "not created", "rows again")


async def test_closing_the_window_ends_the_server(
    open_folder: OpenFolder, vscode: CodeServer, folder: Path
) -> None:
    """Nothing is left running for a window that is gone."""
    servers = servers_of(vscode)
    async with asyncio.timeout(PATIENCE_S):
        while await servers():  # those of the windows before  # noqa: ASYNC110  (nothing tells)
            await asyncio.sleep(0.1)
    window = await open_folder(folder)
    await window.until(servers, "a server", lambda found: len(found) == 1)
    await window.page.close(run_before_unload=True)
    await window.until(servers, "no server", lambda found: found == [])


async def test_where_there_is_no_server_it_says_so_and_offers_to_install_it(
    open_folder: OpenFolder, tmp_path: Path, extensions: Path, folder: Path
) -> None:
    """One message, with a way out; the tree does not pretend anything."""
    environ = code_server.environment(tmp_path, PATH="/usr/bin:/bin")
    with code_server.serve(tmp_path / "without", extensions, environ, {}) as running:
        window = await open_folder(folder, on=running)
        messages = await window.until(
            window.notifications, "the offer", lambda texts: any("not found" in text for text in texts)
        )
        assert len(messages) == 1
        await window.hold_notification()
        await window.picture("no-server")
        await window.press_notification_button("Install in .venv")
        await window.until(window.terminal, "the command", lambda text: "pip install podkeeper" in text)
        assert not (folder / ".venv").exists()
        await window.page.close()
