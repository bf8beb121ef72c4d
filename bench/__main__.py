"""Measure Podkeeper beside podman-compose and docker compose, on the same machine, in the same minutes.

Three questions. How long do `up`, `up` again, `ps` and `down` take for twenty small services? How soon after
a service has become ready does the one that waits for it start? How long does it take to read, resolve and
check a file of a hundred services? The tools take turns, so that a busy minute of the machine is shared by
all; the tables show medians.

Everything it makes has a name of its own and is removed at the end, also after Ctrl-C.
"""

import argparse
import json
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from bench.engine import ensure_image, podman_socket
from bench.loading import load_table, measure_loading
from bench.tools import MeasureError, find_tools, note, say, versions
from bench.verbs import measure_verbs, verb_table
from bench.waiting import measure_waits, wait_table

PARTS = ("verbs", "waiting", "loading")


def measure(runs: int, parts: Sequence[str], scratch: Path) -> dict[str, object]:
    """Measure everything, print the tables, and return the data behind them."""
    ensure_image()
    with podman_socket(scratch) as url:
        tools, missing = find_tools(url, scratch / "state")
        about = versions(tools)
        say(", ".join(f"{name} {version}" for name, version in about.items()))
        load = os.getloadavg()[0]
        say(f"median of {runs}; {os.cpu_count()} cores, load {load:.1f}; in brackets: times Podkeeper's")
        report: dict[str, object] = {
            "versions": about,
            "runs": runs,
            "cores": os.cpu_count(),
            "load_before": load,
        }
        failures: dict[str, str] = {}
        if "verbs" in parts:
            samples = measure_verbs(tools, runs, scratch, failures)
            report["verbs"] = samples
            say()
            for line in verb_table(samples, failures):
                say(line)
        if "waiting" in parts:
            waits = measure_waits(tools, runs, scratch)
            failures.update({f"{k}, waiting": v for k, v in waits.items() if isinstance(v, str)})
            report["waiting"] = waits
            say()
            for line in wait_table(waits):
                say(line)
        if "loading" in parts:
            loading = measure_loading(tools, runs, scratch)
            report["loading"] = loading
            say()
            for line in load_table(loading):
                say(line)
        report["failures"] = failures
        for name in missing:
            say(f"\nnot measured, it is not installed beside {sys.executable}: {name}")
        for name, failure in failures.items():
            say(f"\n{name} failed: {failure}")
        return report


def _terminated(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line, measure, tell."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=3, help="how often each tool is measured (3)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample to FILE")
    parser.add_argument("--only", choices=PARTS, help="one of the tables")
    chosen = parser.parse_args(arguments)
    if chosen.runs < 1:
        parser.error("--runs must be at least 1")
    signal.signal(signal.SIGTERM, _terminated)
    parts = (chosen.only,) if chosen.only else PARTS
    with tempfile.TemporaryDirectory(prefix="pkbench-") as folder:
        try:
            report = measure(chosen.runs, parts, Path(folder))
        except KeyboardInterrupt:
            note("interrupted; everything is removed")
            return 130
        except MeasureError as error:
            note(f"error: {error}")
            return 1
    if chosen.json:
        chosen.json.write_text(json.dumps(report, indent=2) + "\n")
    return 1 if report["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())
