"""An editor for tests: a real language client that remembers what the server sent."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types
from pygls.lsp.client import LanguageClient

from containers.lsp import protocol

PATIENCE_S = 60.0


class Editor(LanguageClient):
    """The client side, remembering what the server sent."""

    def __init__(self) -> None:
        super().__init__("test-editor", "1")
        self.diagnostics: dict[str, list[types.Diagnostic]] = {}
        self.patches: list[Any] = []
        self.events: list[Any] = []
        self.reports: list[types.ProgressParams] = []
        self.log_text = ""
        self.messages: list[str] = []
        self.changed = asyncio.Event()

        def published(params: types.PublishDiagnosticsParams) -> None:
            self.diagnostics[params.uri] = list(params.diagnostics)
            self.changed.set()

        def progressed(params: types.ProgressParams) -> None:
            self.reports.append(params)
            self.changed.set()

        def shown(params: types.ShowMessageParams) -> None:
            self.messages.append(params.message)
            self.changed.set()

        def patched(params: Any) -> None:
            self.patches.append(params)
            self.changed.set()

        def told(params: Any) -> None:
            self.events.append(params)
            self.changed.set()

        def appended(params: Any) -> None:
            self.log_text += params.text
            self.changed.set()

        for method, handler in (
            (types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS, published),
            (types.PROGRESS, progressed),
            (types.WINDOW_SHOW_MESSAGE, shown),
            (protocol.VIEW_PATCH, patched),
            (protocol.EVENT_PUBLISHED, told),
            (protocol.LOGS_APPENDED, appended),
        ):
            self.feature(method)(handler)

    async def until(self, wanted: Any, what: str) -> Any:
        """Wait until `wanted()` is true, looking again at each message; its value."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not (found := wanted()):
                    self.changed.clear()
                    await self.changed.wait()
                return found
        except TimeoutError:
            pytest.fail(f"never saw {what}; events: {[e.kind for e in self.events]}")

    async def open(
        self, folder: Path, *others: Path, trusted: bool = True, environment: str | None = None
    ) -> None:
        """Initialise with a workspace folder, or several."""
        await self.initialize_async(
            types.InitializeParams(
                capabilities=types.ClientCapabilities(),
                workspace_folders=[
                    types.WorkspaceFolder(uri=each.as_uri(), name=each.name) for each in (folder, *others)
                ],
                root_uri=folder.as_uri(),
                initialization_options={"trusted": trusted, "environment": environment},
            )
        )
        self.initialized(types.InitializedParams())

    async def command(self, verb: str, token: str | None = None, **args: Any) -> Any:
        """Run a `podkeeper.*` command; its `TaskResult`."""
        params = types.ExecuteCommandParams(
            command=f"podkeeper.{verb}", arguments=[args], work_done_token=token
        )
        async with asyncio.timeout(PATIENCE_S * 3):
            return plain(await self.workspace_execute_command_async(params))

    async def request(self, method: str, params: Any = None) -> Any:
        """One of our own requests."""
        async with asyncio.timeout(PATIENCE_S):
            return plain(await self.protocol.send_request_async(method, params))

    def type_document(self, path: Path, text: str, version: int) -> None:
        """Replace an open document's text, as typing does."""
        self.text_document_did_change(
            types.DidChangeTextDocumentParams(
                text_document=types.VersionedTextDocumentIdentifier(uri=path.as_uri(), version=version),
                content_changes=[types.TextDocumentContentChangeWholeDocument(text=text)],
            )
        )

    def open_document(self, path: Path) -> None:
        """Open a document with the text it has on disk."""
        self.text_document_did_open(
            types.DidOpenTextDocumentParams(
                text_document=types.TextDocumentItem(
                    uri=path.as_uri(), language_id="yaml", version=1, text=path.read_text()
                )
            )
        )


def plain(value: Any) -> Any:
    """The named tuples of pygls as dicts."""
    if hasattr(value, "_asdict"):
        return {k: plain(v) for k, v in value._asdict().items()}
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return [plain(v) for v in value] if isinstance(value, list | tuple) else value
