"""HookRunner: does what hooks say when events happen, and lets nothing they do harm the rest."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from containers.bus import EventBus, Subscription
from containers.event_sharing import CHANGES
from containers.model.base import ProjectName
from containers.model.errors import PodkeeperError
from containers.model.events import (
    ConfigValidated,
    EventBase,
    HookFinished,
    PartFailed,
    PartRecovered,
    SupervisorChanged,
)
from containers.model.hooks import (
    CallWebhook,
    EventHook,
    Notify,
    RestartService,
    RunCommand,
    RunVerb,
)
from containers.observation.hook_matching import PART, filled_in, is_changing, matches, may_run
from containers.ports.machine import Clock, TaskOwner
from containers.ports.outside import CommandRunner, Webhooks

log = logging.getLogger(__name__)

MOST_WAITING: Final = 16
"""Events that may wait for one hook."""
_MESSAGE_CHARACTERS: Final = 500
_FIRST_BAD_STATUS: Final = 300
"""Redirections are not followed, so they have not done it either."""

Restart = Callable[[str], Awaitable[str]]
"""Restarts a service; why it could not, or nothing."""
Tell = Callable[[str, str], None]
"""Shows a message of a level to the person."""


def _log_output(hook: str, text: str) -> None:
    log.info("hook %s: %s", hook, text)


class HookRunner:
    """Runs the hooks of one project.

    Each hook does one thing at a time, and a few events may wait for it. What it does may take its timeout
    and no longer. How it ended is told (`server.hook_finished`), what it printed goes into the log.

    A hook that changes the stack makes events by that. Those of its own project that come while it runs do
    not set it off again, and none runs more than a few times a minute, so that two hooks that answer each
    other are held to that.
    """

    def __init__(
        self,
        *,
        folder: Path,
        project: Callable[[], ProjectName | None],
        hooks: Callable[[], Sequence[EventHook]],
        verb_options: Callable[[], Sequence[str]],
        restart: Restart,
        tell: Tell,
        commands: CommandRunner,
        webhooks: Webhooks,
        bus: EventBus,
        clock: Clock,
        group: TaskOwner,
        printed: Tell | None = None,
    ) -> None:
        """Args beside the obvious.

        folder: where commands run.
        project: whose events count; those that are about no project do as well.
        hooks: what is written now.
        printed: takes a hook's name and what its command printed; without it the log does.
        verb_options: what stands before a verb, such as which environment it is.
        """
        self._folder = folder
        self._project = project
        self._hooks = hooks
        self._verb_options = verb_options
        self._restart = restart
        self._tell = tell
        self._commands = commands
        self._webhooks = webhooks
        self._bus = bus
        self._clock = clock
        self._group = group
        self._printed = printed or _log_output
        self._lanes: dict[str, _Lane] = {}
        self._is_ours = True
        """Of several processes that keep a project only the one that restarts its services runs its hooks."""
        self._subscription: Subscription | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The hooks that are active."""
        return tuple(self._lanes)

    def start(self) -> None:
        """Begin; safe to call again."""
        if self._subscription is None:
            self.reload()
            self._subscription = self._bus.subscribe("hooks", self._on_event, relayed=CHANGES)

    def stop(self) -> None:
        """End; a command under way is killed."""
        if self._subscription is not None:
            self._bus.unsubscribe(self._subscription)
            self._subscription = None
        self._end(tuple(self._lanes))

    def reload(self) -> None:
        """Take the hooks as they are written now; one that stayed as it was goes on undisturbed."""
        written = {hook.name: hook for hook in self._hooks()}
        runs = {name: lane.runs for name, lane in self._lanes.items() if lane.runs.is_changing}
        self._end(name for name, lane in self._lanes.items() if written.get(name) != lane.hook)
        for name, hook in written.items():
            if name not in self._lanes:
                lane = self._lanes[name] = _Lane(hook, runs.get(name))
                lane.task = self._group.create_task(self._serve(lane), name=f"hook:{name}")

    def _end(self, names: Iterable[str]) -> None:
        for name in tuple(names):
            lane = self._lanes.pop(name)
            if lane.task is not None:
                lane.task.cancel()
            if lane.is_failing:
                self._tell_recovery(name)  # what failed is not there any more; the one in its place will say

    def _on_event(self, event: EventBase) -> None:
        if event.project not in {None, self._project()}:
            return
        if isinstance(event, ConfigValidated):
            self.reload()
        elif isinstance(event, SupervisorChanged):
            self._is_ours = event.is_ours
        if not self._is_ours:
            return
        for lane in self._lanes.values():
            if matches(lane.hook, event) and not (is_changing(lane.hook) and lane.was_running(event.at)):
                lane.put(event)

    async def _serve(self, lane: "_Lane") -> None:
        """One hook, event by event, for ever."""
        while True:
            event, runs = await lane.next(), lane.runs
            if runs.change is not None:
                await asyncio.wait([runs.change])  # it outlasted its hook; no other one beside it
            now = self._clock.monotonic()
            if not may_run(lane.hook, runs.began, now):
                self._note_skipped(lane, event)
                continue
            runs.began.append(now)
            runs.since, runs.until = self._clock.now(), None
            try:
                problem = await self._run(lane, event)
            finally:
                if not runs.is_changing:
                    runs.until = self._clock.now()
            self._note_end(lane, event, self._clock.monotonic() - now, problem)

    async def _run(self, lane: "_Lane", event: EventBase) -> str:
        """Do it; what went wrong, or nothing."""
        hook = lane.hook
        try:
            # a command is ended by who runs it, at its timeout, and what it printed until then is kept
            is_ended_there = isinstance(hook.action, RunCommand | RunVerb)
            async with asyncio.timeout(None if is_ended_there else hook.timeout_s):
                return await self._act(lane, event)
        except TimeoutError:
            return f"it took more than {hook.timeout_s:g} s"
        except (OSError, PodkeeperError) as error:
            return str(error)
        except Exception as error:
            log.exception("hook %s broke", hook.name)
            return f"{type(error).__name__}: {error}"

    async def _act(self, lane: "_Lane", event: EventBase) -> str:
        hook = lane.hook
        match hook.action:
            case RunCommand(argv=argv):
                return await self._command(hook, argv, event)
            case RunVerb(argv=argv):
                whole = (*self._commands.podkeeper, *self._verb_options(), *argv)
                return await self._command(hook, whole, event)
            case RestartService(service=service):
                # who stops waiting for it does not end it: a change ends itself, or is undone
                change = self._restart_to_its_end(lane.runs, service)
                lane.runs.change = self._group.create_task(change, name=f"restart:{service}")
                return await asyncio.shield(lane.runs.change)
            case Notify(message=message, level=level):
                self._tell(filled_in(message, event), level)
                return ""
            case CallWebhook(url=url):
                status = await self._webhooks.post(url, event.model_dump_json(), hook.timeout_s)
                return "" if status < _FIRST_BAD_STATUS else f"the answer was {status}"

    async def _restart_to_its_end(self, runs: "_Runs", service: str) -> str:
        """What went wrong, or nothing; whatever it is, the hook goes on."""
        try:
            return await self._restart(service)
        except PodkeeperError as error:
            return str(error)
        except Exception as error:
            log.exception("a restart of %s broke", service)
            return f"{type(error).__name__}: {error}"
        finally:
            runs.until = self._clock.now()

    async def _command(self, hook: EventHook, argv: Sequence[str], event: EventBase) -> str:
        result = await self._commands.run(
            argv, folder=self._folder, stdin=event.model_dump_json(), timeout_s=hook.timeout_s
        )
        said = result.output.strip()
        if said:
            self._printed(hook.name, said)
        if result.exit_code == 0:
            return ""
        if result.exit_code == -1:
            return f"it took more than {hook.timeout_s:g} s and was ended"
        last = said.splitlines()[-1][-_MESSAGE_CHARACTERS:] if said else "it said nothing"
        return f"exit code {result.exit_code}: {last}"

    def _note_skipped(self, lane: "_Lane", event: EventBase) -> None:
        """Told once, until it may run again."""
        if not lane.is_held:
            lane.is_held = True
            self._finished(lane, event, 0.0, "it ran too often within a minute, and is left out for a while")

    def _note_end(self, lane: "_Lane", event: EventBase, took_s: float, problem: str) -> None:
        lane.is_held = False
        skipped, lane.skipped = lane.skipped, 0
        if skipped:
            log.warning("hook %s was too slow for %d events", lane.hook.name, skipped)
        self._finished(lane, event, took_s, problem)
        if bool(problem) == lane.is_failing:
            return
        lane.is_failing = bool(problem)
        if not problem:
            self._tell_recovery(lane.hook.name)
            return
        part, now = f"{PART} {lane.hook.name}", self._clock.now()
        self._bus.publish(
            PartFailed(at=now, source="server", project=self._project(), part=part, reason=problem)
        )

    def _tell_recovery(self, hook: str) -> None:
        self._bus.publish(
            PartRecovered(
                at=self._clock.now(), source="server", project=self._project(), part=f"{PART} {hook}"
            )
        )

    def _finished(self, lane: "_Lane", event: EventBase, took_s: float, problem: str) -> None:
        self._bus.publish(
            HookFinished(
                at=self._clock.now(),
                source="server",
                project=self._project(),
                cause=event.cause,
                hook=lane.hook.name,
                topic=getattr(event, "kind", ""),
                ok=not problem,
                duration_s=took_s,
                message=problem,
            )
        )


