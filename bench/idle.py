"""What does watching cost? Twenty healthy services, each checked every ten seconds; then one that crashes."""

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.crashing import crashing_rows, measure_crashing
from bench.engine import remove
from bench.processes import Cost, cost_of, service_of
from bench.stacks import checked_services
from bench.tools import MeasureError, Tool, call, note, output_of
from bench.verbs import SERVICES, new_project

WARM_UP_S = 25.0
"""Two rounds of checks: what is loaded at the first use has been."""
SETTLE_S = 60.0
MOST_PERCENT = 1.0
"""Of one core, for our own process."""

Idle = dict[str, float]


def measure_idle(tool: Tool, url: str, scratch: Path, watch_s: float = 60.0) -> Idle:
    """The cost of `podkeeper monitor`, and that of the Podman service that it asks, in percent of one core.

    Then what a crash loop adds to it. Other programs that use the same service in the same minute are
    counted with it.
    """
    project = new_project()
    with tempfile.TemporaryDirectory(dir=scratch) as name:
        file = Path(name) / "services.yaml"
        file.write_text(checked_services(SERVICES, interval_s=10))
        try:
            call(tool.argv(project, file, *tool.up), tool.environ)
            with monitor(tool, project, file, Path(name)) as pid:
                idle = _watch(pid, project, service_of(Path(url.removeprefix("unix://"))), watch_s)
                return idle | measure_crashing(tool, project, file, pid, watch_s)
        finally:
            remove(project)


@contextlib.contextmanager
def monitor(tool: Tool, project: str, file: Path, folder: Path) -> Iterator[int]:
    """`podkeeper monitor` for as long as the block lasts; its process."""
    with (folder / "monitor.log").open("w") as log:
        process = subprocess.Popen(  # noqa: S603  (an argv of ours)
            tool.argv(project, file, "monitor"),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, **tool.environ},
        )
    try:
        yield process.pid
        if process.poll() is not None:
            raise MeasureError(f"the monitor ended:\n{(folder / 'monitor.log').read_text()[-500:]}")
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _watch(pid: int, project: str, service: int | None, watch_s: float) -> Idle:
    note(f"idle: letting {SERVICES} services settle")
    until = time.monotonic() + SETTLE_S
    while _healthy(project) < SERVICES:
        if time.monotonic() > until:
            raise MeasureError("the services do not get healthy")
        time.sleep(1)
    time.sleep(WARM_UP_S)
    note(f"idle: measuring for {watch_s:.0f} s")
    try:
        before, engine_before = cost_of(pid), cost_of(service) if service else None
        time.sleep(watch_s)
        after, engine_after = cost_of(pid), cost_of(service) if service else None
    except OSError as error:
        raise MeasureError(f"the monitor or Podman ended: {error}") from error
    idle = {
        "percent": _percent(after.cpu_s - before.cpu_s, before, after),
        "memory_bytes": after.memory_bytes,
        "threads": after.threads,
        "descriptors": after.descriptors,
        "seconds": after.at_s - before.at_s,
    }
    if engine_before and engine_after:
        passed = engine_after.with_children_s - engine_before.with_children_s
        idle["engine_percent"] = _percent(passed, engine_before, engine_after)
    return idle


def _percent(cpu_s: float, before: Cost, after: Cost) -> float:
    return 100.0 * cpu_s / (after.at_s - before.at_s)


def _healthy(project: str) -> int:
    label = f"label=com.docker.compose.project={project}"
    return len(output_of("podman", "ps", "-q", "--filter", label, "--filter", "health=healthy").split())


def idle_table(idle: Mapping[str, float]) -> list[str]:
    """Our process beside the target, and apart from it the engine's."""
    percent = idle["percent"]
    verdict = "reached" if percent < MOST_PERCENT else "missed"
    lines = [
        f"| `podkeeper monitor`, {SERVICES} services checked every 10 s, {idle['seconds']:.0f} s | |",
        "|---|---|",
        f"| its processor time | {percent:.2f} % of one core (aim: under {MOST_PERCENT:g} %, {verdict}) |",
        f"| its memory | {idle['memory_bytes'] / (1 << 20):.0f} MiB |",
        f"| threads, descriptors | {idle['threads']:.0f}, {idle['descriptors']:.0f} |",
    ]
    if "engine_percent" in idle:
        lines.append(f"| the Podman service's processor time | {idle['engine_percent']:.1f} % of one core |")
    return lines + crashing_rows(idle)
