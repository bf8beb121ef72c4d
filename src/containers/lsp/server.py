"""The language server: registration only. What each message means is `Backend`'s business."""

import logging
from collections.abc import Generator
from typing import Any, Protocol

from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol, lsp_method
from typing_extensions import override

from containers import __version__
from containers.lsp import protocol
from containers.model.outcome import TaskResult

log = logging.getLogger(__name__)


class Backend(Protocol):
    """Who answers. Implemented by `VSCodeIntegration`."""

    async def initialized(self, folders: tuple[str, ...], options: protocol.InitializationOptions) -> None:
        """The client is ready; `folders` are paths."""
        ...

    def document_opened(self, uri: str, text: str, version: int | None) -> None:
        """A document was opened."""
        ...

    def document_changed(self, uri: str, text: str, version: int | None) -> None:
        """A document's text is another; called at each keystroke."""
        ...

    def document_saved(self, uri: str) -> None:
        """A document was written to disk."""
        ...

    def document_closed(self, uri: str) -> None:
        """A document was closed; what counts is on disk again."""
        ...

    async def files_changed(self, uris: tuple[str, ...]) -> None:
        """Files changed on disk, by whomever."""
        ...

    async def execute_task(
        self, task_name: str, args: protocol.CommandArguments, progress: str | int | None = None
    ) -> TaskResult:
        """Run a verb; `progress` is the work-done token to report under."""
        ...

    def view_snapshot(self) -> dict[str, Any]:
        """The whole `ViewState`."""
        ...

    def task_list(self) -> dict[str, Any]:
        """The `TaskList`."""
        ...

    def environment_list(self, params: protocol.FolderParams) -> dict[str, Any]:
        """The `EnvironmentList` of a folder."""
        ...

    def environment_select(self, params: protocol.EnvironmentSelectParams) -> dict[str, Any]:
        """Select, and answer the list."""
        ...

    def logs_follow(self, params: protocol.LogsFollowParams) -> None:
        """Begin to send a log."""
        ...

    def logs_unfollow(self, params: protocol.LogsUnfollowParams) -> None:
        """Stop sending it."""
        ...

    def shutting_down(self) -> None:
        """The client asked us to end; `exit` follows."""
        ...


class _Protocol(LanguageServerProtocol):
    """Hands a command's whole parameters on, since the work-done token is in them."""

    @override
    @lsp_method(types.WORKSPACE_EXECUTE_COMMAND)
    def lsp_workspace__execute_command(self, params: types.ExecuteCommandParams) -> Generator[Any, Any, Any]:
        handler = self.fm.commands.get(params.command)
        if handler is None:
            msg = f"there is no command {params.command!r}"
            raise ValueError(msg)
        return (yield handler, (params,), None)


def build_server(backend: Backend) -> LanguageServer:
    """A server that answers through `backend`."""
    server = LanguageServer(
        "podkeeper",
        __version__,
        text_document_sync_kind=types.TextDocumentSyncKind.Incremental,
        protocol_cls=_Protocol,
    )
    _register_documents(server, backend)
    _register_commands(server, backend)
    _register_requests(server, backend)
    return server


def _register_documents(server: LanguageServer, backend: Backend) -> None:
    options = protocol.InitializationOptions()

    @server.feature(types.INITIALIZE)
    def initialize(params: types.InitializeParams) -> None:
        nonlocal options
        options = protocol.InitializationOptions.model_validate(_plain(params.initialization_options) or {})

    @server.feature(types.INITIALIZED)
    async def initialized(_params: types.InitializedParams) -> None:
        folders = tuple(f.uri for f in server.workspace.folders.values())
        if not folders and server.workspace.root_uri:
            folders = (server.workspace.root_uri,)
        await backend.initialized(folders, options)

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def did_open(params: types.DidOpenTextDocumentParams) -> None:
        document = params.text_document
        backend.document_opened(document.uri, document.text, document.version)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def did_change(params: types.DidChangeTextDocumentParams) -> None:
        uri = params.text_document.uri
        document = server.workspace.get_text_document(uri)
        backend.document_changed(uri, document.source, params.text_document.version)

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    def did_save(params: types.DidSaveTextDocumentParams) -> None:
        backend.document_saved(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def did_close(params: types.DidCloseTextDocumentParams) -> None:
        backend.document_closed(params.text_document.uri)

    @server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    async def did_change_watched_files(params: types.DidChangeWatchedFilesParams) -> None:
        await backend.files_changed(tuple(change.uri for change in params.changes))

    @server.feature(types.SHUTDOWN)
    def shutdown(_params: None) -> None:
        backend.shutting_down()


def _register_commands(server: LanguageServer, backend: Backend) -> None:
    for command in protocol.COMMANDS:
        verb = command.removeprefix("podkeeper.")

        async def execute(params: types.ExecuteCommandParams, verb: str = verb) -> dict[str, Any]:
            given = _plain(params.arguments[0]) if params.arguments else {}
            args = protocol.CommandArguments.model_validate(given or {})
            result = await backend.execute_task(verb, args, params.work_done_token)
            return result.model_dump(mode="json")

        server.command(command)(execute)


def _register_requests(server: LanguageServer, backend: Backend) -> None:
    @server.feature(protocol.VIEW_SNAPSHOT)
    def view_snapshot(_params: Any) -> dict[str, Any]:
        return backend.view_snapshot()

    @server.feature(protocol.TASK_LIST)
    def task_list(_params: Any) -> dict[str, Any]:
        return backend.task_list()

    @server.feature(protocol.ENVIRONMENT_LIST)
    def environment_list(params: Any) -> dict[str, Any]:
        return backend.environment_list(protocol.FolderParams.model_validate(_plain(params) or {}))

    @server.feature(protocol.ENVIRONMENT_SELECT)
    def environment_select(params: Any) -> dict[str, Any]:
        wanted = protocol.EnvironmentSelectParams.model_validate(_plain(params))
        return backend.environment_select(wanted)

    @server.feature(protocol.LOGS_FOLLOW)
    def logs_follow(params: Any) -> None:
        backend.logs_follow(protocol.LogsFollowParams.model_validate(_plain(params)))

    @server.feature(protocol.LOGS_UNFOLLOW)
    def logs_unfollow(params: Any) -> None:
        backend.logs_unfollow(protocol.LogsUnfollowParams.model_validate(_plain(params)))


def _plain(value: Any) -> Any:
    """Pygls hands unknown objects over as named tuples; as plain dicts they can be validated."""
    if hasattr(value, "_asdict"):
        return {k: _plain(v) for k, v in value._asdict().items()}
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value
