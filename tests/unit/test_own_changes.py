"""Which deaths and removals count as our own doing: what a transaction did, while it did it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from tests.fakes.memory_journal import MemoryJournal
from tests.fakes.observed import container
from tests.fakes.projects import project

from containers.model.base import StepId, TransactionId
from containers.model.journal import NOBODY, JournalRecord, Phase
from containers.model.observed import ObservedState
from containers.model.place import Place
from containers.model.plan import Plan
from containers.own_changes import OwnChanges

STACK = project(services={"web": {"image": "web"}})
WEB = container(STACK, "web")
PLACE = Place(STACK.name, "")
OURS, KILLED = 4242, 4243
SOON, LATE = timedelta(seconds=0.3), timedelta(seconds=3)


class Scene:
    """A journal with one transaction in it, whose process may have been killed."""

    def __init__(self) -> None:
        self.journal = MemoryJournal()
        living = {OURS, NOBODY}  # 0 stands for the group of whoever asks
        self.own = OwnChanges(place=self._place, journal=self.journal, lives=living.__contains__)

    async def begin(self, *steps: str, pid: int = OURS) -> datetime:
        """Begin one with these steps; when it began."""
        began_at = datetime.now(UTC) - timedelta(seconds=10)
        record = JournalRecord(
            transaction=TransactionId("one"),
            project=STACK.name,
            store="",
            plan=Plan(verb="up", project=STACK.name, steps=()),
            before=ObservedState(project=STACK.name),
            started_at=began_at,
            pid=pid,
        )
        await self.journal.begin(record)
        for step in steps:
            await self.journal.step_begun(record.transaction, StepId(step))
        return began_at

    async def end(self, phase: Phase = Phase.COMMITTED) -> datetime:
        """End it; when it ended."""
        await self.journal.conclude(TransactionId("one"), phase)
        (summary,) = await self.journal.history()
        assert summary.finished_at is not None
        return summary.finished_at

    async def _place(self) -> Place:
        return PLACE


@pytest.mark.parametrize(
    ("steps", "after", "is_ours"),
    [
        (["create:web:1", "start:web:1"], -LATE, True),
        (["create:web:1", "start:web:1"], SOON, False),
        (["replace:web:1"], SOON, True),
        (["restart:web:1"], SOON, True),
        ([f"stop:{WEB.name}"], SOON, True),
        ([f"remove:{WEB.name}"], SOON, True),
        ([f"make-way:{WEB.name}"], SOON, True),
        ([f"remove:{WEB.name}"], LATE, False),
        (["remove:another"], SOON, False),
        (["remove:another"], -LATE, False),
    ],
)
async def test_after_its_end_only_what_ends_containers_is_to_blame(
    steps: Sequence[str], after: timedelta, *, is_ours: bool
) -> None:
    """Symptom: what was removed by force within half a second of an `up` was not made again."""
    scene = Scene()
    await scene.begin(*steps)
    ended_at = await scene.end()
    assert await scene.own.was_changing(WEB, ended_at + after) is is_ours


async def test_what_a_change_made_in_place_of_another_is_not_what_it_ended() -> None:
    """The two have one name. Symptom: what was removed right after an `up` that recreated it stayed away."""
    scene = Scene()
    began_at = await scene.begin("replace:web:1", f"make-way:{WEB.name}")
    ended_at = await scene.end()
    made = WEB.model_copy(update={"created_at": began_at + SOON})
    assert not await scene.own.was_changing(made, ended_at + SOON)
    assert await scene.own.was_changing(WEB, ended_at + SOON)


async def test_what_was_made_may_be_taken_away_by_a_change_that_is_undone() -> None:
    """Its undoing has no steps of its own."""
    scene = Scene()
    await scene.begin("create:web:1", "start:web:1")
    ended_at = await scene.end(Phase.ROLLED_BACK)
    assert await scene.own.was_changing(WEB, ended_at + SOON)
    assert not await scene.own.was_changing(WEB, ended_at + LATE)


async def test_a_change_that_is_under_way_counts_from_its_beginning_on() -> None:
    """Whatever its steps."""
    scene = Scene()
    began_at = await scene.begin("start:web:1")
    assert not await scene.own.was_changing(WEB, began_at - SOON)
    assert await scene.own.was_changing(WEB, began_at + LATE)
    assert not await scene.own.was_restarting(WEB, began_at + LATE)


@pytest.mark.parametrize("pid", [KILLED, NOBODY])
async def test_a_change_whose_process_was_killed_or_left_it_is_nobodys(pid: int) -> None:
    """Symptom: until the next verb every crash, and every removal, counted as a change of our own."""
    scene = Scene()
    began_at = await scene.begin("restart:web:1", pid=pid)
    assert not await scene.own.was_changing(WEB, began_at + LATE)
    assert not await scene.own.was_restarting(WEB, began_at + LATE)


async def test_a_restart_is_told_from_other_changes() -> None:
    """Podman 5 tells it as it tells a crash."""
    scene = Scene()
    await scene.begin("restart:web:1")
    ended_at = await scene.end()
    assert await scene.own.was_restarting(WEB, ended_at + SOON)
