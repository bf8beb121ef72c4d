"""What the recorder says of services, and of which project."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.fakes.clock import LoopClock
from tests.fakes.memory_history import MemoryHistory
from tests.fakes.projects import project
from tests.fakes.tasks import LoopTasks

from containers.bus import EventBus
from containers.health_recorder import HealthRecorder
from containers.model.base import ContainerId, ImageId, ProjectName, ServiceName
from containers.model.events import IncidentOpened
from containers.model.health import HealthState
from containers.model.observed import ContainerState, ObservedContainer
from containers.model.place import Place
from containers.settings import HistorySettings

API = ServiceName("api")


def running(name: str) -> ObservedContainer:
    """The first container of a project's `api`."""
    return ObservedContainer(
        id=ContainerId(name),
        name=f"{name}_api_1",
        project=ProjectName(name),
        service=API,
        number=1,
        state=ContainerState.RUNNING,
        health=HealthState.HEALTHY,
        image="busybox",
        image_id=ImageId("i"),
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


async def test_what_is_wrong_in_one_environment_says_nothing_of_the_next_that_is_chosen() -> None:
    """Both have a service of that name; the incident of the one is open when the other is taken up."""
    clock, tasks, history = LoopClock(), LoopTasks(), MemoryHistory()
    bus = EventBus(clock)
    stack: Any = project("shop", {"api": {}})
    recorder = HealthRecorder(
        history=history,
        bus=bus,
        clock=clock,
        settings=HistorySettings(),
        project=lambda: stack,
        is_supervisor=lambda: True,
    )
    bus.start(tasks)
    recorder.start()
    shop, staging = (Place(ProjectName(name), "store") for name in ("shop", "staging"))
    recorder.look(shop, (running("shop"),))
    bus.publish(
        IncidentOpened(
            at=clock.now() + timedelta(seconds=1),
            source="health",
            project=stack.name,
            incident="one",
            service=API,
            container=ContainerId("shop"),
            reason="it died",
        )
    )
    await clock.sleep(0)
    stack = project("staging", {"api": {}})
    recorder.look(staging, (running("staging"),))
    await recorder.write(())
    (note,) = history.notes
    assert (note.place, note.opened) == (staging, ())
    assert [(span.service, span.wellness) for span in note.spans] == [(API, "up")]
    await bus.close()
    await tasks.cancel()
