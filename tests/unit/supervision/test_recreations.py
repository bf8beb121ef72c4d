"""What is gone is made again in as few changes of the project as possible."""

import asyncio
from collections.abc import Collection

import pytest

from containers.model.base import ProjectName, ServiceName
from containers.model.errors import ErrorCode, LockHeldError, StateError
from containers.model.outcome import ComposeResult, Problem
from containers.supervision.recreations import Recreations, Results

A, B, C = ServiceName("a"), ServiceName("b"), ServiceName("c")


class Project:
    """Changes as the manager makes them, from `gate` on; `b` depends on `c`."""

    def __init__(self) -> None:
        self.changes: list[str] = []
        self.unmakeable: set[ServiceName] = set()
        self.never_applied: set[ServiceName] = set()
        self.refusal = ErrorCode.ENGINE_ERROR
        self.is_held = False
        self.is_damaged = False
        self.gate = asyncio.Event()

    async def make_again(self, services: Collection[ServiceName], *, anew: bool = False) -> Results:
        """All of them or none."""
        asked = sorted(services)
        self.changes.append(f"{'anew ' if anew else ''}{' '.join(asked)}")
        await self.gate.wait()
        if self.is_damaged:
            raise StateError(ErrorCode.STATE_DAMAGED, "the revision is damaged")
        code = ErrorCode.LOCK_HELD if self.is_held else self.refusal
        problems = (Problem(code=code, message="no"),) if self.is_held or self.unmakeable & {*asked} else ()
        result = ComposeResult(ok=not problems, project=ProjectName("demo"), problems=problems)
        return {name: None if name in self.never_applied else result for name in reversed(asked)}


@pytest.fixture
def project() -> Project:
    """With nothing the matter."""
    return Project()


@pytest.fixture
def recreations(project: Project) -> Recreations:
    """Of that project."""
    return Recreations(project.make_again)


async def all_at_once(
    recreations: Recreations, project: Project, *, anew: bool = False
) -> list[ComposeResult | None]:
    """First `a`, then, while that is made, `b` and `c`."""
    async with asyncio.TaskGroup() as group:
        tasks = []
        for name in (A, B, C):
            tasks.append(group.create_task(recreations.make(name, anew=anew)))
            await asyncio.sleep(0)
        project.gate.set()
    return [task.result() for task in tasks]


async def test_what_is_asked_for_meanwhile_is_made_together(
    project: Project, recreations: Recreations
) -> None:
    """Two changes for any number of services."""
    results = await all_at_once(recreations, project)
    assert project.changes == ["a", "b c"]
    assert [result is not None and result.ok for result in results] == [True, True, True]


async def test_what_is_made_anew_is_so_together_as_well(project: Project, recreations: Recreations) -> None:
    """Never along with what only lacks a replica."""
    await all_at_once(recreations, project, anew=True)
    await recreations.make(A)
    assert project.changes == ["anew a", "anew b c", "a"]


async def test_one_that_can_not_be_made_keeps_no_other_away(
    project: Project, recreations: Recreations
) -> None:
    """A change is done wholly or not at all, so they are tried one by one then, dependencies first."""
    project.unmakeable = {C}
    results = await all_at_once(recreations, project)
    assert project.changes == ["a", "b c", "c", "b"]
    assert [result is not None and result.ok for result in results] == [True, True, False]


async def test_what_was_cancelled_is_not_tried_one_by_one(project: Project, recreations: Recreations) -> None:
    """Somebody wants it to end."""
    project.unmakeable, project.refusal = {C}, ErrorCode.CANCELLED
    results = await all_at_once(recreations, project)
    assert project.changes == ["a", "b c"]
    assert [result is not None and result.ok for result in results] == [True, False, False]


async def test_each_is_told_whether_it_was_ever_applied(project: Project, recreations: Recreations) -> None:
    """It may be new in the files."""
    project.never_applied = {B}
    results = await all_at_once(recreations, project)
    assert [result is None for result in results] == [False, True, False]


async def test_somebody_elses_change_comes_first(project: Project, recreations: Recreations) -> None:
    """It is no failed attempt: whoever asked asks again."""
    project.is_held = True
    project.gate.set()
    with pytest.raises(LockHeldError):
        await recreations.make(A)
    with pytest.raises(LockHeldError):
        await recreations.make(A, anew=True)
    assert project.changes == ["a", "anew a"]


async def test_what_goes_wrong_for_all_is_told_to_each(project: Project, recreations: Recreations) -> None:
    """And the next attempt finds everything as it should be."""

    async def make(name: ServiceName) -> None:
        with pytest.raises(StateError):
            await recreations.make(name)

    project.is_damaged = True
    async with asyncio.TaskGroup() as group:
        for name in (A, B, C):
            _ = group.create_task(make(name))
        await asyncio.sleep(0)
        project.gate.set()
    assert project.changes == ["a", "b c"]
    project.is_damaged = False
    assert await recreations.make(A) is not None


async def test_who_is_cancelled_takes_nobody_along(project: Project, recreations: Recreations) -> None:
    """The next in line makes what is still missing."""
    async with asyncio.TaskGroup() as group:
        first, second, third = (group.create_task(recreations.make(name)) for name in (A, B, C))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0.01)
        second.cancel()
        await asyncio.sleep(0.01)
        project.gate.set()
    assert third.result() is not None
    assert project.changes == ["a", "b c", "b c"]
