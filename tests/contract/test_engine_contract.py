"""What every `ContainerEngine` does: the fake that tests rely on, and Podman, rootful and rootless."""

import asyncio
import socket
from contextlib import aclosing

import pytest
from tests.contract.subjects import (
    CANNOT_START,
    CHECK,
    ENDS_IN_PEACE,
    FAILS,
    HEALTHY,
    HEALTHY_LATER,
    NEVER_HEALTHY,
    RUNS,
    TALKS,
    TALKS_AND_ENDS,
    Subject,
)

from containers.model.base import ContainerId, ProjectName
from containers.model.errors import EngineError, ErrorCode
from containers.model.health import HealthState
from containers.model.observed import ContainerState, EngineEvent, ObservedContainer
from containers.model.project import BuildConfig

NOBODY = ContainerId("0" * 64)


async def only(subject: Subject) -> ObservedContainer:
    """The project's one container."""
    (container,) = (await subject.engine.snapshot(subject.project)).containers
    return container


async def ended(subject: Subject, container: ContainerId) -> None:
    """Wait until a container's process has ended."""

    async def has() -> bool:
        return (await subject.engine.inspect_container(container)).state is ContainerState.EXITED

    await subject.until(has, "the container has ended")


def free_port() -> int:
    """A port that nobody has at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def test_an_engine_says_what_it_is(subject: Subject) -> None:
    """`info` has a version of 4.0 or later, and why this engine was taken."""
    info = await subject.engine.info()
    assert info.version_tuple >= (4, 0)
    assert info.socket
    assert info.chosen_because


async def test_a_created_container_is_seen_and_does_not_run(subject: Subject) -> None:
    """A snapshot tells everything that was asked for at creation."""
    container = await subject.create("web")
    seen = await only(subject)
    assert (seen.id, seen.name, seen.project) == (container, subject.name("web"), subject.project)
    assert (seen.service, seen.number, seen.image) == ("web", 1, subject.image)
    assert (seen.state, seen.health) == (ContainerState.CREATED, HealthState.NONE)
    assert seen.labels["com.docker.compose.service"] == "web"
    assert seen.started_at is None
    assert seen.exit_code is None


async def test_the_given_labels_win_over_those_of_the_recipe(subject: Subject) -> None:
    """Labels come on top."""
    await subject.create("web", RUNS, "--label", "com.docker.compose.service=other", "--label", "a=b")
    seen = await only(subject)
    assert seen.service == "web"
    assert seen.labels["a"] == "b"


async def test_a_container_that_is_ready_counts_as_created_and_can_be_started_or_removed(
    subject: Subject,
) -> None:
    """Making ready is idempotent, also for what runs."""
    engine = subject.engine
    for is_started in (True, False):
        container = await subject.create("web", RUNS)
        await engine.ready_container(container)
        await engine.ready_container(container)
        seen = await only(subject)
        assert (seen.state, seen.started_at) == (ContainerState.CREATED, None)
        if is_started:
            await engine.start_container(container)
            await engine.ready_container(container)
            assert (await only(subject)).state is ContainerState.RUNNING
        await engine.remove_container(container)
        assert (await engine.snapshot(subject.project)).containers == ()


async def test_a_started_container_runs_and_starting_again_is_no_error(subject: Subject) -> None:
    """`start` is idempotent."""
    container = await subject.started()
    await subject.engine.start_container(container)
    seen = await only(subject)
    assert seen.state is ContainerState.RUNNING
    assert seen.started_at is not None
    detail = await subject.engine.inspect_container(container)
    assert (detail.id, detail.name, detail.state) == (container, seen.name, ContainerState.RUNNING)
    assert detail.pid > 0


async def test_a_stopped_container_stays_and_stopping_again_is_no_error(subject: Subject) -> None:
    """`stop` is idempotent, and keeps the container."""
    container = await subject.started()
    await subject.engine.stop_container(container)
    await subject.engine.stop_container(container, 0)
    seen = await only(subject)
    assert seen.state is ContainerState.EXITED
    assert seen.exit_code is not None

    async def is_cleaned_up() -> bool:
        return (await subject.engine.inspect_container(container)).is_cleaned_up

    await subject.until(is_cleaned_up, "it cleaned up after")


async def test_a_removed_container_is_gone_even_when_it_ran(subject: Subject) -> None:
    """`remove` is by force, and idempotent."""
    container = await subject.started()
    await subject.engine.remove_container(container)
    await subject.engine.remove_container(container, volumes=True)
    assert (await subject.engine.snapshot(subject.project)).containers == ()


@pytest.mark.parametrize(("stop_timeout_s", "is_killed"), [(5.0, False), (None, False), (0.0, True)])
async def test_a_removed_container_may_end_in_peace(
    subject: Subject, stop_timeout_s: float | None, *, is_killed: bool
) -> None:
    """Within the time that it is given; none is the default."""
    watcher = Watcher(subject, subject.now_ns())
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        group.create_task(watcher.watch(subject.name("web"), until="remove"))
        await subject.sleep(0.3)
        container = await subject.started("web", ENDS_IN_PEACE)

        async def ready() -> bool:
            return "ready" in await subject.engine.logs(container)

        await subject.until(ready, "its shell has set its trap")
        await subject.engine.remove_container(container, stop_timeout_s=stop_timeout_s)
    died = next(e for e in watcher.events if e.action == "died")
    assert (died.attributes["containerExitCode"] == "137") == is_killed


async def test_a_restarted_container_runs_anew(subject: Subject) -> None:
    """`restart` begins a new life of the same container."""
    container = await subject.started()
    before = (await subject.engine.inspect_container(container)).started_at
    await subject.sleep(0.1)
    await subject.engine.restart_container(container, 1)
    after = await subject.engine.inspect_container(container)
    assert after.state is ContainerState.RUNNING
    assert before is not None
    assert after.started_at is not None
    assert after.started_at > before


async def test_a_renamed_container_has_its_new_name(subject: Subject) -> None:
    """The old name is free again at once."""
    first = await subject.started("web")
    await subject.engine.rename_container(first, f"{subject.project}-aside")
    second = await subject.create("web")
    names = {c.id: c.name for c in (await subject.engine.snapshot(subject.project)).containers}
    assert names == {first: f"{subject.project}-aside", second: subject.name("web")}


async def test_a_name_is_given_once(subject: Subject) -> None:
    """Neither creating nor renaming takes another container's name, and nothing changes."""
    await subject.create("web")
    other = await subject.create("db")
    with pytest.raises(EngineError) as creating:
        await subject.create("late", name=subject.name("web"))
    with pytest.raises(EngineError) as renaming:
        await subject.engine.rename_container(other, subject.name("web"))
    assert creating.value.code is renaming.value.code is ErrorCode.NAME_IN_USE
    names = sorted(c.name for c in (await subject.engine.snapshot(subject.project)).containers)
    assert names == [subject.name("db"), subject.name("web")]


