"""HealthMonitor where what is written down can not be read or written, on a scripted engine."""

from collections.abc import AsyncIterator

import pytest
from tests.fakes.keeper import Keeper
from tests.fakes.projects import project

from containers.health_monitor import NOTES_S
from containers.model.errors import EngineError, ErrorCode, PodkeeperError, StateError
from containers.model.events import IncidentClosed, PartFailed, RestartFailed, ServiceGivenUp
from containers.model.observed import ContainerState

DAMAGED = StateError(ErrorCode.STATE_DAMAGED, "revision 3 is damaged: document is not what was written")
MISSING = PodkeeperError(ErrorCode.SECRET_MISSING, "revision 3 has a secret that is not kept")


@pytest.fixture
async def keeper() -> AsyncIterator[Keeper]:
    """A web; not started yet."""
    made = Keeper(project(services={"web": {}}))
    yield made
    await made.stop()


@pytest.fixture
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be written is tried again at once, and is well soon after it works."""
    monkeypatch.setattr("containers.supervision.acts.AWAY_RETRY_S", 0.01)
    monkeypatch.setattr("containers.supervision.supervisorship.SETTLED_S", 0.2)


async def test_a_monitor_that_can_not_know_who_supervises_says_that_it_does_nothing(keeper: Keeper) -> None:
    """Symptom: with a state folder of no use nothing was restarted, and not a word was said."""
    keeper.lease.broken = StateError(ErrorCode.STATE_UNUSABLE, "/state can not be used")
    await keeper.start()
    await keeper.clock.sleep(2.5 * NOTES_S)
    (failed,) = [e for e in keeper.seen if isinstance(e, PartFailed)]
    assert (failed.part, failed.reason) == ("supervision", "nothing is restarted: /state can not be used")
    keeper.engine.die("demo_web_1", 137)
    keeper.lease.broken = None
    await keeper.until(lambda: "server.part_recovered" in keeper.kinds(), "the end of it told")
    await keeper.until(lambda: "health.restarted" in keeper.kinds(), "web back")


async def test_a_monitor_that_ends_lacks_nothing_any_more(keeper: Keeper) -> None:
    """Else `doctor` would go on saying so."""
    keeper.lease.broken = StateError(ErrorCode.STATE_UNUSABLE, "/state can not be used")
    await keeper.start()
    await keeper.until(lambda: "server.part_failed" in keeper.kinds(), "the failure")
    await keeper.monitor.stop_monitoring()
    await keeper.until(lambda: "server.part_recovered" in keeper.kinds(), "the end of it")


@pytest.mark.usefixtures("short_waits")
async def test_a_state_folder_that_is_lost_later_gives_nothing_up_and_is_told(keeper: Keeper) -> None:
    """Symptom: it was given up after three restarts that never were, and nothing said why."""
    await keeper.start()
    refusal = StateError(ErrorCode.STATE_UNUSABLE, "the folder is read-only")
    keeper.lease.broken = refusal
    keeper.locks.broken = refusal
    keeper.engine.die("demo_web_1", 137)
    await keeper.until(lambda: "server.part_failed" in keeper.kinds(), "why nothing is done")
    await keeper.clock.sleep(0.2)
    assert not {"health.restart_failed", "health.given_up", "server.part_recovered"} & set(keeper.kinds())
    keeper.lease.broken = keeper.locks.broken = None
    await keeper.until(lambda: "incident.closed" in keeper.kinds(), "it back")
    await keeper.until(lambda: "server.part_recovered" in keeper.kinds(), "that all is well")
    assert keeper.kinds().count("server.part_failed") == 1


async def test_a_journal_that_can_not_be_read_keeps_nothing_from_being_brought_back(keeper: Keeper) -> None:
    """Also where a death is told while it is attended to already. Symptom: "task incident:web/1" failed."""
    await keeper.start()
    keeper.journal_fault = StateError(ErrorCode.STATE_UNUSABLE, "no journal", remedy="(fake)")
    asking = keeper.engine.hold("inspect_container")
    web = keeper.service("web")
    dead = web.model_copy(update={"state": ContainerState.EXITED, "exit_code": 137})
    keeper.monitor._deaths.begin("web/1", dead)
    keeper.engine.die("demo_web_1", 137)
    await keeper.until(lambda: "container.died" in keeper.kinds(), "the death")
    await keeper.clock.sleep(0.05)
    asking.set()
    await keeper.until(lambda: "health.restarted" in keeper.kinds(), "it back")


@pytest.mark.parametrize("fault", [DAMAGED, MISSING])
async def test_what_an_unreadable_revision_keeps_away_is_given_up_and_told(
    keeper: Keeper, fault: PodkeeperError
) -> None:
    """Symptom: it was tried every few seconds for ever, and nobody was told why it stayed away."""
    await keeper.start()
    keeper.making_fault = fault
    await keeper.engine.remove_container(keeper.service("web").id)
    await keeper.until(lambda: "health.given_up" in keeper.kinds(), "that it is given up")
    failures = [e for e in keeper.seen if isinstance(e, RestartFailed)]
    assert {e.reason for e in failures} == {str(fault)}
    (given_up,) = [e for e in keeper.seen if isinstance(e, ServiceGivenUp)]
    assert given_up.attempts == len(failures) == keeper.settings.max_attempts
    assert "server.part_failed" not in keeper.kinds()


@pytest.mark.usefixtures("short_waits")
async def test_what_goes_on_failing_is_told_once_though_the_folder_can_be_written_to(keeper: Keeper) -> None:
    """A database of another user's, say. Symptom: it failed and worked again by turns, each second."""
    await keeper.start()
    keeper.journal_fault = StateError(ErrorCode.STATE_UNUSABLE, "podkeeper.db can not be used")
    await keeper.engine.remove_container(keeper.service("web").id)
    await keeper.until(lambda: "server.part_failed" in keeper.kinds(), "the failure")
    await keeper.clock.sleep(2.5 * NOTES_S)
    assert keeper.kinds().count("server.part_failed") == 1
    assert "server.part_recovered" not in keeper.kinds()
    keeper.journal_fault = None
    await keeper.until(lambda: "incident.closed" in keeper.kinds(), "it back")
    await keeper.until(lambda: "server.part_recovered" in keeper.kinds(), "that all is well")


