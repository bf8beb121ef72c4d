"""Problems of compose files, where the person who writes them looks."""

from pathlib import Path

import pytest
from tests.e2e.conftest import OpenFolder

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_mistake_is_shown_at_its_line_while_typing_after_a_save_and_until_it_is_undone(
    open_folder: OpenFolder, folder: Path
) -> None:
    """The Problems panel follows the text in the editor, saved or not."""
    window = await open_folder(folder)
    text = (folder / "compose.yaml").read_text()
    line = next(n for n, each in enumerate(text.splitlines(), 1) if "restart: unless-stopped" in each)
    await window.open_file("compose.yaml")
    await window.command("Problems: Focus on Problems View")
    await window.until(window.problems, "no problem", lambda rows: not rows)
    await window.focus_editor()
    await window.go_to_line(line, 3)
    await window.page.keyboard.type("x")
    where = f"[Ln {line}, Col"

    def shown(rows: list[str]) -> bool:
        return any("xrestart" in row and where in row for row in rows)

    await window.until(window.problems, "the problem while typing", shown)
    assert (folder / "compose.yaml").read_text() == text
    await window.picture("problem")
    await window.page.keyboard.press("Control+s")

    async def on_disk() -> str:
        return (folder / "compose.yaml").read_text()

    await window.until(on_disk, "the saved file", lambda seen: "xrestart" in seen)
    await window.until(window.problems, "the problem after the save", shown)
    await window.page.keyboard.press("Backspace")
    await window.until(window.problems, "no problem after undoing", lambda rows: not rows)
    await window.page.keyboard.press("Control+s")
    await window.until(on_disk, "the file as it was", lambda seen: seen == text)


async def test_a_broken_file_on_disk_is_told_in_the_tree_and_mended_there(
    open_folder: OpenFolder, folder: Path
) -> None:
    """Another program writes the file: the tree says what is wrong, and shows the services again later."""
    window = await open_folder(folder)
    file = folder / "compose.yaml"
    text = file.read_text()
    await window.show_podkeeper()
    await window.until_rows(lambda rows: len(rows) == 7, "seven rows")
    file.write_text(text.replace("database: {condition", "databose: {condition"))
    await window.until(window.view_message, "what is wrong", lambda message: "databose" in message)
    await window.picture("broken-file")
    file.write_text(text)
    await window.until_rows(lambda rows: len(rows) == 7, "seven rows again")
    await window.until(window.view_message, "no message", lambda message: message == "")
