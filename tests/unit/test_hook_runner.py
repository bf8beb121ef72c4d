"""Hooks as they run: one thing at a time, in bounds, and never at the cost of others."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import cast

import pytest
from tests.fakes.clock import LoopClock
from tests.fakes.tasks import LoopTasks

from containers.app import GuardedTasks
from containers.bus import EventBus
from containers.hook_runner import MOST_WAITING, HookRunner
from containers.model.base import ContainerId, ProjectName, ServiceName
from containers.model.errors import ErrorCode, PodkeeperError
from containers.model.events import (
    ConfigValidated,
    ContainerEvent,
    EventBase,
    HookFinished,
    PartFailed,
    PartRecovered,
    SupervisorChanged,
    TransactionFinished,
)
from containers.model.hooks import (
    CallWebhook,
    EventHook,
    HookAction,
    Notify,
    RestartService,
    RunCommand,
    RunVerb,
)
from containers.model.observed import CommandResult
from containers.observation.hook_matching import MOST_CHANGES

DEMO = ProjectName("demo")
RUN = RunCommand(argv=("tell", "me"))


class Commands:
    """The port `CommandRunner`; each call waits while `gate` is shut."""

    podkeeper = ("podkeeper",)

    def __init__(self) -> None:
        self.calls: list[tuple[tuple[str, ...], str]] = []
        self.result = CommandResult(exit_code=0)
        self.gate = asyncio.Event()
        self.gate.set()
        self.at_once = 0
        self.most_at_once = 0

    async def run(self, argv: Sequence[str], *, folder: Path, stdin: str, timeout_s: float) -> CommandResult:
        """Note it."""
        del folder
        self.calls.append((tuple(argv), stdin))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            async with asyncio.timeout(timeout_s):
                await self.gate.wait()
        except TimeoutError:
            return self.result.model_copy(update={"exit_code": -1})
        finally:
            self.at_once -= 1
        return self.result


class Hooks:
    """The port `Webhooks`, and what else a runner acts through."""

    def __init__(self) -> None:
        self.posts: list[tuple[str, str]] = []
        self.status = 204
        self.restarts: list[str] = []
        self.told: list[tuple[str, str]] = []
        self.refusal: Exception | None = None
        self.restarting = asyncio.Event()
        """Restarts take until it is set."""
        self.restarting.set()

    async def post(self, url: str, body: str, timeout_s: float) -> int:
        """Note it."""
        del timeout_s
        self.posts.append((url, body))
        return self.status

    async def restart(self, service: str) -> str:
        """Note it."""
        if self.refusal is not None:
            raise self.refusal
        self.restarts.append(service)
        await self.restarting.wait()
        return ""

    def tell(self, message: str, level: str) -> None:
        """Note it."""
        self.told.append((message, level))


class Bed:
    """A runner on a bus, with everything that it acts through."""

    def __init__(self) -> None:
        self.clock = LoopClock()
        self.bus = EventBus(self.clock)
        self.tasks = LoopTasks()
        self.commands = Commands()
        self.world = Hooks()
        self.hooks: tuple[EventHook, ...] = ()
        self.seen: list[EventBase] = []
        self.printed: list[tuple[str, str]] = []
        self.runner = HookRunner(
            folder=Path("/w"),
            project=lambda: DEMO,
            hooks=lambda: self.hooks,
            verb_options=lambda: ("--env", "staging"),
            restart=self.world.restart,
            tell=self.world.tell,
            commands=self.commands,
            webhooks=self.world,
            bus=self.bus,
            clock=self.clock,
            group=GuardedTasks(cast("asyncio.TaskGroup", self.tasks)),
            printed=lambda hook, said: self.printed.append((hook, said)),
        )

    def begin(self, *actions: HookAction, topics: tuple[str, ...] = ("container.died",)) -> None:
        """Run hooks with these actions, called `h0`, `h1` and so on."""
        self.hooks = tuple(
            EventHook(name=f"h{i}", topics=topics, action=action, timeout_s=5.0)
            for i, action in enumerate(actions)
        )
        self.bus.start(self.tasks)
        self.bus.subscribe("test", self.seen.append)
        self.runner.start()

    def die(self, service: str = "web", project: str = "demo") -> None:
        """A container dies."""
        self.bus.publish(
            ContainerEvent(
                kind="container.died",
                at=self.clock.now(),
                source="engine",
                project=ProjectName(project),
                service=ServiceName(service),
                container=ContainerId("c"),
                name=f"{project}_{service}_1",
                exit_code=1,
            )
        )

    def ends(self) -> list[HookFinished]:
        """How hooks ended."""
        return [event for event in self.seen if isinstance(event, HookFinished)]

    async def until(self, wanted: Callable[[], bool]) -> None:
        """Wait until `wanted()`."""
        async with asyncio.timeout(5):
            while not wanted():
                await self.clock.sleep(0.002)


def applied(verb: str, at: datetime) -> TransactionFinished:
    """A change that ended well."""
    return TransactionFinished(
        at=at, source="transaction", project=DEMO, verb=verb, outcome="committed", duration_s=0.1
    )


@pytest.fixture
async def bed() -> AsyncIterator[Bed]:
    """Not begun yet."""
    made = Bed()
    yield made
    made.runner.stop()
    await made.bus.close()
    await made.tasks.cancel()


async def test_each_kind_of_action_is_done(bed: Bed) -> None:
    """And its end is told, with the hook and what set it off."""
    bed.begin(
        RUN,
        RunVerb(argv=("logs", "web")),
        RestartService(service=ServiceName("web")),
        Notify(message="{service} died with {exit_code}", level="warning"),
        CallWebhook(url="http://localhost/x"),
    )
    bed.die()
    await bed.until(lambda: len(bed.ends()) == 5)
    assert {(end.hook, end.topic, end.ok) for end in bed.ends()} == {
        (f"h{i}", "container.died", True) for i in range(5)
    }
    assert sorted(argv for argv, _ in bed.commands.calls) == [
        ("podkeeper", "--env", "staging", "logs", "web"),
        ("tell", "me"),
    ]
    assert all('"kind":"container.died"' in stdin for _, stdin in bed.commands.calls)
    assert bed.world.restarts == ["web"]
    assert bed.world.told == [("web died with 1", "warning")]
    assert [url for url, _ in bed.world.posts] == ["http://localhost/x"]


async def test_what_a_hook_had_another_process_do_does_not_set_it_off_again(bed: Bed) -> None:
    """A verb's own process tells what it did, which is heard of here when the verb may have ended."""
    bed.begin(RunVerb(argv=("restart", "web")), RUN, topics=("transaction.finished",))
    bed.commands.gate.clear()
    bed.bus.relay(applied("up", bed.clock.now()))
    await bed.until(lambda: bed.commands.at_once == 2)
    during = bed.clock.now()
    bed.commands.gate.set()
    await bed.until(lambda: len(bed.ends()) == 2)
    bed.bus.relay(applied("restart", during))
    await bed.until(lambda: len(bed.ends()) == 3)
    assert [end.hook for end in bed.ends()[2:]] == ["h1"]
    bed.bus.relay(applied("up", bed.clock.now()))
    await bed.until(lambda: len(bed.ends()) == 5)