async def test_a_missing_image_is_not_pulled_by_create(subject: Subject) -> None:
    """`create` fails at once; pulling is a step of its own."""
    with pytest.raises(EngineError) as refused:
        await subject.create(image="localhost/podkeeper-test/nowhere:1")
    assert refused.value.code is ErrorCode.IMAGE_NOT_FOUND
    assert "podkeeper-test/nowhere" in str(refused.value)


async def test_a_missing_network_is_named(subject: Subject) -> None:
    """`create` says which network is not there."""
    with pytest.raises(EngineError) as refused:
        await subject.create("web", RUNS, "--network", f"{subject.project}_nowhere")
    assert refused.value.code is ErrorCode.NOT_FOUND
    assert f"{subject.project}_nowhere" in str(refused.value)


async def test_a_taken_port_is_named_with_who_has_it(subject: Subject) -> None:
    """`start` fails with the port and its holder; the container stays as it was created."""
    port = free_port()
    await subject.started("web", RUNS, "-p", f"127.0.0.1:{port}:80")
    late = await subject.create("late", RUNS, "-p", f"127.0.0.1:{port}:80")
    with pytest.raises(EngineError) as refused:
        await subject.engine.start_container(late)
    assert refused.value.code is ErrorCode.PORT_IN_USE
    assert f"{port} is already in use" in str(refused.value)
    assert subject.name("web") in str(refused.value)
    assert not (await subject.engine.inspect_container(late)).pid


async def test_a_published_port_is_seen(subject: Subject) -> None:
    """A snapshot has the address, both ports and the protocol."""
    port = free_port()
    await subject.started("web", RUNS, "-p", f"127.0.0.1:{port}:80")
    (published,) = (await only(subject)).ports
    assert (published.host_ip, published.host_port) == ("127.0.0.1", port)
    assert (published.container_port, published.protocol) == (80, "tcp")


async def test_a_program_that_is_not_there_fails_the_start(subject: Subject) -> None:
    """The code is `start_failed`, whatever the runtime called it."""
    container = await subject.create("web", CANNOT_START)
    with pytest.raises(EngineError) as refused:
        await subject.engine.start_container(container)
    assert refused.value.code is ErrorCode.START_FAILED
    assert (await subject.engine.inspect_container(container)).state is not ContainerState.RUNNING


