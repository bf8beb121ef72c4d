"""How fast is the bus, and how soon does a subscriber hear of what happened?

The bus: events a second through ten subscribers, and what a stuck eleventh costs the others. The stream: from
the moment that an event's line is on Podman's socket until a subscriber has it. Deaths: from the moment that
a container's process is killed until a subscriber has `container.died`, by Podman's stream alone and with the
kernel's word; in turns, so that a busy moment is shared.
"""

import asyncio
import json
import os
import signal
import socket
import statistics
import tempfile
import threading
import time
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.engine import remove
from bench.tools import IMAGE, STAY, MeasureError, call, note, output_of

if TYPE_CHECKING:
    from containers.app import Application
    from containers.bus import EventBus

EVENTS = 20_000
SUBSCRIBERS = 10
BURST = 500
"""Published in one go, before the subscribers get their turn."""
LINES = 300
LINE_EVERY_S = 0.01
DEATHS = 20
SERVICES = 5
PATIENCE_S = 10.0

Samples = dict[str, float | list[float]]


def measure_events(url: str, scratch: Path, runs: int) -> Samples:
    """Everything; rates in events a second, latencies in seconds."""
    found: Samples = {}
    for number in range(runs):
        note(f"events, run {number + 1} of {runs}: the bus")
        for name, rate in asyncio.run(_bus_rates()).items():
            found[name] = max(rate, _number(found.get(name)))
    note("events: the stream")
    found["stream"] = asyncio.run(_stream_latencies(scratch))
    for _ in range(runs):
        for name, watched in (("stream alone", False), ("with the kernel", True)):
            note(f"events: deaths, {name}")
            samples = found.setdefault(f"death, {name}", [])
            assert isinstance(samples, list)  # noqa: S101  (made above)
            samples += asyncio.run(_death_latencies(url, scratch, watched=watched))
    return found


def _number(value: float | list[float] | None) -> float:
    return value if isinstance(value, float) else 0.0


# --- the bus


async def _bus_rates() -> dict[str, float]:
    return {
        "bus": await _bus_rate(stuck=False),
        "bus with a stuck subscriber": await _bus_rate(stuck=True),
    }


async def _bus_rate(*, stuck: bool) -> float:
    """Events a second that ten subscribers have handled, all of them."""
    from containers.adapters.system_clock import SystemClock  # noqa: PLC0415  (measured here alone)
    from containers.bus import EventBus  # noqa: PLC0415
    from containers.model.base import ContainerId, ProjectName, ServiceName  # noqa: PLC0415
    from containers.model.events import ContainerEvent  # noqa: PLC0415

    clock = SystemClock()
    bus = EventBus(clock)
    handled = [0] * SUBSCRIBERS
    never = asyncio.Event()

    async def wait_for_ever(_event: object) -> None:
        await never.wait()

    def counter(place: int) -> Any:
        def count(_event: object) -> None:
            handled[place] += 1

        return count

    event = ContainerEvent(
        kind="container.died",
        at=clock.now(),
        source="engine",
        project=ProjectName("demo"),
        service=ServiceName("web"),
        container=ContainerId("c" * 64),
        name="demo_web_1",
        exit_code=1,
    )
    async with asyncio.TaskGroup() as group:
        bus.start(group)
        for place in range(SUBSCRIBERS):
            bus.subscribe(f"counter {place}", counter(place), topics=("container.*", "health.*"))
        if stuck:
            bus.subscribe("stuck", wait_for_ever)
            bus.publish(event)
        await asyncio.sleep(0)
        began = time.perf_counter()
        for number in range(EVENTS):
            bus.publish(event)
            if number % BURST == BURST - 1:
                await asyncio.sleep(0)
        while min(handled) < EVENTS:
            await asyncio.sleep(0)
            if time.perf_counter() - began > PATIENCE_S:
                raise MeasureError(f"the subscribers have {handled} of {EVENTS} events")
        took = time.perf_counter() - began
        never.set()
        await bus.close()
    return EVENTS / took


# --- the stream


