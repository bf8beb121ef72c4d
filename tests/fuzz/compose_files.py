"""Loads compose projects that were broken at random, and does with what loads all that the product does.

    python -m tests.fuzz.compose_files --runs 20000 --seed 1

Nothing may raise, there must be an error where nothing was loaded, a load after an edit must agree with one
from scratch, and no run may be slow. A run depends on the seed and its own number alone: `--first 12
--runs 1` repeats it.
"""

import argparse
import random
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.fakes.memory_files import MemoryFiles
from tests.fuzz.mutations import mutate

from containers.compose.explaining import Explainer, as_text
from containers.compose.incremental import Incremental
from containers.compose.loading import LoadRequest, LoadResult, find_variables, load_project
from containers.compose.rendering import materials, render
from containers.compose.writing import to_json, to_yaml
from containers.lsp.positions import to_wire_location
from containers.model.errors import ErrorCode, PodkeeperError
from containers.model.project import ResolvedProject

SEEDS: Final = Path(__file__).parent / "seeds"
SOMEWHERE: Final = Path("/srv/fuzz")
SLOW_MS: Final = 1000.0
_NOWHERE: Final = frozenset(
    {ErrorCode.FILE_NOT_FOUND, ErrorCode.VARIABLE_REQUIRED, ErrorCode.ENVIRONMENT_INVALID}
)
"""Errors about what is written nowhere."""
_EXPLAINED: Final = 5
"""How many values of a project are explained; each takes as long as a small load."""


class Verbatim(MemoryFiles):
    """Files with just these texts."""

    def __init__(self, contents: Mapping[Path, str]) -> None:
        super().__init__({})
        self._texts.update(contents)


@dataclass(frozen=True, slots=True)
class Case:
    """One run: files before and after they were broken, and how they are loaded."""

    before: Mapping[Path, str]
    after: Mapping[Path, str]
    request: LoadRequest


@dataclass(slots=True)
class Tally:
    """What all runs came to."""

    runs: int = 0
    loaded: int = 0
    failures: dict[str, list[int]] = field(default_factory=dict)
    """By their last lines, the numbers of the runs."""
    codes: Counter[str] = field(default_factory=Counter)
    slowest_ms: float = 0.0
    slowest: int = 0

    def lines(self) -> Iterator[str]:
        """For people."""
        yield f"{self.runs} runs: {self.loaded} loaded, {self.runs - self.loaded} refused"
        yield f"slowest: run {self.slowest} with {self.slowest_ms:.0f} ms of processor time"
        yield "errors said: " + ", ".join(f"{code} {count}" for code, count in self.codes.most_common())
        yield f"failures: {sum(map(len, self.failures.values()))} in {len(self.failures)} ways"
        for words, numbers in self.failures.items():
            yield f"\n{len(numbers)} times, such as in run {numbers[0]}:\n{words}"


