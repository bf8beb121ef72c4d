"""The view in the shapes and colours that people use; a picture of each is kept to be looked at."""

from functools import partial
from operator import eq
from pathlib import Path
from typing import Literal

import pytest
from tests.e2e import stack
from tests.e2e.conftest import OpenFolder

pytestmark = pytest.mark.asyncio(loop_scope="session")
SIZES = {"wide": (1600, 900), "narrow": (640, 600)}


@pytest.mark.parametrize("colours", ["dark", "light"])
async def test_rows_can_be_read_in_narrow_and_wide_windows(
    open_folder: OpenFolder, folder: Path, project: str, colours: Literal["dark", "light"]
) -> None:
    """Names are never cut off, and stand out from what is behind them, each with an icon of its state."""
    whole = {project: "6/6 healthy", **dict.fromkeys(stack.SERVICES, "healthy")}
    for name, size in SIZES.items():
        window = await open_folder(folder, size=size, colours=colours)
        await window.show_podkeeper()
        if name == "wide":
            await window.until_rows(lambda rows: rows.get("web") == "not created", "the rows")
            await window.command("Podkeeper: Up")
        await window.until_rows(partial(eq, whole), "a healthy stack")
        await window.until(window.notifications, "no notice left", lambda texts: not texts)
        for service in stack.SERVICES:
            look = await window.row_look(service)
            assert look.is_whole, f"{service} in a {name} {colours} window is cut off"
            assert look.contrast >= 4.5, f"{service} in a {name} {colours} window: {look.contrast:.1f}"
            assert look.icon == "codicon-pass-filled", f"{service}: {look.icon}"
        await window.picture(f"services-{name}-{colours}")
        await window.page.close()
