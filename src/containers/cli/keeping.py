"""Verbs that go on: events and monitor."""

from typing import Annotated

import typer

from containers.bus import EventBus
from containers.cli.running import Run, run
from containers.model.events import ContainerEvent, EventBase, HealthChanged, RestartFailed, ServiceRestarted

Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
TOPICS = ("container.*", "health.*", "server.*")


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command(epilog="Example: podkeeper events --topic 'container.*' --json")(events)
    app.command(epilog="Example: podkeeper monitor")(monitor)


def events(
    context: typer.Context,
    topics: Annotated[
        list[str] | None, typer.Option("--topic", help="A kind or a prefix such as container.*")
    ] = None,
    json: Json = False,
) -> None:
    """Show what happens to the stack, as it happens; end with Ctrl-C."""

    async def verb(with_: Run) -> int:
        project = with_.manager.require_project()
        with_.app.events.watch(project.name)
        await with_.app.events.setup_event_subscriptions()
        await _print_events(with_, with_.app.bus, tuple(topics or TOPICS), json=json)
        return 0

    run(context, verb)


def monitor(context: typer.Context, json: Json = False) -> None:
    """Keep the stack healthy in the foreground: check, restart what is unhealthy or dead, say so."""

    async def verb(with_: Run) -> int:
        project = with_.manager.require_project()
        keeper = with_.app.monitor(with_.manager)
        await with_.app.events.setup_event_subscriptions()
        await keeper.start_monitoring()
        with_.terminal.note(f"watching over {project.name} ({len(project.services)} services)")
        try:
            await _print_events(with_, with_.app.bus, TOPICS, json=json)
        finally:
            await keeper.stop_monitoring()
        return 0

    run(context, verb)


async def _print_events(with_: Run, bus: EventBus, topics: tuple[str, ...], *, json: bool) -> None:
    async for event in bus.stream(topics, replay=True):
        if json:
            with_.terminal.line(event.model_dump_json())
        elif getattr(event, "kind", "") != "server.world_changed":
            with_.terminal.line(_as_line(event))


def _as_line(event: EventBase) -> str:
    at = event.at.astimezone().strftime("%H:%M:%S.%f")[:-3]
    kind = getattr(event, "kind", "")
    match event:
        case ContainerEvent():
            code = f" (exit code {event.exit_code})" if event.exit_code is not None else ""
            rest = f"{event.name}{code}"
        case HealthChanged():
            rest = f"{event.service}: {event.before} -> {event.after}"
        case ServiceRestarted() | RestartFailed():
            rest = f"{event.service}: attempt {event.attempt}, {event.reason}"
        case _:
            left_out = {"id", "sequence", "at", "source", "kind", "project", "cause"}
            rest = " ".join(f"{k}={v}" for k, v in event.model_dump(exclude=left_out).items())
    return f"{at} {kind:<24} {rest}"