async def test_events_of_other_projects_set_off_nothing(bed: Bed) -> None:
    """Two windows with two stacks on one engine."""
    bed.begin(RUN)
    bed.die(project="other")
    bed.die()
    await bed.until(lambda: len(bed.ends()) == 1)
    assert len(bed.commands.calls) == 1


async def test_a_hook_does_one_thing_at_a_time_and_few_wait_for_it(bed: Bed) -> None:
    """The oldest are given up; other hooks and subscribers go on meanwhile."""
    bed.begin(RUN, Notify(message="x"))
    bed.commands.gate.clear()
    bed.die()
    await bed.until(lambda: len(bed.commands.calls) == 1)
    for _ in range(MOST_WAITING + 5):
        bed.die()
    await bed.until(lambda: len(bed.world.told) >= MOST_WAITING)
    bed.commands.gate.set()
    await bed.until(lambda: bed.commands.at_once == 0 and len(bed.commands.calls) == MOST_WAITING + 1)
    assert bed.commands.most_at_once == 1


async def test_a_hook_that_fails_is_told_as_a_part_and_stops_nobody(bed: Bed) -> None:
    """Once, until it works again."""
    bed.begin(RUN)
    bed.commands.result = CommandResult(exit_code=2, output="no\nsuch luck\n")
    for _ in range(2):
        bed.die()
    await bed.until(lambda: len(bed.ends()) == 2)
    assert [end.message for end in bed.ends()] == ["exit code 2: such luck"] * 2
    bed.commands.result = CommandResult(exit_code=0)
    bed.die()
    await bed.until(lambda: any(isinstance(event, PartRecovered) for event in bed.seen))
    assert [e.part for e in bed.seen if isinstance(e, PartFailed)] == ["hook h0"]
    assert [end.ok for end in bed.ends()] == [False, False, True]


