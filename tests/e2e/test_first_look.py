"""Throw-away: see what there is."""
import asyncio
import pytest
from tests.e2e import stack
pytestmark = pytest.mark.asyncio(loop_scope="session")

async def test_look(open_folder, folder):
    """Look."""
    w = await open_folder(folder)
    await w.show_podkeeper()
    await w.until(w.rows, "rows", lambda r: len(r) >= 7)
    print(await w.rows(), await w.status_bar())
    await w.picture("a-rows")
    await w.command("Podkeeper: Up")
    await w.until(w.rows, "healthy", lambda r: sum(d.startswith("healthy") for d in r.values()) == 6)
    print(await w.rows(), await w.notifications(), await w.status_bar())
    await w.open_file("compose.yaml")
    await w.picture("b-up")
    await w.command("Podkeeper: Plan")
    await asyncio.sleep(2)
    print(await w.output())
    await w.picture("c-plan")
    await w.command("Podkeeper: Doctor")
    await asyncio.sleep(3)
    print(await w.output())
    await w.picture("d-doctor")
    await w.command("Podkeeper: Show Logs")
    await w.pick("web")
    await asyncio.sleep(3)
    print(await w.output())
    await w.picture("e-logs")