@dataclass(slots=True, eq=False)
class _Runs:
    """What a hook has done; goes over to the next of its name while a restart is under way."""

    began: deque[float] = field(default_factory=lambda: deque(maxlen=64))
    since: datetime | None = None
    until: datetime | None = None
    change: asyncio.Task[str] | None = None
    """A restart, which may outlast its hook."""

    @property
    def is_changing(self) -> bool:
        """Whether a restart is under way."""
        return self.change is not None and not self.change.done()


class _Lane:
    """One hook, with what waits for it."""

    def __init__(self, hook: EventHook, runs: _Runs | None) -> None:
        self.hook = hook
        self.runs = runs or _Runs()
        self.task: asyncio.Task[None] | None = None
        self.is_failing = False
        self.is_held = False
        self.skipped = 0
        self._waiting: deque[EventBase] = deque()
        self._wake = asyncio.Event()

    def was_running(self, at: datetime) -> bool:
        """Whether it was under way then, or is now; what another process does is heard of a little later."""
        since, until = self.runs.since, self.runs.until
        return since is not None and (until is None or since <= at <= until)

    def put(self, event: EventBase) -> None:
        """Have it wait; the oldest gives way to it where too many do."""
        if len(self._waiting) >= MOST_WAITING:
            self._waiting.popleft()
            self.skipped += 1
        self._waiting.append(event)
        self._wake.set()

    async def next(self) -> EventBase:
        """The oldest that waits."""
        while not self._waiting:
            self._wake.clear()
            await self._wake.wait()
        return self._waiting.popleft()