async def test_what_a_hook_runs_into_is_its_end_and_no_more(bed: Bed) -> None:
    """Whether it is an answer, an error or a refusal."""
    bed.world.status = 500
    bed.world.refusal = PodkeeperError(ErrorCode.LOCK_HELD, "somebody applies")
    bed.begin(CallWebhook(url="http://localhost/"), RestartService(service=ServiceName("web")))
    bed.die()
    await bed.until(lambda: len(bed.ends()) == 2)
    assert {end.message for end in bed.ends()} == {"the answer was 500", "somebody applies"}


async def test_a_hook_that_failed_and_is_written_anew_is_no_failed_part_any_more(bed: Bed) -> None:
    """Whether the new one works shows when it runs."""
    bed.world.status = 500
    bed.begin(CallWebhook(url="http://localhost/"))
    bed.die()
    await bed.until(lambda: any(isinstance(e, PartFailed) for e in bed.seen))
    bed.hooks = ()
    bed.runner.reload()
    await bed.until(lambda: [e.part for e in bed.seen if isinstance(e, PartRecovered)] == ["hook h0"])


async def test_a_hook_that_takes_too_long_is_cut_off_and_what_it_printed_until_then_is_shown(
    bed: Bed,
) -> None:
    """It says why it hangs, perhaps."""
    bed.commands.gate.clear()
    bed.commands.result = CommandResult(exit_code=0, output="waiting for the disk\n")
    bed.hooks = (EventHook(name="slow", topics=("*",), action=RUN, timeout_s=0.05),)
    bed.bus.start(bed.tasks)
    bed.bus.subscribe("test", bed.seen.append)
    bed.runner.start()
    bed.die()
    await bed.until(lambda: len(bed.ends()) == 1)
    assert bed.ends()[0].message == "it took more than 0.05 s and was ended"
    assert bed.printed == [("slow", "waiting for the disk")]
    assert bed.commands.at_once == 0


async def test_what_a_changing_hook_brings_about_does_not_set_it_off_again(bed: Bed) -> None:
    """While it runs, events are taken for its own doing; afterwards it runs a few times and rests."""
    bed.begin(RunVerb(argv=("restart", "web")))
    bed.commands.gate.clear()
    bed.die()
    await bed.until(lambda: len(bed.commands.calls) == 1)
    for _ in range(5):
        bed.die()
    await asyncio.sleep(0.02)
    bed.commands.gate.set()
    await bed.until(lambda: len(bed.ends()) == 1)
    assert len(bed.commands.calls) == 1
    for number in range(10):
        bed.die()
        await bed.until(lambda n=number: len(bed.ends()) >= min(n + 2, MOST_CHANGES + 1))  # type: ignore[misc]
    assert len(bed.commands.calls) == MOST_CHANGES
    assert [end.ok for end in bed.ends()] == [*[True] * MOST_CHANGES, False]
    assert "too often" in bed.ends()[-1].message


