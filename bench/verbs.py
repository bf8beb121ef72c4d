"""How long `up`, `up` again, `ps` and `down` take for twenty small services."""

import shutil
import statistics
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.engine import remove
from bench.tools import IMAGE, STAY, MeasureError, Tool, call, note

SERVICES = 20
VERBS = ("up", "up again", "ps", "down")
Samples = dict[str, dict[str, list[float]]]


def twenty_services() -> str:
    """Services in five layers of four; no health conditions, which not every tool could fulfil."""
    layers = 5
    width = SERVICES // layers
    lines = ["services:"]
    for number in range(SERVICES):
        lines += [
            f"  s{number:02}:",
            f"    image: {IMAGE}",
            "    pull_policy: never",
            f'    command: ["sh", "-c", "{STAY}"]',
            "    environment:",
            f"      NUMBER: '{number}'",
        ]
        if number >= width:
            lines += ["    depends_on:", f"      - s{number - width:02}"]
    return "\n".join(lines) + "\n"


def measure_verbs(tools: Sequence[Tool], runs: int, scratch: Path, failures: dict[str, str]) -> Samples:
    """Seconds by tool and verb. Each `up` starts with nothing: no containers, network or cached state."""
    file = scratch / "twenty.yaml"
    file.write_text(twenty_services())
    samples: Samples = {tool.name: {verb: [] for verb in VERBS} for tool in tools}
    for number in range(runs):
        for tool in tools:
            if tool.name in failures:
                continue
            project = f"pkbench{uuid.uuid4().hex[:8]}"
            state = tool.environ.get("PODKEEPER_STATE_DIR")
            if state:
                shutil.rmtree(state, ignore_errors=True)
            verbs: dict[str, tuple[str, ...]] = {
                "up": tool.up,
                "up again": tool.up,
                "ps": ("ps",),
                "down": ("down",),
            }
            note(f"run {number + 1} of {runs}: {tool.name}")
            try:
                for verb, arguments in verbs.items():
                    took = call(tool.argv(project, file, *arguments), tool.environ)
                    samples[tool.name][verb].append(took)
            except (MeasureError, TimeoutError) as error:
                failures[tool.name] = str(error)
            finally:
                remove(project)
    return samples


def verb_table(samples: Samples, failures: Mapping[str, str]) -> list[str]:
    """Medians, with how many times Podkeeper's each of the others' is."""
    lines = [f"| {SERVICES} services | {' | '.join(VERBS)} |", "|---" * (len(VERBS) + 1) + "|"]
    ours = samples["podkeeper"]
    for name, verbs in samples.items():
        cells = []
        for verb in VERBS:
            if name in failures or not verbs[verb]:
                cells.append("failed")
                continue
            median = statistics.median(verbs[verb])
            cell = f"{median:.2f} s"
            if verbs is not ours and ours[verb]:
                cell += f" ({median / statistics.median(ours[verb]):.1f}x)"
            cells.append(cell)
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines
