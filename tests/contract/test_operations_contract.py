"""What a person does to single containers and images is the same on the fake engine and on Podman."""

import asyncio
import tarfile
from contextlib import aclosing
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from tests.contract.subjects import FAILS, RUNS, TALKS, TICKS, FakeSubject, Subject

from containers.model.errors import EngineError, ErrorCode
from containers.model.observed import ContainerState
from containers.model.operations import AttachRequest, ExecRequest, LogQuery, usage_between


async def state_of(subject: Subject, container: str) -> ContainerState:
    """How a listing shows it."""
    observed = await subject.engine.snapshot(subject.project)
    return next(c.state for c in observed.containers if c.id == container)


async def has_no_cgroups(subject: Subject) -> bool:
    """Whether an ordinary user's containers have none: cgroups v1."""
    info = await subject.engine.info()
    return info.rootless and info.cgroup_version != "v2"


async def test_every_container_of_every_project_is_listed(subject: Subject) -> None:
    """With its project and service, so that stacks can be told apart."""
    container = await subject.started("web")
    found = {c.id: c for c in await subject.engine.list_containers()}
    assert (found[container].project, found[container].service) == (subject.project, "web")


async def test_a_paused_container_is_paused_until_it_is_unpaused(subject: Subject) -> None:
    """A listing says so, and its process is not started anew; Podman needs a cgroup for it."""
    container = await subject.started()
    before = await subject.engine.inspect_container(container)
    if await has_no_cgroups(subject):
        with pytest.raises(EngineError) as refused:
            await subject.engine.pause_container(container)
        assert refused.value.code is ErrorCode.UNSUPPORTED_BY_PODMAN
        return
    await subject.engine.pause_container(container)
    assert await state_of(subject, container) is ContainerState.PAUSED
    await subject.engine.unpause_container(container)
    assert await state_of(subject, container) is ContainerState.RUNNING
    assert (await subject.engine.inspect_container(container)).started_at == before.started_at


async def test_what_does_not_run_is_not_paused(subject: Subject) -> None:
    """Refused, and it stays as it was."""
    container = await subject.create()
    with pytest.raises(EngineError):
        await subject.engine.pause_container(container)
    assert await state_of(subject, container) is ContainerState.CREATED


async def test_a_command_in_a_terminal_ends_with_its_own_code(subject: Subject) -> None:
    """Zero, and anything else."""
    container = await subject.started()
    engine = subject.engine
    assert await engine.exec_in_terminal(container, ExecRequest(command=("true",))) == 0
    assert await engine.exec_in_terminal(container, ExecRequest(command=("sh", "-c", "exit 7"))) == 7


async def test_a_detached_command_is_not_waited_for(subject: Subject) -> None:
    """Its code is never known."""
    container = await subject.started()
    request = ExecRequest(command=("sh", "-c", "exit 7"), detach=True)
    assert await subject.engine.exec_in_terminal(container, request) == 0


async def test_a_file_that_is_copied_in_comes_out_as_it_was(subject: Subject, tmp_path: Path) -> None:
    """Byte for byte."""
    container = await subject.started()
    original, back = tmp_path / "original", tmp_path / "back"
    original.write_bytes(b"\0bytes\n")
    await subject.engine.copy_to(container, str(original), "/tmp/there", keep_owner=False)  # noqa: S108
    await subject.engine.copy_from(container, "/tmp/there", str(back))  # noqa: S108
    assert back.read_bytes() == b"\0bytes\n"


async def test_an_archive_is_unpacked_from_the_root_on(subject: Subject, tmp_path: Path) -> None:
    """Folders that are not there yet are made."""
    container = await subject.started()
    buffer, back = BytesIO(), tmp_path / "back"
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        about = tarfile.TarInfo("made/at/once")
        about.size = 5
        archive.addfile(about, BytesIO(b"bytes"))
    await subject.engine.put_archive(container, buffer.getvalue())
    await subject.engine.copy_from(container, "/made/at/once", str(back))
    assert back.read_bytes() == b"bytes"


async def test_what_is_not_there_cannot_be_copied(subject: Subject, tmp_path: Path) -> None:
    """Neither out of the container nor into it."""
    container = await subject.started()
    with pytest.raises(EngineError) as out:
        await subject.engine.copy_from(container, "/no/such/file", str(tmp_path / "x"))
    with pytest.raises(EngineError) as into:
        await subject.engine.copy_to(container, str(tmp_path / "missing"), "/tmp/x", keep_owner=True)  # noqa: S108
    assert {out.value.code, into.value.code} == {ErrorCode.NOT_FOUND}


