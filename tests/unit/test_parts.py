"""Which parts do not work, and who is told."""

import asyncio
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from tests.fakes.clock import LoopClock
from tests.fakes.tasks import LoopTasks

from containers.adapters.part_notes import PartFiles
from containers.bus import EventBus
from containers.machine_check import examine
from containers.model.base import ProjectName
from containers.model.errors import EngineError, ErrorCode
from containers.model.events import PartFailed, PartRecovered
from containers.parts import Parts
from containers.ports.engine import ContainerEngine
from containers.settings import Settings

NOW = datetime.now(UTC)


async def test_what_fails_is_known_until_it_has_recovered(tmp_path: Path) -> None:
    """Here, and in other processes; a process that ends takes its note away."""
    bus, tasks = EventBus(LoopClock()), LoopTasks()
    bus.start(tasks)
    notes = PartFiles(tmp_path)
    parts = Parts(bus, notes)
    bus.publish(PartFailed(at=NOW, source="server", part="history", reason="disk full"))
    bus.publish(PartFailed(at=NOW, source="server", part="file watcher", reason="no watches left"))
    bus.publish(PartRecovered(at=NOW, source="server", part="file watcher"))
    await bus.close()
    assert parts.failed == {"history": "disk full"}
    assert PartFiles(tmp_path).read() == {os.getpid(): {"history": "disk full"}}
    parts.close()
    assert PartFiles(tmp_path).read() == {}
    await tasks.cancel()


async def test_one_projects_recovery_hides_no_other_projects_failure(tmp_path: Path) -> None:
    """Symptom: with two folders open the hook of one that worked again took the other's failure away.

    Each is named with its project while both fail; one alone is shown as ever.
    """
    bus, tasks = EventBus(LoopClock()), LoopTasks()
    bus.start(tasks)
    notes = PartFiles(tmp_path)
    parts = Parts(bus, notes)
    shop, blog = ProjectName("shop"), ProjectName("blog")
    settled = bus.subscribe("settled", lambda _: None)

    async def shown() -> Mapping[str, str]:
        await settled.settled()
        await asyncio.sleep(0)
        assert PartFiles(tmp_path).read().get(os.getpid(), {}) == parts.failed
        return parts.failed

    bus.publish(PartFailed(at=NOW, source="server", project=shop, part="hook tell", reason="exit code 1"))
    assert await shown() == {"hook tell": "exit code 1"}
    bus.publish(PartFailed(at=NOW, source="server", project=blog, part="hook tell", reason="exit code 2"))
    bus.publish(PartFailed(at=NOW, source="health", part="history", reason="disk full"))
    both = {"hook tell of shop": "exit code 1", "hook tell of blog": "exit code 2", "history": "disk full"}
    assert await shown() == both
    bus.publish(PartRecovered(at=NOW, source="server", project=blog, part="hook tell"))
    assert await shown() == {"hook tell": "exit code 1", "history": "disk full"}
    bus.publish(PartRecovered(at=NOW, source="server", project=shop, part="hook tell"))
    bus.publish(PartRecovered(at=NOW, source="health", part="history"))
    assert await shown() == {}
    await bus.close()
    await tasks.cancel()


def test_notes_of_processes_that_died_are_removed(tmp_path: Path) -> None:
    """Killed before it could take its note away; what is no note is no trouble."""
    folder = tmp_path / "parts"
    folder.mkdir()
    dead = 2**22 + 1  # more than the kernel ever gives
    (folder / f"{dead}.json").write_text(json.dumps({"history": "disk full"}))
    (folder / f"{os.getpid()}.json").write_text("[")
    assert PartFiles(tmp_path).read() == {}
    assert [path.name for path in folder.iterdir()] == [f"{os.getpid()}.json"]


def test_a_folder_that_can_not_be_written_stops_nobody(tmp_path: Path) -> None:
    """It is a note, no more."""
    (tmp_path / "parts").write_text("in the way")
    PartFiles(tmp_path).write({"history": "disk full"})
    assert PartFiles(tmp_path).read() == {}


class _Translator:
    """The port `ComposeTranslator`, as much as is asked of it."""

    async def describe(self) -> str:
        """It is there."""
        return "1.6.0"


async def _no_engine() -> ContainerEngine:
    raise EngineError(ErrorCode.DAEMON_UNREACHABLE, "Podman does not answer")


async def test_doctor_lists_what_does_not_work_elsewhere(tmp_path: Path) -> None:
    """Also while Podman does not answer."""
    notes = PartFiles(tmp_path)
    notes.write({"hook tell": "exit code 1"})
    checks = await examine(_no_engine, _Translator(), Settings(state_dir=tmp_path), notes)  # type: ignore[arg-type]
    (found,) = [check for check in checks if check.name == "hook tell"]
    assert not found.ok
    assert found.value == f"does not work in process {os.getpid()}: exit code 1"
    assert found.remedy


async def test_doctor_says_that_the_state_folder_is_of_no_use(tmp_path: Path) -> None:
    """Nothing could be applied, and nothing supervised."""
    usable = await examine(_no_engine, _Translator(), Settings(state_dir=tmp_path / "new"))  # type: ignore[arg-type]
    (tmp_path / "file").touch()
    unusable = await examine(_no_engine, _Translator(), Settings(state_dir=tmp_path / "file"))  # type: ignore[arg-type]
    first, second = (next(c for c in found if c.name == "state folder") for found in (usable, unusable))
    assert (first.ok, second.ok) == (True, False)
    assert "PODKEEPER_STATE_DIR" in second.remedy
