"""What does a service cost that crashes over and over, beside nineteen that are well?

It has Podman's own `restart: always`, which knows no pause, until the monitor stops that and gives it up.
"""

import json
import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.processes import cost_of
from bench.tools import IMAGE, MeasureError, Tool, note

SERVICE = "crashing"
_PATIENCE_S = 60.0
_LOOKS_S = 0.25

Crashing = dict[str, float]


def measure_crashing(tool: Tool, project: str, file: Path, pid: int, watch_s: float) -> Crashing:
    """Start the service in a stack that process `pid` monitors.

    Raises:
        MeasureError: it is not given up, or another service is not well afterwards.
    """
    note(f"crash loop: one more service, for {watch_s:.0f} s")
    file.write_text(file.read_text() + _service())
    before = cost_of(pid)
    _run(tool, project, file, "up", "-d", "--mode", "fast", SERVICE)
    until = before.at_s + _PATIENCE_S
    while _state(tool, project, file)[SERVICE]["supervision"] != "given up":
        if time.monotonic() > until:
            raise MeasureError("the crashing service is not given up")
        time.sleep(_LOOKS_S)
    given_up = cost_of(pid)
    time.sleep(watch_s)
    after = cost_of(pid)
    state = _state(tool, project, file)
    ill = [name for name, row in state.items() if name != SERVICE and row["health"] != "healthy"]
    if ill:
        raise MeasureError(f"not well beside the crashing service: {', '.join(ill)}")
    return {
        "given_up_s": given_up.at_s - before.at_s,
        "percent_until": 100 * (given_up.cpu_s - before.cpu_s) / (given_up.at_s - before.at_s),
        "percent_after": 100 * (after.cpu_s - given_up.cpu_s) / (after.at_s - given_up.at_s),
    }


def _service() -> str:
    return "\n".join(
        (
            f"  {SERVICE}:",
            f"    image: {IMAGE}",
            "    pull_policy: never",
            '    command: ["false"]',
            "    restart: always",
            "",
        )
    )


def _state(tool: Tool, project: str, file: Path) -> dict[str, dict[str, Any]]:
    return {row["service"]: row for row in json.loads(_run(tool, project, file, "ps", "--json"))}


def _run(tool: Tool, project: str, file: Path, *verb: str) -> str:
    argv = tool.argv(project, file, *verb)
    environ = {**os.environ, **tool.environ}
    return subprocess.run(argv, check=False, capture_output=True, text=True, env=environ, timeout=60).stdout  # noqa: S603


def crashing_rows(crashing: Mapping[str, float]) -> list[str]:
    """How long it went on, and what the monitor took meanwhile and afterwards."""
    return [
        f"| a crash loop is given up | {crashing['given_up_s']:.1f} s after `up` |",
        f"| its processor time until then | {crashing['percent_until']:.1f} % of one core |",
        f"| its processor time afterwards | {crashing['percent_after']:.2f} % of one core |",
    ]
