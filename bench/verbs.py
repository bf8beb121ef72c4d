"""How long the verbs take for twenty small services, beside the peers, the floor and what was aimed for."""

import shutil
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

from bench.engine import remove
from bench.floor import measure_floor
from bench.server import measure_server
from bench.stacks import many_services
from bench.tools import MeasureError, Tool, call, note

SERVICES = 20
VERBS = ("up", "up again", "one changed", "ps", "down")
NEW, SERVER, FLOOR = "podkeeper", "podkeeper, in the server", "create and start alone"
PODMAN_COMPOSE, DOCKER_COMPOSE = "podman-compose", "docker compose"
Samples = dict[str, dict[str, list[float]]]


class Target(NamedTuple):
    """At most so many times what a peer takes in the same run, or so many seconds where there is no peer."""

    who: str
    verb: str
    most: float
    peer: str | None = None


TARGETS = (
    Target(NEW, "up", 0.5, PODMAN_COMPOSE),
    Target(NEW, "up", 1.05, DOCKER_COMPOSE),
    Target(SERVER, "up", 0.38, PODMAN_COMPOSE),
    Target(SERVER, "up", 0.8, DOCKER_COMPOSE),
    Target(NEW, "up again", 0.35, PODMAN_COMPOSE),
    Target(SERVER, "up again", 0.1),
    Target(NEW, "one changed", 0.35, PODMAN_COMPOSE),
    Target(SERVER, "ps", 0.02),
    Target(NEW, "down", 0.6, PODMAN_COMPOSE),
    Target(SERVER, "down", 0.6, PODMAN_COMPOSE),
)


def new_project() -> str:
    """A name that nothing else has."""
    return f"pkbench{uuid.uuid4().hex[:8]}"


def measure_verbs(
    tools: Sequence[Tool], runs: int, scratch: Path, url: str, failures: dict[str, str]
) -> Samples:
    """Seconds by who and verb. Each `up` starts with nothing: no containers, network or cached state."""
    samples: Samples = {who: {} for who in (NEW, SERVER, *(tool.name for tool in tools), FLOOR)}
    measures: dict[str, Callable[[], Mapping[str, float]]] = {
        tool.name: partial(measure_tool, tool, SERVICES, scratch) for tool in tools
    }
    measures[SERVER] = lambda: measure_server(url, scratch, SERVICES, new_project())
    measures[FLOOR] = lambda: {"up": measure_floor(url, SERVICES, new_project())}
    for number in range(runs):
        for who, measure in measures.items():
            note(f"run {number + 1} of {runs}: {who}")
            _keep(samples, failures, who, measure)
    return samples


def _keep(
    samples: Samples, failures: dict[str, str], who: str, measure: Callable[[], Mapping[str, float]]
) -> None:
    if who in failures:
        return
    try:
        for verb, took in measure().items():
            samples[who].setdefault(verb, []).append(took)
    except (MeasureError, TimeoutError) as error:
        failures[who] = str(error)


def measure_tool(tool: Tool, services: int, scratch: Path, *, last: str = "down") -> dict[str, float]:
    """Seconds by verb of one tool, each in a process of its own, in their order up to the `last`."""
    project, file = new_project(), scratch / "services.yaml"
    if state := tool.environ.get("PODKEEPER_STATE_DIR"):
        shutil.rmtree(state, ignore_errors=True)
    as_written, changed = many_services(services), many_services(services, services - 1)
    steps = (
        ("up", as_written, tool.up),
        ("up again", as_written, tool.up),
        ("one changed", changed, tool.up),
        ("ps", changed, ("ps",)),
        ("down", changed, ("down",)),
    )
    took = {}
    try:
        for verb, text, arguments in steps:
            file.write_text(text)
            took[verb] = call(tool.argv(project, file, *arguments), tool.environ)
            if verb == last:
                break
    finally:
        remove(project)
    return took


def verb_table(samples: Samples, failures: Mapping[str, str]) -> list[str]:
    """Medians."""
    lines = [f"| {SERVICES} services | {' | '.join(VERBS)} |", "|---" * (len(VERBS) + 1) + "|"]
    for who, verbs in samples.items():
        cells = [f"{median(verbs[v]):.2f} s" if verbs.get(v) else "" for v in VERBS]
        lines.append(f"| {who} | {' | '.join(['failed'] * len(VERBS) if who in failures else cells)} |")
    return lines


def target_table(samples: Samples) -> list[str]:
    """What was aimed for beside what came of it; then how near an `up` comes to the floor."""
    lines = ["| | verb | measured | aimed for | |", "|---|---|---|---|---|"]
    for target in TARGETS:
        ours = samples[target.who].get(target.verb)
        theirs = samples.get(target.peer, {}).get(target.verb) if target.peer else [1.0]
        if not ours or not theirs:
            continue
        ratio = median(ours) / median(theirs)
        unit = f" x {target.peer}" if target.peer else " s"
        verdict = "reached" if ratio <= target.most else "missed"
        lines.append(
            f"| {target.who} | {target.verb} | {ratio:.3g}{unit} | {target.most:g}{unit} | {verdict} |"
        )
    floor = samples[FLOOR].get("up")
    for who in (NEW, SERVER):
        if floor and samples[who].get("up"):
            over = median(samples[who]["up"]) / median(floor)
            lines.append(f"| {who} | up | {over:.2f} x the floor | | |")
    return lines
