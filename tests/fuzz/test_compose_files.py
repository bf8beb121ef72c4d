"""A short run of the fuzzer with every change; a long one is run by hand."""

import pytest
from tests.fuzz import compose_files
from tests.fuzz.compose_files import SOMEWHERE, Verbatim, examine, fuzz, make, seeds

from containers.compose.loading import LoadRequest, load_project


@pytest.mark.parametrize("first", range(0, 300, 50))
def test_broken_projects_are_refused_or_loaded_but_never_raise(first: int) -> None:
    """Whatever was done to the files; the lines of a failure say which run it was."""
    tally = fuzz(first, 50, seed=7)
    assert not tally.failures, "\n".join(tally.lines())
    assert tally.runs == 50


def test_what_is_broken_was_right_before() -> None:
    """Every seed loads, with each of its profiles: else mutations would find nothing beyond its mistakes."""
    for files in seeds():
        request = LoadRequest(working_dir=SOMEWHERE, profiles=("*",))
        assert load_project(request, Verbatim(files)).project is not None


def test_a_run_can_be_repeated() -> None:
    """It depends on the seed and its number alone."""
    projects = seeds()
    assert make(3, 7, projects) == make(3, 7, projects)
    assert make(3, 7, projects) != make(3, 8, projects)
    assert examine(make(3, 7, projects)).diagnostics == examine(make(3, 7, projects)).diagnostics


def test_the_fuzzer_says_what_it_found(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exception is counted and shown with its place and its run, and the exit code tells."""
    assert compose_files.main(["--runs", "2", "--seed", "7"]) == 0
    assert "2 runs" in capsys.readouterr().out

    def broken(_: object) -> None:
        raise ZeroDivisionError("found")

    monkeypatch.setattr(compose_files, "examine", broken)
    assert compose_files.main(["--runs", "3", "--first", "5"]) == 1
    shown = capsys.readouterr().out
    assert "failures: 3 in 1 ways" in shown
    assert "such as in run 5:\nZeroDivisionError: found" in shown
