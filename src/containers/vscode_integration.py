"""VSCodeIntegration: what the editor asks comes in here, and what it shows goes out from here."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlparse

from lsprotocol import types
from pydantic import BaseModel

from containers.bus import EventBus, Overflow
from containers.compose_manager import ComposeManager
from containers.environment_manager import EnvironmentManager
from containers.event_integration import EventIntegration
from containers.event_sharing import ACTS, CHANGES, EventSharing
from containers.hook_runner import Tell
from containers.lsp import protocol
from containers.lsp.client import EditorClient
from containers.lsp.features.checking import Checker, Documents
from containers.lsp.features.log_streams import LogStreams
from containers.lsp.features.progress import ProgressReporter
from containers.lsp.features.saving import SavedFiles
from containers.lsp.features.scopes import Scopes
from containers.lsp.features.tasks import task_descriptions
from containers.lsp.features.verbs import failed, run_verb
from containers.lsp.features.view import Shown, ViewKeeper
from containers.model.diagnostics import Diagnostic, Severity
from containers.model.errors import ErrorCode, PodkeeperError
from containers.model.events import EventBase, FileChanged, ServiceGivenUp
from containers.model.observed import EngineInfo
from containers.model.outcome import TaskResult
from containers.ports.files import FileWatcher
from containers.ports.machine import Clock, TaskOwner
from containers.stack_keeper import StackKeeper

log = logging.getLogger(__name__)

_LEVELS = {
    "error": types.MessageType.Error,
    "warning": types.MessageType.Warning,
    "info": types.MessageType.Info,
    "log": types.MessageType.Log,
}
RETRY = "Retry"
SHOW_LOGS = "Show Logs"
CANCEL_POLL_S = 0.1
"""pygls keeps a cancelled progress as a cancelled future; nobody calls us back."""


class Stack(NamedTuple):
    """One project, with who keeps it."""

    folder: Path
    manager: ComposeManager
    keeper: StackKeeper


class VSCodeIntegration:
    """The backend of the language server: tasks, views, notifications, logs.

    It holds one `Stack` for each workspace folder, and does no thinking of its own. Until the editor says
    that the workspace is trusted nothing is run and no engine is talked to; validation works all the same.
    """

    def __init__(
        self,
        *,
        make_stack: Callable[[Path, Tell], Stack],
        make_environments: Callable[[Path, tuple[Path, ...]], EnvironmentManager],
        documents: Documents,
        events: EventIntegration,
        sharing: EventSharing,
        bus: EventBus,
        clock: Clock,
        client: EditorClient,
        group: TaskOwner,
        engine_info: Callable[[], EngineInfo | None],
        choose: Callable[[Path, str], None],
        use_connection: Callable[[str | None], bool],
        watcher: FileWatcher,
        failed_parts: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        """Args beside the obvious.

        make_stack: makes a folder's stack.
        make_environments: makes a manager for named files only.
        engine_info: what is known of the engine by now, without asking it.
        choose: keeps the environment that a person chose for a folder.
        use_connection: takes the Podman that an environment names; whether that counts.
        watcher: sees files change.
        failed_parts: what does not work in this process, with the reasons.
        """
        self._make_stack = make_stack
        self._events = events
        self._sharing = sharing
        self._bus = bus
        self._clock = clock
        self._client = client
        self._group = group
        self._choose = choose
        self._use_connection = use_connection
        self._named: str | None = None
        """The connection that was taken since an environment names it; all stacks of the window share it."""
        self._is_named_by_environments = True
        self._stacks: dict[Path, Stack] = {}
        self._problems: dict[Path, str] = {}
        self._is_trusted = False
        self._tasks: tuple[protocol.TaskDescription, ...] = ()
        self._scopes = Scopes(
            folders=lambda: {folder: s.manager.environments for folder, s in self._stacks.items()},
            alone=make_environments,
            is_file=documents.is_file,
            engine_info=engine_info,
        )
        self._checker = Checker(
            client=client, documents=documents, scopes_of=self._scopes.of, clock=clock, group=group
        )
        self._logs = LogStreams(client=client, clock=clock, group=group)
        self._view = ViewKeeper(client=client, events=events, stacks=self._shown, failed_parts=failed_parts)
        self._saved = SavedFiles(
            client=client,
            watcher=watcher,
            bus=bus,
            clock=clock,
            group=group,
            revalidate=self._revalidate,
            apply=self._apply_saved,
            redraw=self._view.redraw,
        )

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
        title = f"Podkeeper: {task_name}"
        reporter = ProgressReporter(self._client, progress, title, lambda: stack.manager.project)
        subscription = self._bus.subscribe("progress", reporter.handle, topics=("transaction.*",))
        asker = asyncio.current_task()
        watcher = self._group.create_task(self._watch_cancel(progress, stack, asker))
        message = "broken off"
        try:
            result = await self._run(stack, task_name, args)
            message = result.message
        finally:
            reporter.end(message)
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
        self._saved.mode = options.applyOnSave
        for uri in folders:
            folder = to_path(uri)
            if folder is not None:
                stack = self._make_stack(folder, self.show_status_notification)
                if options.environment:
                    stack.manager.environment = options.environment
                if self._named is None and stack.manager.connection is not None:
                    self._take_connection(stack.manager.connection)
                self._stacks[folder] = stack
                self._reload(folder)
        self._bus.subscribe("view-busy", self._view.note, topics=("transaction.*", "server.*", "drift.*"))
        self._bus.subscribe("view", self._redraw, overflow=Overflow.LATEST_ONLY)
        if self._is_trusted:
            self._bus.subscribe("editor-events", self._send_event, relayed=(*CHANGES, *ACTS))
            applied, given_up = ("transaction.finished",), ("health.given_up",)
            self._bus.subscribe("impact", self._look_again, topics=applied, relayed=applied)
            self._bus.subscribe("given-up", self._say_given_up, topics=given_up, relayed=given_up)
            await self._events.setup_event_subscriptions()
            await self._sharing.follow()
            for stack in self._stacks.values():
                await stack.keeper.start()
                _ = self._group.create_task(self._end_interrupted(stack), name="recovery")
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
        """Check again, and show the stack as the file now says it should be; unless its watch does that."""
        if (path := to_path(uri)) is not None and not self._saved.is_watched(path):
            self._checker.changed_on_disk((path,), wait_s=0.0)
            self._reload_all()

    def document_closed(self, uri: str) -> None:
        """Go by the disk again."""
        if (path := to_path(uri)) is not None:
            self._checker.closed(path)

    async def files_changed(self, uris: tuple[str, ...]) -> None:
        """Check and show what changed on disk, where we do not see it ourselves."""
        told = (path for uri in uris if (path := to_path(uri)) is not None)
        paths = tuple(path for path in told if not self._saved.is_watched(path))
        if not paths:
            return
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
        """Select the environment of a folder; its project is what the view shows from now on.

        Not while something is applied: that must end with the Podman that it began with.
        """
        if any(stack.manager.is_busy for stack in self._stacks.values()):
            text = "Podkeeper: a stack is being changed; select the environment when that has ended"
            self.show_status_notification(text, "warning")
            return self.environment_list(protocol.FolderParams(folder=params.folder))
        stack = self._folder_stack(params.folder)
        stack.manager.environment = params.environment
        self._choose(stack.folder, params.environment)
        self._take_connection(stack.manager.connection)
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
        environment = args.environment or stack.manager.environment
        connection = stack.manager.connection_of(environment)
        if self._is_named_by_environments and connection != self._named:
            return failed(task_name, self._elsewhere(f"{environment!r} of {stack.folder.name}", connection))
        result = await run_verb(stack.manager, task_name, args)
        self._reload(stack.folder)
        return result

    def _take_connection(self, connection: str | None) -> None:
        self._named = connection
        self._is_named_by_environments = self._use_connection(connection)

    def _elsewhere(self, environment: str, connection: str | None) -> PodkeeperError:
        """What keeps a verb from being done to the stack of the same name on somebody else's machine."""
        wanted, taken = (
            f"the connection {name!r}" if name is not None else "the Podman of this machine"
            for name in (connection, self._named)
        )
        return PodkeeperError(
            ErrorCode.UNSUPPORTED,
            f"this window talks to {taken}; {environment} is for {wanted}",
            remedy="select that environment first, or open the folder in a window of its own",
        )

    async def _end_interrupted(self, stack: Stack) -> None:
        """A change that was left open when its process died is ended before anybody asks for another."""
        project = stack.manager.project
        if project is None:
            return
        try:
            notices = await stack.manager.end_interrupted(project)
        except PodkeeperError as error:
            log.warning("what an earlier process left open could not be looked for: %s", error)
            return
        for notice in notices:
            level = "info" if notice.code is ErrorCode.INTERRUPTED else "error"
            self.show_status_notification(f"Podkeeper: {notice.message}", level)

    async def _watch_cancel(self, token: str | int, stack: Stack, asker: "asyncio.Task[Any] | None") -> None:
        """Once it is cancelled, stop what was asked for; once only, since its undoing must not be stopped."""
        while not (self._client.progress_cancelled(token) and stack.manager.cancel(asker)):
            await self._clock.sleep(CANCEL_POLL_S)

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
                yield Shown(
                    folder,
                    stack.manager,
                    partial(self._problem_of, folder),
                    partial(self._saved.impact_of, folder),
                )

    def _revalidate(self, paths: tuple[Path, ...]) -> None:
        self._checker.changed_on_disk(paths, wait_s=0.0)
        self._reload_all()

    async def _apply_saved(self, folder: Path) -> TaskResult:
        result = await self.execute_task("up", protocol.CommandArguments(folder=str(folder)))
        level = "log" if result.ok else "error"
        self.show_status_notification(f"Podkeeper: {result.message}", level)
        return result

    def _look_again(self, event: EventBase) -> None:
        if self._is_about_us(event):
            self._saved.look_again()

    def _is_about_us(self, event: EventBase) -> bool:
        """Whether it is about one of this window's stacks, or about none: others tell of theirs as well."""
        if event.project is None:
            return True
        projects = (stack.manager.project for stack in self._stacks.values())
        return any(p is not None and p.name == event.project for p in projects)

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
                self._saved.follow(folder, manager, partial(self._scopes.read_of, folder))
                _ = self._group.create_task(manager.prepare(), name=f"prepare {loaded.project.name}")

    def _problem_of(self, folder: Path) -> str:
        """Why a folder's files can not be resolved; empty when they can."""
        return self._problems.get(folder, "")

    def _redraw(self, _event: EventBase) -> None:
        self._view.redraw()

    def _say_given_up(self, event: ServiceGivenUp) -> None:
        """Once, with the cause that says most."""
        if not self._is_about_us(event):
            return
        cause = "out of memory" if event.out_of_memory else event.check_output or "".join(event.log_tail[-1:])
        told = f"Podkeeper gave up on {event.service}: {event.reason}"
        told = f"{told}; {cause.strip()}" if cause.strip() else told
        _ = self._group.create_task(self._offer_retry(event, told), name=f"given up: {event.service}")

    async def _offer_retry(self, event: ServiceGivenUp, told: str) -> None:
        """Tell it with what a person would do next."""
        chosen = await self._client.ask(told, RETRY, SHOW_LOGS, level=types.MessageType.Error)
        folders = (
            folder
            for folder, stack in self._stacks.items()
            if stack.manager.project is not None and stack.manager.project.name == event.project
        )
        folder = next(folders, None)
        if chosen is None or folder is None:
            return
        if chosen == SHOW_LOGS:
            params = protocol.LogsOpenParams(folder=str(folder), service=event.service)
            self._client.notify(protocol.LOGS_OPEN, params)
            return
        args = protocol.CommandArguments(folder=str(folder), services=(event.service,))
        result = await self.execute_task("retry", args)
        self.show_status_notification(f"Podkeeper: {result.message}", "log" if result.ok else "error")

    def _send_event(self, event: EventBase) -> None:
        if not self._is_about_us(event):
            return
        self._client.notify(
            protocol.EVENT_PUBLISHED,
            protocol.PublishedEvent(kind=getattr(event, "kind", ""), event=_json(event)),
        )


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
