"""The composition root: builds everything, owns the one task group, and takes it down in reverse."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from containers.adapters.chosen_environments import ChosenEnvironments
from containers.adapters.file_tree import LocalFileTree
from containers.adapters.fingerprints import KeyedFingerprints
from containers.adapters.host_facts import LocalHost
from containers.adapters.local_files import LocalFiles
from containers.adapters.part_notes import PartFiles
from containers.adapters.process_watch import PidfdWatch
from containers.adapters.project_locks import FileProjectLocks
from containers.adapters.revision_files import RevisionFiles
from containers.adapters.supervision_files import FileSupervisionNotes, FileSupervisorLeases
from containers.adapters.system_clock import SystemClock
from containers.adapters.systemd_user_units import SystemdUserUnits
from containers.bus import EventBus
from containers.compose_manager import ComposeManager
from containers.environment_manager import EnvironmentManager, Selection
from containers.event_integration import EventIntegration
from containers.event_sharing import EventSharing
from containers.execution.apply import Applier
from containers.execution.preflight import Preflight
from containers.model.errors import EngineError, ErrorCode
from containers.model.events import PartFailed
from containers.model.observed import EngineInfo
from containers.parts import Parts
from containers.ports.engine import ContainerEngine
from containers.ports.files import FileWatcher
from containers.ports.stores import EventLog, HealthHistory, Journal
from containers.ports.translation import ComposeTranslator
from containers.project_changes import ProjectChanges
from containers.settings import EngineSettings, Settings

if TYPE_CHECKING:
    from containers.adapters.sqlite_database import SqliteDatabase
    from containers.compose.request import LoadResult
    from containers.hook_runner import Tell
    from containers.project_files import ProjectFiles
    from containers.service_watch import ServiceWatch
    from containers.stack_keeper import StackKeeper
    from containers.vscode_integration import Stack

log = logging.getLogger(__name__)

_T = TypeVar("_T")

CLOSE_S = 5.0
"""For each part to end in, at shut-down."""


def default_state_dir(environ: Mapping[str, str]) -> Path:
    """`PODKEEPER_STATE_DIR`, or the platform's state folder."""
    if chosen := environ.get("PODKEEPER_STATE_DIR"):
        return Path(chosen)
    import platformdirs  # noqa: PLC0415  (start-up time)

    return Path(platformdirs.user_state_path("podkeeper"))


def default_settings(environ: Mapping[str, str], engine_url: str | None = None) -> Settings:
    """The settings as the process environment has them."""
    engine = EngineSettings(url=engine_url, podman=environ.get("PODKEEPER_PODMAN", "podman"))
    return Settings(state_dir=default_state_dir(environ), engine=engine)


