"""Random sequences of edits and verbs against the engine in memory, with kills between."""

import json
import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.fakes.fake_container import Behaviour
from tests.fakes.memory_files import MemoryFiles
from tests.fakes.workshop import Workshop
from tests.torture.edits import Edits, Service, Turn

from containers.compose.loading import LoadRequest, load_project
from containers.model.base import ServiceName
from containers.model.observed import ObservedState
from containers.model.outcome import Committed, ComposeResult, RolledBack
from containers.model.project import ResolvedProject
from containers.planning.down import plan_down, plan_restart, plan_stop
from containers.planning.options import DownOptions, UpOptions
from containers.planning.starting import plan_start
from containers.project_changes import Change

_CHECK = {"test": ["CMD", "true"], "interval": "1s", "timeout": "1s", "retries": 2}
_BEHAVIOURS = {
    "exits": Behaviour(exits_after_s=0.0, exit_code=3),
    "unhealthy": Behaviour(healthy_after_s=None),
}
_CODES = {"gate_failed", "service_exited", "image_not_found"}
"""What a broken service fails with."""


def dialect(service: Service, _all: Mapping[str, Service]) -> dict[str, Any]:
    """A service's image says how it behaves."""
    written: dict[str, Any] = {"image": f"{service.kind}:1", "pull_policy": "never"}
    if service.kind in {"checked", "unhealthy"}:
        written["healthcheck"] = _CHECK
    return written


def load(document: Mapping[str, Any]) -> ResolvedProject:
    """The project that a document describes."""
    files = MemoryFiles({"compose.yaml": json.dumps(document)})
    return load_project(LoadRequest(working_dir=Path("/srv/demo"), project_name="demo"), files).require()


