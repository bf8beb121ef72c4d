"""VSCodeIntegration: what the editor asks comes in here, and what it shows goes out from here."""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlparse

from lsprotocol import types
from pydantic import BaseModel

from containers.bus import EventBus, Overflow
from containers.compose.podman_view import podman_view
from containers.compose_manager import ComposeManager
from containers.environment_manager import EnvironmentManager
from containers.event_integration import EventIntegration
from containers.health_monitor import HealthMonitor
from containers.lsp import protocol
from containers.lsp.client import EditorClient
from containers.lsp.features.checking import Checker, Documents, Scope
from containers.lsp.features.log_streams import LogStreams
from containers.lsp.features.progress import ProgressReporter
from containers.lsp.features.tasks import task_descriptions
from containers.lsp.features.verbs import failed, run_verb
from containers.lsp.features.view import Shown, ViewKeeper
from containers.model.diagnostics import Diagnostic, Severity, ValidationResult
from containers.model.errors import ErrorCode, PodkeeperError
from containers.model.events import EventBase, FileChanged
from containers.model.observed import EngineInfo
from containers.model.outcome import TaskResult
from containers.ports import Clock, TaskOwner

log = logging.getLogger(__name__)

_LEVELS = {
    "error": types.MessageType.Error,
    "warning": types.MessageType.Warning,
    "info": types.MessageType.Info,
    "log": types.MessageType.Log,
}
CANCEL_POLL_S = 0.1
"""pygls keeps a cancelled progress as a cancelled future; nobody calls us back."""


class Stack(NamedTuple):
    """One project, with who keeps it."""

    folder: Path
    manager: ComposeManager
    monitor: HealthMonitor