async def test_an_exit_code_is_seen(subject: Subject) -> None:
    """What a program ended with is in both views."""
    container = await subject.started("job", FAILS)
    await ended(subject, container)
    assert (await only(subject)).exit_code == 7
    assert (await subject.engine.inspect_container(container)).exit_code == 7


async def test_a_killed_container_ends_with_137(subject: Subject) -> None:
    """128 plus the signal's number."""
    container = await subject.started()
    await subject.engine.kill_container(container)
    await ended(subject, container)
    assert (await only(subject)).exit_code == 137


async def test_what_does_not_run_can_not_be_signalled_or_entered(subject: Subject) -> None:
    """All three say `service_exited`."""
    container = await subject.create("web", HEALTHY)
    for attempt in (
        subject.engine.kill_container(container),
        subject.engine.execute(container, ["true"], 5),
        subject.engine.run_health_check(container),
    ):
        with pytest.raises(EngineError) as refused:
            await attempt
        assert refused.value.code is ErrorCode.SERVICE_EXITED


async def test_a_container_that_is_gone_is_not_found(subject: Subject) -> None:
    """Every call about one container but `remove` says so."""
    engine = subject.engine
    for attempt in (
        engine.inspect_container(NOBODY),
        engine.ready_container(NOBODY),
        engine.start_container(NOBODY),
        engine.stop_container(NOBODY),
        engine.restart_container(NOBODY, 1),
        engine.kill_container(NOBODY),
        engine.rename_container(NOBODY, "anything"),
        engine.run_health_check(NOBODY),
        engine.execute(NOBODY, ["true"], 5),
        engine.logs(NOBODY),
    ):
        with pytest.raises(EngineError) as refused:
            await attempt
        assert refused.value.code is ErrorCode.NOT_FOUND


async def test_health_is_starting_until_a_check_has_passed(subject: Subject) -> None:
    """Running the check moves the health, in what it answers and in the next snapshot."""
    container = await subject.started("web", HEALTHY_LATER)
    assert (await only(subject)).health is HealthState.STARTING

    async def healthy() -> bool:
        return (await subject.engine.run_health_check(container)).state is HealthState.HEALTHY

    await subject.get_well(container)
    await subject.until(healthy, "the check passes")
    assert (await only(subject)).health is HealthState.HEALTHY
    assert (await subject.engine.inspect_container(container)).health is HealthState.HEALTHY


async def test_health_is_lost_after_as_many_failures_as_retries(subject: Subject) -> None:
    """The recipe asks for two."""
    container = await subject.started("web", NEVER_HEALTHY)
    first = await subject.engine.run_health_check(container)
    assert (first.state, first.failing_streak, first.exit_code) == (HealthState.STARTING, 1, 1)
    second = await subject.engine.run_health_check(container)
    assert (second.state, second.failing_streak) == (HealthState.UNHEALTHY, 2)
    assert (await only(subject)).health is HealthState.UNHEALTHY


async def test_failed_checks_are_counted_anew_in_each_life(subject: Subject) -> None:
    """Podman itself goes on with the count of before."""
    container = await subject.started("web", NEVER_HEALTHY)
    for _ in range(2):
        await subject.engine.run_health_check(container)
    await subject.engine.restart_container(container, 0.0)
    first = await subject.engine.run_health_check(container)
    assert (first.state, first.failing_streak) == (HealthState.STARTING, 1)
    assert (await subject.engine.inspect_container(container)).health is HealthState.STARTING
    second = await subject.engine.run_health_check(container)
    assert (second.state, second.failing_streak) == (HealthState.UNHEALTHY, 2)


async def test_a_container_without_a_check_has_no_health(subject: Subject) -> None:
    """Asking is no error."""
    container = await subject.started()
    assert (await subject.engine.run_health_check(container)).state is HealthState.NONE
    assert (await only(subject)).health is HealthState.NONE


async def test_a_command_in_a_container_answers_its_exit_code(subject: Subject) -> None:
    """`execute` leaves the recorded health alone."""
    container = await subject.started("web", HEALTHY_LATER)
    assert (await subject.engine.execute(container, CHECK, 5)).exit_code == 1

    async def passes() -> bool:
        return (await subject.engine.execute(container, CHECK, 5)).exit_code == 0

    await subject.get_well(container)
    await subject.until(passes, "the command succeeds")
    assert (await only(subject)).health is HealthState.STARTING


