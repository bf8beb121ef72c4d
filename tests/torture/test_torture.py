"""A short form of each long suite; `./dev torture` runs them whole. Each runs in a process of its own."""

import os
import subprocess
import sys

import pytest
from tests.torture.faults import SHORT

pytestmark = [pytest.mark.rootful, pytest.mark.xdist_group("torture")]


def run(suite: str, *arguments: str) -> str:
    """Run a suite; it must find nothing wrong."""
    done = subprocess.run(
        [sys.executable, "-m", f"tests.torture.{suite}", *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("scenario", ["update", "rollback", "recovery back"])
def test_a_killed_process_leaves_the_old_stack_or_the_new_one(scenario: str) -> None:
    """Four kills, evenly spread over all instants between two effects."""
    assert "4 kills, 0 failures" in run("kills", "--only", scenario, "--runs", "4")


@pytest.mark.parametrize("fault", SHORT)
def test_a_fault_ends_as_the_mode_promises(fault: str) -> None:
    """In the old state or the new one, with a coded error and no traceback."""
    assert "0 failures" in run("faults", "--only", fault)


def test_after_random_edits_the_plan_is_empty_or_everything_is_as_before() -> None:
    """Three sequences on Podman, and sixty in memory."""
    assert "0 failures" in run("sequences", "--runs", "3", "--seed", "11")


def test_a_monitor_of_a_stack_that_lives_does_not_grow() -> None:
    """Memory, threads, descriptors and rows, over half a minute."""
    assert "0 failures" in run("soak", "--minutes", "0.5")


def test_stacks_start_again_and_again_and_dependents_soon_after_what_they_wait_for() -> None:
    """Three starts of the demo, and one of a stack whose services are slow.

    How soon is for the long form: here other tests share the machine.
    """
    assert "0 failures" in run("startups", "--runs", "3", "--most", "30")


def test_in_chaos_every_failure_is_mended_once_and_nothing_that_a_person_stopped() -> None:
    """Half a minute with five services, three supervisors and a fault every three seconds.

    How soon it is noticed is for the long form: here other tests share the machine.
    """
    short = ("--minutes", "0.5", "--services", "5", "--every", "3", "--seed", "3")
    told = run("chaos", *short, "--noticed", "30")
    assert "0 failures" in told.splitlines()
    assert "availability" in told
