"""What Linux says of a process."""

import os
import subprocess
from pathlib import Path

import pytest

from containers.adapters.process_status import status_of


def test_a_process_is_told_by_name_parent_and_start() -> None:
    """By its number, also as text."""
    status = status_of(os.getpid())
    assert status is not None
    assert (status.parent, status.has_ended) == (os.getppid(), False)
    first = status_of("1")
    assert first is not None
    assert first.started <= status.started


def test_a_name_may_hold_what_stands_around_it(tmp_path: Path) -> None:
    """A program can name itself so."""
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "stat").write_text(f"7 (a (b) c) Z 3 {' '.join(['0'] * 17)} 99 0\n")
    status = status_of(7, tmp_path)
    assert status is not None
    assert (status.name, status.has_ended, status.parent, status.started) == ("a (b) c", True, 3, 99)


def test_one_that_has_ended_unnoticed_has_ended() -> None:
    """It is shown until its parent asks."""
    with subprocess.Popen(["/bin/true"]) as ended:
        os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
        status = status_of(ended.pid)
        assert status is not None
        assert (status.has_ended, status.parent) == (True, os.getpid())
    assert status_of(ended.pid) is None


@pytest.mark.parametrize("pid", ["", "self", "../1", "1\n2", "½", 2**40])
def test_what_is_no_number_of_a_process_is_none(pid: str | int) -> None:
    """As a file may hold it that was written half."""
    assert status_of(pid) is None
