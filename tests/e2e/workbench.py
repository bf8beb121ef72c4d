"""One window of VS Code, through its page: what a person does, and what a person sees."""

import asyncio
import os
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, TypeVar

import playwright.async_api
import pytest
from playwright.async_api import Locator, Page

PATIENCE_S = 45.0
"""The machine may be busy; what works takes a second or two."""
LOOK_S = 0.1
"""Between two looks at the page."""
SCREENSHOTS = Path(os.environ.get("PODKEEPER_SCREENSHOTS") or Path(__file__).parent / "screenshots")

T = TypeVar("T")


class RowLook(NamedTuple):
    """How a row of the tree is drawn."""

    is_whole: bool
    """Its name is not cut off."""
    contrast: float
    """Between its name and what is behind it, as WCAG measures it."""
    icon: str
    """The name of its icon."""


class Workbench:
    """A page that shows the workbench. Everything waits for what it needs, by looking."""

    def __init__(self, page: Page) -> None:
        self.page = page

    async def open(self, address: str) -> None:
        """Open a folder and wait until the window is drawn."""
        await self.page.goto(address)
        await self.page.locator(".monaco-workbench .part.statusbar").wait_for(timeout=PATIENCE_S * 1000)

    async def until(
        self, look: Callable[[], Awaitable[T]], what: str, wanted: Callable[[T], bool] = bool
    ) -> T:
        """Look until what is seen is `wanted`; what was seen last is in the failure."""
        deadline = asyncio.get_running_loop().time() + PATIENCE_S
        while not wanted(seen := await look()):
            if asyncio.get_running_loop().time() > deadline:
                await self.picture(f"failed-{what}")
                pytest.fail(f"never saw {what}; last: {seen!r}")
            await asyncio.sleep(LOOK_S)
        return seen

    # what a person does

    async def command(self, title: str) -> None:
        """Run a command of the palette by its whole title."""
        quick = self.page.locator(".quick-input-widget")
        box = quick.locator("input[type=text]").first
        await self.page.keyboard.press("F1")
        await box.wait_for(timeout=PATIENCE_S * 1000)
        await box.fill(f">{title}")
        await self._pick(title)

    async def pick(self, label: str) -> None:
        """Choose from the list that is open."""
        await self.page.locator(".quick-input-widget input[type=text]").first.fill(label)
        await self._pick(label)

    async def _pick(self, label: str) -> None:
        rows = self.page.locator(".quick-input-list .monaco-list-row")
        name = self.page.locator(".label-name", has_text=re.compile(rf"^\s*{re.escape(label)}\s*$"))
        row = rows.filter(has=name)
        await row.first.click(timeout=PATIENCE_S * 1000)

    async def open_file(self, name: str) -> Locator:
        """Open a file of the folder; its editor."""
        await self.page.keyboard.press("Control+p")
        box = self.page.locator(".quick-input-widget input[type=text]").first
        await box.wait_for(timeout=PATIENCE_S * 1000)
        await box.fill(name)
        await self._pick(name)
        editor = self.page.locator(
            f'.editor-instance[aria-label*="{name}"], .monaco-editor[data-uri$="{name}"]'
        )
        await editor.first.wait_for(timeout=PATIENCE_S * 1000)
        return editor.first

    async def focus_editor(self) -> None:
        """Let the keyboard write into the open editor."""
        await self.command("View: Focus First Editor Group")

    async def go_to_line(self, line: int, column: int) -> None:
        """Put the cursor somewhere in the open editor."""
        await self.page.keyboard.press("Control+g")
        box = self.page.locator(".quick-input-widget input[type=text]").first
        await box.wait_for(timeout=PATIENCE_S * 1000)
        await box.fill(f":{line}:{column}")
        await self.page.keyboard.press("Enter")
        await box.wait_for(state="hidden", timeout=PATIENCE_S * 1000)

    async def show_podkeeper(self) -> None:
        """Open the view through the activity bar."""
        tab = self.page.locator(".activitybar").get_by_role("tab", name="Podkeeper")
        await tab.wait_for(timeout=PATIENCE_S * 1000)
        if await tab.get_attribute("aria-expanded") != "true":
            await tab.click()
        await self.tree.wait_for(timeout=PATIENCE_S * 1000)

    async def press_row_button(self, service: str, button: str) -> None:
        """Point at a row and press one of the buttons that appear in it."""
        await self.row(service).hover()
        await self.row(service).get_by_role("button", name=button, exact=True).click()

    async def hold_notification(self) -> None:
        """Point at a message: it stays while one does."""
        await self.page.locator(".notification-toast").first.hover()

    async def press_notification_button(self, button: str) -> None:
        """Press a button of a message."""
        await self.page.locator(".notification-toast").get_by_role("button", name=button).click()

    # what a person sees

    async def until_rows(self, wanted: Callable[[dict[str, str]], bool], what: str) -> dict[str, str]:
        """Wait until the tree's rows are as wanted."""
        return await self.until(self.rows, what, wanted)

    @property
    def tree(self) -> Locator:
        """The view *Services*."""
        return self.page.locator("#workbench\\.view\\.extension\\.podkeeper")

    def row(self, service: str) -> Locator:
        """A row of the tree."""
        label = self.page.locator(".label-name", has_text=re.compile(f"^{re.escape(service)}$"))
        return self.tree.locator(".monaco-list-row").filter(has=label)

    async def rows(self) -> dict[str, str]:
        """Each row's grey text by its label, as the tree shows it now."""
        seen: list[tuple[str, str]] = await self.tree.locator(".monaco-list-row").evaluate_all(
            """rows => rows.map(row => [".label-name", ".label-description"].map(
                 part => row.querySelector(part)?.textContent?.trim() ?? ""))"""
        )
        return dict(seen)

    async def row_look(self, service: str) -> RowLook:
        """How a row is drawn."""
        drawn = await self.row(service).evaluate(
            """row => {
                 const name = row.querySelector(".label-name");
                 const behind = from => {
                   for (let each = from; each; each = each.parentElement) {
                     const colour = getComputedStyle(each).backgroundColor;
                     if (!/^rgba\\(.*, 0(\\.0+)?\\)$/.test(colour)) return colour;
                   }
                   return "rgb(255, 255, 255)";
                 };
                 const edge = name.getBoundingClientRect().right;
                 const icon = row.querySelector(".custom-view-tree-node-item-icon");
                 return {
                   whole: edge <= row.getBoundingClientRect().right,
                   colours: [getComputedStyle(name).color, behind(row)],
                   icon: [...(icon?.classList ?? [])].find(each => each.startsWith("codicon-")) ?? "",
                 };
               }"""
        )
        return RowLook(drawn["whole"], _contrast(*drawn["colours"]), drawn["icon"])

    async def view_message(self) -> str:
        """What the view says above its rows."""
        texts = await self.tree.locator(".message").all_inner_texts()
        return "\n".join(text.strip() for text in texts)

    async def welcome(self) -> str:
        """What the empty view says."""
        return "\n".join(await self.tree.locator(".welcome-view-content").all_inner_texts())

    async def record_rows(self) -> None:
        """From now on remember every text that a row shows, however briefly."""
        await self.tree.evaluate(
            """tree => {
                 const seen = (window.podkeeperRows = {});
                 const look = () => {
                   for (const row of tree.querySelectorAll(".monaco-list-row")) {
                     const part = name => row.querySelector(name)?.textContent?.trim() ?? "";
                     const texts = (seen[part(".label-name")] ??= []);
                     const text = part(".label-description");
                     if (texts.at(-1) !== text) texts.push(text);
                   }
                 };
                 look();
                 const all = {subtree: true, childList: true, characterData: true};
                 new MutationObserver(look).observe(tree, all);
               }"""
        )

    async def recorded_rows(self) -> dict[str, list[str]]:
        """What each row has shown since, in order."""
        seen: dict[str, list[str]] = await self.page.evaluate("() => window.podkeeperRows")
        return seen

    async def notifications(self) -> list[str]:
        """The texts of the messages in the corner."""
        return await self.page.locator(".notification-list-item-message").all_inner_texts()

    async def status_bar(self) -> list[str]:
        """The entries of the status bar."""
        texts = await self.page.locator(".part.statusbar .statusbar-item").all_inner_texts()
        return [text.strip() for text in texts if text.strip()]

    async def output(self) -> str:
        """The text of the output panel."""
        lines = await self.page.locator(".part.panel .view-lines").all_inner_texts()
        return "\n".join(lines).replace("\xa0", " ")

    async def terminal(self) -> str:
        """The text of the terminal panel."""
        return "\n".join(await self.page.locator(".xterm-accessibility-tree, .xterm-rows").all_inner_texts())

    async def problems(self) -> list[str]:
        """The rows of the Problems panel."""
        rows = await self.page.locator(".markers-panel .monaco-list-row").all_inner_texts()
        return [" ".join(row.split()) for row in rows]

    async def picture(self, name: str) -> Path:
        """Take a picture of the window, when its messages have come in."""
        coming = self.page.locator(".notification-toast:not(.notification-fade-in-done)")
        with suppress(playwright.async_api.TimeoutError):
            await coming.first.wait_for(state="detached", timeout=2000)
        file = SCREENSHOTS / f"{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-')}.png"
        await self.page.screenshot(path=file, animations="disabled")
        return file


def _contrast(one: str, other: str) -> float:
    """WCAG's contrast ratio of two CSS colours."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    red, green, blue = (int(float(part)) / 255 for part in re.findall(r"[\d.]+", colour)[:3])
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (red, green, blue)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