async def test_a_network_is_created_once(subject: Subject) -> None:
    """The second time it is there already; removing is idempotent."""
    name = f"{subject.project}_default"
    assert await subject.engine.create_network(name, subject.project_label)
    assert not await subject.engine.create_network(name, subject.project_label)
    found = {n.name: n for n in (await subject.engine.snapshot(subject.project)).networks}
    assert found[name].labels["com.docker.compose.project"] == subject.project
    await subject.engine.remove_network(name)
    await subject.engine.remove_network(name)
    assert name not in {n.name for n in (await subject.engine.snapshot(subject.project)).networks}


async def test_a_network_in_use_is_not_removed(subject: Subject) -> None:
    """It would take the containers' connection away."""
    name = f"{subject.project}_default"
    await subject.engine.create_network(name, subject.project_label)
    await subject.create("web", RUNS, "--network", name)
    with pytest.raises(EngineError) as refused:
        await subject.engine.remove_network(name)
    assert refused.value.code is ErrorCode.ENGINE_ERROR
    assert "used" in str(refused.value) or "associated" in str(refused.value)


async def test_a_volume_is_created_once(subject: Subject) -> None:
    """The second time it is there already; removing is idempotent."""
    name = f"{subject.project}_data"
    assert await subject.engine.create_volume(name, subject.project_label)
    assert not await subject.engine.create_volume(name, subject.project_label)
    found = {v.name: v for v in (await subject.engine.snapshot(subject.project)).volumes}
    assert found[name].labels["com.docker.compose.project"] == subject.project
    await subject.engine.remove_volume(name)
    await subject.engine.remove_volume(name)
    assert name not in {v.name for v in (await subject.engine.snapshot(subject.project)).volumes}


async def test_a_volume_in_use_is_not_removed(subject: Subject) -> None:
    """The data stays."""
    name = f"{subject.project}_data"
    await subject.engine.create_volume(name, subject.project_label)
    await subject.create("web", RUNS, "-v", f"{name}:/data")
    with pytest.raises(EngineError) as refused:
        await subject.engine.remove_volume(name)
    assert refused.value.code is ErrorCode.ENGINE_ERROR
    assert name in {v.name for v in (await subject.engine.snapshot(subject.project)).volumes}


async def test_a_snapshot_knows_which_images_are_there(subject: Subject) -> None:
    """A missing one is left out; a tag of `latest` goes without saying."""
    missing = "localhost/podkeeper-test/nowhere:1"
    short = subject.image.removesuffix(":latest")
    images = (await subject.engine.snapshot(subject.project, [subject.image, missing, short])).images
    assert set(images) == {subject.image, short}
    assert images[subject.image] == images[short]


async def test_a_snapshot_has_nothing_of_other_projects(subject: Subject) -> None:
    """Even of one whose name begins the same."""
    await subject.create("web")
    assert (await subject.engine.snapshot(ProjectName(subject.project[:-1]))).containers == ()


async def test_projects_are_counted_by_their_containers(subject: Subject) -> None:
    """Containers that do not run count."""
    await subject.create("web")
    await subject.started("db")
    assert (await subject.engine.list_projects())[subject.project] == 2


async def test_an_image_that_is_nowhere_can_not_be_pulled(subject: Subject) -> None:
    """A registry that does not answer is a failed pull; one that does not know it, a missing image."""
    with pytest.raises(EngineError) as refused:
        await subject.engine.pull_image("localhost:1/podkeeper-test/nowhere:1")
    assert refused.value.code in {ErrorCode.IMAGE_NOT_FOUND, ErrorCode.IMAGE_PULL_FAILED}


@pytest.mark.xdist_group("build")  # cancelling one build can end another in the same Podman
async def test_an_image_is_built_and_tagged(subject: Subject, tmp_path: object) -> None:
    """What was built is there under its name, and runs."""
    reference = f"localhost/{subject.project}/built:1"
    build = BuildConfig(
        context=str(tmp_path), dockerfile_inline=f"FROM {subject.image}\nRUN touch /tmp/built\n"
    )
    image = await subject.engine.build_image(reference, build)
    images = (await subject.engine.snapshot(subject.project, [reference])).images
    assert images == {reference: image}
    await subject.create("web", RUNS, image=reference)
    assert (await only(subject)).image_id == image


async def test_logs_hold_the_last_lines_of_both_streams(subject: Subject) -> None:
    """Standard error is among them."""
    container = await subject.started("web", TALKS)

    async def complete() -> bool:
        return "three" in await subject.engine.logs(container)

    await subject.until(complete, "everything has been written")
    assert sorted((await subject.engine.logs(container)).split()) == ["one", "three", "two"]
    assert await subject.engine.logs(container, 1) == "three\n"


