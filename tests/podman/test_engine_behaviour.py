"""What only real Podman can show: who holds a port, checks that hang, odd output, and what stays behind."""

import asyncio
import os
import re
import socket
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from tests.podman import bed

from containers.adapters import podman_rest
from containers.adapters.podman_rest import PodmanRestEngine
from containers.execution.probing import repeated
from containers.model.base import ContainerId, ProjectName, ServiceName
from containers.model.errors import EngineError, ErrorCode
from containers.model.project import BuildConfig
from containers.ports.translation import ContainerRecipe

Started = Callable[..., Coroutine[Any, Any, ContainerId]]


@pytest.fixture
def started(engine: PodmanRestEngine, project: ProjectName) -> Started:
    """Creates and starts containers of the project, from options and a shell script."""
    count = 0

    async def start(script: str, *options: str) -> ContainerId:
        nonlocal count
        count += 1
        recipe = ContainerRecipe(
            service=ServiceName("web"),
            options=options,
            image=bed.IMAGE,
            command=("sh", "-c", script),
        )
        labels = {"com.docker.compose.project": project, "com.docker.compose.service": "web"}
        container = await engine.create_container(f"{project}-web-{count}", recipe, labels)
        await engine.start_container(container)
        return container

    return start


@pytest.fixture
def shared_path() -> Iterator[Path]:
    """A folder that the user of the rootless engine may enter, too; pytest's own is root's alone."""
    with tempfile.TemporaryDirectory(prefix="pk-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


async def printed(engine: PodmanRestEngine, container: ContainerId, *command: str) -> str:
    """What a command prints in a container; it is run again where Podman loses that."""
    async with asyncio.timeout(30):
        while True:
            done = await engine.execute(container, [*bed.FRAME, *command], 5)
            if (said := bed.framed(done.output)) is not None:
                return said.strip()


async def test_a_process_that_holds_a_port_is_named(started: Started) -> None:
    """Here it is the test's own."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(EngineError) as refused:
            await started("sleep 60", "-p", f"127.0.0.1:{port}:80")
    assert refused.value.code is ErrorCode.PORT_IN_USE
    assert f"{port} is already in use by process " in str(refused.value)
    assert f"({os.getpid()})" in str(refused.value)


async def test_a_check_that_hangs_is_given_up(engine: PodmanRestEngine, started: Started) -> None:
    """Podman 4 lets it hang; the caller must not."""
    container = await started(
        "sleep 60", "--health-cmd", "sleep 50", "--health-timeout", "1s", "--health-interval", "1h"
    )
    async with asyncio.timeout(10):
        probe = await engine.run_health_check(container)
    assert probe.exit_code == -1


async def test_a_command_that_hangs_is_ended(engine: PodmanRestEngine, started: Started) -> None:
    """It would pile up with every repetition."""
    container = await started("sleep 60")
    result = await engine.execute(container, ["sleep", "47"], 0.5)
    assert result.exit_code == -1
    assert "sleep 47" not in await printed(engine, container, "ps")


async def test_a_command_that_is_tried_several_times_is_what_it_is_alone(
    engine: PodmanRestEngine, started: Started
) -> None:
    """Word for word and until it passes, and nothing that is the shell's alone."""
    container = await started("sleep 60")
    counted = "echo x >> /tmp/tries; test $(wc -l < /tmp/tries) = 3"
    odd = "5 %d\\n 'é' \"$HOME\"\n\n"
    for command, exit_code in (
        (("sh", "-c", "exit 3"), 3),
        (("sh", "-c", counted), 0),
        (("test", odd, "=", odd), 0),
        (("test", "5 %d", "=", "5 0"), 1),
        (("test", "-n", ""), 1),
        (("exit", "0"), 127),
    ):
        done = await engine.execute(container, ("/bin/sh", "-c", repeated(command, 4)), 5)
        assert done.exit_code == exit_code, command
    assert await printed(engine, container, "wc", "-l", "/tmp/tries") == "3 /tmp/tries"  # noqa: S108


async def test_commands_leave_no_process_behind(engine: PodmanRestEngine, started: Started) -> None:
    """Over REST, Podman keeps two for five minutes after each."""
    container = await started("sleep 60")
    for _ in range(3):
        assert await printed(engine, container, "echo", "hi") == "hi"

    def monitors() -> int:
        found = 0
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                arguments = entry.read_bytes()
            except OSError:
                continue
            found += (
                b"conmon" in arguments and b"--exec-attach" in arguments and container.encode() in arguments
            )
        return found

    async with asyncio.timeout(10):  # what was told to end needs a moment on a busy machine
        while await asyncio.to_thread(monitors):  # noqa: ASYNC110  (nothing tells)
            await asyncio.sleep(0.05)


async def test_binary_output_is_followed_to_its_end(engine: PodmanRestEngine, started: Started) -> None:
    """Bytes that are no text are replaced, and the next line comes."""
    container = await started(r"printf '\377\376\000bin\n'; echo next; sleep 2; printf last")
    async with asyncio.timeout(30):
        lines = [line async for line in engine.follow_logs(container)]
    assert lines[1:] == ["next", "last"]
    assert lines[0].endswith("bin")


async def test_many_lines_are_followed_without_loss(engine: PodmanRestEngine, started: Started) -> None:
    """A slow reader makes the engine wait; it loses nothing.

    What is followed is written by then: Podman 4.3 itself skips lines that a busy program writes meanwhile.
    """
    container = await started("i=0; while [ $i -lt 5000 ]; do echo line $i; i=$((i+1)); done; sleep 60")
    seen = []
    async with asyncio.timeout(120):
        while (await engine.logs(container, 1)).strip() != "line 4999":  # noqa: ASYNC110  (nothing tells)
            await asyncio.sleep(0.05)
        async with aclosing(engine.follow_logs(container)) as lines:
            async for line in lines:
                seen.append(line)
                if len(seen) % 1000 == 0:
                    await asyncio.sleep(0.05)
                if len(seen) == 5000:
                    break
    wrong = [(place, line) for place, line in enumerate(seen) if line != f"line {place}"]
    assert (len(seen), wrong[:5]) == (5000, [])


async def test_the_end_of_a_log_is_read_while_it_is_written(
    engine: PodmanRestEngine, started: Started
) -> None:
    """Podman refuses one whose last line is half written just then, and reads on while there is more.

    What writes the log takes 8192 bytes at a time, and Podman 4.3 adds the first half of a line that is torn
    there to the line before (`podman logs --tail` as well): none is, where each is of 16 bytes.
    """
    container = await started("i=0; while :; do printf 'line %010d\\n' $i; i=$((i+1)); done")
    async with asyncio.timeout(60):
        while not await engine.logs(container, 1):  # noqa: ASYNC110  (nothing tells)
            await asyncio.sleep(0.05)
        said = [await engine.logs(container, 2) for _ in range(100)]
    wanted = re.compile(r"line \d{10}\n.{0,15}\n")  # the last one may be half written
    assert [log for log in said if not wanted.fullmatch(log)] == []


async def test_the_end_of_a_log_without_an_end_of_line_ends(
    engine: PodmanRestEngine, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program may write so, quicker than Podman reads: a gate that failed must not wait for it for ever."""
    monkeypatch.setattr(podman_rest, "LOG_END_S", 2.0)
    container = await started("yes | tr -d '\\n'")
    async with asyncio.timeout(60):
        try:
            found: str | ErrorCode = await engine.logs(container, 1)
        except EngineError as error:
            found = error.code
    assert found is ErrorCode.TIMEOUT or set(found) <= {"y", "\n"}


async def test_looking_is_quick_while_stops_wait(
    engine: PodmanRestEngine, project: ProjectName, started: Started
) -> None:
    """Slow calls have threads of their own."""
    stubborn = [await started("trap '' TERM; while :; do sleep 0.2; done") for _ in range(4)]
    async with asyncio.TaskGroup() as group:
        stops = [group.create_task(engine.stop_container(container, 60)) for container in stubborn]
        await asyncio.sleep(0.2)
        assert len((await engine.snapshot(project)).containers) == 4
        assert not any(stop.done() for stop in stops)
        for container in stubborn:
            await engine.kill_container(container)


async def test_a_stop_waits_as_long_as_the_container_may_take(
    engine: PodmanRestEngine, started: Started
) -> None:
    """Without a timeout of ours its own counts."""
    container = await started(
        "trap 'sleep 1; exit 5' TERM; echo ready; while :; do sleep 0.1; done", "--stop-timeout", "20"
    )
    async with asyncio.timeout(30):
        while "ready" not in await engine.logs(container):  # noqa: ASYNC110  (nothing tells)
            await asyncio.sleep(0.05)
    await engine.stop_container(container)
    assert (await engine.inspect_container(container)).exit_code == 5


async def test_missing_folders_for_bind_mounts_are_made(
    engine: PodmanRestEngine, project: ProjectName, shared_path: Path
) -> None:
    """As Docker does it; Podman alone refuses."""
    folder = shared_path / "data/deep"
    recipe = ContainerRecipe(
        service=ServiceName("web"),
        options=("-v", f"{folder}:/data"),
        image=bed.IMAGE,
        host_folders=(str(folder),),
    )
    await engine.create_container(f"{project}-web-1", recipe, {"com.docker.compose.project": project})
    assert os.listdir(shared_path / "data") == ["deep"]  # noqa: PTH208  (no pathlib in async code)


@pytest.mark.xdist_group("build")  # cancelling one build can end another in the same Podman
async def test_a_failed_build_shows_its_last_lines(engine: PodmanRestEngine, tmp_path: Path) -> None:
    """With what the failing step wrote."""
    (tmp_path / "Dockerfile").write_text(f"FROM {bed.IMAGE}\nRUN echo the reason; exit 3\n")
    with pytest.raises(EngineError, match="the reason") as refused:
        await engine.build_image("localhost/podkeeper-test/never:1", BuildConfig(context=str(tmp_path)))
    assert refused.value.code is ErrorCode.BUILD_FAILED


@pytest.mark.xdist_group("build")  # cancelling one build can end another in the same Podman
async def test_a_build_takes_arguments_and_a_dockerfile_from_elsewhere(
    engine: PodmanRestEngine, project: ProjectName, tmp_path: Path
) -> None:
    """Arguments by value, labels, a target, and a Dockerfile beside the context that only we may read."""
    context = tmp_path / "context"
    context.mkdir()
    dockerfile = tmp_path / "Other"
    dockerfile.write_text(
        f"FROM {bed.IMAGE} AS wanted\nARG WHAT\nRUN echo got-$WHAT > /what\nFROM wanted\nRUN exit 1\n"
    )
    dockerfile.chmod(0o600)
    build = BuildConfig(
        context=str(context),
        dockerfile="../Other",
        args={"WHAT": "it"},
        target="wanted",
        labels={"a": "b"},
        network="none",
    )
    reference = f"localhost/{project}/built:1"
    image = await engine.build_image(reference, build)
    images = (await engine.snapshot(project, [reference])).images
    assert images == {reference: image}


@pytest.mark.xdist_group("build")  # cancelling one build can end another in the same Podman
async def test_cancelling_a_build_ends_it(engine: PodmanRestEngine, tmp_path: Path) -> None:
    """The client process does not go on alone."""
    (tmp_path / "Dockerfile").write_text(f"FROM {bed.IMAGE}\nRUN sleep 43\n")
    build = BuildConfig(context=str(tmp_path))
    for _ in range(5):
        try:
            async with asyncio.timeout(1.5):
                await engine.build_image("localhost/podkeeper-test/never:2", build)
        except TimeoutError:
            break
        except EngineError as error:
            if "signal: killed" not in str(error):
                raise  # else Podman ended it with somebody else's
    else:
        pytest.fail("it was never there to be cancelled")

    def clients() -> list[str]:
        commands = []
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                commands.append(entry.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
            except OSError:
                continue
        return [c for c in commands if "--remote" in c and str(tmp_path) in c]

    assert await asyncio.to_thread(clients) == []
