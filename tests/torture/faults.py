"""`./dev torture faults`: what can go wrong around an apply, each made to happen on real Podman.

Each ends as the mode promises, in the old state or the new one and never in a mix, with an error that has a
code, and without a traceback.
"""

import argparse
import asyncio
import json
import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.podman import bed
from tests.torture.kill_scenarios import BROKEN, NEW, OLD, Document, needs, service
from tests.torture.looks import Look, differences, leftovers, look, shortcomings, sweep, write_proof
from typing_extensions import override

from containers.adapters.system_clock import SystemClock
from containers.app import Application, running
from containers.compose_manager import ComposeManager
from containers.environment_manager import Selection
from containers.model.base import ProjectName
from containers.model.events import EventBase, StepFinished, StepStarted
from containers.model.outcome import Committed, ComposeResult, RolledBack
from containers.planning.options import UpOptions
from containers.settings import EngineSettings, GateSettings, Settings

_WRITERS = 10
_PROMPT_S = 30.0
_GATE = GateSettings()


@dataclass
class Site:
    """A project with its folder and state, on one engine."""

    url: str
    folder: Path
    project: ProjectName

    @property
    def state(self) -> Path:
        """Where Podkeeper keeps its own."""
        return self.folder / "state"

    def write(self, document: Document) -> None:
        """Have the compose file say `document`."""
        (self.folder / "compose.yaml").write_text(json.dumps({"name": self.project, **document}))

    @asynccontextmanager
    async def application(
        self, gate: GateSettings = _GATE
    ) -> AsyncIterator[tuple[Application, ComposeManager]]:
        """An application of its own, as another process would have."""
        settings = Settings(state_dir=self.state, engine=EngineSettings(url=self.url), gate=gate)
        async with running(settings, dict(os.environ)) as app:
            yield app, app.manager(Selection(folder=self.folder))

    async def apply(self, document: Document, gate: GateSettings = _GATE) -> ComposeResult:
        """Bring it up."""
        self.write(document)
        async with self.application(gate) as (_, manager):
            return await manager.start_services(options=UpOptions(remove_orphans=True))

    async def look(self) -> Look:
        """What there is."""
        async with self.application() as (app, _):
            return await look(app, self.project)

    async def established(self, document: Document = OLD) -> Look:
        """Bring it up, with data in its volume."""
        result = await self.apply(document)
        _require(result.ok, result.problems)
        async with self.application() as (app, _):
            await write_proof(app, self.project, "the data")
        return await self.look()

    def command(self, *verb: str, state: Path | None = None) -> "subprocess.CompletedProcess[str]":
        """The real program."""
        return subprocess.run(
            [sys.executable, "-m", "containers", *verb],
            cwd=self.folder,
            env=self._environ(state),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    def begin(self, *verb: str, state: Path | None = None) -> "subprocess.Popen[str]":
        """The real program, beside this one."""
        return subprocess.Popen(
            [sys.executable, "-m", "containers", *verb],
            cwd=self.folder,
            env=self._environ(state),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _environ(self, state: Path | None) -> Mapping[str, str]:
        return {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
            "CONTAINER_HOST": self.url,
            "PODKEEPER_STATE_DIR": str(state or self.state),
        }

    async def expect_new(self, *, proof: bool = True) -> None:
        """It is wholly what the file says."""
        async with self.application() as (app, manager):
            now = await look(app, self.project)
            wrong = [*shortcomings(manager.require_project(), now), *leftovers(now)]
            _require(not wrong, wrong)
            _require(not proof or now.proof == "the data", f"the data is {now.proof!r}")

    async def expect_old(self, before: Look, *, tidy: bool = True) -> None:
        """It is the very stack that it was."""
        now = await self.look()
        wrong = [*differences(before, now), *(leftovers(now) if tidy else ())]
        _require(not wrong, wrong)
        _require(now.proof == before.proof, f"the data is {now.proof!r}")


def _require(is_so: object, otherwise: object) -> None:
    assert is_so, str(otherwise)


def _rolled_back(result: ComposeResult, *codes: str) -> None:
    found = {str(p.code) for p in result.problems}
    kind = result.outcome.kind if result.outcome else "nothing done"
    _require(isinstance(result.outcome, RolledBack), f"{kind}: {result.problems}")
    _require(found & set(codes), f"{found} instead of {codes}")
    _require(all(p.message for p in result.problems), "a problem without a message")


def _changed(**changes: Any) -> Document:
    """OLD with an `api` that is otherwise."""
    return {**OLD, "services": {**OLD["services"], "api": {**OLD["services"]["api"], **changes}}}


async def fails_at_once(site: Site) -> None:
    """A service that exits with 3 as soon as it is started."""
    before = await site.established()
    patient = GateSettings(settle_s=2)  # on a busy machine it takes its time to end at once
    result = await site.apply(_changed(command=["sh", "-c", "echo no; exit 3"]), patient)
    _rolled_back(result, "service_exited")
    _require("exited with code 3" in result.problems[0].message, result.problems)
    await site.expect_old(before)


async def turns_unhealthy(site: Site) -> None:
    """A service that is well for two seconds, and from then on ill; another waits for it to be well."""
    before = await site.established()
    script = "trap 'exit 0' TERM; touch /tmp/up; sleep 2; rm /tmp/up; sleep infinity & wait"
    check: dict[str, Any] = {"test": ["CMD", "test", "-e", "/tmp/up"], "interval": "500ms"}  # noqa: S108
    result = await site.apply(_changed(command=["sh", "-c", script], healthcheck={**check, "retries": 2}))
    if isinstance(result.outcome, Committed):
        async with site.application() as (app, manager):
            now = await look(app, site.project)
            wrong = [s for s in shortcomings(manager.require_project(), now) if not s.endswith("unhealthy")]
            _require(not wrong, wrong)
        return
    _rolled_back(result, "gate_failed")
    await site.expect_old(before)


async def never_gets_healthy(site: Site) -> None:
    """A service whose new check never passes; the old one's check is not judged by the new one's words."""
    before = await site.established()
    result = await site.apply(BROKEN)
    _rolled_back(result, "gate_failed")
    await site.expect_old(before)


async def image_missing(site: Site) -> None:
    """An image that is nowhere."""
    before = await site.established()
    result = await site.apply(_changed(image="localhost/podkeeper-test/none:1", pull_policy="never"))
    _require(not result.ok, "it should not have worked")
    codes = {str(p.code) for p in result.problems}
    _require(codes & {"image_not_found", "image_pull_failed"}, codes)
    await site.expect_old(before)


async def port_taken(site: Site) -> None:
    """A port that somebody takes between planning and starting."""
    before = await site.established()
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
        holder.close()
        site.write(_changed(ports=[f"127.0.0.1:{port}:80"]))
        thief = socket.socket()
        async with site.application() as (app, manager):

            def take(event: EventBase) -> None:
                if isinstance(event, StepFinished) and event.step_kind == "create_container":
                    with suppress(OSError):
                        thief.bind(("127.0.0.1", port))
                        thief.listen()

            _hear(app, take)
            result = await manager.start_services(options=UpOptions(remove_orphans=True))
        thief.close()
    _rolled_back(result, "port_in_use")
    await site.expect_old(before)


def _hear(app: Application, handler: Callable[[EventBase], None]) -> None:
    """Have `handler` called with each event at the very time it is told."""
    publish = app.bus.publish

    def told(event: EventBase) -> None:
        handler(event)
        publish(event)

    app.bus.publish = told  # type: ignore[method-assign]


@contextmanager
def private_service(folder: Path) -> Iterator[tuple[str, Callable[[], None], Callable[[], None]]]:
    """A Podman service on a socket of its own, that can be killed and started again."""
    path = folder / "podman.sock"
    services: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        path.unlink(missing_ok=True)
        command = ["podman", "system", "service", "--time=0", f"unix://{path}"]
        quiet = subprocess.DEVNULL
        services.append(subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet))
        deadline = time.monotonic() + _PROMPT_S
        while not bed.answers(path):
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def kill() -> None:
        services[-1].send_signal(signal.SIGKILL)
        services[-1].wait()
        path.unlink(missing_ok=True)

    start()
    try:
        yield f"unix://{path}", kill, start
    finally:
        kill()


async def _podman_dies(
    site: Site, document: Document, when: Callable[[EventBase], bool], away_s: float
) -> ComposeResult:
    """Apply, and kill Podman's service when an event says so; it is back after a while."""
    site.write(document)
    with (
        tempfile.TemporaryDirectory(prefix="pk-") as folder,
        private_service(Path(folder)) as (url, kill, start),
    ):
        private = Site(url, site.folder, site.project)
        done = False
        async with private.application() as (app, manager), asyncio.TaskGroup() as group:

            async def come_back() -> None:
                await asyncio.sleep(away_s)
                await asyncio.to_thread(start)

            def strike(event: EventBase) -> None:
                nonlocal done
                if not done and when(event):
                    done = True
                    kill()
                    group.create_task(come_back())

            _hear(app, strike)
            result = await manager.start_services(options=UpOptions(remove_orphans=True))
        _require(done, "Podman was not killed")
    return result


async def podman_dies_in_apply(site: Site) -> None:
    """Podman's service is killed while containers are replaced, and is back a second later.

    What may be done twice is tried again until it is back, so the change may well go through.
    """
    before = await site.established()

    def when(event: EventBase) -> bool:
        return isinstance(event, StepStarted) and event.step_kind == "replace_container"

    result = await _podman_dies(site, NEW, when, 1.0)
    if isinstance(result.outcome, Committed):
        await site.expect_new()
    else:
        _rolled_back(result, "daemon_unreachable")
        await site.expect_old(before)


async def podman_dies_in_rollback(site: Site) -> None:
    """Podman's service is killed as the rollback begins, and is back a second later."""
    before = await site.established()

    def when(event: EventBase) -> bool:
        return isinstance(event, StepFinished) and event.step_kind == "gate" and event.outcome == "failed"

    result = await _podman_dies(site, BROKEN, when, 1.0)
    _rolled_back(result, "gate_failed")
    await site.expect_old(before)


async def podman_stays_away(site: Site) -> None:
    """Podman is gone for longer than the rollback waits: stuck, and put right as soon as it is back.

    That is by the fall-back, when it is back by then, else by the next verb; either says so.
    """
    before = await site.established()

    def when(event: EventBase) -> bool:
        return isinstance(event, StepFinished) and event.step_kind == "gate" and event.outcome == "failed"

    result = await _podman_dies(site, BROKEN, when, 45.0)
    _require(result.outcome is not None and result.outcome.kind == "stuck", result.outcome)
    async with site.application() as (_, manager):
        told = (*result.notices, *await manager.changes.recover(manager.require_project()))
    _require([p.code for p in told if p.code == "interrupted"] == ["interrupted"], told)
    await site.expect_old(before)


@contextmanager
def tiny_disk(folder: Path, size: str = "512k") -> Iterator[Path]:
    """A file system with next to no room."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def _fill(folder: Path, leave_bytes: int) -> None:
    room = shutil.disk_usage(folder).free
    with suppress(OSError):
        (folder / "filler").write_bytes(bytes(max(room - leave_bytes, 0)))


async def disk_full(site: Site) -> None:
    """The state folder has no room: at once, and at every point of an apply."""
    before = await site.established()
    site.write(NEW)
    with tiny_disk(site.folder / "tiny", "2m") as disk:
        for leave in (0, 4096, 16 << 10, 48 << 10, 96 << 10, 160 << 10):
            state = disk / "state"
            shutil.rmtree(state, ignore_errors=True)
            (disk / "filler").unlink(missing_ok=True)
            _fill(disk, leave)
            done = site.command("up", "-d", "--remove-orphans", state=state)
            _require("Traceback" not in done.stderr, f"{leave} bytes left: {done.stderr[-1500:]}")
            if done.returncode == 0:
                await site.expect_new()
                return
            # podman-compose runs in the state folder, too
            is_coded = "[no_space]" in done.stderr or "[compose_provider_failed]" in done.stderr
            _require(is_coded, f"{leave} bytes left: {done.stderr[-800:]}")
            await site.expect_old(before)


async def database_corrupted(site: Site) -> None:
    """Whatever is in the database's file: it is set aside, and the apply goes through."""
    await site.established()
    path = site.state / "state.db"
    garbage = random.Random(5).randbytes(60_000)  # noqa: S311  (to be repeated)
    content = path.read_bytes()
    half = content[: len(content) // 2] + garbage[: len(content) // 2]
    headless = b"SQLite format 3\x00" + garbage
    for number, damaged in enumerate((garbage, half, headless, content[:5000], b"x")):
        for ending in ("-wal", "-shm"):
            path.with_name(path.name + ending).unlink(missing_ok=True)
        path.write_bytes(damaged)
        document = NEW if number % 2 == 0 else OLD
        site.write(document)
        done = site.command("up", "-d", "--remove-orphans")
        _require("Traceback" not in done.stderr, done.stderr[-1500:])
        _require(done.returncode == 0, f"{number}: {done.stderr[-800:]}")
        with sqlite3.connect(path) as database:
            _require(database.execute("PRAGMA integrity_check").fetchone() == ("ok",), "still damaged")
        database.close()
    await site.expect_new(proof=True)


async def open_account_corrupted(site: Site) -> None:
    """The account of an open transaction can not be read: told, and the next apply goes through."""
    await site.established()
    with sqlite3.connect(site.state / "state.db") as database:
        database.execute(
            "UPDATE transactions SET finished_at = NULL, phase = 'applying', record = '{\"x\": 1'"
        )
    database.close()
    site.write(NEW)
    done = site.command("up", "-d", "--remove-orphans")
    _require("Traceback" not in done.stderr, done.stderr[-1500:])
    _require(done.returncode == 0, done.stderr[-800:])
    await site.expect_new()


async def revision_corrupted(site: Site) -> None:
    """A stored revision is not what was written: the others count, and it is named."""
    await site.established()
    result = await site.apply(NEW)
    _require(result.ok, result.problems)
    newest = max((site.state / "revisions").glob("*/[0-9]*"), key=lambda path: int(path.name))
    for name, content in (("compose.json", b"{}"), ("checksums.json", b"\x00\xff"), ("revision.json", b"[]")):
        (newest / name).write_bytes(content)
        now = await site.look()
        _require(any("damaged" in message for message in now.damaged), f"{name}: not noticed")
        result = await site.apply(OLD if name == "compose.json" else NEW)
        _require(result.ok, result.problems)
    shutil.rmtree(newest)
    await site.expect_new()


async def lock_corrupted(site: Site) -> None:
    """Garbage in the note of who has the lock, and in the lock itself: neither counts."""
    await site.established()
    locks = site.state / "locks"
    for content in (b"", b"\xff\x00", b"[]", b'{"pid": "x"}', b"null"):
        for path in (locks / f"{site.project}.json", locks / f"{site.project}.lock"):
            path.write_bytes(content)
        async with site.application() as (app, _), app.locks.hold(site.project, "test"):
            (locks / f"{site.project}.json").write_bytes(content)
            done = await asyncio.to_thread(site.command, "up", "-d")
            _require("Traceback" not in done.stderr, done.stderr[-1500:])
            _require(done.returncode != 0 and "[lock_held]" in done.stderr, done.stderr[-800:])
    _require((await site.apply(NEW)).ok, "the lock is not free")
    await site.expect_new()


class BackwardClock(SystemClock):
    """A wall clock that is set back by an hour at each look."""

    def __init__(self) -> None:
        self._back = timedelta()

    @override
    def now(self) -> datetime:
        """Ever earlier."""
        self._back += timedelta(hours=1)
        return super().now() - self._back


async def clock_set_back(site: Site) -> None:
    """An apply, a failing one and a killed one's recovery, while the wall clock jumps back."""
    await site.established()
    for document, ok in ((NEW, True), (BROKEN, False), (OLD, True)):
        site.write(document)
        async with site.application() as (app, _):
            app.clock = BackwardClock()
            manager = app.manager(Selection(folder=site.folder))
            result = await manager.start_services(options=UpOptions(remove_orphans=True))
            _require(result.ok is ok, result.problems)
            history = await app.journal.history(site.project)
            _require(history[0].phase == ("committed" if ok else "rolled_back"), history[0])
    numbers = [int(p.name) for p in (site.state / "revisions").glob("*/[0-9]*")]
    _require(sorted(numbers) == list(range(1, len(numbers) + 1)), numbers)


async def ten_at_once(site: Site) -> None:
    """Ten programs apply to one project, five of them something else: one state, the others are told."""
    await site.established()
    site.write(NEW)
    programs = [site.begin("up", "-d", "--remove-orphans") for _ in range(_WRITERS)]
    said = [(p.communicate(timeout=240)[1], p.returncode) for p in programs]
    for stderr, code in said:
        _require("Traceback" not in stderr, stderr[-1500:])
        _require(code == 0 or "[lock_held]" in stderr, f"{code}: {stderr[-600:]}")
    _require(any(code == 0 for _, code in said), "nobody came through")
    await site.expect_new()


async def ten_projects_at_once(site: Site) -> None:
    """Ten programs apply to projects of their own, with one new state folder: all come through."""
    small = {"services": {"db": service(), "web": service(depends_on=needs("db"))}}
    sites = []
    for number in range(_WRITERS):
        folder = site.folder / str(number)
        folder.mkdir()
        sites.append(Site(site.url, folder, ProjectName(f"{site.project}n{number}")))
        sites[-1].write(small)
    try:
        programs = [each.begin("up", "-d", state=site.state) for each in sites]
        for program in programs:
            _, stderr = program.communicate(timeout=240)
            _require("Traceback" not in stderr, stderr[-1500:])
            _require(program.returncode == 0, stderr[-600:])
    finally:
        for each in sites:
            sweep(site.url, each.project)


async def one_of_twenty(site: Site) -> None:
    """One changed service of twenty whose gate fails: the same containers, soon."""
    services: dict[str, Any] = {f"s{n:02}": service() for n in range(19)}
    before_document = {
        "services": {**services, "db": service(volumes=["data:/data"])},
        "volumes": {"data": {}},
    }
    before = await site.established(before_document)
    broken = {**services["s05"], "command": ["sh", "-c", "sleep 0.1; exit 3"]}
    site.write({**before_document, "services": {**before_document["services"], "s05": broken}})
    verdict = back = 0.0
    async with site.application() as (app, manager):

        def heard(event: EventBase) -> None:
            nonlocal verdict
            if isinstance(event, StepFinished) and event.step_kind == "gate" and event.outcome == "failed":
                verdict = time.monotonic()

        _hear(app, heard)
        result = await manager.start_services()
        back = time.monotonic()
    _rolled_back(result, "service_exited")
    await site.expect_old(before)
    _say(f"  one changed service of twenty: back {back - verdict:.2f} s after the gate's verdict")


FAULTS: Mapping[str, Callable[[Site], Awaitable[None]]] = {
    f.__name__: f
    for f in (
        fails_at_once,
        turns_unhealthy,
        never_gets_healthy,
        image_missing,
        port_taken,
        podman_dies_in_apply,
        podman_dies_in_rollback,
        podman_stays_away,
        disk_full,
        database_corrupted,
        open_account_corrupted,
        revision_corrupted,
        lock_corrupted,
        clock_set_back,
        ten_at_once,
        ten_projects_at_once,
        one_of_twenty,
    )
}
SHORT = ("fails_at_once", "podman_dies_in_apply", "database_corrupted", "lock_corrupted", "clock_set_back")


def run_fault(url: str, folder: Path, name: str) -> str:
    """Make one fault happen; what is wrong with what came of it, or nothing."""
    project = ProjectName(f"pk{uuid.uuid4().hex[:10]}")
    site = Site(url, folder / project, project)
    site.folder.mkdir()
    try:
        asyncio.run(_awaited(FAULTS[name](site)))
    except Exception as error:  # noqa: BLE001  (each is a finding)
        return f"{type(error).__name__}: {error}"
    finally:
        sweep(url, project)
        shutil.rmtree(site.folder, ignore_errors=True)
    return ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the faults happen and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1, help="of each fault")
    parser.add_argument("--seed", type=int, default=0, help="taken, and of no use: faults are not random")
    parser.add_argument("--only", default="", help="faults whose name contains this")
    options = parser.parse_args(arguments)
    failures = 0
    with bed.rootful_engine() as url, tempfile.TemporaryDirectory(prefix="faults-") as folder:
        for name in FAULTS:
            for _ in range(options.runs if options.only in name else 0):
                began = time.monotonic()
                wrong = run_fault(url, Path(folder), name)
                failures += bool(wrong)
                verdict = f"FAILED: {wrong}" if wrong else "as promised"
                _say(f"{name:24} {time.monotonic() - began:6.1f} s  {verdict}")
    _say(f"{failures} failures")
    return int(bool(failures))


async def _awaited(work: Awaitable[None]) -> None:
    await work


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
