"""Podkeeper as the editor has it: in a process that runs, connected, with the files read at their last save.

It is the application that the language server runs, in this process; the protocol is left out, as the peers'
shells are. What the server does when a file is opened or saved (read it, translate it, find out how its
containers are created) is done before the time is taken, as it is there.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from bench.engine import remove, running_containers
from bench.stacks import many_services
from bench.tools import MeasureError


def measure_server(
    url: str, scratch: Path, services: int, project: str, *, last: str = "down"
) -> dict[str, float]:
    """Seconds by verb, in their order up to the `last`."""
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        try:
            return asyncio.run(_verbs(url, Path(folder), services, project, last))
        finally:
            remove(project)


async def _verbs(url: str, folder: Path, services: int, project: str, last: str) -> dict[str, float]:
    from containers.app import running  # noqa: PLC0415  (measured here alone)
    from containers.environment_manager import Selection  # noqa: PLC0415
    from containers.settings import EngineSettings, Settings  # noqa: PLC0415

    file = folder / "compose.yaml"
    settings = Settings(state_dir=folder / "state", engine=EngineSettings(url=url))
    async with running(settings, {**os.environ}) as app:
        manager = app.manager(Selection(folder=folder, files=(file,), project_name=project))
        took: dict[str, float] = {}
        for verb, changed, run in (
            ("up", None, manager.start_services),
            ("up again", None, manager.start_services),
            ("one changed", services - 1, manager.start_services),
            ("ps", services - 1, manager.get_service_status),
            ("down", services - 1, manager.down),
        ):
            await asyncio.to_thread(file.write_text, many_services(services, changed))
            manager.load()
            await manager.prepare()
            before = running_containers(project)
            took[verb] = await _timed(run)
            if verb == "up again" and running_containers(project) != before:
                raise MeasureError("the second up touched a container")
            if verb == last:
                break
        return took


async def _timed(verb: Callable[[], Coroutine[Any, Any, Any]]) -> float:
    began = time.monotonic()
    result = await verb()
    took = time.monotonic() - began
    if not getattr(result, "ok", True):
        raise MeasureError(f"{result.problems}")
    return took