class _Teller:
    """A Podman that tells events, each with the moment when its line was written to the socket."""

    def __init__(self, path: Path) -> None:
        self._end = socket.socket(socket.AF_UNIX)
        self._end.bind(str(path))
        self._end.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Wait until everything is told."""
        self._thread.join(PATIENCE_S)
        self._end.close()

    def _serve(self) -> None:
        connection, _ = self._end.accept()
        with closing(connection):
            connection.recv(65536)
            connection.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
            for number in range(LINES):
                time.sleep(LINE_EVERY_S)
                line = _line(number)
                connection.sendall(f"{len(line):x}\r\n".encode() + line + b"\r\n")
            connection.sendall(b"0\r\n\r\n")


def _line(number: int) -> bytes:
    attributes = {
        "name": f"demo_web_{number}",
        "com.docker.compose.project": "demo",
        "com.docker.compose.service": "web",
        "containerExitCode": "1",
    }
    event = {
        "Type": "container",
        "Action": "died",
        "Actor": {"ID": f"{number:064x}", "Attributes": attributes},
        "timeNano": time.time_ns(),
    }
    return json.dumps(event).encode() + b"\n"


async def _stream_latencies(scratch: Path) -> list[float]:
    """From the line on the socket to the subscriber, through all that is in between."""
    from containers.adapters.podman_event_stream import stream_events  # noqa: PLC0415  (measured here alone)
    from containers.adapters.system_clock import SystemClock  # noqa: PLC0415
    from containers.bus import EventBus  # noqa: PLC0415
    from containers.event_integration import EventIntegration  # noqa: PLC0415

    clock = SystemClock()
    bus = EventBus(clock)
    samples: list[float] = []

    async def no_engine() -> Any:
        raise MeasureError("nothing is asked of an engine here")

    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        path = Path(folder) / "s"
        teller = _Teller(path)
        events = EventIntegration(engine=no_engine, bus=bus, clock=clock)
        async with asyncio.TaskGroup() as group:
            bus.start(group)
            bus.subscribe("bench", lambda e: samples.append(time.time() - e.at.timestamp()))
            async for event in stream_events(f"unix://{path}", None):
                await events.handle_container_event(event)
            await bus.close()
        teller.close()
    if len(samples) != LINES:
        raise MeasureError(f"{len(samples)} of {LINES} events arrived")
    return samples


# --- deaths


@asynccontextmanager
async def _stack(url: str, scratch: Path, project: str) -> AsyncIterator["Application"]:
    """An application that is connected, and a project of a few containers that run."""
    from containers.app import running  # noqa: PLC0415  (measured here alone)
    from containers.settings import EngineSettings, Settings  # noqa: PLC0415

    settings = Settings(state_dir=scratch / "state", engine=EngineSettings(url=url))
    try:
        for number in range(SERVICES):
            labels = (f"com.docker.compose.project={project}", f"com.docker.compose.service=s{number}")
            options = [option for label in labels for option in ("--label", label)]
            name = f"{project}_s{number}_1"
            await asyncio.to_thread(
                call, ["podman", "run", "-d", "--name", name, *options, IMAGE, "sh", "-c", _stay()], {}
            )
        async with running(settings, {**os.environ}) as app:
            yield app
    finally:
        await asyncio.to_thread(remove, project)


def _stay() -> str:
    return STAY.replace("$$", "$")


async def _death_latencies(url: str, scratch: Path, *, watched: bool) -> list[float]:
    """From SIGKILL to `container.died` at a subscriber."""
    from containers.adapters.process_watch import PidfdWatch  # noqa: PLC0415  (measured here alone)
    from containers.bus import EventBus  # noqa: PLC0415
    from containers.event_integration import EventIntegration  # noqa: PLC0415
    from containers.model.base import ProjectName  # noqa: PLC0415

    project = ProjectName(f"pkbench{uuid.uuid4().hex[:8]}")
    samples: list[float] = []
    async with _stack(url, scratch, project) as app:
        bus = EventBus(app.clock)
        bus.start(app.tasks)
        events = EventIntegration(
            engine=app.engine, bus=bus, clock=app.clock, processes=PidfdWatch() if watched else None
        )
        events.bind(app.tasks)
        events.watch(project)
        await events.setup_event_subscriptions()
        await _next(bus, "server.resynchronised")
        for number in range(DEATHS):
            name = f"{project}_s{number % SERVICES}_1"
            pid = int(await asyncio.to_thread(output_of, "podman", "inspect", "-f", "{{.State.Pid}}", name))
            await asyncio.sleep(0.4)
            killed = time.time()
            os.kill(pid, signal.SIGKILL)
            await _next(bus, "container.died", after=killed)
            samples.append(time.time() - killed)
            await asyncio.to_thread(call, ["podman", "start", name], {})
            await _next(bus, "container.started", after=killed)
        await events.close()
        await bus.close()
    return samples


async def _next(bus: "EventBus", kind: str, after: float = 0.0) -> None:
    try:
        async with asyncio.timeout(PATIENCE_S):
            async for event in bus.stream((kind,), replay=True):
                if event.at.timestamp() >= after:
                    return
    except TimeoutError as error:
        raise MeasureError(f"{kind} never came") from error


# --- telling


def events_table(found: Mapping[str, float | Sequence[float]]) -> list[str]:
    """Rates, then latencies."""
    lines = ["| | events a second |", "|---|---|"]
    lines += [f"| {name} | {value:,.0f} |" for name, value in found.items() if isinstance(value, float)]
    lines += ["", "| from | p50 | p95 | worst |", "|---|---|---|---|"]
    titles = {"stream": "an event on Podman's socket to the subscriber"}
    for name, samples in found.items():
        if isinstance(samples, float):
            continue
        cells = (statistics.median(samples), percentile(samples, 95), max(samples))
        title = titles.get(name, f"a {name.replace(', ', ' to the subscriber, ')}")
        lines.append(f"| {title} | " + " | ".join(f"{cell * 1000:.1f} ms" for cell in cells) + " |")
    return lines


def percentile(samples: Sequence[float], percent: int) -> float:
    """The value that `percent` of the samples do not exceed."""
    ranked = sorted(samples)
    return ranked[min(len(ranked) - 1, -(-len(ranked) * percent // 100) - 1)]
