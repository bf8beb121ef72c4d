"""Commands of hooks: an argv, bounded in time and output, and nothing of them left behind."""

import json
import os
import sys
import time
from pathlib import Path

from containers import __version__
from containers.adapters.hook_commands import HookCommands

EVENT = json.dumps({"kind": "container.died", "name": "x" * 100_000})


def commands() -> HookCommands:
    """With this process's environment."""
    return HookCommands({**os.environ, "GREETING": "hello"})


async def test_a_command_has_the_event_its_folder_and_its_environment(tmp_path: Path) -> None:
    """Whatever the event's size."""
    program = "import json, os, sys\nprint(json.load(sys.stdin)['kind'], os.getcwd(), os.environ['GREETING'])"
    argv = [sys.executable, "-c", program]
    result = await commands().run(argv, folder=tmp_path, stdin=EVENT, timeout_s=20)
    assert (result.exit_code, result.output) == (0, f"container.died {tmp_path} hello\n")


async def test_a_command_that_reads_nothing_and_fails_says_both(tmp_path: Path) -> None:
    """Its exit code, and both streams."""
    result = await commands().run(
        ["sh", "-c", "echo out; echo err >&2; exit 3"], folder=tmp_path, stdin=EVENT, timeout_s=20
    )
    assert (result.exit_code, result.output) == (3, "out\nerr\n")


async def test_no_shell_sees_the_arguments(tmp_path: Path) -> None:
    """What a shell would act on is text."""
    result = await commands().run(["echo", "$(id)", "; true"], folder=tmp_path, stdin="{}", timeout_s=20)
    assert result.output == "$(id) ; true\n"


async def test_a_command_that_takes_too_long_is_killed_with_all_it_started(tmp_path: Path) -> None:
    """Also what it put into the background."""
    script = "sleep 60 & echo $! > child; sleep 60"
    began = time.monotonic()
    result = await commands().run(["sh", "-c", script], folder=tmp_path, stdin="{}", timeout_s=2)
    assert result.exit_code == -1
    assert time.monotonic() - began < 30
    child = int((tmp_path / "child").read_text())
    assert not is_alive(child)


async def test_a_command_is_asked_to_end_before_it_is_killed(tmp_path: Path) -> None:
    """A verb of ours undoes its change then. Symptom: it was left open, until the next verb."""
    script = "trap 'echo undone; exit 1' TERM; sleep 60 & wait"
    result = await commands().run(["sh", "-c", script], folder=tmp_path, stdin="{}", timeout_s=1)
    assert (result.exit_code, result.output) == (-1, "undone\n")


async def test_a_command_that_does_not_end_when_asked_is_killed(tmp_path: Path) -> None:
    """And what it started."""
    script = "trap '' TERM; echo $$ > pid; while :; do sleep 0.1; done"
    stubborn = HookCommands(dict(os.environ), grace_s=0.3)
    result = await stubborn.run(["sh", "-c", script], folder=tmp_path, stdin="{}", timeout_s=1)
    assert result.exit_code == -1
    assert not is_alive(int((tmp_path / "pid").read_text()))


async def test_who_stays_behind_does_not_hold_up_the_end(tmp_path: Path) -> None:
    """A background process that keeps the output open is ended with the command."""
    script = "sleep 60 & echo $! > child; echo done"
    began = time.monotonic()
    result = await commands().run(["sh", "-c", script], folder=tmp_path, stdin="{}", timeout_s=50)
    assert (result.exit_code, result.output) == (0, "done\n")
    assert time.monotonic() - began < 30
    assert not is_alive(int((tmp_path / "child").read_text()))


async def test_endless_output_is_cut_off_and_holds_nothing_up(tmp_path: Path) -> None:
    """The first 16 KiB are kept."""
    script = "head -c 3000000 /dev/zero | tr '\\0' x"
    result = await commands().run(["sh", "-c", script], folder=tmp_path, stdin="{}", timeout_s=20)
    assert (result.exit_code, result.output) == (0, "x" * 16_384)


async def test_a_program_that_is_not_there_is_an_answer(tmp_path: Path) -> None:
    """As a shell has it: 127."""
    result = await commands().run(["/nonexistent"], folder=tmp_path, stdin="{}", timeout_s=20)
    assert result.exit_code == 127
    assert "/nonexistent can not be started" in result.output


async def test_a_verb_is_ours_whatever_lies_in_the_folder(tmp_path: Path) -> None:
    """A project may have a folder called `containers`, or modules called as the standard library's."""
    for name in ("containers/__init__.py", "containers/__main__.py", "typer.py", "json.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("print('not ours'); raise SystemExit(9)\n")
    argv = [*commands().podkeeper, "--version"]
    result = await commands().run(argv, folder=tmp_path, stdin="{}", timeout_s=30)
    assert (result.exit_code, result.output) == (0, f"podkeeper {__version__}\n")


def is_alive(pid: int) -> bool:
    """Whether a process lives; one that waits to be reaped does not."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return False
        except OSError:
            return False
        time.sleep(0.02)
    return True
