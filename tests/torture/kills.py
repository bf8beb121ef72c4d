"""`./dev torture kills`: kill -9 at every instant between two effects, then look at what is left.

After each kill a fresh process does what the next verb does first. Then the stack must be wholly what it was
or wholly what it was to be, healthy, with nothing left over and the data in its volume intact.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tests.podman import bed
from tests.torture.children import Ending, in_child
from tests.torture.doom import Doom, bring_doom
from tests.torture.kill_scenarios import SCENARIOS, Document, Scenario, Verb, carry_out
from tests.torture.looks import Look, differences, leftovers, look, shortcomings, sweep, write_proof

import containers.adapters.podman_compose_translator
import containers.adapters.podman_rest
import containers.adapters.sqlite_journal  # noqa: F401  (loaded once, before the forks)
from containers.app import Application, running
from containers.compose_manager import ComposeManager
from containers.environment_manager import Selection
from containers.model.base import ProjectName
from containers.planning.options import DownOptions, UpOptions
from containers.settings import EngineSettings, Settings

_EARLIER = 3
"""How much earlier it is tried where a verb had fewer effects than the time it was counted."""

Next = Literal["recover", "up", "down"]


@dataclass
class Tally:
    """What became of a scenario."""

    scenario: str
    instants: int = 0
    kills: int = 0
    old: int = 0
    new: int = 0
    failures: list[str] = field(default_factory=list)


class Arena:
    """One project with its folder and its state; every step on it in a process of its own."""

    def __init__(self, url: str, folder: Path, scenario: Scenario) -> None:
        self.project = ProjectName(f"pk{uuid.uuid4().hex[:10]}")
        self.scenario = scenario
        self.before = Look()
        self.token = ""
        self._url = url
        self._folder = folder / self.project
        self._folder.mkdir()

    def write(self, document: Document) -> None:
        """Have the compose file say `document`."""
        text = json.dumps({"name": self.project, **document})
        (self._folder / "compose.yaml").write_text(text)

    def prepare(self) -> None:
        """Bring about what there is before the verb."""
        self.token = uuid.uuid4().hex
        self.write(self.scenario.before or self.scenario.document)
        ending = self._child(self._prepare)
        assert ending.answer, ending.words
        self.before = Look.model_validate(ending.answer)
        self.write(self.scenario.document)

    def attack(self, chosen: int | None, *, on: Literal["verb", "recovery"] = "verb") -> Ending:
        """Do the verb, or the recovery, in a process that is killed at the chosen instant."""

        async def work(app: Application, manager: ComposeManager, words: int) -> Any:
            doom = Doom(chosen, words)
            await bring_doom(app, doom)
            doomed = app.manager(Selection(folder=self._folder))
            if on == "verb":
                await carry_out(doomed, self.scenario.verb)
            else:
                await doomed.changes.recover(manager.require_project())
            return doom.passed

        return self._child(work)

    def aftermath(self, then: Next) -> tuple[Look, Iterator[str]]:
        """What the next process finds and makes of it, and how that is not wholly what the file says."""

        async def work(app: Application, manager: ComposeManager, _words: int) -> Any:
            problems: list[str] = []
            match then:
                case "recover":
                    told = await manager.changes.recover(manager.require_project())
                    problems = [p.message for p in told if p.code == "rollback_failed"]
                case "up":
                    result = await manager.start_services(options=UpOptions(remove_orphans=True))
                    problems = [] if result.ok else [p.message for p in result.problems]
                case "down":
                    result = await manager.down(DownOptions(remove_orphans=True))
                    problems = [p.message for p in result.problems]
            seen = await look(app, self.project)
            return {
                "look": seen.model_dump(),
                "problems": problems,
                "not_new": list(self._not_new(manager, seen, "down" if then == "down" else None)),
            }

        ending = self._child(work)
        if not ending.answer:
            return Look(), iter([f"the next process failed: {ending.words}"])
        answer = ending.answer
        return Look.model_validate(answer["look"]), iter([*answer["problems"], *answer["not_new"]])

    def _not_new(self, manager: ComposeManager, seen: Look, verb: Verb | None) -> Iterator[str]:
        if (verb or self.scenario.verb) == "down":
            yield from (f"{name} is left" for name in (*seen.containers, *seen.networks))
        else:
            yield from shortcomings(manager.require_project(), seen)

    async def _prepare(self, app: Application, manager: ComposeManager, _words: int) -> Any:
        if self.scenario.before is None:
            result = await manager.down(DownOptions(volumes=True, remove_orphans=True))
        else:
            result = await manager.start_services(options=UpOptions(remove_orphans=True))
        assert result.ok, [p.message for p in result.problems]
        engine = await app.engine()
        stray = {f"{self.project}_more", f"{self.project}_side"}
        for volume in stray:
            await engine.remove_volume(volume)
            await engine.remove_network(volume)
        await write_proof(app, self.project, self.token)
        return (await look(app, self.project)).model_dump()

    def _child(self, work: Callable[[Application, ComposeManager, int], Awaitable[Any]]) -> Ending:
        async def inside(words: int) -> Any:
            async with self._application() as app:
                return await work(app, app.manager(Selection(folder=self._folder)), words)

        return in_child(inside)

    @asynccontextmanager
    async def _application(self) -> AsyncIterator[Application]:
        settings = Settings(state_dir=self._folder / "state", engine=EngineSettings(url=self._url))
        async with running(settings, dict(os.environ)) as app:
            yield app

    def clear(self) -> None:
        """Leave nothing."""
        sweep(self._url, self.project)
        shutil.rmtree(self._folder, ignore_errors=True)


def run_scenario(url: str, folder: Path, scenario: Scenario, runs: int | None, *, shown: bool) -> Tally:
    """Kill one scenario at each of its instants, or at `runs` of them, evenly spread."""
    arena = Arena(url, folder, scenario)
    tally = Tally(scenario.name)
    try:
        arena.prepare()
        total = _instants(arena, tally)
        step = max(total / runs, 1.0) if runs else 1.0
        chosen = sorted({int(i * step) for i in range(total) if int(i * step) < total})
        must_prepare = True
        for index, instant in enumerate(chosen):
            if must_prepare:
                arena.prepare()
            must_prepare = _kill_once(arena, tally, instant, index)
            if shown:
                _say(f"  {scenario.name}: {index + 1}/{len(chosen)}", end="\r")
    finally:
        arena.clear()
    return tally


def _instants(arena: Arena, tally: Tally) -> int:
    """How many there are when nobody interferes; and whether it ends as it should then."""
    if (part := arena.scenario.kill_recovery_of) is not None:
        ending = arena.attack(None)
        assert ending.answer, ending.words
        tally.instants = int(ending.answer * part)
        arena.prepare()
        arena.attack(tally.instants)
        ending = arena.attack(None, on="recovery")
        assert ending.answer, ending.words
        return int(ending.answer)
    ending = arena.attack(None)
    assert ending.answer, ending.words
    seen, not_new = arena.aftermath("recover")
    wrong = list(differences(arena.before, seen) if arena.scenario.ends == "old" else not_new)
    assert not wrong, f"{arena.scenario.name}, with nobody killed: {wrong}"
    tally.instants = int(ending.answer)
    return tally.instants


def _attack(arena: Arena, tally: Tally, instant: int) -> Ending:
    """Have it killed, or what ends it where it was killed before."""
    if arena.scenario.kill_recovery_of is None:
        return arena.attack(instant)
    arena.attack(tally.instants)
    return arena.attack(instant, on="recovery")


def _kill_once(arena: Arena, tally: Tally, instant: int, index: int) -> bool:
    """One kill and its aftermath; whether the stack has to be prepared anew after it."""
    ending = _attack(arena, tally, instant)
    for earlier in range(1, _EARLIER + 1):
        if ending.killed or ending.answer is None or earlier > instant:
            break
        arena.prepare()  # it had fewer effects this time, and ended before
        ending = _attack(arena, tally, instant - earlier)
    if not ending.killed:
        if ending.answer is None:
            tally.failures.append(f"at {instant}: it was to be killed and failed: {ending.words}")
        return True
    tally.kills += 1
    then: Next = "up" if index % 8 == 3 and arena.scenario.ends == "new" else "recover"
    then = "down" if index % 8 == 7 else then
    if then == "up" and arena.scenario.verb != "up":
        then = "recover"
    seen, not_new = arena.aftermath(then)
    changed, missing, left = list(differences(arena.before, seen)), list(not_new), list(leftovers(seen))
    if arena.scenario.before is not None and seen.containers and seen.proof != arena.token:
        left.append(f"the data in the volume is {seen.proof!r}, not {arena.token!r}")
    if not changed:
        tally.old += 1
    elif not missing:
        tally.new += 1
    torn = bool(changed and missing) or (then == "up" and bool(missing))
    if torn or left:
        parts = [
            *(["not old: " + "; ".join(changed), "not new: " + "; ".join(missing)] if torn else []),
            *left,
        ]
        tally.failures.append(f"killed {ending.words} ({instant}), then {then}: " + "; ".join(parts))
    return bool(changed or left or then == "down")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the scenarios and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, help="kills of each scenario; without it, at every instant")
    parser.add_argument("--seed", type=int, default=0, help="taken, and of no use: kills are not random")
    parser.add_argument("--only", default="", help="scenarios whose name contains this")
    options = parser.parse_args(arguments)
    tallies = []
    with bed.rootful_engine() as url, tempfile.TemporaryDirectory(prefix="kills-") as folder:
        for scenario in SCENARIOS:
            if options.only in scenario.name:
                tally = run_scenario(url, Path(folder), scenario, options.runs, shown=sys.stdout.isatty())
                tallies.append(tally)
                for failure in tally.failures:
                    _say(f"FAILED {tally.scenario}: {failure}")
    _say(f"{'scenario':18} {'instants':>8} {'kills':>6} {'old':>5} {'new':>5} {'failures':>9}")
    for tally in tallies:
        _say(
            f"{tally.scenario:18} {tally.instants:8} {tally.kills:6} {tally.old:5} {tally.new:5}"
            f" {len(tally.failures):9}"
        )
    _say(f"{sum(t.kills for t in tallies)} kills, {sum(len(t.failures) for t in tallies)} failures")
    return int(any(t.failures for t in tallies))


def _say(text: str, end: str = "\n") -> None:
    sys.stdout.write(text + end)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