async def test_processes_are_listed_with_their_commands(subject: Subject) -> None:
    """Each row has a text for each title; the first process is the container's command."""
    container = await subject.started()

    async def is_its_program() -> bool:
        """Whether `ps` has its command; the name of one that is just becoming it stands in brackets."""
        found = await subject.engine.processes(container)
        return "[" not in found.rows[0][found.titles.index("COMMAND")]

    await subject.until(is_its_program, "the command")
    table = await subject.engine.processes(container)
    assert {"PID", "COMMAND"} <= set(table.titles)
    assert {len(row) for row in table.rows} == {len(table.titles)}
    assert table.rows[0][table.titles.index("COMMAND")].startswith("sh -c")


async def test_waiting_gives_the_exit_code_also_of_what_has_ended(subject: Subject) -> None:
    """The same, however often it is asked."""
    container = await subject.started("job", FAILS)
    assert await subject.engine.wait_container(container) == 7
    assert await subject.engine.wait_container(container) == 7


async def test_waiting_lasts_until_the_container_ends(subject: Subject) -> None:
    """It is not over before, and then it has the code."""
    container = await subject.started()
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(subject.engine.wait_container(container))
        await subject.sleep(0.3)
        assert not waiting.done()
        await subject.engine.kill_container(container)
    assert waiting.result() == 137


async def test_attaching_ends_with_the_container(subject: Subject, capfd: pytest.CaptureFixture[str]) -> None:
    """With its exit code."""
    container = await subject.started("web", TICKS)

    async def is_attached() -> bool:
        return isinstance(subject, FakeSubject) or "tick" in capfd.readouterr().out

    async with asyncio.TaskGroup() as group:
        attached = group.create_task(subject.engine.attach(container, AttachRequest(stdin=False)))
        await subject.sleep(0.1)
        await subject.until(is_attached, "what it prints", 30)
        await subject.engine.kill_container(container)
    assert attached.result() == 137


async def test_a_log_is_read_from_its_end_or_whole(subject: Subject) -> None:
    """In order."""
    container = await subject.started("talker", TALKS)

    async def lines(query: LogQuery) -> list[str]:
        async with aclosing(subject.engine.read_log(container, query)) as stream:  # type: ignore[type-var]
            return [line async for line in stream]

    async def has_all() -> bool:
        return len(await lines(LogQuery())) == 3

    await subject.until(has_all, "three lines")
    assert await lines(LogQuery()) == ["one", "two", "three"]
    assert await lines(LogQuery(lines=1)) == ["three"]
    started = (await subject.engine.inspect_container(container)).started_at
    assert started is not None
    later, earlier = started + timedelta(hours=1), started - timedelta(hours=1)
    assert await lines(LogQuery(since=later)) == []
    assert await lines(LogQuery(until=earlier)) == []
    assert len(await lines(LogQuery(since=earlier, until=later))) == 3
    stamped = await lines(LogQuery(timestamps=True))
    assert [line.split(" ")[1] for line in stamped] == ["one", "two", "three"]
    assert stamped[0].startswith(f"{started.year}-")


async def test_an_image_is_known_by_name_and_by_identifier(subject: Subject) -> None:
    """With its size and platform; one that is not there is None."""
    named = await subject.engine.image_facts(subject.image)
    assert named is not None
    assert (await subject.engine.image_facts(named.id)) is not None
    assert subject.image in named.tags
    assert named.size_bytes > 1_000_000
    assert named.platform.startswith("linux/")
    assert await subject.engine.image_facts("localhost/podkeeper-test/nowhere:1") is None


async def test_pushing_what_is_not_there_or_nobody_takes_is_refused(subject: Subject) -> None:
    """Each with its own code."""
    with pytest.raises(EngineError) as missing:
        await subject.engine.push_image("localhost/podkeeper-test/nowhere:1")
    with pytest.raises(EngineError) as refused:
        await subject.engine.push_image(subject.image)
    assert missing.value.code is ErrorCode.IMAGE_NOT_FOUND
    assert refused.value.code is ErrorCode.IMAGE_PUSH_FAILED


async def test_details_say_what_a_container_runs(subject: Subject) -> None:
    """Its command, in words."""
    container = await subject.create("web", RUNS)
    command = (await subject.engine.inspect_container(container)).command
    assert command[:2] == ("sh", "-c")


async def test_use_of_processors_and_memory_is_measured(subject: Subject) -> None:
    """Of what runs alone, as counters that go up; rootless Podman needs the second version of cgroups."""
    running, idle = await subject.started("web"), await subject.create("idle")
    if await has_no_cgroups(subject):
        with pytest.raises(EngineError) as refused:
            await subject.engine.usage([running])
        assert refused.value.code is ErrorCode.UNSUPPORTED_BY_PODMAN
        return
    (before,) = await subject.engine.usage([running])
    await subject.sleep(0.2)
    (after,) = await subject.engine.usage([running])
    assert after.memory_bytes > 0
    assert usage_between(before, after).cpu_percent > 0
    assert await subject.engine.usage([]) == ()
    assert idle not in {s.container for s in await subject.engine.usage([running])}
    await subject.engine.remove_container(idle)
    assert {s.container for s in await subject.engine.usage([running, idle])} == {running}
