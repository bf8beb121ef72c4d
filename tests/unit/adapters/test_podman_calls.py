"""Questions to Podman that are asked again, and those that are not."""

from collections.abc import Iterator

import pytest

from containers.adapters.podman_calls import Clients, PodmanCalls
from containers.adapters.podman_http import Answer
from containers.model.errors import EngineError

OVERTAKEN = b'{"message":"read /proc/27891/cgroup: no such process"}'
"""What Podman 4.3 answered to an inspect in the instant of a container's end."""


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[Answer]:
    """What Podman answers, in order; the last for ever."""
    waiting: list[Answer] = []

    def request(*_: object, **__: object) -> Answer:
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]

    monkeypatch.setattr(Clients, "request", request)
    return waiting


@pytest.fixture
def calls() -> Iterator[PodmanCalls]:
    """Calls to a socket that nobody has to listen on."""
    made = PodmanCalls("unix:///nowhere", timeout_s=5)
    yield made
    made.close()


async def test_a_container_that_ends_while_podman_looks_is_looked_at_again(
    calls: PodmanCalls, answers: list[Answer]
) -> None:
    """Nobody hears of the process that was no more."""
    answers += [Answer(500, OVERTAKEN, {}), Answer(500, OVERTAKEN, {}), Answer(200, b'{"Id": "abc"}', {})]
    assert await calls.json("containers/abc/json", doing="inspect web-1") == {"Id": "abc"}


async def test_a_question_is_not_asked_for_ever(calls: PodmanCalls, answers: list[Answer]) -> None:
    """What does not pass is told."""
    answers += [Answer(500, OVERTAKEN, {})]
    with pytest.raises(EngineError, match=r"could not inspect web-1: read /proc/27891/cgroup"):
        await calls.json("containers/abc/json", doing="inspect web-1")


async def test_an_answer_that_broke_off_is_asked_for_again(calls: PodmanCalls, answers: list[Answer]) -> None:
    """Symptom: a traceback from `top` of a container that had just ended. Podman answers with nothing."""
    answers += [Answer(200, b"", {}), Answer(200, b'{"Titles": []}', {})]
    assert await calls.json("containers/abc/top", doing="list the processes of web-1") == {"Titles": []}
    answers += [Answer(200, b'{"Titles": [', {})]
    del answers[0]
    with pytest.raises(
        EngineError, match="could not list the processes of web-1: Podman's answer is no whole"
    ):
        await calls.json("containers/abc/top", doing="list the processes of web-1")


async def test_what_is_looked_for_may_not_be_there_and_its_answer_may_break_off(
    calls: PodmanCalls, answers: list[Answer]
) -> None:
    """Symptom: a traceback where Podman was ended amid the answer to whether an image is there."""
    answers += [Answer(200, b'{"Id": "ab', {}), Answer(200, b'{"Id": "abc"}', {})]
    assert await calls.find("images/web/json", doing="look for web") == {"Id": "abc"}
    answers[:] = [Answer(404, b'{"message": "no such image"}', {})]
    assert await calls.find("images/web/json", doing="look for web") is None
    answers[:] = [Answer(200, b'{"Id": "ab', {})]
    with pytest.raises(EngineError, match="could not look for web: Podman's answer is no whole document"):
        await calls.find("images/web/json", doing="look for web")


async def test_what_is_removed_while_podman_looks_is_gone(calls: PodmanCalls, answers: list[Answer]) -> None:
    """It says so as an error of its own."""
    gone = b'{"message": "container abc does not exist in database: no such container"}'
    answers += [Answer(500, gone, {})]
    answer = await calls.send("get", "containers/abc/json", doing="inspect web-1", accept=(404,))
    assert answer.status_code == 404
    with pytest.raises(EngineError):
        await calls.send("get", "containers/abc/json", doing="inspect web-1")


async def test_a_deed_is_not_done_again(calls: PodmanCalls, answers: list[Answer]) -> None:
    """Whether it was done before the process was missed, nobody knows."""
    answers += [Answer(500, OVERTAKEN, {}), Answer(204, b"", {})]
    with pytest.raises(EngineError):
        await calls.send("post", "containers/abc/kill", doing="kill web-1")