class GuardedTasks:
    """Background tasks of which one may break without taking the others along."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self._group = group
        self.broke: Callable[[str, Exception], None] | None = None
        """Told the name of each task that breaks, and why."""

    def create_task(
        self, coro: Coroutine[Any, Any, _T], *, name: str | None = None
    ) -> asyncio.Task[_T | None]:
        """Run `coro`; what it raises is logged, with the whole chain, told, and ends only this task."""
        task = self._group.create_task(self._guard(coro, name or "task"), name=name)
        # one that is cancelled before its first step would otherwise leave `coro` unawaited
        task.add_done_callback(lambda _: coro.close())
        return task

    async def _guard(self, coro: Coroutine[Any, Any, _T], name: str) -> _T | None:
        try:
            return await coro
        except Exception as error:
            log.exception("background task %s broke", name)
            if self.broke is not None:
                self.broke(name, error)
            return None


class Application:
    """Everything that lives as long as the process does; made by `running`."""

    def __init__(self, settings: Settings, environ: Mapping[str, str], tasks: GuardedTasks) -> None:
        self.settings = settings
        self.environ = dict(environ)
        self.tasks = tasks
        self.clock = SystemClock()
        self.files = LocalFiles()
        self.bus = EventBus(self.clock)
        self.bus.start(tasks)
        tasks.broke = self._tell_broken
        self.part_notes = PartFiles(settings.state_dir)
        self.parts = Parts(self.bus, self.part_notes)
        self.locks = FileProjectLocks(settings.state_dir)
        self.units = SystemdUserUnits(environ)
        self.notes = FileSupervisionNotes(settings.state_dir)
        self._fingerprints = KeyedFingerprints(settings.state_dir, environ)
        self._journal: Journal | None = None
        self._event_log: EventLog | None = None
        self._health_history: HealthHistory | None = None
        self.revisions = RevisionFiles(settings.state_dir)
        self.choices = ChosenEnvironments(settings.state_dir)
        self._connection: str | None = None
        self.events = EventIntegration(
            engine=self.engine,
            bus=self.bus,
            clock=self.clock,
            processes=PidfdWatch(),
            find_again=self._find_engine_again,
        )
        self.events.bind(tasks)
        self.sharing = EventSharing(log=lambda: self.event_log, bus=self.bus, clock=self.clock, group=tasks)
        self._translator: ComposeTranslator | None = None
        self._engine: ContainerEngine | None = None
        self._lost_engine: ContainerEngine | None = None
        """The one before, by a way that seemed to lead nowhere."""
        self._connecting: asyncio.Task[ContainerEngine | EngineError | None] | None = None

    def _tell_broken(self, task: str, error: Exception) -> None:
        """What is broken stays so until this process ends; that is better seen than searched for."""
        reason = f"it broke: {type(error).__name__}: {error}"
        self.bus.publish(PartFailed(at=self.clock.now(), source="server", part=f"task {task}", reason=reason))

    async def engine(self) -> ContainerEngine:
        """The engine, connected at first use; who asks while that is under way gets the same one.

        Raises:
            EngineError: it can not be reached. The next call tries again.
        """
        while self._engine is None:
            if self._connecting is None or self._connecting.done():
                self._connecting = self.tasks.create_task(self._connect(), name="connect")
            connecting = self._connecting
            connected = await asyncio.shield(connecting)
            if connecting is not self._connecting:
                continue  # another Podman was chosen meanwhile
            if connected is None:
                raise EngineError(ErrorCode.INTERNAL, "connecting to Podman broke; the log says why")
            if isinstance(connected, EngineError):
                raise connected
            self._engine = connected
        return self._engine

    async def _find_engine_again(self) -> None:
        """Take another way to the same Podman where the one that was taken leads nowhere any more.

        Raises:
            EngineError: there is none.
        """
        lost = self._engine
        if lost is None:
            return  # asking for it looks for all ways anyway
        found = await self._connect()
        if isinstance(found, EngineError):
            raise found
        unused: ContainerEngine | None = found
        if self._engine is lost and found.store == lost.store:
            # a change may be at work with the lost one, and has to put back what it did
            self._engine, unused, self._lost_engine = found, self._lost_engine, lost
        if unused is not None:
            await unused.close()

    @property
    def engine_info(self) -> EngineInfo | None:
        """What is known of the engine by now, without asking it."""
        return self._engine.known_info if self._engine is not None else None

    def use_connection(self, connection: str | None) -> bool:
        """Take the Podman that an environment names from now on; None takes the one that is found.

        One that is open already is closed; its events are followed no more.

        Returns:
            Whether that counts: a connection that a person set for this process wins over all environments.
        """
        if self.settings.engine.url is not None:
            return False
        if connection == self._connection:
            return True
        self._connection = connection
        engine, self._engine = self._engine, None
        connecting, self._connecting = self._connecting, None
        if engine is not None:
            _ = self.tasks.create_task(engine.close(), name="close")
        elif connecting is not None:
            _ = self.tasks.create_task(_close_once_open(connecting), name="close")
        self.events.follow_anew()
        return True

    async def _connect(self) -> ContainerEngine | EngineError:
        from containers.adapters.podman_rest import connect  # noqa: PLC0415  (start-up time)

        settings = self.settings.engine
        if settings.url is None and self._connection is not None:
            settings = settings.model_copy(update={"connection": self._connection})
        try:
            return await connect(settings, self.environ, self.settings.state_dir)
        except EngineError as error:
            return error

    @property
    def translator(self) -> ComposeTranslator:
        """podman-compose, found at first use."""
        if self._translator is None:
            from containers.adapters.podman_compose_translator import (  # noqa: PLC0415  (start-up time)
                PodmanComposeTranslator,
            )

            state = self.settings.state_dir
            self._translator = PodmanComposeTranslator(
                program=None,
                cache_dir=state / "translations",
                secrets_dir=state / "secrets",
                environ=self.environ,
            )
        return self._translator

    @property
    def journal(self) -> Journal:
        """The database of transactions, opened at first use."""
        if self._journal is None:
            from containers.adapters.sqlite_journal import SqliteJournal  # noqa: PLC0415  (start-up time)

            self._journal = SqliteJournal(self._database)
        return self._journal

    @property
    def event_log(self) -> EventLog:
        """What processes tell each other, in the same database by the same connection."""
        if self._event_log is None:
            from containers.adapters.sqlite_event_log import SqliteEventLog  # noqa: PLC0415  (start-up time)

            self._event_log = SqliteEventLog(self._database)
        return self._event_log

    @cached_property
    def _database(self) -> "SqliteDatabase":
        from containers.adapters.sqlite_database import SqliteDatabase  # noqa: PLC0415  (start-up time)

        return SqliteDatabase(self.settings.state_dir / "state.db")

    @property
    def health_history(self) -> HealthHistory:
        """The same database by a connection of its own, for what was measured; opened at first use."""
        if self._health_history is None:
            from containers.adapters.sqlite_database import SqliteDatabase  # noqa: PLC0415  (start-up time)
            from containers.adapters.sqlite_history import SqliteHistory  # noqa: PLC0415

            database = SqliteDatabase(self.settings.state_dir / "state.db")
            self._health_history = SqliteHistory(database, self.settings.history)
        return self._health_history

    @property
    def watcher(self) -> FileWatcher:
        """Sees files change."""
        from containers.adapters.file_watcher import WatchdogFileWatcher  # noqa: PLC0415  (start-up time)

        return WatchdogFileWatcher(self.clock)

    def environments(self, selection: Selection) -> EnvironmentManager:
        """An environment manager for what a person named."""
        return EnvironmentManager(selection=selection, files=self.files, environ=self.environ)

    def manager(self, selection: Selection) -> ComposeManager:
        """A compose manager for what a person named."""
        applier = Applier(
            engine=self.engine,
            translator=lambda: self.translator,
            locks=self.locks,
            journal=self.journal,
            revisions=self.revisions,
            publisher=self.bus,
            clock=self.clock,
        )
        changes = ProjectChanges(
            applier=applier,
            engine=self.engine,
            fingerprints=self._fingerprints,
            preflight=Preflight(
                translator=lambda: self.translator,
                host=LocalHost(),
                engine=self.engine,
                environ=self.environ,
                state_dir=self.settings.state_dir,
            ),
            clock=self.clock,
            settings=self.settings,
        )
        return ComposeManager(
            environments=self.environments(selection),
            engine=self.engine,
            translator=lambda: self.translator,
            changes=changes,
            journal=self.journal,
            health_history=self.health_history,
            notes=self.notes,
            leases=FileSupervisorLeases(self.settings.state_dir),
            publisher=self.bus,
            clock=self.clock,
            settings=self.settings,
            parts=self.part_notes,
        )

    def keeper(self, manager: ComposeManager, tell: "Tell", printed: "Tell | None" = None) -> "StackKeeper":
        """All that keeps a manager's project.

        `tell` shows a message with its level to the person, `printed` what a hook's command printed; without
        it that goes into the log.
        """
        from containers.app_keeping import Keeping  # noqa: PLC0415  (start-up time)

        keeping = Keeping(
            engine=self.engine,
            events=self.events,
            bus=self.bus,
            locks=self.locks,
            notes=self.notes,
            journal=self.journal,
            history=self.health_history,
            clock=self.clock,
            settings=self.settings,
            environ=self.environ,
            group=self.tasks,
        )
        return keeping.keeper(manager, tell, printed)

    def service_watch(self, manager: ComposeManager) -> "ServiceWatch":
        """What brings changed files into a manager's services."""
        from containers.service_watch import ServiceWatch  # noqa: PLC0415  (start-up time)

        return ServiceWatch(
            manager=manager,
            engine=self.engine,
            watcher=self.watcher,
            tree=LocalFileTree(),
            files=self.files,
            bus=self.bus,
            clock=self.clock,
        )

    def project_files(self, manager: ComposeManager, told: "Callable[[LoadResult], None]") -> "ProjectFiles":
        """What has a manager read its files anew; `told` is given what each reading came to."""
        from containers.project_files import ProjectFiles  # noqa: PLC0415  (start-up time)

        return ProjectFiles(
            manager=manager,
            watcher=self.watcher,
            bus=self.bus,
            clock=self.clock,
            group=self.tasks,
            told=told,
        )

    def stack(self, folder: Path, tell: "Tell") -> "Stack":
        """A workspace folder's stack; `tell` shows a message to the person."""
        from containers.vscode_integration import Stack  # noqa: PLC0415  (start-up time)

        manager = self.manager(Selection(folder=folder))
        manager.environment = self.choices.get(folder) or manager.environment
        return Stack(folder=folder, manager=manager, keeper=self.keeper(manager, tell))

    async def close(self) -> None:
        """Let go of everything, last made first; each part has its budget."""
        await self.events.close()
        self.sharing.close()
        await self.bus.close()
        if self._health_history is not None:
            self._health_history.close()
        self.parts.close()
        if "_database" in self.__dict__:
            self._database.close()
        if self._connecting is not None and not self._connecting.done():
            self._connecting.cancel()
        for engine in (self._lost_engine, self._engine):
            if engine is None:
                continue
            try:
                async with asyncio.timeout(CLOSE_S):
                    await engine.close()
            except TimeoutError:
                log.warning("the connection to Podman did not close within %s s", CLOSE_S)


