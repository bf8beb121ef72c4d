"""Which starts are tried again, and which are refused at once."""

from collections.abc import Sequence

import pytest

from containers.adapters.podman_half_started import start_wholly
from containers.model.errors import EngineError, ErrorCode

AWAY = EngineError(ErrorCode.DAEMON_UNREACHABLE, "could not start web-1: Podman does not answer")
EXISTS = EngineError(
    ErrorCode.START_FAILED,
    "could not start web-1: container with given ID already exists",
)
EXISTS_CRUN = EngineError(ErrorCode.START_FAILED, "could not start web-1: container `4f2a` already exists")
REFUSED = EngineError(ErrorCode.START_FAILED, "could not start web-1: no such program")
TAKEN = EngineError(ErrorCode.PORT_IN_USE, "could not start web-1: port 8080 is already in use")


class Starting:
    """A container whose starts fail one after the other, until one does not."""

    def __init__(self, *failures: EngineError, monitors: int = 0) -> None:
        """`monitors` is how many monitors of torn starts there are to be ended."""
        self._failures = list(failures)
        self._monitors = monitors
        self.runs = False

    async def start(self) -> None:
        """As Podman does it."""
        if self._failures:
            raise self._failures.pop(0)
        self.runs = True

    async def end_monitor(self, error: EngineError) -> bool:
        """End one, if there is one."""
        assert error.code is ErrorCode.PORT_IN_USE
        self._monitors -= 1
        return self._monitors >= 0


@pytest.mark.parametrize(
    ("failures", "monitors"),
    [
        ([EXISTS], 0),
        ([EXISTS_CRUN], 0),
        ([AWAY, EXISTS], 0),
        ([AWAY, REFUSED], 0),
        ([EXISTS, TAKEN, TAKEN], 0),
        ([TAKEN, EXISTS, TAKEN], 1),
    ],
    ids=["half started", "by crun", "and away", "made but not started", "ports let go late", "ports held"],
)
async def test_what_was_left_half_started_is_started(failures: Sequence[EngineError], monitors: int) -> None:
    """Each refusal passes."""
    starting = Starting(*failures, monitors=monitors)
    await start_wholly(starting.start, starting.end_monitor)
    assert starting.runs


@pytest.mark.parametrize(
    "failures",
    [[REFUSED], [TAKEN], [AWAY, TAKEN], [AWAY, REFUSED, REFUSED], [EXISTS, REFUSED]],
    ids=["refused", "a port of another's", "and away", "refused again", "refused once tidied up"],
)
async def test_what_does_not_pass_is_told(failures: Sequence[EngineError]) -> None:
    """The last word is the container's own; nothing is tried in vain."""
    starting = Starting(*failures)
    with pytest.raises(EngineError) as refused:
        await start_wholly(starting.start, starting.end_monitor)
    assert refused.value is failures[-1]
    assert not starting.runs


async def test_a_refusal_that_is_known_already_counts() -> None:
    """A restart was refused: then its ports are let go only when that is over."""
    starting = Starting(TAKEN)
    await start_wholly(starting.start, starting.end_monitor, half_started=True)
    assert starting.runs
