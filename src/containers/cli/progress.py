"""Progress of a transaction: drawn in place on a terminal, a line an event when piped."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from containers.bus import EventBus
from containers.cli.terminal import Terminal
from containers.model.events import EventBase, StepFinished, StepStarted
from containers.ports.machine import Clock

if TYPE_CHECKING:
    from rich.console import RenderableType

_DOING = {
    "pull_image": ("Pulling", "Pulled"),
    "build_image": ("Building", "Built"),
    "push_image": ("Pushing", "Pushed"),
    "create_network": ("Creating", "Created"),
    "create_volume": ("Creating", "Created"),
    "create_container": ("Creating", "Created"),
    "start_container": ("Starting", "Started"),
    "replace_container": ("Recreating", "Recreated"),
    "restart_container": ("Restarting", "Restarted"),
    "stop_container": ("Stopping", "Stopped"),
    "remove_container": ("Removing", "Removed"),
    "remove_network": ("Removing", "Removed"),
    "remove_volume": ("Removing", "Removed"),
    "remove_image": ("Removing", "Removed"),
}
_WHAT = {
    "pull_image": "Image",
    "build_image": "Image",
    "remove_image": "Image",
    "push_image": "Image",
    "create_network": "Network",
    "remove_network": "Network",
    "create_volume": "Volume",
    "remove_volume": "Volume",
}
_GATE = {
    "running": ("Waiting", "Running"),
    "healthy": ("Waiting", "Healthy"),
    "completed": ("Waiting", "Completed"),
}


def _words(event: StepStarted | StepFinished) -> tuple[str, str] | None:
    if event.step_kind == "gate":
        return _GATE.get(event.step.rsplit(":", 1)[-1])
    return _DOING.get(event.step_kind)


def _subject(event: StepStarted | StepFinished) -> str:
    if event.step_kind == "gate":
        return f"Service {event.service}"
    return f"{_WHAT.get(event.step_kind, 'Container')} {event.subject}"


class _Lines:
    """A line when something ends, as for logs."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._is_loading = False

    def handle(self, event: EventBase) -> None:
        if not self._is_loading:
            # what draws the result takes 40 ms to load: time that Podman needs anyhow
            self._is_loading = True
            _ = asyncio.get_running_loop().run_in_executor(None, import_module, "rich.table")
        if not isinstance(event, StepFinished) or event.outcome == "not_run":
            return
        words = _words(event)
        if words is None:
            return
        result = words[1] if event.outcome == "done" else f"Error: {event.message}"
        self._terminal.note(f"{_subject(event)}  {result}  {event.duration_s:.1f}s")


class _Live:
    """A row each container, network, volume and image, changed in place."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rows: dict[str, tuple[str, str, float, float | None]] = {}

    def handle(self, event: EventBase) -> None:
        if not isinstance(event, StepStarted | StepFinished):
            return
        words = _words(event)
        if words is None:
            return
        row = self._row_of_gate(event) if event.step_kind == "gate" else _subject(event)
        started = self._rows.get(row, ("", "", self._clock.monotonic(), None))[2]
        if isinstance(event, StepStarted):
            self._rows[row] = (words[0], "cyan", started, None)
        elif event.outcome == "done":
            self._rows[row] = (words[1], "green", started, self._clock.monotonic() - started)
        elif event.outcome != "not_run":
            self._rows[row] = (f"Error: {event.message}", "red", started, self._clock.monotonic() - started)

    def _row_of_gate(self, event: StepStarted | StepFinished) -> str:
        """A gate is shown on its service's container, if that was touched."""
        ending = f"_{event.service}_{event.step.split(':')[-2]}"
        return next((row for row in self._rows if row.endswith(ending)), f"Service {event.service}")

    def __rich__(self) -> "RenderableType":
        from rich.spinner import Spinner  # noqa: PLC0415  (start-up time)
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        table = Table.grid(padding=(0, 1))
        for row, (words, style, started, took) in self._rows.items():
            seconds = took if took is not None else self._clock.monotonic() - started
            sign: Any = Spinner("dots", style=style)
            if took is not None:
                sign = Text("✔" if style == "green" else "✘", style=style)
            table.add_row(sign, Text(row), Text(words, style=style), Text(f"{seconds:.1f}s", style="dim"))
        return table


@asynccontextmanager
async def progress(
    terminal: Terminal, bus: EventBus, clock: Clock, *, in_place: bool = True
) -> AsyncIterator[None]:
    """Show what happens on the bus while the block runs, to the last event.

    With `in_place` false it is told in lines also on a terminal: others write there, too.
    """
    if terminal.is_quiet:
        yield
        return
    topics = ("transaction.step_started", "transaction.step_finished")
    if not terminal.is_live or not in_place:
        subscription = bus.subscribe("progress", _Lines(terminal).handle, topics=topics)
        try:
            yield
        finally:
            await subscription.settled()
            bus.unsubscribe(subscription)
        return
    from rich.live import Live  # noqa: PLC0415  (start-up time)

    rows = _Live(clock)
    subscription = bus.subscribe("progress", rows.handle, topics=topics)
    try:
        with Live(rows, console=terminal.err, refresh_per_second=12):
            yield
            await subscription.settled()
    finally:
        bus.unsubscribe(subscription)
