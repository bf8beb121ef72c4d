"""What a verb's progress shows."""

from datetime import UTC, datetime
from typing import Any

from tests.fakes.projects import project
from typing_extensions import override

from containers.lsp.client import EditorClient
from containers.lsp.features.progress import ProgressReporter
from containers.model.base import ProjectName, StepId
from containers.model.events import StepStarted, TransactionStarted


class Editor(EditorClient):
    """Keeps what was reported."""

    def __init__(self) -> None:
        super().__init__()
        self.reports: list[tuple[str, int]] = []

    @override
    def progress_report(self, token: str | int, message: str, percentage: int) -> None:
        """Keep it."""
        self.reports.append((message, percentage))


def step(of: str, subject: str) -> tuple[TransactionStarted, StepStarted]:
    """A transaction that begins, and its first step."""
    common: dict[str, Any] = {
        "at": datetime.now(UTC),
        "source": "transaction",
        "project": ProjectName(of),
    }
    return (
        TransactionStarted(verb="up", steps=4, **common),
        StepStarted(step=StepId("s"), step_kind="start_container", subject=subject, **common),
    )


def test_the_steps_of_another_folders_stack_are_not_this_ones() -> None:
    """Two stacks of a window come up at once, each with a notification of its own."""
    editor = Editor()
    stack: Any = project("shop", {"api": {}})
    reporter = ProgressReporter(editor, "t", "Podkeeper: up", lambda: stack)
    for event in (*step("shop", "shop_api_1"), *step("blog", "blog_web_1")):
        reporter.handle(event)
    assert editor.reports == [("starting shop_api_1", 0)]
