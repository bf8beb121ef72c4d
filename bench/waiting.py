"""How soon after a service has become ready does the one that waits for it start?"""

import contextlib
import statistics
import tempfile
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.engine import remove
from bench.tools import IMAGE, STAY, MeasureError, Tool, call, note

NEVER_S = 20.0
"""A dependent that has not started so long after its dependency was ready does not start."""
READY_AFTER_S = 1


def waiting_pair(stamps: Path) -> str:
    """A service that is ready after a second but checked every 30 s, and one that waits for it."""
    return f"""services:
  dependency:
    image: {IMAGE}
    pull_policy: never
    user: "0:0"
    command: ["sh", "-c", "sleep {READY_AFTER_S}; touch /stamps/ready; {STAY}"]
    volumes: ["{stamps}:/stamps"]
    healthcheck:
      test: ["CMD", "test", "-e", "/stamps/ready"]
      interval: 30s
      timeout: 5s
      retries: 3
  dependent:
    image: {IMAGE}
    pull_policy: never
    user: "0:0"
    command: ["sh", "-c", "touch /stamps/started; {STAY}"]
    volumes: ["{stamps}:/stamps"]
    depends_on:
      dependency:
        condition: service_healthy
"""


# --- the tools


def measure_wait(tool: Tool, scratch: Path) -> float | None:
    """Seconds from ready to the dependent's first act; negative is too early, None is never."""
    project = f"pkbench{uuid.uuid4().hex[:8]}"
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        stamps = Path(folder)
        stamps.chmod(0o777)
        file = scratch / f"{project}.yaml"
        file.write_text(waiting_pair(stamps))
        try:
            with contextlib.suppress(TimeoutError):
                call(tool.argv(project, file, *tool.up), tool.environ, READY_AFTER_S + NEVER_S)
            until = time.monotonic() + READY_AFTER_S + 1
            while time.monotonic() < until and not (stamps / "ready").exists():
                time.sleep(0.05)
            if not (stamps / "ready").exists():
                raise MeasureError("the dependency never got ready")
            if not (stamps / "started").exists():
                return None
            # the kernel's own stamps: a shell's clock in a container may have whole seconds only
            after = (stamps / "started").stat().st_mtime_ns - (stamps / "ready").stat().st_mtime_ns
            return after / 1e9
        finally:
            remove(project)
            file.unlink()


def measure_waits(tools: Sequence[Tool], runs: int, scratch: Path) -> dict[str, list[float | None] | str]:
    """As `measure_wait`, for each tool; a text where it failed."""
    found: dict[str, list[float | None] | str] = {}
    for number in range(runs):
        for tool in tools:
            samples = found.setdefault(tool.name, [])
            # one "never" says it; nobody needs to sit through more of them
            if isinstance(samples, str) or None in samples:
                continue
            note(f"waiting, run {number + 1} of {runs}: {tool.name}")
            try:
                samples.append(measure_wait(tool, scratch))
            except MeasureError as error:
                found[tool.name] = str(error)
    return found


# --- telling


def wait_table(waits: Mapping[str, list[float | None] | str]) -> list[str]:
    """When the dependent started, counted from when its dependency was ready."""
    lines = ["| ready after 1 s, `interval: 30s` | the dependent starts |", "|---|---|"]
    for name, samples in waits.items():
        if isinstance(samples, str):
            cell = "failed"
        elif known := [s for s in samples if s is not None]:
            median = statistics.median(known)
            cell = f"{median:.2f} s after" if median >= 0 else f"{-median:.2f} s too early"
        else:
            cell = f"never (within {NEVER_S:.0f} s)"
        lines.append(f"| {name} | {cell} |")
    return lines