class Sequence:
    """One sequence; `run` raises an AssertionError that tells what was done where something is wrong."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._edits = Edits(chance, dialect)
        sound = ("fine:1", "checked:1", "exits:1", "unhealthy:1")
        self._shop = Workshop(*sound, behaviours={f"{k}:1": b for k, b in _BEHAVIOURS.items()})
        self.told: list[str] = []

    async def run(self, turns: int) -> None:
        """Take so many turns."""
        for _ in range(turns):
            turn = self._edits.turn()
            self.told.append(str(turn))
            project = load(self._edits.document())
            if turn.hand:
                await self._by_hand(turn, project)
            else:
                await self._verb(turn, project)

    async def _by_hand(self, turn: Turn, project: ResolvedProject) -> None:
        for container in (await self._shop.look(project)).of_service(ServiceName(turn.service))[:1]:
            match turn.hand:
                case "stop":
                    await self._shop.engine.stop_container(container.id)
                case "start":
                    await self._shop.engine.start_container(container.id)
                case _:
                    await self._shop.engine.remove_container(container.id)

    async def _verb(self, turn: Turn, project: ResolvedProject) -> None:
        before = await self._shop.look(project)
        options = UpOptions(remove_orphans=turn.remove_orphans)
        killed_at = int(70 * self._chance.random() ** 2) if self._chance.random() < 0.5 else None
        result = await self._carry_out(turn, project, options, killed_at)
        if result is None:
            self.told.append(f"  killed at {killed_at}")
            await self._after_kill(turn, project, before, options)
        else:
            outcome = result.outcome
            self.told.append(f"  {outcome.kind if outcome else [p.code for p in result.problems]}")
            if isinstance(outcome, Committed) and turn.action == "up":
                self._expect(not await self._missing(project, options), await self._missing(project, options))
            elif isinstance(outcome, RolledBack):
                wrong = list(changes(before, await self._shop.look(project)))
                self._expect(not wrong, wrong)
                codes = {str(p.code) for p in result.problems}
                self._expect(bool(codes & _CODES), codes)
            elif turn.action == "up":
                self._expect(isinstance(outcome, Committed), result.problems)
        await self._is_tidy(project)
        if result is None or not isinstance(result.outcome, Committed):
            self._edits.mend()

    async def _carry_out(
        self, turn: Turn, project: ResolvedProject, options: UpOptions, killed_at: int | None
    ) -> ComposeResult | None:
        if turn.action == "up":
            return await self._shop.up(project, options, killed_at=killed_at)
        down = DownOptions(remove_orphans=True)
        change = {
            "down": Change(
                verb="down", project=project, planner=lambda o, _: plan_down(o.project, project, o, down)
            ),
            "restart": Change(verb="restart", project=project, planner=lambda o, _: plan_restart(project, o)),
            "stop": Change(verb="stop", project=project, planner=lambda o, _: plan_stop(project, o)),
            "start": Change(verb="start", project=project, planner=lambda o, _: plan_start(project, o)),
        }[turn.action or "down"]
        return await self._shop.change(change, killed_at=killed_at)

    async def _after_kill(
        self, turn: Turn, project: ResolvedProject, before: ObservedState, options: UpOptions
    ) -> None:
        if self._chance.random() < 0.3:
            again_at = self._chance.randint(0, 20)
            if await self._shop.recover(project, killed_at=again_at) is None:
                self.told.append(f"  its recovery killed at {again_at}")
        told = await self._shop.recover(project)
        self._expect(told is not None and not [p for p in told if p.code == "rollback_failed"], told)
        now = await self._shop.look(project)
        not_old = list(changes(before, now))
        if turn.action == "restart":
            self._expect(not not_old or all_started(before, now), not_old)
            return
        if not not_old or turn.action in {"stop", "start"}:
            return
        if turn.action == "up":
            missing = await self._missing(project, options)
            self._expect(not missing, (not_old, missing))
        else:
            self._expect(not now.containers, [c.name for c in now.containers])

    async def _missing(self, project: ResolvedProject, options: UpOptions) -> tuple[str, ...]:
        plan = await self._shop.plan(project, options)
        return tuple(f"{step.id}: {step.cause}" for step in plan.changes)

    async def _is_tidy(self, project: ResolvedProject) -> None:
        now = await self._shop.look(project)
        aside = [c.name for c in now.containers if "_old_" in c.name or "_new_" in c.name]
        self._expect(not aside, aside)
        self._expect(not await self._shop.open_transactions(project), "a transaction is open")
        self._expect(self._shop.revisions.staged is None, "a revision is staged")
        self._expect(not self._shop.locks.held, "the lock is held")

    def _expect(self, is_so: bool, otherwise: object) -> None:  # noqa: FBT001
        document = json.dumps(self._edits.document(), indent=1)
        assert is_so, "\n".join([*self.told, f"  WRONG: {otherwise}", document])


def all_started(before: ObservedState, now: ObservedState) -> bool:
    """Whether what did not run was started, all of it, and nothing else differs: what a restart comes to."""
    was = {c.name: c for c in before.containers}
    idle = {name for name, c in was.items() if not c.is_running}
    begun = {c.name for c in now.containers if c.name in idle and c.started_at != was[c.name].started_at}
    changed = {text.partition(":")[0] for text in changes(before, now)}
    return begun == idle and changed <= idle


def changes(before: ObservedState, now: ObservedState) -> Iterator[str]:
    """How two looks differ in what a rollback must restore."""
    was = {c.name: (c.id, c.is_running, c.is_running and c.health) for c in before.containers}
    found = {c.name: (c.id, c.is_running, c.is_running and c.health) for c in now.containers}
    for name in sorted(was.keys() | found.keys()):
        if was.get(name) != found.get(name):
            yield f"{name}: {was.get(name)} became {found.get(name)}"
    for kind in ("networks", "volumes"):
        one, two = ({r.name for r in getattr(state, kind)} for state in (before, now))
        if one != two:
            yield f"{kind}: {sorted(one)} became {sorted(two)}"


async def run_sequence(chance: random.Random, turns: int = 8) -> None:
    """One sequence from nothing."""
    await Sequence(chance).run(turns)
