"""`./dev torture soak`: the monitor of a stack that lives, for an hour; nothing of it may grow.

Services are restarted, stopped and started, files are saved, and every ten seconds the monitor's memory,
threads, descriptors and rows are read. `trends.py` says what growth is. Rows are due with time: a sample for
each container every ten seconds, means of them, and what is told of each thing that happens; more is growth.
"""

import argparse
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

from bench.processes import Cost, cost_of
from tests.podman import bed
from tests.podman.command_line import Cli
from tests.torture.trends import Trend, trend

from containers.model.base import ProjectName

SERVICES = 6
_MIB = 1 << 20
_LIFE_S = (2.0, 6.0)
"""Between two things that happen."""
_EVERY_S = 10.0
_ROWS_OF_AN_ACT = 12
"""Spans, transitions and incidents of one restart or stop, with some room."""
_EVENTS_OF_AN_ACT = 10
"""An incident opens and closes, a service is restarted, its health and the drift change; with some room."""
_POOL = 32
"""The most threads that wait for Podman, and some of asyncio's."""


def compose() -> str:
    """Small services that are checked every two seconds."""
    lines = ["services:"]
    for number in range(SERVICES):
        lines += [
            f"  s{number}:",
            "    image: IMAGE",
            "    command: LOOP",
            "    stop_grace_period: 1s",
            '    healthcheck: {test: ["CMD", "true"], interval: 2s, timeout: 2s}',
        ]
    return "\n".join(lines) + "\n"


class Soak:
    """A monitored stack, what happens to it, and what the monitor takes."""

    def __init__(self, url: str, folder: Path, seed: int) -> None:
        self._url = url
        self._chance = random.Random(seed)  # noqa: S311  (to be repeated)
        self._cli = Cli(
            folder,
            ProjectName(f"pk{uuid.uuid4().hex[:10]}"),
            {**os.environ, "CONTAINER_HOST": url, "PODKEEPER_STATE_DIR": str(folder / "state")},
        )
        self._database = folder / "state" / "state.db"
        self.acts = 0
        self.costs: list[tuple[float, Cost]] = []
        self.rows: list[tuple[float, dict[str, int]]] = []

    def run(self, seconds: float) -> None:
        """Live for so long.

        Raises:
            AssertionError: the stack does not come up, or the monitor ends.
        """
        file = self._cli.write(compose())
        done = self._cli("up", "-d")
        assert done.returncode == 0, done.stderr
        monitor = subprocess.Popen(
            [sys.executable, "-m", "containers", "monitor"],
            cwd=self._cli.folder,
            env=self._cli.environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            self._live(monitor, file, seconds)
        finally:
            monitor.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                monitor.wait(15)
            monitor.kill()
            monitor.wait()
            bed.remove_project(self._url, self._cli.project)

    def _live(self, monitor: subprocess.Popen[bytes], file: Path, seconds: float) -> None:
        awake_by = time.monotonic() + 60
        while not self._count()["samples"]:  # what it takes to load is no growth
            assert monitor.poll() is None, f"the monitor ended with {monitor.returncode}"
            assert time.monotonic() < awake_by, "the monitor measures nothing"
            time.sleep(0.1)
        began = time.monotonic()
        every_s = min(_EVERY_S, seconds / 30)
        sample_at = act_at = 0.0
        while (passed := time.monotonic() - began) < seconds:
            assert monitor.poll() is None, f"the monitor ended with {monitor.returncode}"
            if passed >= sample_at:
                self.costs.append((passed, cost_of(monitor.pid)))
                self.rows.append((passed, self._count()))
                sample_at += every_s
            if passed >= act_at:
                self._act(file)
                act_at = time.monotonic() - began + self._chance.uniform(*_LIFE_S)
            time.sleep(0.1)

    def _act(self, file: Path) -> None:
        """Something that happens on a working day."""
        self.acts += 1
        name = f"{self._cli.project}_s{self._chance.randrange(SERVICES)}_1"
        match self._chance.choice(("restart", "stop and start", "save", "look")):
            case "restart":
                bed.podman(self._url, "restart", "--time", "1", name)
            case "stop and start":
                bed.podman(self._url, "stop", "--time", "1", name)
                bed.podman(self._url, "start", name)
            case "save":
                text = file.read_text().partition("#")[0]
                file.write_text(f"{text}# {self._chance.random()}\n")
            case _:
                self._cli("health")

    def _count(self) -> dict[str, int]:
        tables = ("samples", "spans", "transitions", "incidents", "series", "events")
        with closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)) as connection:
            counts = {t: connection.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in tables}  # noqa: S608
        return {name: int(count) for name, count in counts.items()}

    def verdicts(self) -> list[Trend]:
        """What each figure did."""
        costs = self.costs
        seconds = costs[-1][0]
        first, last = self.rows[0][1], self.rows[-1][1]
        due = (seconds / _EVERY_S + 2) * SERVICES * 1.1
        told = sum(last[t] - first[t] for t in ("spans", "transitions", "incidents"))
        # a short run ends while Python still fills its arenas: what it may add once is more of the whole
        memory = (8 if seconds < 300 else 3) * _MIB
        return [
            trend("memory", [(at, float(c.memory_bytes)) for at, c in costs], memory, 0.03),
            _filling(trend("threads", [(at, float(c.threads)) for at, c in costs], 4), _POOL),
            _filling(trend("descriptors", [(at, float(c.descriptors)) for at, c in costs], 6), 2 * _POOL),
            Trend("samples", first["samples"], last["samples"] - first["samples"], due),
            Trend("what is told", 0, told, self.acts * _ROWS_OF_AN_ACT + 2 * SERVICES),
            Trend(
                "shared", 0, last["events"] - first["events"], self.acts * _EVENTS_OF_AN_ACT + 2 * SERVICES
            ),
            Trend("series", first["series"], last["series"] - first["series"], SERVICES),
        ]


def _filling(found: Trend, most: int) -> Trend:
    """Threads are made when they are needed, and a connection with each: up to the size of their pool."""
    return replace(found, allowed=max(found.allowed, most - found.begin))


def main(arguments: Sequence[str] | None = None) -> int:
    """Soak, and print what grew."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0, help="for how long (60)")
    parser.add_argument("--seed", type=int, default=0)
    # said to all suites at once; it has no meaning here
    parser.add_argument("--runs", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    with bed.rootful_engine() as url, tempfile.TemporaryDirectory(prefix="soak-") as folder:
        soak = Soak(url, Path(folder), options.seed)
        soak.run(options.minutes * 60)
    failures = 0
    sys.stdout.write(f"{options.minutes:g} minutes, {soak.acts} acts, {len(soak.costs)} samples\n")
    sys.stdout.write("| | after warming up | growth | allowed | |\n|---|---|---|---|---|\n")
    for each in soak.verdicts():
        scale = _MIB if each.name == "memory" else 1
        cells = (f"{value / scale:.1f}" for value in (each.begin, each.growth, each.allowed))
        sys.stdout.write(f"| {each.name} | {' | '.join(cells)} | {'GROWS' if each.grows else ''} |\n")
        failures += each.grows
    sys.stdout.write(f"{failures} failures\n")
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main())
