"""`./dev torture startups`: the demo stack 200 times in a row, and stacks whose services start slowly.

No start may fail. In the slow stacks each service is ready after 0 to 3 s, and writes that down itself (the
kernel's time on a file); when its dependents started is what Podman says. 95 of 100 dependents start within
200 ms of the last of what they wait for.
"""

import argparse
import json
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from tests.podman import bed
from tests.podman.command_line import LOOP, Cli

from containers.model.base import ProjectName

ROOT = Path(__file__).parents[2]
MOST_S = 0.2
"""From readiness to the dependents' start, for 95 of 100."""
SLOWEST_S = 3.0
LAYERS = (3, 3, 3)
SLOW_PART = 10
"""One slow stack for so many of the demo: it takes three times as long, and has six waits to measure."""


def demo_in_a_row(url: str, folder: Path, runs: int) -> list[str]:
    """Bring the demo up and take it down, again and again; what failed."""
    project = f"pkd{uuid.uuid4().hex[:10]}"
    environ = {
        **os.environ,
        "CONTAINER_HOST": url,
        "PODKEEPER_STATE_DIR": str(folder / "demo"),
        "DEMO_WEB_PORT": str(_free_port()),
        "DEMO_METRICS_PORT": str(_free_port()),
    }
    subprocess.run([ROOT / "environments/demo/build-image.sh"], check=True, env=environ, capture_output=True)
    failures = []
    took = []
    try:
        for number in range(runs):
            began = time.monotonic()
            up = _podkeeper(project, environ, "up", "-d")
            took.append(time.monotonic() - began)
            problem = _said(up) or _unwell(_podkeeper(project, environ, "ps", "--json"))
            if problem:
                failures.append(f"demo, start {number + 1}: {problem}")
            down = _podkeeper(project, environ, "down", "--volumes", "--yes")
            if problem := _said(down):
                failures.append(f"demo, end {number + 1}: {problem}")
    finally:
        bed.remove_project(url, project)
    worst = max(took)
    _say(f"demo: {runs} starts, median {statistics.median(took):.2f} s, slowest {worst:.2f} s")
    return failures


def _podkeeper(project: str, environ: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "containers", "-p", project, "--env", "demo", *arguments],
        check=False,
        capture_output=True,
        text=True,
        env=dict(environ),
        cwd=ROOT,
        timeout=180,
    )


def _said(done: subprocess.CompletedProcess[str]) -> str:
    return (done.stderr.strip() or f"exit code {done.returncode}") if done.returncode else ""


def _unwell(done: subprocess.CompletedProcess[str]) -> str:
    """The services of `ps --json` that are neither healthy nor done."""
    if done.returncode:
        return _said(done)
    rows = json.loads(done.stdout)
    bad = [r["service"] for r in rows if r["health"] != "healthy" and r["exit_code"] != 0]
    return f"not well: {', '.join(bad)}" if bad or not rows else ""


def slow_stack(stamps: Path, delays: Sequence[float]) -> str:
    """Services in three layers: each waits for two of the layer before, and is ready after its delay."""
    lines = ["services:"]
    number = 0
    before: list[str] = []
    for width in LAYERS:
        layer = [f"s{number + i}" for i in range(width)]
        for place, name in enumerate(layer):
            command = f"sleep {delays[number]:.2f}; touch /stamps/{name}; {LOOP}"
            lines += [
                f"  {name}:",
                "    image: IMAGE",
                f"    command: {json.dumps(['sh', '-c', command])}",
                f'    volumes: ["{stamps}:/stamps"]',
                "    stop_grace_period: 1s",
                "    healthcheck:",
                f'      test: ["CMD", "test", "-e", "/stamps/{name}"]',
                "      interval: 30s",
                "      timeout: 5s",
            ]
            if before:
                lines.append("    depends_on:")
                for other in (before[place], before[(place + 1) % width]):
                    lines.append(f"      {other}: {{condition: service_healthy}}")
            number += 1
        before = layer
    return "\n".join(lines) + "\n"


def waits_of(url: str, folder: Path, chance: random.Random) -> list[float]:
    """Start one slow stack; for each dependent the seconds from the last readiness to its start.

    Raises:
        AssertionError: it does not come up.
    """
    stamps = folder / "stamps"
    stamps.mkdir(mode=0o777)
    stamps.chmod(0o777)
    project = ProjectName(f"pk{uuid.uuid4().hex[:10]}")
    environ = {**os.environ, "CONTAINER_HOST": url, "PODKEEPER_STATE_DIR": str(folder / "state")}
    cli = Cli(folder, project, environ)
    delays = [round(chance.uniform(0, SLOWEST_S), 2) for _ in range(sum(LAYERS))]
    cli.write(slow_stack(stamps, delays))
    try:
        done = cli("up", "-d", timeout_s=120)
        assert done.returncode == 0, done.stderr
        return _waits(url, project, stamps)
    finally:
        bed.remove_project(url, project)
        shutil.rmtree(stamps)


def _waits(url: str, project: str, stamps: Path) -> list[float]:
    ready = {file.name: file.stat().st_mtime_ns / 1e9 for file in stamps.iterdir()}
    waits = []
    number = 0
    before: list[str] = []
    for width in LAYERS:
        layer = [f"s{number + i}" for i in range(width)]
        for place, name in enumerate(layer):
            if before:
                needed = max(ready[before[place]], ready[before[(place + 1) % width]])
                waits.append(_started_at(url, f"{project}_{name}_1") - needed)
        number += width
        before = layer
    return waits


def _started_at(url: str, container: str) -> float:
    text = bed.podman(url, "inspect", "--format", "{{json .State.StartedAt}}", container)
    return datetime.fromisoformat(json.loads(text)).timestamp()


def percentile(values: Sequence[float], part: float) -> float:
    """The smallest value that so large a part of all does not exceed."""
    ordered = sorted(values)
    return ordered[min(round(part * len(ordered) + 0.5), len(ordered)) - 1]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run both series and print what came of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200, help="of the demo; a tenth as many slow stacks")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--most", type=float, default=MOST_S, help="seconds that a dependent may take (0.2)")
    options = parser.parse_args(arguments)
    waits: list[float] = []
    with bed.rootful_engine() as url, tempfile.TemporaryDirectory(prefix="startups-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        failures = demo_in_a_row(url, folder, options.runs)
        slow = max(options.runs // SLOW_PART, 1)
        for number in range(options.seed, options.seed + slow):
            try:
                waits += waits_of(url, folder, random.Random(number))  # noqa: S311  (to be repeated)
            except AssertionError as error:
                failures.append(f"slow stack, --seed {number} --runs 1: {error}")
    if waits:
        late, early = percentile(waits, 0.95), min(waits)
        _say(
            f"slow starts: {slow} stacks, {len(waits)} waits:"
            f" median {statistics.median(waits) * 1000:.0f} ms,"
            f" p95 {late * 1000:.0f} ms, longest {max(waits) * 1000:.0f} ms"
        )
        if late > options.most:
            failures.append(f"dependents start {late * 1000:.0f} ms (p95) after what they wait for")
        if early < 0:
            failures.append(f"a dependent started {-early * 1000:.0f} ms before it was to")
    for failure in failures:
        _say(f"FAILED {failure}")
    _say(f"{len(failures)} failures")
    return int(bool(failures))


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
