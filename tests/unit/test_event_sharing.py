"""What reaches other processes, and what comes from them."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from tests.fakes.clock import LoopClock
from tests.fakes.tasks import LoopTasks

from containers import event_sharing
from containers.bus import EventBus
from containers.event_sharing import ACTS, CHANGES, SHARED, EventSharing
from containers.model.base import ProjectName, ServiceName
from containers.model.errors import ErrorCode, StateError
from containers.model.events import (
    DriftChanged,
    EventBase,
    FilesSynced,
    PartFailed,
    PartRecovered,
    Resynchronised,
    ServiceRestarted,
    SupervisorChanged,
    TransactionStarted,
)

DEMO = ProjectName("demo")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
STARTED = TransactionStarted(at=NOW, source="transaction", project=DEMO, verb="up", steps=1)
RESTARTED = ServiceRestarted(
    at=NOW, source="health", project=DEMO, service=ServiceName("web"), attempt=1, reason="died"
)
DRIFTED = DriftChanged(at=NOW, source="drift", project=DEMO, revision=1, found=("x",))
SYNCED = FilesSynced(
    at=NOW,
    source="watching",
    project=DEMO,
    service=ServiceName("web"),
    action="sync",
    copied=1,
    removed=0,
    duration_s=0.1,
)
SEEN_BY_ALL = Resynchronised(at=NOW, source="server", project=DEMO, containers=1)


class MemoryLog:
    """The port `EventLog`; `theirs` is what other processes told."""

    def __init__(self) -> None:
        self.ours: list[EventBase] = []
        self.theirs: list[EventBase] = []
        self.refusal: StateError | None = None

    async def add(self, event: EventBase) -> None:
        """Note it."""
        self._maybe_refuse()
        self.ours.append(event)

    async def newest(self) -> int:
        """How many others told."""
        self._maybe_refuse()
        return len(self.theirs)

    def may_have_more(self) -> bool:
        """Perhaps."""
        return True

    async def after(self, number: int) -> tuple[int, tuple[EventBase, ...]]:
        """What others told since."""
        self._maybe_refuse()
        return len(self.theirs), tuple(self.theirs[number:])

    async def between(
        self, project: ProjectName, since: datetime | None, until: datetime | None
    ) -> tuple[EventBase, ...]:
        """All of a project."""
        del since, until
        return tuple(event for event in (*self.ours, *self.theirs) if event.project == project)

    def _maybe_refuse(self) -> None:
        if self.refusal is not None:
            raise self.refusal


class Bed:
    """Sharing on a bus, with somebody who listens to all, and somebody who wants what others did as well."""

    def __init__(self) -> None:
        self.log = MemoryLog()
        self.tasks = LoopTasks()
        self.bus = EventBus(LoopClock())
        self.sharing = EventSharing(log=lambda: self.log, bus=self.bus, clock=LoopClock(), group=self.tasks)
        self.alone: list[EventBase] = []
        self.told: list[EventBase] = []
        self.keeping: list[EventBase] = []
        self.bus.start(self.tasks)
        self._listening = [
            self.bus.subscribe("alone", self.alone.append),
            self.bus.subscribe("told", self.told.append, topics=(), relayed=SHARED),
            self.bus.subscribe("keeping", self.keeping.append, topics=(), relayed=(*CHANGES, *ACTS)),
        ]

    async def publish(self, *events: EventBase) -> list[str]:
        """Tell these here; what was written for others."""
        before = len(self.log.ours)
        for event in events:
            self.bus.publish(event)
        await self.settle()
        return [getattr(event, "kind", "") for event in self.log.ours[before:]]

    async def settle(self) -> None:
        """Let everything that is under way end."""
        await asyncio.sleep(3 * event_sharing.EVERY_S)
        for subscription in self._listening:
            await subscription.settled()


@pytest.fixture
async def bed(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bed]:
    """Nobody follows yet."""
    monkeypatch.setattr(event_sharing, "EVERY_S", 0.01)
    made = Bed()
    yield made
    made.sharing.close()
    await made.bus.close()
    await made.tasks.cancel()


async def test_a_change_is_written_by_whoever_makes_it(bed: Bed) -> None:
    """What every process sees for itself is not."""
    assert await bed.publish(STARTED, SEEN_BY_ALL, SYNCED) == ["transaction.started", "file.synced"]


async def test_what_a_keeper_finds_is_written_by_the_one_that_supervises(bed: Bed) -> None:
    """Several see the same drift."""
    assert await bed.publish(DRIFTED, RESTARTED) == []
    ours = SupervisorChanged(at=NOW, source="health", project=DEMO, is_ours=True, holder="this")
    assert await bed.publish(ours, DRIFTED, RESTARTED) == ["drift.changed", "health.restarted"]
    theirs = ours.model_copy(update={"is_ours": False})
    assert await bed.publish(theirs, DRIFTED, RESTARTED) == []


async def test_what_others_tell_reaches_only_who_asked_for_it(bed: Bed) -> None:
    """With its identifier, from when one follows on, and it is not written again."""
    bed.log.theirs = [SYNCED]
    await bed.sharing.follow()
    await bed.sharing.follow()
    bed.log.theirs += [event.model_copy(update={"id": "E1"}) for event in (STARTED, RESTARTED, DRIFTED)]
    await bed.settle()
    kinds = ["transaction.started", "health.restarted", "drift.changed"]
    assert [(event.id, getattr(event, "kind", "")) for event in bed.told] == [("E1", kind) for kind in kinds]
    assert [getattr(event, "kind", "") for event in bed.keeping] == kinds[:2]
    assert [event.sequence for event in bed.told] == [1, 2, 3]
    assert (bed.alone, bed.log.ours, bed.bus.history()) == ([], [], ())


async def test_a_log_that_can_not_be_used_is_told_once_and_stops_nothing(bed: Bed) -> None:
    """What was told before it could be read first is not told again."""
    bed.log.theirs = [SYNCED]
    bed.log.refusal = StateError(ErrorCode.NO_SPACE, "there is no room left")
    await bed.sharing.follow()
    assert await bed.publish(STARTED, STARTED) == []
    failed = [event for event in bed.alone if isinstance(event, PartFailed)]
    assert [event.part for event in failed] == ["shared events"]
    assert "no room left" in failed[0].reason
    bed.log.refusal = None
    await bed.publish(STARTED)
    assert any(isinstance(event, PartRecovered) for event in bed.alone)
    bed.log.theirs += [RESTARTED]
    await bed.settle()
    assert [getattr(event, "kind", "") for event in bed.told] == ["health.restarted"]


async def test_that_nothing_can_be_written_is_not_taken_back_because_reading_works(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a full disk."""

    async def refuse(event: EventBase) -> None:
        del event
        raise StateError(ErrorCode.NO_SPACE, "there is no room left")

    await bed.sharing.follow()
    with monkeypatch.context() as full:
        full.setattr(bed.log, "add", refuse)
        await bed.publish(STARTED, STARTED)
        assert [e.part for e in bed.alone if isinstance(e, PartFailed | PartRecovered)] == ["shared events"]
    await bed.publish(STARTED)
    parts = [type(e) for e in bed.alone if isinstance(e, PartFailed | PartRecovered)]
    assert parts == [PartFailed, PartRecovered]
