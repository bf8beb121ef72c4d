"""The requests that create containers, as Podman's own client makes them, without a client for each.

`podman --remote create` costs a process, some 25 ms of processor time, and three calls. Its work is the same
for all containers of one shape (see `podman_request_shape`), so it is done once for each shape, against a
recorder in Podman's place; what the client posted is kept, and containers are created by posting it.
"""

import asyncio
import logging
import shutil
from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from containers.adapters.podman_cli import PodmanCli
from containers.adapters.podman_client_settings import client_fingerprint
from containers.adapters.podman_own_service import make_socket_folder
from containers.adapters.podman_request_recorder import RequestRecorder
from containers.adapters.podman_request_shape import IMAGE, Shape, fill, is_whole, shape_of
from containers.model.errors import EngineError
from containers.ports.translation import ContainerRecipe
from containers.settings import EngineSettings

_log = logging.getLogger(__name__)

_KEPT = 1024
"""Bodies of some two kilobytes each."""
_Body = Mapping[str, Any]


class CreateRequests:
    """Knows the request for a recipe, or finds it out.

    Args:
        settings: which client, and how long it may take.
        environ: the client's.
        state_dir: where the recorder's socket may be.
        version: what the engine says to be.
    """

    def __init__(
        self, settings: EngineSettings, environ: Mapping[str, str], state_dir: Path, version: str
    ) -> None:
        self._settings = settings
        self._environ = environ
        self._state_dir = state_dir
        self._version = version
        self._bodies: dict[object, _Body | None] = {}
        """What was posted for a shape; None where nothing usable was."""
        self._turns: dict[object, asyncio.Lock] = {}
        self._clients = asyncio.Semaphore(settings.max_parallel)
        self._opening = asyncio.Lock()
        self._recorder: RequestRecorder | None = None
        self._numbers = count(1)

    async def prepare(self, recipes: Iterable[ContainerRecipe]) -> None:
        """Find out the requests of recipes before they are needed."""
        shapes = {s.options: s for recipe in recipes if (s := shape_of(recipe)) is not None}
        async with asyncio.TaskGroup() as group:
            for shape in shapes.values():
                group.create_task(self._body_of(shape))

    async def request_for(
        self, name: str, recipe: ContainerRecipe, labels: Mapping[str, str], command_line: Sequence[str]
    ) -> Mapping[str, Any] | None:
        """The body of `POST containers/create`; None where only the client itself can create it.

        Args:
            name: the container's.
            recipe: what is created.
            labels: on top of the recipe's.
            command_line: what Podman is to remember as the command that created it.
        """
        shape = shape_of(recipe)
        body = None if shape is None else await self._body_of(shape)
        return None if shape is None or body is None else fill(body, shape, name, labels, command_line)

    async def close(self) -> None:
        """Listen no longer, and leave nothing behind."""
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            await recorder.close()
            shutil.rmtree(recorder.socket.parent, ignore_errors=True)

    async def _body_of(self, shape: Shape) -> _Body | None:
        """What the client posts for a shape; whoever asks while that is found out waits for it."""
        key = (shape.options, client_fingerprint(self._settings.podman, self._environ))
        if key not in self._bodies:
            async with self._turns.setdefault(key, asyncio.Lock()):
                if key not in self._bodies:
                    self._remember(key, await self._record(shape))
            self._turns.pop(key, None)
        return self._bodies[key]

    def _remember(self, key: object, body: _Body | None) -> None:
        self._bodies[key] = body
        if len(self._bodies) > _KEPT:
            del self._bodies[next(iter(self._bodies))]

    async def _record(self, shape: Shape) -> _Body | None:
        name = f"podkeeper-recorded-{next(self._numbers)}"
        try:
            async with self._clients:
                recorder = await self._open_recorder()
                cli = PodmanCli(self._settings, f"unix://{recorder.socket}", self._environ)
                result = await cli.run(
                    ["create", *shape.options, "--pull=never", "--name", name, IMAGE],
                    doing=f"learn how {shape.image} is created",
                    timeout_s=self._settings.call_timeout_s,
                )
        except (EngineError, OSError) as error:
            _log.info("requests can not be recorded: %s", error)
            return None
        body = recorder.take(name)
        if result.exit_code == 0 and body is not None and is_whole(body, shape):
            return body
        _log.info("containers are created by podman itself: %s", result.stderr.strip() or "nothing recorded")
        return None

    async def _open_recorder(self) -> RequestRecorder:
        async with self._opening:
            if self._recorder is None:
                folder = make_socket_folder(self._environ, self._state_dir)
                recorder = RequestRecorder(folder / "podman.sock", self._version)
                await recorder.open()
                self._recorder = recorder
            return self._recorder
