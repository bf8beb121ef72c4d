"""What the backend sends to the editor, so that nothing but this file and `server.py` knows how."""

from typing import Any

from lsprotocol import types
from pydantic import BaseModel
from pygls.lsp.server import LanguageServer


class EditorClient:
    """The editor, seen from the server; sends nothing before `attach`, and nothing after `detach`."""

    def __init__(self) -> None:
        self._server: LanguageServer | None = None

    def attach(self, server: LanguageServer) -> None:
        """Talk through `server` from now on."""
        self._server = server

    def detach(self) -> None:
        """The editor is gone."""
        self._server = None

    def notify(self, method: str, params: BaseModel) -> None:
        """Send one of our own notifications."""
        if self._server is not None:
            self._server.protocol.notify(method, params.model_dump(mode="json"))

    def show_message(self, message: str, level: types.MessageType) -> None:
        """Show a message for a person."""
        if self._server is not None:
            self._server.window_show_message(types.ShowMessageParams(type=level, message=message))

    async def ask(
        self, question: str, *answers: str, level: types.MessageType = types.MessageType.Info
    ) -> str | None:
        """Ask a person; the answer that was chosen, or None."""
        if self._server is None:
            return None
        actions = [types.MessageActionItem(title=answer) for answer in answers]
        params = types.ShowMessageRequestParams(level, question, actions)
        chosen = await self._server.window_show_message_request_async(params)
        return chosen.title if chosen is not None else None

    def publish_diagnostics(
        self, uri: str, diagnostics: list[types.Diagnostic], version: int | None = None
    ) -> None:
        """Replace what the Problems panel shows for a file."""
        if self._server is not None:
            self._server.text_document_publish_diagnostics(
                types.PublishDiagnosticsParams(uri=uri, diagnostics=diagnostics, version=version)
            )

    def progress_begin(self, token: str | int, title: str) -> None:
        """Begin to report under a work-done token that the editor gave."""
        if self._server is not None:
            begin = types.WorkDoneProgressBegin(title=title, cancellable=True, percentage=0)
            self._server.work_done_progress.begin(token, begin)

    def progress_report(self, token: str | int, message: str, percentage: int) -> None:
        """Report how far it is."""
        if self._server is not None:
            report = types.WorkDoneProgressReport(message=message, percentage=percentage)
            self._server.work_done_progress.report(token, report)

    def progress_end(self, token: str | int, message: str) -> None:
        """The work has ended."""
        if self._server is not None:
            self._server.work_done_progress.end(token, types.WorkDoneProgressEnd(message=message))
            self._server.work_done_progress.tokens.pop(token, None)

    def progress_cancelled(self, token: str | int) -> bool:
        """Whether the person asked to cancel."""
        if self._server is None:
            return False
        future: Any = self._server.work_done_progress.tokens.get(token)
        return future is not None and bool(future.cancelled())