async def test_a_full_disk_of_podmans_says_something_of_the_service(keeper: Keeper) -> None:
    """Symptom: it was tried each second for ever, and supervision said to fail and to work by turns."""
    await keeper.start()
    full = EngineError(ErrorCode.NO_SPACE, "could not start demo_web_1: no space left on device")
    for _ in range(keeper.settings.max_attempts):
        keeper.engine.fail_next("start_container", full, "demo_web_1")
    keeper.engine.die("demo_web_1", 137)
    await keeper.until(lambda: "health.given_up" in keeper.kinds(), "that it is given up")
    assert keeper.kinds().count("health.restart_failed") == keeper.settings.max_attempts
    assert "server.part_failed" not in keeper.kinds()


@pytest.mark.usefixtures("short_waits")
async def test_what_is_removed_while_the_state_folder_is_lost_is_made_again_when_it_is_back(
    keeper: Keeper,
) -> None:
    """It is told, and is no attempt."""
    await keeper.start()
    keeper.making_fault = StateError(ErrorCode.NO_SPACE, "there is no room left for /state")
    await keeper.engine.remove_container(keeper.service("web").id)
    await keeper.until(lambda: "server.part_failed" in keeper.kinds(), "why nothing is done")
    keeper.making_fault = None
    await keeper.until(lambda: "incident.closed" in keeper.kinds(), "it back")
    (closed,) = [e for e in keeper.seen if isinstance(e, IncidentClosed)]
    assert (closed.how, closed.restarts) == ("restarted", 1)
    assert not {"health.restart_failed", "health.given_up"} & set(keeper.kinds())
