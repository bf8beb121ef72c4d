"""The verb events: what happens to the stack, and what happened."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import typer

from containers.cli.event_lines import as_line
from containers.cli.moments import parse_moment
from containers.cli.running import Run, run
from containers.compose.event_hooks import covers_any, topic_remedy
from containers.event_sharing import SHARED
from containers.model.base import ProjectName, ServiceName
from containers.model.errors import ErrorCode, PodkeeperError, unknown_service
from containers.model.events import ContainerEvent, EventBase, covers
from containers.observation.past import told_before

TOPICS = (
    *("container.*", "health.*", "incident.*", "drift.*", "config.*", "file.*", "server.*"),
    *("transaction.started", "transaction.finished", "transaction.recovered"),
)
TRANSACTIONS = 1000
"""Of the past, at most; the newest are taken."""

Services = Annotated[list[str] | None, typer.Argument(help="Services; all when none is named.")]


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command(epilog="Example: podkeeper events --since 1h --no-follow --json api")(events)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events are shown, and how."""

    project: ProjectName
    topics: tuple[str, ...]
    services: frozenset[ServiceName]
    json: bool

    def covers(self, event: EventBase) -> bool:
        """Those of the project, and those that are about no project; with services, only theirs."""
        if event.project not in {None, self.project}:
            return False
        if self.services and getattr(event, "service", None) not in self.services:
            return False
        return covers(self.topics, getattr(event, "kind", ""))


def events(
    context: typer.Context,
    services: Services = None,
    topics: Annotated[
        list[str] | None, typer.Option("--topic", help="A kind or a prefix such as container.*")
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow/--no-follow", help="Go on with what happens from now on.")
    ] = True,
    since: Annotated[
        str | None,
        typer.Option("--since", help="Begin at a time such as 2026-01-02T13:23:37Z, or 42m ago."),
    ] = None,
    until: Annotated[str | None, typer.Option("--until", help="End there; written as --since.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Show what happens to the stack as it happens, and with --since what happened; end with Ctrl-C."""

    async def verb(with_: Run) -> int:
        project = with_.manager.require_project()
        _refuse_unknown(services or (), tuple(project.services))
        for topic in topics or ():
            if not covers_any(topic):
                raise PodkeeperError(
                    ErrorCode.USAGE, f"no event is called {topic}", remedy=topic_remedy(topic)
                )
        wanted = Wanted(
            project=project.name,
            topics=tuple(topics or TOPICS),
            services=frozenset(ServiceName(service) for service in services or ()),
            json=json,
        )
        now = with_.app.clock.now()
        begin = parse_moment(since, now) if since else None
        end = parse_moment(until, now) if until else None
        if not follow or (end is not None and end <= now):
            for event in await _past(with_, wanted, begin, end):
                _print(with_, wanted, event)
            return 0
        await _follow(with_, wanted, begin, end)
        return 0

    run(context, verb)


def _refuse_unknown(named: Sequence[str], known: Sequence[str]) -> None:
    for service in named:
        if service not in known:
            raise unknown_service(service, known)


async def _past(
    with_: Run, wanted: Wanted, since: datetime | None, until: datetime | None
) -> tuple[EventBase, ...]:
    """What Podman, the journal and other processes know of the time between."""
    engine = await with_.app.engine()
    noted = await engine.past_events(_ns(since) or 0, _ns(until))
    transactions = await with_.app.journal.history(wanted.project, engine.store, limit=TRANSACTIONS)
    told = await with_.app.event_log.between(wanted.project, since, until)
    found = told_before(wanted.project, noted, transactions, since, until, shared=told)
    return tuple(event for event in found if wanted.covers(event))


async def _follow(with_: Run, wanted: Wanted, since: datetime | None, until: datetime | None) -> None:
    """The past, if it is wanted, and then what comes; what both tell is shown once."""
    app = with_.app
    app.events.watch(wanted.project)
    await app.events.setup_event_subscriptions()
    await app.sharing.follow()
    shown: set[object] = set()
    waits_s = None if until is None else (until - app.clock.now()).total_seconds()
    with suppress(TimeoutError):
        async with asyncio.timeout(waits_s):
            is_behind = since is not None
            waiting: list[EventBase] = []
            async for event in app.bus.stream(relayed=SHARED, replay=True):
                waiting.append(event)
                if is_behind and getattr(event, "kind", "") != "server.resynchronised":
                    continue
                if is_behind:  # from here on nothing is missed, so what was before can be asked for
                    is_behind = False
                    for past in await _past(with_, wanted, since, None):
                        _print(with_, wanted, past)
                        shown |= _key(past)
                for each in waiting:
                    if wanted.covers(each) and shown.isdisjoint(_key(each)):
                        _print(with_, wanted, each)
                waiting.clear()


def _key(event: EventBase) -> set[object]:
    """What an event is known by where it is told again: those of Podman get an identifier each time."""
    if isinstance(event, ContainerEvent):
        return {(event.container, event.kind, event.at)}
    return {event.id} if event.id else set()


def _print(with_: Run, wanted: Wanted, event: EventBase) -> None:
    if wanted.json:
        with_.terminal.line(event.model_dump_json())
    elif getattr(event, "kind", "") != "server.world_changed":
        with_.terminal.line(as_line(event))


def _ns(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp() * 1_000_000) * 1000
