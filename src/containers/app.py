"""The composition root: builds everything, owns the one task group, and takes it down in reverse."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from containers.adapters.chosen_environments import ChosenEnvironments
from containers.adapters.local_files import LocalFiles
from containers.adapters.project_locks import FileProjectLocks
from containers.adapters.system_clock import SystemClock
from containers.bus import EventBus
from containers.compose_manager import ComposeManager
from containers.environment_manager import EnvironmentManager, Selection
from containers.event_integration import EventIntegration
from containers.health_monitor import HealthMonitor
from containers.model.errors import EngineError, ErrorCode
from containers.model.observed import EngineInfo
from containers.ports import ComposeTranslator, ContainerEngine
from containers.settings import EngineSettings, Settings

if TYPE_CHECKING:
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

    def create_task(
        self, coro: Coroutine[Any, Any, _T], *, name: str | None = None
    ) -> asyncio.Task[_T | None]:
        """Run `coro`; what it raises is logged, with the whole chain, and ends only this task."""
        task = self._group.create_task(self._guard(coro, name or "task"), name=name)
        # one that is cancelled before its first step would otherwise leave `coro` unawaited
        task.add_done_callback(lambda _: coro.close())
        return task

    async def _guard(self, coro: Coroutine[Any, Any, _T], name: str) -> _T | None:
        try:
            return await coro
        except Exception:
            log.exception("background task %s broke", name)
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
        self.locks = FileProjectLocks(settings.state_dir)
        self.choices = ChosenEnvironments(settings.state_dir)
        self._connection: str | None = None
        self.events = EventIntegration(engine=self.engine, bus=self.bus, clock=self.clock)
        self.events.bind(tasks)
        self._translator: ComposeTranslator | None = None
        self._engine: ContainerEngine | None = None
        self._engine_info: EngineInfo | None = None
        self._connecting: asyncio.Task[ContainerEngine | EngineError | None] | None = None

    async def engine(self) -> ContainerEngine:
        """The engine, connected at first use; who asks while that is under way gets the same one.

        Raises:
            EngineError: it can not be reached. The next call tries again.
        """
        if self._engine is None:
            if self._connecting is None or self._connecting.done():
                self._connecting = self.tasks.create_task(self._connect(), name="connect")
            connected = await asyncio.shield(self._connecting)
            if connected is None:
                raise EngineError(ErrorCode.INTERNAL, "connecting to Podman broke; the log says why")
            if isinstance(connected, EngineError):
                raise connected
            self._engine = connected
            self._engine_info = await connected.info()
        return self._engine

    @property
    def engine_info(self) -> EngineInfo | None:
        """What is known of the engine by now, without asking it."""
        return self._engine_info

    def use_connection(self, connection: str | None) -> None:
        """Take the Podman that an environment names from now on; None takes the one that is found.

        A connection that a person set for this process wins. One that is open already is closed; who follows
        its events connects anew.
        """
        if connection == self._connection:
            return
        self._connection = connection
        engine, self._engine = self._engine, None
        self._connecting = self._engine_info = None
        if engine is not None:
            _ = self.tasks.create_task(engine.close(), name="close")

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

    def environments(self, selection: Selection) -> EnvironmentManager:
        """An environment manager for what a person named."""
        return EnvironmentManager(selection=selection, files=self.files, environ=self.environ)

    def manager(self, selection: Selection) -> ComposeManager:
        """A compose manager for what a person named."""
        return ComposeManager(
            environments=self.environments(selection),
            engine=self.engine,
            translator=lambda: self.translator,
            locks=self.locks,
            publisher=self.bus,
            clock=self.clock,
            settings=self.settings,
        )

    def monitor(self, manager: ComposeManager) -> HealthMonitor:
        """A health monitor for a manager's project."""
        return HealthMonitor(
            project=lambda: manager.project,
            engine=self.engine,
            events=self.events,
            bus=self.bus,
            locks=self.locks,
            clock=self.clock,
            settings=lambda: manager.monitor_settings,
            group=self.tasks,
        )

    def stack(self, folder: Path) -> "Stack":
        """A workspace folder's stack."""
        from containers.vscode_integration import Stack  # noqa: PLC0415  (start-up time)

        manager = self.manager(Selection(folder=folder))
        manager.environment = self.choices.get(folder) or manager.environment
        return Stack(folder=folder, manager=manager, monitor=self.monitor(manager))

    async def close(self) -> None:
        """Let go of everything, last made first; each part has its budget."""
        await self.events.close()
        await self.bus.close()
        if self._connecting is not None and not self._connecting.done():
            self._connecting.cancel()
        if self._engine is not None:
            try:
                async with asyncio.timeout(CLOSE_S):
                    await self._engine.close()
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
            bus=app.bus,
            clock=app.clock,
            client=client,
            group=app.tasks,
            engine_info=lambda: app.engine_info,
            choose=app.choices.choose,
            use_connection=app.use_connection,
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
