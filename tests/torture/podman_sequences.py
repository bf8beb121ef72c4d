"""Random sequences of edits and verbs on real Podman."""

import json
import os
import random
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.podman import bed
from tests.torture.edits import Edits, Service, Turn
from tests.torture.looks import differences, leftovers, look, sweep

from containers.app import Application, running
from containers.compose_manager import ComposeManager
from containers.environment_manager import Selection
from containers.model.base import ProjectName, ServiceName
from containers.model.outcome import Committed, ComposeResult, RolledBack
from containers.planning.options import DownOptions, UpOptions
from containers.settings import EngineSettings, Settings

_SERVE = "trap 'exit 0' TERM; touch /tmp/ready; sleep infinity & wait"
_CHECK = {"test": ["CMD", "test", "-e", "/tmp/ready"], "interval": "30s"}  # noqa: S108  (in the container)
_BROKEN_CHECK = {"test": ["CMD", "false"], "interval": "100ms", "timeout": "100ms", "retries": 1}
_CODES = {"gate_failed", "service_exited", "image_not_found", "image_pull_failed"}


def dialect(service: Service, _all: Mapping[str, Service]) -> dict[str, Any]:
    """What a service does is in its command."""
    script = "exit 3" if service.kind == "exits" else _SERVE
    written: dict[str, Any] = {"image": bed.IMAGE, "command": ["sh", "-c", script], "pull_policy": "never"}
    if service.kind == "missing":
        written["image"] = "localhost/podkeeper-test/there-is-none:1"
    if service.kind in {"checked", "unhealthy"}:
        written["healthcheck"] = _CHECK if service.kind == "checked" else _BROKEN_CHECK
    return written


class Sequence:
    """One sequence; `run` raises an AssertionError that tells what was done where something is wrong."""

    def __init__(self, url: str, folder: Path, chance: random.Random) -> None:
        self.project = ProjectName(f"pk{uuid.uuid4().hex[:10]}")
        self.told: list[str] = []
        self._url = url
        self._folder = folder / self.project
        self._edits = Edits(chance, dialect)

    async def run(self, turns: int) -> None:
        """Take so many turns, then leave nothing."""
        self._folder.mkdir()
        settings = Settings(state_dir=self._folder / "state", engine=EngineSettings(url=self._url))
        try:
            async with running(settings, dict(os.environ)) as app:
                manager = app.manager(Selection(folder=self._folder))
                for _ in range(turns):
                    turn = self._edits.turn()
                    self.told.append(str(turn))
                    self._write()
                    await (self._by_hand(app, turn) if turn.hand else self._verb(app, manager, turn))
        finally:
            sweep(self._url, self.project)
            shutil.rmtree(self._folder, ignore_errors=True)

    def _write(self) -> None:
        document = {"name": self.project, **self._edits.document()}
        (self._folder / "compose.yaml").write_text(json.dumps(document))

    async def _by_hand(self, app: Application, turn: Turn) -> None:
        observed = await (await app.engine()).snapshot(self.project)
        for container in observed.of_service(ServiceName(turn.service))[:1]:
            match turn.hand:
                case "stop":
                    bed.podman(self._url, "stop", "--time", "1", container.id)
                case "start":
                    bed.podman(self._url, "start", container.id)
                case _:
                    bed.podman(self._url, "rm", "--force", "--time", "0", container.id)

    async def _verb(self, app: Application, manager: ComposeManager, turn: Turn) -> None:
        before = await look(app, self.project)
        options = UpOptions(remove_orphans=turn.remove_orphans)
        result = await _carry_out(manager, turn, options)
        outcome = result.outcome
        self.told.append(f"  {outcome.kind if outcome else [str(p.code) for p in result.problems]}")
        now = await look(app, self.project)
        self._expect(not (left := list(leftovers(now))), left)
        if isinstance(outcome, Committed):
            if turn.action == "up":
                plan = await manager.plan(options)
                self._expect(plan.is_empty, [f"{s.id}: {s.cause}" for s in plan.changes])
            return
        # what could never have worked is refused before anything is begun
        self._expect(outcome is None or isinstance(outcome, RolledBack), result.problems)
        self._expect(not (wrong := list(differences(before, now))), wrong)
        codes = {str(p.code) for p in result.problems}
        self._expect(bool(codes & _CODES), codes)
        self._edits.mend()

    def _expect(self, is_so: bool, otherwise: object) -> None:  # noqa: FBT001
        document = json.dumps(self._edits.document(), indent=1)
        assert is_so, "\n".join([*self.told, f"  WRONG: {otherwise}", document])


async def _carry_out(manager: ComposeManager, turn: Turn, options: UpOptions) -> ComposeResult:
    match turn.action:
        case "down":
            return await manager.down(DownOptions(remove_orphans=True))
        case "restart":
            return await manager.restart_services()
        case "stop":
            return await manager.stop()
        case "start":
            return await manager.start()
        case _:
            return await manager.start_services(options=options)