class VSCodeIntegration:
    """The backend of the language server: tasks, views, notifications, logs.

    It holds one `Stack` for each workspace folder, and does no thinking of its own. Until the editor says
    that the workspace is trusted nothing is run and no engine is talked to; validation works all the same.
    """

    def __init__(
        self,
        *,
        make_stack: Callable[[Path], Stack],
        make_environments: Callable[[Path, tuple[Path, ...]], EnvironmentManager],
        documents: Documents,
        events: EventIntegration,
        bus: EventBus,
        clock: Clock,
        client: EditorClient,
        group: TaskOwner,
        engine_info: Callable[[], EngineInfo | None],
        choose: Callable[[Path, str], None],
        use_connection: Callable[[str | None], None],
    ) -> None:
        """Args beside the obvious.

        make_stack: makes a folder's stack.
        make_environments: makes a manager for named files only.
        engine_info: what is known of the engine by now, without asking it.
        choose: keeps the environment that a person chose for a folder.
        use_connection: takes the Podman that an environment names.
        """
        self._make_stack = make_stack
        self._make_environments = make_environments
        self._documents = documents
        self._events = events
        self._bus = bus
        self._clock = clock
        self._client = client
        self._group = group
        self._engine_info = engine_info
        self._choose = choose
        self._use_connection = use_connection
        self._read: dict[tuple[Path, str], frozenset[Path]] = defaultdict(frozenset)
        """What the last check of each folder's environment read: included and extended files, too."""
        self._stacks: dict[Path, Stack] = {}
        self._problems: dict[Path, str] = {}
        self._is_trusted = False
        self._tasks: tuple[protocol.TaskDescription, ...] = ()
        self._checker = Checker(
            client=client, documents=documents, scopes_of=self._scopes_of, clock=clock, group=group
        )
        self._logs = LogStreams(client=client, clock=clock, group=group)
        self._view = ViewKeeper(client=client, events=events, stacks=self._shown)

    # what the design names

    def register_tasks(self) -> tuple[protocol.TaskDescription, ...]:
        """Work out the tasks of the workspace's folders, for the editor's task provider."""
        environments = {folder: stack.manager.environment for folder, stack in self._stacks.items()}
        folders = tuple(self._stacks) if self._is_trusted else ()
        self._tasks = task_descriptions(folders, environments)
        return self._tasks

    async def execute_task(
        self,
        task_name: str,
        args: protocol.CommandArguments | None = None,
        progress: str | int | None = None,
    ) -> TaskResult:
        """Run a verb on a folder's stack.

        Args:
            task_name: `up`, `down`, `restart`, `stop`, `status`, `logs`, `plan`, `validate`, `doctor`.
            args: which folder, services and environment; the defaults are the first, all, the selected.
            progress: the work-done token to report under; cancelling it rolls the work back.

        Returns:
            What it came to; what went wrong is in `problems`, never raised.
        """
        args = args or protocol.CommandArguments()
        try:
            stack = self._stack(args.folder)
        except PodkeeperError as error:
            return failed(task_name, error)
        if progress is None:
            return await self._run(stack, task_name, args)
        reporter = ProgressReporter(self._client, progress, f"Podkeeper: {task_name}")
        subscription = self._bus.subscribe("progress", reporter.handle, topics=("transaction.*",))
        watcher = self._group.create_task(self._watch_cancel(progress, stack))
        try:
            result = await self._run(stack, task_name, args)
            reporter.end(result.message)
        finally:
            watcher.cancel()
            self._bus.unsubscribe(subscription)
        return result

    def show_status_notification(self, message: str, level: str = "info") -> None:
        """Show a message; `level` is `error`, `warning`, `info` or `log` (only in the output channel)."""
        self._client.show_message(message, _LEVELS.get(level, types.MessageType.Info))

    def open_logs_panel(self, service: str) -> None:
        """Have the editor open the log panel of a service of the first stack that has it."""
        for folder, stack in self._stacks.items():
            project = stack.manager.project
            if project is not None and service in project.services:
                params = protocol.LogsOpenParams(folder=str(folder), service=service)
                self._client.notify(protocol.LOGS_OPEN, params)
                return

    # the backend of lsp/server.py

    async def initialized(self, folders: tuple[str, ...], options: protocol.InitializationOptions) -> None:
        """Take up the workspace; in a trusted one, begin to follow the engine and to keep the stacks well."""
        self._is_trusted = options.trusted
        for uri in folders:
            folder = to_path(uri)
            if folder is not None:
                stack = self._make_stack(folder)
                if options.environment:
                    stack.manager.environment = options.environment
                if stack.manager.connection is not None:
                    self._use_connection(stack.manager.connection)
                self._stacks[folder] = stack
                self._reload(folder)
        self._bus.subscribe("view-busy", self._view.note, topics=("transaction.*", "server.*"))
        self._bus.subscribe("view", self._redraw, overflow=Overflow.LATEST_ONLY)
        if self._is_trusted:
            self._bus.subscribe("editor-events", self._send_event)
            await self._events.setup_event_subscriptions()
            for stack in self._stacks.values():
                await stack.monitor.start_monitoring()
        self.register_tasks()
        self._view.redraw()

    def document_opened(self, uri: str, text: str, version: int | None) -> None:
        """Check an opened document."""
        if (path := to_path(uri)) is not None:
            self._checker.opened(path, text, version)

    def document_changed(self, uri: str, text: str, version: int | None) -> None:
        """Check a changed document, when the typing pauses."""
        if (path := to_path(uri)) is not None:
            self._checker.changed(path, text, version)

    def document_saved(self, uri: str) -> None:
        """Check again, and show the stack as the file now says it should be."""
        if (path := to_path(uri)) is not None:
            self._checker.changed_on_disk((path,), wait_s=0.0)
            self._reload_all()

    def document_closed(self, uri: str) -> None:
        """Go by the disk again."""
        if (path := to_path(uri)) is not None:
            self._checker.closed(path)

    async def files_changed(self, uris: tuple[str, ...]) -> None:
        """Check and show what changed on disk."""
        paths = tuple(path for uri in uris if (path := to_path(uri)) is not None)
        event = FileChanged(at=self._clock.now(), source="watching", paths=tuple(str(p) for p in paths))
        await self._events.handle_file_change_event(event)
        self._checker.changed_on_disk(paths)
        self._reload_all()

    def view_snapshot(self) -> dict[str, Any]:
        """The whole view."""
        return self._view.snapshot()

    def task_list(self) -> dict[str, Any]:
        """The tasks, as they are now."""
        return protocol.TaskList(tasks=self.register_tasks()).model_dump(mode="json")

    def environment_list(self, params: protocol.FolderParams) -> dict[str, Any]:
        """The environments of a folder, and which is selected."""
        manager = self._folder_stack(params.folder).manager
        return protocol.EnvironmentList(
            environments=manager.environments.list_environments(), selected=manager.environment
        ).model_dump(mode="json")

    def environment_select(self, params: protocol.EnvironmentSelectParams) -> dict[str, Any]:
        """Select the environment of a folder; its project is what the view shows from now on."""
        stack = self._folder_stack(params.folder)
        stack.manager.environment = params.environment
        self._choose(stack.folder, params.environment)
        self._use_connection(stack.manager.connection)
        self._reload(stack.folder)
        self._view.redraw()
        return self.environment_list(protocol.FolderParams(folder=params.folder))

    def logs_follow(self, params: protocol.LogsFollowParams) -> None:
        """Begin to send a service's log."""
        self._logs.follow(self._stack(params.folder).manager, params)

    def logs_unfollow(self, params: protocol.LogsUnfollowParams) -> None:
        """Stop sending it."""
        self._logs.unfollow(params.stream)

    def shutting_down(self) -> None:
        """The editor goes: what runs goes on running, only we stop looking."""
        self._logs.close()
        self._client.detach()

    # how

    async def _run(self, stack: Stack, task_name: str, args: protocol.CommandArguments) -> TaskResult:
        result = await run_verb(stack.manager, task_name, args)
        self._reload(stack.folder)
        return result

    async def _watch_cancel(self, token: str | int, stack: Stack) -> None:
        while not self._client.progress_cancelled(token):
            await self._clock.sleep(CANCEL_POLL_S)
        stack.manager.cancel()

    def _stack(self, folder: str | None) -> Stack:
        if not self._is_trusted:
            raise PodkeeperError(
                ErrorCode.PERMISSION_DENIED,
                "this workspace is not trusted, so nothing in it is run",
                remedy="trust it (Workspaces: Manage Workspace Trust) and try again",
            )
        return self._folder_stack(folder)

    def _folder_stack(self, folder: str | None) -> Stack:
        if not self._stacks:
            raise PodkeeperError(
                ErrorCode.FILE_NOT_FOUND, "no folder is open", remedy="open a folder with a compose file"
            )
        if folder is None:
            return next(iter(self._stacks.values()))
        path = to_path(folder) or Path(folder)
        found = self._stacks.get(path)
        if found is None:
            raise PodkeeperError(ErrorCode.FILE_NOT_FOUND, f"{path} is no folder of this workspace")
        return found

    def _shown(self) -> Iterable[Shown]:
        for folder, stack in self._stacks.items():
            if stack.manager.project is not None or self._problems.get(folder):
                yield Shown(folder, stack.manager, lambda f=folder: self._problems.get(f, ""))  # type: ignore[misc]

    def _reload_all(self) -> None:
        for folder in self._stacks:
            self._reload(folder)
        self._view.redraw()

    def _reload(self, folder: Path) -> None:
        """Read the folder's files, and watch the project that they make."""
        manager = self._stacks[folder].manager
        before = manager.project.name if manager.project else None
        loaded = manager.load()
        errors = [d for d in loaded.diagnostics if d.severity is Severity.ERROR]
        nothing_there = not loaded.files and all(d.code is ErrorCode.FILE_NOT_FOUND for d in errors)
        self._problems[folder] = _without_hint(errors[0]) if errors and not nothing_there else ""
        if loaded.project is not None:
            if before is not None and before != loaded.project.name:
                self._events.unwatch(before)
            if self._is_trusted:
                self._events.watch(loaded.project.name)

    def _redraw(self, _event: EventBase) -> None:
        self._view.redraw()

    def _send_event(self, event: EventBase) -> None:
        self._client.notify(
            protocol.EVENT_PUBLISHED,
            protocol.PublishedEvent(kind=getattr(event, "kind", ""), event=_json(event)),
        )

    def _scopes_of(self, path: Path) -> tuple[Scope, ...]:
        """The projects that a file is part of: of each folder's environments, or else the file alone."""
        scopes: list[Scope] = []
        for folder, stack in self._stacks.items():
            if folder in path.parents:
                scopes.extend(self._environment_scopes(path, stack.manager.environments))
        if not scopes and path.suffix in {".yaml", ".yml"} and "compose" in path.name:
            scopes.append(self._alone(path))
        return tuple(scopes)

    def _environment_scopes(self, path: Path, environments: EnvironmentManager) -> Iterable[Scope]:
        for name in environments.list_environments():
            try:
                config = environments.load_environment_config(name)
            except PodkeeperError:
                if (broken := environments.file_of(name)) == path:
                    yield self._broken_environment(name, broken, environments)
                continue
            folder = environments.selection.folder
            parts = {*config.compose_files, *config.env_files, config.source, *self._read[folder, name]}
            if path in parts or path.name == ".env":
                main = config.compose_files[0] if config.compose_files else path

                def validate(name: str = name, folder: Path = folder) -> ValidationResult:
                    result = environments.load_project(name)
                    self._read[folder, name] = frozenset(result.files)
                    found = result.diagnostics
                    engine = self._engine_info()
                    if result.project is not None and engine is not None:
                        found = (*found, *podman_view(result.project, engine))
                    return ValidationResult(diagnostics=found, files=tuple(str(f) for f in result.files))

                yield Scope(key=f"{environments.selection.folder}:{name}", main=main, validate=validate)

    def _broken_environment(self, name: str, path: Path, environments: EnvironmentManager) -> Scope:
        """An environment whose own file is wrong."""

        def validate() -> ValidationResult:
            result = environments.load_project(name)
            return ValidationResult(diagnostics=result.diagnostics, files=(str(path),))

        return Scope(key=f"{environments.selection.folder}:{name}", main=path, validate=validate)

    def _alone(self, path: Path) -> Scope:
        environments = self._make_environments(path.parent, (path,))

        def validate() -> ValidationResult:
            return environments.validate_config(environments.load_environment_config())

        return Scope(key=str(path), main=path, validate=validate)


def to_path(uri: str) -> Path | None:
    """The path of a `file:` URI or a plain absolute path; None for what is not on this disk."""
    parsed = urlparse(uri)
    if parsed.scheme == "file":
        return Path(unquote(parsed.path))
    return Path(uri) if uri.startswith("/") else None


def _json(model: BaseModel) -> dict[str, Any]:
    return model.model_dump(mode="json")


def _without_hint(diagnostic: Diagnostic) -> str:
    """What is wrong, short enough to stand above the tree; the hint is in the Problems panel."""
    return str(diagnostic.model_copy(update={"hint": None}))
