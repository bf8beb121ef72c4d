"""How soon what is saved is in the container, beside `docker compose watch` on the same Podman."""

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median

from bench.engine import remove
from bench.tools import IMAGE, STAY, MeasureError, Tool, call, note, output_of
from bench.verbs import DOCKER_COMPOSE, NEW, new_project

SAVES = 20
FILES = 1000
READY = {NEW: "watching ", DOCKER_COMPOSE: "Watch enabled"}
TARGET_P95_S, TARGET_RATIO, TARGET_FILES_S = 0.25, 0.5, 2.0
PATIENCE_S = 60.0
_BETWEEN_S = 0.3
"""Between two saves: a person's, not a loop's."""

Watches = dict[str, dict[str, list[float]]]


def measure_watching(tools: Sequence[Tool], runs: int, scratch: Path, failures: dict[str, str]) -> Watches:
    """Seconds from a save until a process in the container sees it, by tool; the tools take turns."""
    samples: Watches = {}
    for number in range(runs):
        for tool in tools:
            if tool.name not in READY or tool.name in failures:
                continue
            note(f"run {number + 1} of {runs}: watch with {tool.name}")
            try:
                for what, seconds in _measure(tool, scratch).items():
                    samples.setdefault(tool.name, {}).setdefault(what, []).extend(seconds)
            except (MeasureError, TimeoutError) as error:
                failures[tool.name] = str(error)
    return samples


def watch_table(samples: Watches) -> list[str]:
    """Medians and 95th percentiles, and what was aimed for."""
    lines = [
        f"| save to file in the container | p50 of {SAVES} saves a run | p95 | {FILES} files in one batch |",
        "|---|---|---|---|",
    ]
    for who, found in samples.items():
        saves, many = found["saves"], found["many"]
        p50, p95 = median(saves) * 1000, percentile(saves, 95) * 1000
        lines.append(f"| {who} | {p50:.0f} ms | {p95:.0f} ms | {median(many):.2f} s |")
    if NEW not in samples:
        return lines
    worst, batch = percentile(samples[NEW]["saves"], 95), median(samples[NEW]["many"])
    rows = [
        ("p95 of a save", worst, TARGET_P95_S, "s"),
        (f"{FILES} files in one batch", batch, TARGET_FILES_S, "s"),
    ]
    if DOCKER_COMPOSE in samples:
        ratio = worst / percentile(samples[DOCKER_COMPOSE]["saves"], 95)
        rows.append(("p95 of a save", ratio, TARGET_RATIO, f"x {DOCKER_COMPOSE}"))
    lines += ["", "| | measured | aimed for | |", "|---|---|---|---|"]
    for what, measured, most, unit in rows:
        verdict = "reached" if measured <= most else "missed"
        lines.append(f"| {what} | {measured:.3g} {unit} | {most:g} {unit} | {verdict} |")
    return lines


def percentile(values: Sequence[float], percent: int) -> float:
    """The value that so many percent do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) * percent // 100, len(ordered) - 1)]


def _measure(tool: Tool, scratch: Path) -> dict[str, list[float]]:
    project, folder = new_project(), scratch / f"watch-{new_project()}"
    source = folder / "src"
    source.mkdir(parents=True)
    (source / "a.txt").write_text("0")
    file = folder / "compose.yaml"
    rule = {"path": str(source), "action": "sync", "target": "/app"}
    service = {
        "image": IMAGE,
        "pull_policy": "never",
        "command": ["sh", "-c", STAY],
        "develop": {"watch": [rule]},
    }
    file.write_text(json.dumps({"services": {"app": service}}))
    try:
        call(tool.argv(project, file, *tool.up), tool.environ)
        root = _root_of(project)
        with _watching(tool, project, file):
            saves = [_save(source / "a.txt", root / "app/a.txt", f"save {n}") for n in range(SAVES)]
            many = _many(folder, source, root / "app/many")
    finally:
        remove(project)
    return {"saves": saves, "many": [many]}


def _root_of(project: str) -> Path:
    """The container's root as this machine sees it, so that looking costs nothing."""
    label = f"label=com.docker.compose.project={project}"
    pid = output_of("podman", "ps", "--filter", label, "--format", "{{.Pid}}")
    if not pid.isdecimal():
        raise MeasureError("the service does not run")
    return Path("/proc") / pid / "root"


@contextlib.contextmanager
def _watching(tool: Tool, project: str, file: Path) -> Iterator[None]:
    """`watch` in a process of its own, from when it says that it has begun."""
    argv = tool.argv(project, file, "watch", "--no-up")
    process = subprocess.Popen(  # noqa: S603  (an argv of ours)
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, **tool.environ},
        start_new_session=True,
        text=True,
    )
    begun, said = threading.Event(), list[str]()

    def read() -> None:
        assert process.stdout is not None  # noqa: S101  (it is a pipe)
        for line in process.stdout:
            said.append(line)
            if READY[tool.name] in line:
                begun.set()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        if not begun.wait(PATIENCE_S):
            raise MeasureError(f"{tool.name} does not begin to watch: {''.join(said[-5:])}")
        time.sleep(1.0)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        reader.join(5)


def _save(here: Path, there: Path, text: str) -> float:
    """Save as editors do, by renaming; seconds until it is there."""
    time.sleep(_BETWEEN_S)
    fresh = here.with_name(f".{here.name}.swp")
    fresh.write_text(text)
    began = time.monotonic()
    fresh.rename(here)
    _until(lambda: _text_of(there) == text, began)
    return time.monotonic() - began


def _many(folder: Path, source: Path, there: Path) -> float:
    """A folder of a thousand files appears at once; seconds until the last one is there."""
    staged = folder / "many"
    staged.mkdir()
    for number in range(FILES):
        (staged / f"f{number}.txt").write_text(f"file {number}\n" * 20)
    began = time.monotonic()
    staged.rename(source / "many")
    _until(lambda: _count(there) == FILES, began)
    return time.monotonic() - began


def _until(wanted: Callable[[], bool], began: float) -> None:
    while not wanted():
        if time.monotonic() - began > PATIENCE_S:
            raise MeasureError("what was saved never came to the container")
        time.sleep(0.002)


def _text_of(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _count(path: Path) -> int:
    try:
        return len(os.listdir(path))  # noqa: PTH208  (only how many)
    except OSError:
        return 0
