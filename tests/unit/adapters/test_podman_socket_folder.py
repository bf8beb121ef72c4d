"""The folder for a socket of ours: made beside those of other processes, which come and go."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from containers.adapters.podman_own_service import make_socket_folder
from containers.model.errors import EngineError, ErrorCode


@pytest.fixture
def runtime() -> Iterator[Path]:
    """A runtime folder whose path leaves room for a socket's."""
    with tempfile.TemporaryDirectory(prefix="pk") as folder:
        yield Path(folder)


def _ended() -> int:
    """The number of a process that is no more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_it_is_in_the_runtime_folder_and_only_we_may_enter(runtime: Path) -> None:
    """Whoever may connect to the socket may do everything that we may."""
    folder = make_socket_folder({"XDG_RUNTIME_DIR": str(runtime)}, runtime / "state")
    assert folder.parent == runtime
    assert folder.stat().st_mode & 0o777 == 0o700


def test_what_a_killed_process_left_is_removed_and_nothing_else(runtime: Path) -> None:
    """A process that lives keeps its folder, and what has another name is not ours."""
    left, lives, others = (
        runtime / name for name in (f"podkeeper-{_ended()}-a", f"podkeeper-{os.getpid()}-b", "podkeeper-x-c")
    )
    for folder in (left, lives, others):
        folder.mkdir()
    make_socket_folder({"XDG_RUNTIME_DIR": str(runtime)}, runtime)
    assert (left.exists(), lives.exists(), others.exists()) == (False, True, True)


def test_a_folder_that_another_process_removes_just_then_is_no_hindrance(
    runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was listed, and is gone when it is looked at: the list stands in for that instant."""

    def listed(base: Path, _pattern: str) -> Iterator[Path]:
        yield base / f"podkeeper-{_ended()}-gone"

    monkeypatch.setattr(Path, "glob", listed)
    folder = make_socket_folder({"XDG_RUNTIME_DIR": str(runtime)}, runtime)
    assert folder.parent == runtime


def test_no_folder_at_all_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every place is a file, or its path is too long for a socket."""
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setattr("tempfile.tempdir", str(file))
    with pytest.raises(EngineError) as caught:
        make_socket_folder({"XDG_RUNTIME_DIR": str(file)}, tmp_path / ("x" * 100))
    assert caught.value.code is ErrorCode.PERMISSION_DENIED
