"""Probing: several tries in one visit to the container, where that helps and does no harm."""

import re
from collections.abc import Mapping, Sequence

import pytest
from tests.fakes.fake_container import Behaviour
from tests.fakes.projects import BUSYBOX, project
from tests.fakes.stack import Bench

from containers.execution.probing import PAUSE_S
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
        self.has_pauses = True
        """Whether its shell has a `sleep` for less than a second."""

    async def execute(
        self, container: ContainerId, command: Sequence[str], timeout_s: float, hook: Hook | None = None
    ) -> CommandResult:
        """The next answer."""
        del container, timeout_s, hook
        self.asked.append(tuple(command))
        pauses_s = PAUSE_S * (tries_in(command) - 1) if command[0] != CHECK[0] and self.has_pauses else 0.0
        if self._takes_s + pauses_s:
            await self._bench.clock.sleep(self._takes_s + pauses_s)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, EngineError):
            raise answer
        return answer

    @property
    def visits(self) -> list[str]:
        """Of each whether the check was run by itself (`once`) or through a shell (`several`)."""
        return ["once" if command[0] == CHECK[0] else "several" for command in self.asked]


def tries_in(command: Sequence[str]) -> int:
    """How often a visit tries the check."""
    program = re.sub(r"\\(\d{3})", lambda number: chr(int(number[1], 8)), command[-1])
    (tries,) = re.findall(r"for pk_try in ([\d ]+);", program)
    return len(tries.split())


async def up(
    bench: Bench,
    container: Container,
    services: int = 1,
    words: Sequence[str] = CHECK,
) -> Committed | RolledBack:
    """Bring up services that have the check."""
    bench.engine.execute = container.execute  # type: ignore[method-assign]
    check = {"test": ["CMD", *words], "interval": "1s", "timeout": "1s", "retries": 9}
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


async def test_the_check_is_tried_several_times_in_a_visit_and_now_and_then_alone(bench: Bench) -> None:
    """What would find itself in a list of processes does not."""
    container = Container(bench, *[NOT_YET] * 8, READY, takes_s=0.1)
    assert isinstance(await up(bench, container), Committed)
    assert container.visits == ["once", *["several"] * 3, "once", *["several"] * 3, "once"]
    shell, flag, program = container.asked[1]
    assert (shell, flag) == ("/bin/sh", "-c")
    assert not re.search(r"is-ready|sleep|exec|null", program)
    assert tries_in(container.asked[1]) == int(1.0 / (0.1 + PAUSE_S))


async def test_where_a_shell_can_not_wait_for_less_than_a_second_the_check_alone_is_asked(
    bench: Bench,
) -> None:
    """It would be one try only, by a longer way."""
    container = Container(bench, NOT_YET, NOT_YET, NOT_YET, NOT_YET, READY, takes_s=0.1)
    container.has_pauses = False
    assert isinstance(await up(bench, container), Committed)
    assert container.visits == ["once", "several", "once", "once", "once"]


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
    container = Container(bench, CommandResult(exit_code=127, output="no such program"))
    assert isinstance(await up(bench, container), RolledBack)
    assert set(container.visits) == {"once"}


@pytest.mark.parametrize("takes_s", [0.5, 2.0])
async def test_a_slow_check_is_tried_once_a_visit(bench: Bench, takes_s: float) -> None:
    """Several tries of it would not end in time."""
    container = Container(bench, NOT_YET, NOT_YET, READY, takes_s=takes_s)
    assert isinstance(await up(bench, container), Committed)
    assert set(container.visits) == {"once"}


@pytest.mark.parametrize("word", ["\0", "\udc80"])
async def test_words_that_no_argument_can_have_are_left_to_podman(bench: Bench, word: str) -> None:
    """A value of the environment may be no UTF-8; JSON tells it all the same."""
    container = Container(bench, NOT_YET, NOT_YET, READY)
    assert isinstance(await up(bench, container, words=(*CHECK, word)), Committed)
    assert all(command[-1] == word for command in container.asked)


async def test_what_a_shell_would_take_away_is_left_to_the_check(bench: Bench) -> None:
    """Variables whose names are none to a shell are not passed on by dash and busybox."""

    async def environment(container: ContainerId) -> Mapping[str, str]:
        del container
        return {"PATH": "/bin", "server.port": "80"}

    bench.engine.container_environment = environment  # type: ignore[method-assign]
    container = Container(bench, NOT_YET, NOT_YET, READY)
    assert isinstance(await up(bench, container), Committed)
    assert container.visits == ["once"] * 3


async def test_the_last_word_before_a_service_is_given_up_is_the_checks_own(bench: Bench) -> None:
    """A visit that went wrong, for whatever reason, takes no readiness away."""
    container = Container(bench, NOT_YET, takes_s=0.1)
    assert isinstance(await up(bench, container), RolledBack)
    assert "several" in container.visits
    assert set(container.visits[-5:]) == {"once"}


async def test_where_many_are_waited_for_a_visit_lets_the_next_one_in(bench: Bench) -> None:
    """Visits are few at once, and those of several tries last longer."""
    container = Container(bench, *[NOT_YET] * 15, READY)
    assert isinstance(await up(bench, container, services=5), Committed)
    assert container.visits[:15] == ["once"] * 15
