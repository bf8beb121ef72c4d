"""Whether a service costs more in a large stack than in a small one."""

from collections.abc import Mapping
from pathlib import Path
from statistics import median

from bench.floor import measure_floor
from bench.server import measure_server
from bench.tools import Tool, note
from bench.verbs import FLOOR, NEW, SERVER, measure_tool, new_project

SIZES = (1, 10, 50, 100)
Scaling = dict[int, dict[str, list[float]]]


def measure_scaling(podkeeper: Tool, runs: int, scratch: Path, url: str) -> Scaling:
    """Seconds of a first `up`, by number of services and who."""
    samples: Scaling = {size: {FLOOR: [], SERVER: [], NEW: []} for size in SIZES}
    for number in range(runs):
        for size, by in samples.items():
            note(f"scaling, run {number + 1} of {runs}: {size} services")
            by[FLOOR].append(measure_floor(url, size, new_project()))
            by[SERVER].append(measure_server(url, scratch, size, new_project(), last="up")["up"])
            by[NEW].append(measure_tool(podkeeper, size, scratch, last="up")["up"])
    return samples


def scaling_table(samples: Mapping[int, Mapping[str, list[float]]]) -> list[str]:
    """Medians, and what one service costs."""
    lines = [f"| services | {FLOOR} | {SERVER} | {NEW} |", "|---|---|---|---|"]
    for size, by in samples.items():
        cells = [f"{median(by[w]):.2f} s ({median(by[w]) / size * 1000:.0f} ms each)" for w in by]
        lines.append(f"| {size} | {' | '.join(cells)} |")
    return lines
