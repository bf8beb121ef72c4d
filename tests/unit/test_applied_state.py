"""What a verb answers is what there is once it has ended, not what there was before it tidied up."""

import asyncio

from tests.fakes.managed import Managed
from tests.fakes.projects import BUSYBOX

from containers.model.base import ServiceName
from containers.model.outcome import ComposeResult
from containers.planning.options import UpOptions

WEB = ServiceName("web")


async def up(made: Managed, options: UpOptions) -> ComposeResult:
    """Bring it up; it passes."""
    async with asyncio.TaskGroup() as group:
        working = group.create_task(made.manager.start_services(options=options))
        while not working.done():
            await made.clock.skip()
    assert working.result().ok, working.result().problems
    return working.result()


async def test_a_service_that_is_scaled_to_none_is_absent_afterwards() -> None:
    """Its container goes after everything has passed: after the look that makes the revision."""
    made = Managed(f"services: {{web: {{image: {BUSYBOX}}}}}", BUSYBOX)
    assert (await up(made, UpOptions())).services[WEB].state == "running"
    assert (await up(made, UpOptions(scale={WEB: 0}))).services[WEB].state == "absent"