async def test_what_a_restart_does_after_its_hooks_timeout_does_not_set_it_off_again(
    bed: Bed,
) -> None:
    """Symptom: a service that takes long to stop was restarted five times a minute, for ever."""
    action = RestartService(service=ServiceName("web"))
    bed.hooks = (EventHook(name="slow", topics=("container.died",), action=action, timeout_s=0.02),)
    bed.bus.start(bed.tasks)
    bed.bus.subscribe("test", bed.seen.append)
    bed.runner.start()
    bed.world.restarting.clear()
    bed.die()
    await bed.until(lambda: len(bed.ends()) == 1)
    assert bed.ends()[0].message == "it took more than 0.02 s"
    bed.die()
    await asyncio.sleep(0.05)
    bed.world.restarting.set()
    await asyncio.sleep(0.05)
    assert bed.world.restarts == ["web"]
    bed.die()
    await bed.until(lambda: len(bed.ends()) == 2)
    assert bed.world.restarts == ["web"] * 2


async def test_neither_does_it_where_the_hook_is_written_anew_meanwhile(bed: Bed) -> None:
    """Its name says that it is the same."""
    action = RestartService(service=ServiceName("web"))
    slow = EventHook(name="slow", topics=("container.died",), action=action, timeout_s=0.02)
    bed.hooks = (slow,)
    bed.bus.start(bed.tasks)
    bed.bus.subscribe("test", bed.seen.append)
    bed.runner.start()
    bed.world.restarting.clear()
    bed.die()
    await bed.until(lambda: len(bed.ends()) == 1)
    bed.hooks = (slow.model_copy(update={"timeout_s": 5.0}),)
    bed.runner.reload()
    bed.die()
    await asyncio.sleep(0.05)
    bed.world.restarting.set()
    await asyncio.sleep(0.05)
    assert bed.world.restarts == ["web"]
    bed.die()
    await bed.until(lambda: len(bed.ends()) == 2)
    assert bed.ends()[1].ok


async def test_a_hook_whose_restart_breaks_goes_on(bed: Bed) -> None:
    """Symptom: by a fault of ours it never ran again, and nothing said so."""
    bed.world.refusal = RuntimeError("a fault")
    bed.begin(RestartService(service=ServiceName("web")))
    bed.die()
    await bed.until(lambda: len(bed.ends()) == 1)
    assert (bed.ends()[0].ok, bed.ends()[0].message) == (False, "RuntimeError: a fault")
    bed.world.refusal = None
    bed.die()
    await bed.until(lambda: len(bed.ends()) == 2)
    assert bed.world.restarts == ["web"]


async def test_the_end_of_a_hook_sets_off_no_hook(bed: Bed) -> None:
    """Also not one that listens to everything."""
    bed.begin(RUN, Notify(message="x"), topics=("*",))
    bed.die()
    await bed.until(lambda: len(bed.ends()) >= 2)
    await asyncio.sleep(0.05)
    assert len(bed.ends()) == 2


async def test_hooks_are_taken_anew_when_the_files_are_read(bed: Bed) -> None:
    """One that stayed as it was goes on with what it does."""
    bed.begin(RUN)
    bed.commands.gate.clear()
    bed.die()
    await bed.until(lambda: len(bed.commands.calls) == 1)
    bed.hooks = (*bed.hooks, EventHook(name="new", topics=("container.died",), action=Notify(message="n")))
    bed.bus.publish(
        ConfigValidated(at=bed.clock.now(), source="server", project=DEMO, ok=True, errors=0, warnings=0)
    )
    await bed.until(lambda: bed.runner.names == ("h0", "new"))
    assert bed.commands.at_once == 1
    bed.hooks = bed.hooks[1:]
    bed.runner.reload()
    await bed.until(lambda: bed.commands.at_once == 0)
    bed.die()
    await bed.until(lambda: bed.world.told == [("n", "info")])


async def test_only_the_process_that_keeps_the_project_runs_its_hooks(bed: Bed) -> None:
    """Two windows do not tell everything twice."""
    bed.begin(RUN)
    for is_ours in (False, True):
        bed.bus.publish(
            SupervisorChanged(
                at=bed.clock.now(), source="server", project=DEMO, is_ours=is_ours, holder="somebody"
            )
        )
        bed.die()
    await bed.until(lambda: len(bed.ends()) == 1)
    await asyncio.sleep(0.02)
    assert len(bed.commands.calls) == 1
