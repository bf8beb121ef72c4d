"""How long reading, resolving and checking a file of a hundred services takes.

Podkeeper is measured as a command and, as an editor sees it, in a process that runs already: the first time,
and after one character in one service has changed.
"""

import gc
import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.tools import IMAGE, Tool, call, note

SERVICES = 100
WARM_UP = 5
IN_PROCESS = 25
"""A run in process is short, so it is repeated more often."""

Loading = dict[str, list[float]]
WHOLE = "podkeeper, in a process that runs"
EDITED = "podkeeper, one character changed"


def hundred_services() -> str:
    """Services with a dozen keys each, in layers, and the networks and volumes that they use."""
    lines = ["name: hundred", "services:"]
    for number in range(SERVICES):
        lines += [
            f"  service{number:03}:",
            f"    image: {IMAGE}",
            "    environment:",
            f"      NUMBER: '{number}'",
            "      LEVEL: ${LEVEL:-info}",
            f"    ports: ['{20000 + number}:80']",
            f"    volumes: ['data{number % 10}:/data:ro', './config:/etc/service']",
            "    healthcheck: {test: [CMD, 'true'], interval: 30s, retries: 3}",
            "    restart: unless-stopped",
            "    mem_limit: 64m",
            "    networks: [front, back]",
        ]
        if number >= 10:  # noqa: PLR2004  (ten at the bottom)
            lines.append(f"    depends_on: {{service{number - 10:03}: {{condition: service_healthy}}}}")
    lines += ["networks: {front: {}, back: {internal: true}}", "volumes:"]
    lines += [f"  data{number}: {{}}" for number in range(10)]
    return "\n".join(lines) + "\n"


def measure_loading(tools: Sequence[Tool], runs: int, scratch: Path) -> Loading:
    """Seconds of each run, by what was run."""
    folder = scratch / "loading"
    (folder / "config").mkdir(parents=True)
    file = folder / "compose.yaml"
    file.write_text(hundred_services())
    samples: Loading = {}
    for run in range(runs):
        for tool in tools:
            note(f"loading, run {run + 1} of {runs}: {tool.name} config")
            took = call(tool.argv("hundred", file, "config"), tool.environ)
            samples.setdefault(f"{tool.name} config", []).append(took)
    samples |= _in_process(file)
    return samples


def _in_process(file: Path) -> Loading:
    from containers.adapters.local_files import LocalFiles  # noqa: PLC0415  (measured here alone)
    from containers.environment_manager import EnvironmentManager, Selection  # noqa: PLC0415

    files = LocalFiles()
    text = file.read_text()
    selection = Selection(folder=file.parent)

    def timed(manager: EnvironmentManager) -> float:
        gc.collect()
        began = time.perf_counter()
        result = manager.load_project()
        took = time.perf_counter() - began
        assert result.project is not None, result.diagnostics  # noqa: S101  (what is measured must be right)
        return took

    whole = [
        timed(EnvironmentManager(selection=selection, files=files, environ={}))
        for _ in range(WARM_UP + IN_PROCESS)
    ]
    editor = EnvironmentManager(selection=selection, files=files, environ={})
    edited = []
    for number in range(WARM_UP + IN_PROCESS):
        changed = text.replace("NUMBER: '50'", f"NUMBER: '{number % 10}'")
        files.open_document(file, changed)
        edited.append(timed(editor))
    return {WHOLE: whole[WARM_UP:], EDITED: edited[WARM_UP:]}


def load_table(samples: Mapping[str, list[float]]) -> list[str]:
    """Medians."""
    lines = hundred_services().count("\n")
    table = [f"| {lines} lines, {SERVICES} services | load, resolve, check |", "|---|---|"]
    table += [f"| {name} | {statistics.median(each) * 1000:.0f} ms |" for name, each in samples.items()]
    return table
