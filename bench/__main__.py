"""Measure Podkeeper beside podman-compose and docker compose, on the same machine, in the same minutes.

Eight questions. How long do `up`, `up` again, with one service changed, `ps` and `down` take for twenty small
services, in a new process and in the editor's server? What does a service cost in stacks of 1 to 100? How
soon after a service has become ready does the one that waits for it start? How long does it take to read,
resolve and check a file of a hundred services? How fast is the bus, and how soon is a death known? What does
watching over twenty services cost while nothing happens? How soon is what is saved in the container that is
watched? The tools take turns, so that a busy minute of the machine is shared by all; the tables show medians.

Everything it makes has a name of its own and is removed at the end, also after Ctrl-C.
"""

import argparse
import compileall
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
from bench.events import events_table, measure_events
from bench.idle import idle_table, measure_idle
from bench.loading import load_table, measure_loading
from bench.scaling import measure_scaling, scaling_table
from bench.tools import ROOT, MeasureError, find_tools, note, say, versions
from bench.verbs import measure_verbs, target_table, verb_table
from bench.waiting import measure_waits, wait_table
from bench.watching import measure_watching, watch_table

PARTS = ("verbs", "scaling", "waiting", "loading", "events", "idle", "watch")


def measure(runs: int, parts: Sequence[str], scratch: Path) -> dict[str, object]:
    """Measure everything, print the tables, and return the data behind them."""
    ensure_image()
    # as an installer does, also after an edit where Python is told not to write what it has compiled
    compileall.compile_dir(ROOT / "src", quiet=1)
    with podman_socket(scratch) as url:
        tools, missing = find_tools(url, scratch / "state")
        about = versions(tools)
        say(", ".join(f"{name} {version}" for name, version in about.items()))
        load = os.getloadavg()[0]
        say(f"median of {runs}; {os.cpu_count()} cores, load {load:.1f}")
        report: dict[str, object] = {
            "versions": about,
            "runs": runs,
            "cores": os.cpu_count(),
            "load_before": load,
        }
        failures: dict[str, str] = {}
        if "verbs" in parts:
            samples = measure_verbs(tools, runs, scratch, url, failures)
            report["verbs"] = samples
            _say_table(verb_table(samples, failures))
            _say_table(target_table(samples))
        if "scaling" in parts:
            scaling = measure_scaling(tools[0], runs, scratch, url)
            report["scaling"] = scaling
            _say_table(scaling_table(scaling))
        if "waiting" in parts:
            waits = measure_waits(tools, runs, scratch)
            failures.update({f"{k}, waiting": v for k, v in waits.items() if isinstance(v, str)})
            report["waiting"] = waits
            _say_table(wait_table(waits))
        if "loading" in parts:
            loading = measure_loading(tools, runs, scratch)
            report["loading"] = loading
            _say_table(load_table(loading))
        if "events" in parts:
            events = measure_events(url, scratch, runs)
            report["events"] = events
            _say_table(events_table(events))
        if "idle" in parts:
            idle = measure_idle(tools[0], url, scratch)
            report["idle"] = idle
            _say_table(idle_table(idle))
        if "watch" in parts:
            watches = measure_watching(tools, runs, scratch, failures)
            report["watch"] = watches
            _say_table(watch_table(watches))
        report["failures"] = failures
        for name in missing:
            say(f"\nnot measured, it is not installed beside {sys.executable}: {name}")
        for name, failure in failures.items():
            say(f"\n{name} failed: {failure}")
        return report


def _say_table(lines: Sequence[str]) -> None:
    say()
    for line in lines:
        say(line)


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
