"""A Podman service of our own: there when nothing else is, and gone when we are."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from containers.adapters import podman_connection
from containers.adapters.podman_own_service import start_service
from containers.adapters.podman_rest import PodmanRestEngine, connect
from containers.app import running
from containers.model.base import ProjectName
from containers.model.errors import EngineError, ErrorCode
from containers.model.events import EventBase
from containers.settings import EngineSettings

pytestmark = pytest.mark.rootful

SOURCES = Path(__file__).parents[2] / "src"
PARENT = """
import asyncio, os, sys
from pathlib import Path
from containers.adapters.podman_own_service import start_service
async def main():
    service = await start_service("podman", os.environ, Path(sys.argv[1]))
    print(service.pid, service.socket, flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""


def environ_of(folder: Path) -> dict[str, str]:
    """An environment whose private places are in `folder`."""
    return {**os.environ, "XDG_RUNTIME_DIR": str(folder)}


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone_within(pid: int, seconds: float) -> bool:
    """Whether a process ends in time."""
    deadline = time.monotonic() + seconds
    while is_alive(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.fixture
def runtime() -> Iterator[Path]:
    """A private folder with a path short enough for sockets, which pytest's own is not always."""
    with tempfile.TemporaryDirectory(prefix="pk-") as folder:
        yield Path(folder)


async def test_our_service_answers_and_leaves_nothing_behind(runtime: Path) -> None:
    """Neither a process nor a file; while it runs its folder is ours alone."""
    service = await start_service("podman", environ_of(runtime), runtime)
    settings = EngineSettings(url=f"unix://{service.socket}")
    engine = await connect(settings, os.environ, runtime)
    assert (await engine.info()).version_tuple >= (4, 0)
    assert service.socket.parent.stat().st_mode & 0o777 == 0o700
    await engine.close()
    await service.close()
    assert not is_alive(service.pid)
    assert os.listdir(runtime) == []  # noqa: PTH208  (no pathlib in async code)


async def test_one_that_dies_is_followed_by_another(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Symptom: a monitor whose service died stayed blind, while every other verb worked."""
    monkeypatch.setattr(podman_connection, "_sockets", lambda _environ, _root: iter(()))
    environ = {name: value for name, value in environ_of(runtime).items() if name != "CONTAINER_HOST"}
    environ["PODKEEPER_STATE_DIR"] = str(runtime / "state")
    async with running(environ=environ) as app:
        connected: asyncio.Queue[EventBase] = asyncio.Queue()
        app.bus.subscribe("test", connected.put_nowait, topics=("server.engine_connected",))
        await app.events.setup_event_subscriptions()
        async with asyncio.timeout(60):
            await connected.get()
            engine = await app.engine()
            assert isinstance(engine, PodmanRestEngine)
            assert engine.connection.owned is not None
            os.kill(engine.connection.owned.pid, signal.SIGKILL)
            await connected.get()
        assert await app.engine() is not engine
        assert isinstance(await (await app.engine()).containers_of(ProjectName("none")), tuple)
    assert os.listdir(runtime) == ["state"]  # noqa: PTH208  (no pathlib in async code)


async def test_it_is_out_of_reach_of_the_terminals_signals(runtime: Path) -> None:
    """Ctrl-C goes to the terminal's process group; ours is in another session."""
    service = await start_service("podman", environ_of(runtime), runtime)
    assert os.getsid(service.pid) != os.getsid(0)
    assert os.getpgid(service.pid) != os.getpgid(0)
    await service.close()


async def test_it_ends_when_we_are_killed(runtime: Path) -> None:
    """Nobody can clean up after SIGKILL but the kernel; the next start sweeps what is left of the folder."""
    environ = {**environ_of(runtime), "PYTHONPATH": str(SOURCES)}
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(runtime), env=environ, stdout=subprocess.PIPE
    )
    assert parent.stdout
    pid, socket = (await parent.stdout.readline()).decode().split()
    assert is_alive(int(pid))
    parent.send_signal(signal.SIGKILL)
    await parent.wait()
    assert await asyncio.to_thread(gone_within, int(pid), 30.0)
    left = Path(socket).parent.name
    assert left in os.listdir(runtime)  # noqa: PTH208
    service = await start_service("podman", environ_of(runtime), runtime)
    assert left not in os.listdir(runtime)  # noqa: PTH208
    await service.close()


async def test_a_service_that_can_not_start_says_why(tmp_path: Path, runtime: Path) -> None:
    """With the program's own words, and without leftovers."""
    program = tmp_path / "podman"
    program.write_text("#!/bin/sh\necho 'Error: no subuid ranges found' >&2\nexit 125\n")
    program.chmod(0o755)
    with pytest.raises(EngineError, match="no subuid ranges found") as refused:
        await start_service(str(program), environ_of(runtime), runtime)
    assert refused.value.code is ErrorCode.DAEMON_UNREACHABLE
    assert os.listdir(runtime) == []  # noqa: PTH208


async def test_an_event_stream_ends_with_its_service(runtime: Path) -> None:
    """The reader learns of it; it does not wait for ever."""
    service = await start_service("podman", environ_of(runtime), runtime)
    engine = await connect(EngineSettings(url=f"unix://{service.socket}"), os.environ, runtime)

    async def read() -> str:
        try:
            async for _ in engine.events():
                pass
        except EngineError as error:
            return error.code
        return "ended"

    async with asyncio.timeout(15), asyncio.TaskGroup() as group:
        reader = group.create_task(read())
        await asyncio.sleep(0.3)
        await service.close()
    assert reader.result() in {"ended", ErrorCode.DAEMON_UNREACHABLE}
    with pytest.raises(EngineError) as refused:
        await engine.snapshot(ProjectName("any"))
    assert refused.value.code is ErrorCode.DAEMON_UNREACHABLE
    await engine.close()