class _EndedError(Exception):
    """Raised inside the task group to end what is left in it."""


@asynccontextmanager
async def running(
    settings: Settings | None = None, environ: Mapping[str, str] | None = None
) -> AsyncIterator[Application]:
    """An application for as long as the block lasts; nothing of it is left afterwards."""
    environ = dict(os.environ) if environ is None else environ
    failure: BaseException | None = None
    try:
        async with asyncio.TaskGroup() as group:
            app = Application(settings or default_settings(environ), environ, GuardedTasks(group))
            try:
                yield app
            except BaseException as error:  # noqa: BLE001  (raised again, unwrapped, below)
                failure = error
            await app.close()
            raise _EndedError  # noqa: TRY301  (it ends what is left in the group)
    except* _EndedError:
        pass
    if failure is not None:
        raise failure


async def serve_lsp(environ: Mapping[str, str]) -> None:
    """Serve the Language Server Protocol on standard input and output, until the client goes."""
    import sys  # noqa: PLC0415
    import threading  # noqa: PLC0415

    from pygls.io_ import StdinAsyncReader, StdoutWriter, run_async  # noqa: PLC0415

    from containers.lsp.client import EditorClient  # noqa: PLC0415
    from containers.lsp.server import build_server  # noqa: PLC0415
    from containers.vscode_integration import VSCodeIntegration  # noqa: PLC0415

    async with running(environ=environ) as app:
        client = EditorClient()
        backend = VSCodeIntegration(
            make_stack=app.stack,
            make_environments=lambda folder, files: app.environments(Selection(folder=folder, files=files)),
            documents=app.files,
            events=app.events,
            sharing=app.sharing,
            bus=app.bus,
            clock=app.clock,
            client=client,
            group=app.tasks,
            engine_info=lambda: app.engine_info,
            choose=app.choices.choose,
            use_connection=app.use_connection,
            watcher=app.watcher,
            failed_parts=lambda: app.parts.failed,
        )
        server = build_server(backend)
        client.attach(server)
        writer = StdoutWriter(sys.stdout.buffer)
        server.protocol.set_writer(writer)
        try:
            await run_async(
                stop_event=threading.Event(),
                reader=StdinAsyncReader(sys.stdin.buffer),
                protocol=server.protocol,
                logger=log,
                error_handler=server.report_server_error,
            )
        finally:
            backend.shutting_down()


async def _close_once_open(connecting: "asyncio.Task[ContainerEngine | EngineError | None]") -> None:
    """An engine that nobody waits for any more."""
    engine = await asyncio.shield(connecting)
    if engine is not None and not isinstance(engine, EngineError):
        await engine.close()
