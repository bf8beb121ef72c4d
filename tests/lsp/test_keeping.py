"""What keeps a stack well, as an editor is told of it."""

from datetime import UTC, datetime
from pathlib import Path

from lsprotocol import types
from tests.lsp.editor import Editor, plain
from tests.podman import bed

from containers.adapters.sqlite_database import SqliteDatabase
from containers.adapters.sqlite_event_log import SqliteEventLog
from containers.model.base import ContainerId, ProjectName, ServiceName
from containers.model.events import ServiceGivenUp

FRAIL = """
name: {name}
services:
  web:
    image: {image}
    init: true
    command: ["sh", "-c", "until test -e /state/bad; do sleep 0.1; done; echo the disk is bad; exit 3"]
    volumes: ["./state:/state"]
    x-podkeeper:
      restart: {{max_attempts: 2, first_backoff: 100ms, longest_backoff: 200ms}}
"""


async def test_a_service_that_is_given_up_is_told_once_and_tried_again_when_that_is_chosen(
    live_editor: Editor, tmp_path: Path, project: ProjectName
) -> None:
    """The question says what happened last; its answer closes the breaker."""
    asked: list[types.ShowMessageRequestParams] = []
    bad = tmp_path / "state" / "bad"
    bad.parent.mkdir()
    (tmp_path / "compose.yaml").write_text(FRAIL.format(name=project, image=bed.IMAGE))

    def ask(params: types.ShowMessageRequestParams) -> types.MessageActionItem:
        asked.append(params)
        bad.unlink()
        live_editor.changed.set()
        return types.MessageActionItem(title="Retry")

    live_editor.feature(types.WINDOW_SHOW_MESSAGE_REQUEST)(ask)
    await live_editor.open(tmp_path)
    result = await live_editor.command("up")
    assert result["ok"], result
    bad.touch()
    await live_editor.until(lambda: asked, "a question")

    def restarted_last() -> bool:
        told = [plain(e.event) for e in live_editor.events if e.kind == "health.restarted"]
        return bool(told) and told[-1]["reason"] == "another try was asked for"

    await live_editor.until(restarted_last, "another try")
    assert len(asked) == 1
    assert "web" in asked[0].message
    assert "the disk is bad" in asked[0].message
    assert [action.title for action in asked[0].actions or ()] == ["Retry", "Show Logs"]


async def test_what_another_process_gave_up_is_told_where_its_stack_is_open_and_in_no_other_window(
    editor: Editor, tmp_path: Path
) -> None:
    """One `podkeeper monitor` keeps `blog`, another one `shop`; this window has `shop`."""
    asked: list[str] = []

    def ask(params: types.ShowMessageRequestParams) -> None:
        asked.append(params.message)
        editor.changed.set()

    editor.feature(types.WINDOW_SHOW_MESSAGE_REQUEST)(ask)
    (tmp_path / "compose.yaml").write_text("name: shop\nservices: {web: {image: busybox}}\n")
    await editor.open(tmp_path)
    await editor.until(lambda: editor.patches, "the view")
    database = SqliteDatabase(tmp_path / "state" / "state.db")
    other = SqliteEventLog(database)
    try:
        for project in ("blog", "shop"):
            await other.add(
                ServiceGivenUp(
                    at=datetime.now(UTC),
                    source="health",
                    project=ProjectName(project),
                    service=ServiceName("web"),
                    container=ContainerId("c1"),
                    attempts=3,
                    reason=f"{project} is down",
                )
            )
        await editor.until(lambda: any("shop is down" in message for message in asked), "a question")
    finally:
        database.close()
    assert len(asked) == 1
    told = [plain(e.event)["project"] for e in editor.events if e.kind == "health.given_up"]
    assert told == ["shop"]
