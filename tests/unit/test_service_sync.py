"""ServiceSync and ServiceReloads on an engine that does as it is told, with real files."""

from pathlib import Path
from typing import Any

import pytest
from tests.fakes.fake_engine import FakeEngine
from tests.fakes.projects import BUSYBOX, project
from tests.fakes.stack import Bench

from containers.adapters.file_tree import LocalFileTree
from containers.model.base import ServiceName
from containers.model.errors import EngineError, ErrorCode, PodkeeperError
from containers.service_reloads import ServiceReloads
from containers.service_sync import Delivery, ServiceSync
from containers.watching.ledger import Ledger
from containers.watching.rules import SyncRule, rules_of

API = ServiceName("api")


class Stage:
    """A stack that is up, files to bring into it, and who brings them."""

    def __init__(self, source: Path, **service: Any) -> None:
        rule = {"path": str(source), "action": "sync", "target": "/app"}
        self.project = project(services={"api": {"develop": {"watch": [rule]}, **service}})
        self.bench = Bench(BUSYBOX)
        self.engine = self.bench.engine
        self.ledger = Ledger()
        self.source = source
        self.rule: SyncRule = rules_of(self.project.services.values(), {})[0]
        self.sync = ServiceSync(engine=self.provide, tree=LocalFileTree(), ledger=self.ledger)
        self.reloads = ServiceReloads(project=lambda: self.project, engine=self.provide)

    async def provide(self) -> FakeEngine:
        """The engine."""
        return self.engine

    async def save(self, **texts: str) -> None:
        """Write files, and note that they changed."""
        for name, text in texts.items():
            (self.source / name).write_text(text)
            self.ledger.note([(self.rule, self.source / name)])

    async def deliver(self) -> Delivery:
        """Bring over what is lacking."""
        containers = await self.sync.containers(self.project.name, API)
        return await self.sync.deliver(containers, API)

    def inside(self, number: int = 1) -> dict[str, bytes]:
        """The files in a container."""
        return self.engine.container(f"demo_api_{number}").files


async def test_every_replica_gets_one_archive_with_all_that_changed(tmp_path: Path) -> None:
    """And nothing twice."""
    stage = Stage(tmp_path, scale=2)
    await stage.bench.up(stage.project)
    await stage.save(a="1", b="2")
    first, again = await stage.deliver(), await stage.deliver()
    assert (first.copied, len(first.containers), first.is_complete) == (2, 2, True)
    assert (again.copied, again.containers) == (0, ())
    assert stage.inside(1) == stage.inside(2) == {"/app/a": b"1", "/app/b": b"2"}


async def test_while_podman_is_away_nothing_is_lost(tmp_path: Path) -> None:
    """What could not be delivered is lacking still."""
    stage = Stage(tmp_path)
    await stage.bench.up(stage.project)
    await stage.save(a="1")
    stage.engine.fail_next("put_archive", EngineError(ErrorCode.DAEMON_UNREACHABLE, "Podman is away"))
    lost = await stage.deliver()
    assert (lost.is_complete, lost.problems, stage.inside()) == (False, (), {})
    await stage.save(b="2")
    assert (await stage.deliver()).copied == 2
    assert stage.inside() == {"/app/a": b"1", "/app/b": b"2"}


async def test_what_the_engine_refuses_is_told(tmp_path: Path) -> None:
    """A root file system that can not be written to, say."""
    stage = Stage(tmp_path)
    await stage.bench.up(stage.project)
    await stage.save(a="1")
    stage.engine.fail_next("put_archive", EngineError(ErrorCode.NO_SPACE, "no space left"))
    assert (await stage.deliver()).problems == ("no space left",)


async def test_a_service_without_a_container_lacks_what_changed(tmp_path: Path) -> None:
    """Until it has one; where nothing changed nothing is lacking."""
    stage = Stage(tmp_path)
    assert (await stage.deliver()).is_complete
    await stage.save(a="1")
    assert not (await stage.deliver()).is_complete
    await stage.bench.up(stage.project)
    done = await stage.deliver()
    assert (done.copied, done.is_complete, done.caught_up) == (1, True, frozenset())


async def test_a_container_that_was_there_before_is_known_to_have_missed_something(tmp_path: Path) -> None:
    """What follows a copy follows for it, too."""
    stage = Stage(tmp_path)
    await stage.bench.up(stage.project)
    await stage.sync.meet(stage.project.name, API)
    await stage.save(a="1")
    assert (await stage.deliver()).caught_up == {stage.rule}


async def test_a_link_out_is_refused_and_the_rest_delivered(tmp_path: Path) -> None:
    """Also where it lies on the way to a file."""
    stage = Stage(tmp_path / "src")
    stage.source.mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("hidden")
    (stage.source / "way").symlink_to(tmp_path / "outside")
    await stage.bench.up(stage.project)
    await stage.save(good="1")
    stage.ledger.note([(stage.rule, stage.source / "way"), (stage.rule, stage.source / "way" / "secret")])
    done = await stage.deliver()
    assert stage.inside() == {"/app/good": b"1"}
    assert sum("path_escapes" in problem for problem in done.problems) == 2


async def test_reload_refuses_before_anything_is_told(tmp_path: Path) -> None:
    """Unknown services, ones that do not say how, and ones that do not run."""
    silent = Stage(tmp_path)
    able = Stage(tmp_path, **{"x-podkeeper": {"reload": {"signal": "HUP"}}})
    wanted = [
        (silent, ["api"], ErrorCode.USAGE),
        (silent, [], ErrorCode.USAGE),
        (silent, ["nobody"], ErrorCode.SERVICE_UNKNOWN),
        (able, ["api"], ErrorCode.SERVICE_EXITED),
    ]
    for stage, services, code in wanted:
        with pytest.raises(PodkeeperError) as refusal:
            await stage.reloads.reload(services)
        assert refusal.value.code is code
        assert refusal.value.remedy
    assert await able.reloads.reload() == ()


async def test_reload_tells_every_replica_once(tmp_path: Path) -> None:
    """With the signal that the service names."""
    stage = Stage(tmp_path, scale=2, **{"x-podkeeper": {"reload": {"exec": ["true"]}}})
    await stage.bench.up(stage.project)
    (told,) = await stage.reloads.reload(["api"])
    assert (told.containers, told.how) == (2, "`true`")
