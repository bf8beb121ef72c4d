"""Probing: several tries in one visit to the container, where that helps and does no harm."""

from collections.abc import Sequence

import pytest
from tests.fakes.fake_container import Behaviour
from tests.fakes.projects import BUSYBOX, project
from tests.fakes.stack import Bench

from containers.execution.probing import TRIES
from containers.model.base import ContainerId
from containers.model.errors import EngineError, ErrorCode
from containers.model.observed import CommandResult
from containers.model.outcome import Committed, RolledBack
from containers.model.project import Hook

CHECK = ("is-ready", "with a blank")
NOT_YET = CommandResult(exit_code=1, output="not yet")
READY = CommandResult(exit_code=0, output="")
Answer = CommandResult | EngineError


class Container:
    """What the engine answers when a command is run in a container: one after the other, then the last."""

    def __init__(self, bench: Bench, *answers: Answer, takes_s: float = 0.0) -> None:
        self.asked: list[tuple[str, ...]] = []
        self._bench = bench
        self._answers = list(answers)
        self._takes_s = takes_s

    async def execute(
        self, container: ContainerId, command: Sequence[str], timeout_s: float, hook: Hook | None = None
    ) -> CommandResult:
        """The next answer."""
        del container, timeout_s, hook
        self.asked.append(tuple(command))
        if self._takes_s:
            await self._bench.clock.sleep(self._takes_s)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, EngineError):
            raise answer
        return answer

    @property
    def visits(self) -> list[str]:
        """Of each whether the check was run by itself (`once`) or through a shell (`several`)."""
        return ["once" if command == CHECK else "several" for command in self.asked]


async def up(bench: Bench, container: Container, services: int = 1) -> Committed | RolledBack:
    """Bring up services that have the check."""
    bench.engine.execute = container.execute  # type: ignore[method-assign]
    check = {"test": ["CMD", *CHECK], "interval": "1s", "timeout": "1s", "retries": 1}
    names = [f"s{number}" for number in range(services)]
    for name in names:
        bench.engine.script(name, Behaviour(healthy_after_s=0.0))
    outcome = await bench.up(project(services={name: {"healthcheck": check} for name in names}))
    assert isinstance(outcome, Committed | RolledBack)
    return outcome


@pytest.fixture
def bench() -> Bench:
    """An engine that has busybox."""
    return Bench(BUSYBOX)


async def test_after_a_first_one_of_the_check_alone_it_is_tried_several_times_in_a_visit(
    bench: Bench,
) -> None:
    """The check's words reach it unchanged."""
    container = Container(bench, NOT_YET, NOT_YET, READY)
    assert isinstance(await up(bench, container), Committed)
    assert container.visits == ["once", "several", "several"]
    shell, flag, script, *rest = container.asked[1]
    assert (shell, flag, rest) == ("/bin/sh", "-c", ["sh", *CHECK])
    assert f"tries={TRIES}" in script


async def test_only_what_the_last_try_said_is_shown(bench: Bench) -> None:
    """The same words eight times are none the clearer."""
    several = CommandResult(exit_code=1, output="\x02\nno database\n\x02\nno table\n")
    outcome = await up(bench, Container(bench, NOT_YET, several))
    assert isinstance(outcome, RolledBack)
    assert outcome.problems[0].check_output == "no table"


@pytest.mark.parametrize(
    "refusal",
    [
        CommandResult(exit_code=127, output="no /bin/sh"),
        CommandResult(exit_code=-1, output="it did not end"),
        EngineError(ErrorCode.ENGINE_ERROR, "crun: executable file not found"),
    ],
    ids=["no shell", "it hangs", "Podman refuses"],
)
async def test_where_a_visit_comes_to_no_verdict_the_check_alone_is_asked_from_then_on(
    bench: Bench, refusal: Answer
) -> None:
    """At once, since the container may be ready, and its own words are shown."""
    container = Container(bench, NOT_YET, refusal, NOT_YET, NOT_YET, READY)
    assert isinstance(await up(bench, container), Committed)
    assert container.visits == ["once", "several", "once", "once", "once"]


async def test_a_check_that_can_not_be_run_is_not_run_by_a_shell_instead(bench: Bench) -> None:
    """What Podman does not find may be a word of the shell's, which would pass."""
    missing = CommandResult(exit_code=127, output="no such program")
    container = Container(bench, missing)
    assert isinstance(await up(bench, container), RolledBack)
    assert set(container.visits) == {"once"}


async def test_a_slow_check_is_tried_once_a_visit(bench: Bench) -> None:
    """Eight tries of it would hold the transaction up."""
    container = Container(bench, NOT_YET, NOT_YET, READY, takes_s=0.7)
    assert isinstance(await up(bench, container), Committed)
    assert set(container.visits) == {"once"}


async def test_where_many_are_waited_for_a_visit_lets_the_next_one_in(bench: Bench) -> None:
    """Visits are few at once, and those of several tries last longer."""
    container = Container(bench, *[NOT_YET] * 15, READY)
    assert isinstance(await up(bench, container, services=5), Committed)
    assert container.visits[:15] == ["once"] * 15