async def test_followed_logs_end_with_the_container(subject: Subject) -> None:
    """Lines come as they are written, and then the stream ends by itself."""
    container = await subject.started("job", TALKS_AND_ENDS)
    lines: list[str] = []

    async def follow() -> None:
        lines.extend([line async for line in subject.engine.follow_logs(container)])

    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        following = group.create_task(follow())
        while not following.done():
            await subject.sleep(0.1)
            await subject.engine.list_projects()
    assert lines == ["one", "two"]


async def test_followed_logs_can_be_left_at_any_time(subject: Subject) -> None:
    """Closing the stream while the container writes nothing returns at once."""
    container = await subject.started("web", TALKS)
    stream = subject.engine.follow_logs(container)
    assert await anext(stream) == "one"
    async with asyncio.timeout(1):
        await stream.aclose()  # type: ignore[attr-defined]  # every engine's is a generator


class Watcher:
    """Collects the events of one container, each once, also where Podman ends its stream amid them."""

    def __init__(self, subject: Subject, since_ns: int) -> None:
        self._engine = subject.engine
        self._since_ns = since_ns
        self.actions: list[str] = []
        self.events: list[EngineEvent] = []

    async def watch(self, name: str, until: str) -> None:
        """Collect until an action has been seen."""
        seen = set[int]()
        while True:
            async for event in self._engine.events(self._since_ns):
                self._since_ns = event.at_ns
                if event.type != "container" or event.name != name or event.identity in seen:
                    continue
                seen.add(event.identity)
                self.events.append(event)
                self.actions.append(event.action)
                if event.action == until:
                    return


async def test_events_tell_a_containers_life_in_order(subject: Subject) -> None:
    """Create, init, start, died, remove; with its labels and its exit code."""
    watcher = Watcher(subject, subject.now_ns())
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        group.create_task(watcher.watch(subject.name("job"), until="remove"))
        await asyncio.sleep(0.3)
        container = await subject.started("job", FAILS)
        await ended(subject, container)
        await subject.engine.remove_container(container)
    seen = [a for a in watcher.actions if a in {"create", "init", "start", "died", "remove"}]
    assert seen == ["create", "init", "start", "died", "remove"]
    died = next(e for e in watcher.events if e.action == "died")
    assert died.attributes["containerExitCode"] == "7"
    assert died.attributes["com.docker.compose.service"] == "job"
    assert died.id == container


async def test_events_since_a_moment_are_told_again(subject: Subject) -> None:
    """A reader that comes late misses nothing after the moment it names."""
    watcher = Watcher(subject, subject.now_ns())
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        group.create_task(watcher.watch(subject.name("web"), until="start"))
        await asyncio.sleep(0.3)
        await subject.started()
    created, started = watcher.events[0], watcher.events[-1]
    late = Watcher(subject, created.at_ns)
    async with asyncio.timeout(10):
        await late.watch(subject.name("web"), until="start")
    assert late.events[0] == created
    assert late.events[-1] == started
    later = Watcher(subject, started.at_ns)
    async with asyncio.timeout(10):
        await later.watch(subject.name("web"), until="start")
    assert later.actions == ["start"]


async def test_the_past_can_be_read_without_waiting_for_the_stream(subject: Subject) -> None:
    """The same events as the stream tells, between two moments, oldest first."""
    watcher = Watcher(subject, subject.now_ns())
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        group.create_task(watcher.watch(subject.name("web"), until="start"))
        await asyncio.sleep(0.3)
        container = await subject.started()
    created, started = watcher.events[0], watcher.events[-1]
    past = [e for e in await subject.engine.past_events(created.at_ns) if e.id == container]
    assert past[: len(watcher.events)] == watcher.events
    until_created = await subject.engine.past_events(created.at_ns, created.at_ns)
    assert [e for e in until_created if e.id == container] == [created]
    assert started not in until_created


async def test_a_running_container_is_listed_with_its_process(subject: Subject) -> None:
    """The number that inspecting it gives; none once it has ended."""
    container = await subject.started("job", FAILS)
    await ended(subject, container)
    running = await subject.started()
    listed = {c.id: c.pid for c in await subject.engine.containers_of(subject.project)}
    assert listed[container] == 0
    assert listed[running] == (await subject.engine.inspect_container(running)).pid > 0


async def test_an_event_stream_can_be_left_at_any_time(subject: Subject) -> None:
    """Cancelling a reader that waits returns at once."""

    async def read() -> None:
        async with aclosing(subject.engine.events()) as events:  # type: ignore[type-var]
            async for _ in events:
                pass

    async with asyncio.timeout(2), asyncio.TaskGroup() as group:
        reader = group.create_task(read())
        await asyncio.sleep(0.3)
        reader.cancel()