def seeds() -> list[dict[Path, str]]:
    """The projects that are broken, by path."""
    return [
        {
            SOMEWHERE / path.relative_to(folder): path.read_text(encoding="utf-8")
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        for folder in sorted(SEEDS.iterdir())
    ]


def make(number: int, seed: int, projects: Sequence[Mapping[Path, str]]) -> Case:
    """The case of one run."""
    chance = random.Random(f"{seed}:{number}")  # noqa: S311  (nothing is kept secret with it)
    before = dict(chance.choice(projects))
    after = dict(before)
    broken = {chance.choice(sorted(after))}
    if chance.random() < 0.5:
        broken.add(SOMEWHERE / "compose.yaml")
    for path in sorted(broken):
        after[path] = mutate(after[path], chance, chance.choice([1, 1, 1, 1, 2, 4]))
    if chance.random() < 0.05:
        after.pop(chance.choice(sorted(after)))
    request = LoadRequest(
        working_dir=SOMEWHERE,
        project_name=chance.choice([None, "fuzz"]),
        profiles=chance.choice([(), ("*",), ("debug", "a")]),
        environment=chance.choice([{}, {"A": "a", "TAG": "$B", "HOME": "/home/me"}, {"TAG": "", "V": "{x"}]),
        check_consistency=chance.random() < 0.8,
    )
    return Case(before, after, request)


def examine(case: Case) -> LoadResult:
    """Do with a project all that the product does with it.

    Raises:
        AssertionError: something does not hold.
    """
    files = Verbatim(case.after)
    result = load_project(case.request, files)
    errors = [d for d in result.diagnostics if d.severity == "error"]
    assert (result.project is None) == bool(errors), "refused without an error, or loaded in spite of one"
    assert all(d.location or d.code in _NOWHERE for d in errors), "an error without a place"
    for diagnostic in result.diagnostics:
        for place in (diagnostic.location, *diagnostic.related):
            if place is not None:
                to_wire_location(place, case.after.get(place.path, "").splitlines())
    _ = [str(diagnostic) for diagnostic in result.diagnostics]
    as_written = load_project(case.request.model_copy(update={"as_written": True}), files)
    assert as_written.project is None
    to_yaml(as_written.document)
    find_variables(case.request, files)
    again = Incremental()
    again.load(case.request, Verbatim(case.before))
    agree(again.load(case.request, files), result)
    if result.project is not None:
        use(result.project, result, case)
    return result


def agree(second: LoadResult, first: LoadResult) -> None:
    """Loading after an edit comes to the same as loading for the first time."""
    assert second.diagnostics == first.diagnostics, "an incremental load says something else"
    assert second.document == first.document, "an incremental load has another document"
    assert dict(second.locations) == dict(first.locations), "an incremental load has other places"
    if first.project is not None and second.project is not None:
        assert second.project.services == first.project.services, "an incremental load has other services"
        assert second.project.config_hash == first.project.config_hash


def use(project: ResolvedProject, result: LoadResult, case: Case) -> None:
    """Write it, load what was written, render it, find and explain its values."""
    to_json(project.document)
    canonical = Verbatim({SOMEWHERE / "compose.yaml": to_yaml(project.document)})
    load_project(LoadRequest(working_dir=SOMEWHERE, profiles=("*",)), canonical)
    for version in ((4, 3, 1), (5, 4)) if case.request.check_consistency else ():
        try:
            render(project, {material: f"/x/{material.name}" for material in materials(project)}, version)
        except PodkeeperError:
            continue  # a refusal with a reason
    for path in list(result.locations):
        place = project.location_of(*path)
        assert place is not None
        to_wire_location(place, case.after.get(place.path, "").splitlines())
    explainer = Explainer(
        result.document,
        getattr(result.locations, "spots", {}),
        process=case.request.environment,
        variables={},
        read=case.after.get,
    )
    for path in list(result.locations)[::-1][:_EXPLAINED]:
        try:
            explainer.explain(as_text(path))
        except PodkeeperError:
            continue  # a key that looks like a path of several


def fuzz(first: int, runs: int, seed: int) -> Tally:
    """Run the cases of these numbers."""
    tally, projects = Tally(), seeds()
    for number in range(first, first + runs):
        case = make(number, seed, projects)
        began = time.process_time()
        try:
            result = examine(case)
        except Exception as error:  # noqa: BLE001  (whatever it is, it is what we look for)
            frames = traceback.extract_tb(error.__traceback__)[-3:]
            where = "\n".join(
                f"  {Path(frame.filename).name}:{frame.lineno} {frame.line}" for frame in frames
            )
            tally.failures.setdefault(f"{type(error).__name__}: {str(error)[:200]}\n{where}", []).append(
                number
            )
        else:
            tally.loaded += result.project is not None
            tally.codes.update(str(d.code) for d in result.diagnostics if d.severity == "error")
        took_ms = (time.process_time() - began) * 1000
        tally.runs += 1
        if took_ms > tally.slowest_ms:
            tally.slowest_ms, tally.slowest = took_ms, number
    return tally


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; the exit code is 1 when something failed or was slow."""
    parser = argparse.ArgumentParser(description="Loads compose projects that were broken at random.")
    parser.add_argument("--runs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="the number of the first run")
    chosen = parser.parse_args(arguments)
    tally = fuzz(chosen.first, chosen.runs, chosen.seed)
    sys.stdout.write("\n".join(tally.lines()) + "\n")
    return int(bool(tally.failures) or tally.slowest_ms > SLOW_MS)


if __name__ == "__main__":
    sys.exit(main())
