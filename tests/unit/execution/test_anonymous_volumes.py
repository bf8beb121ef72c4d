"""Volumes that an image asks for and nobody named: they outlive what is made anew."""

from typing import Any

import pytest
from tests.fakes.fake_container import Behaviour
from tests.fakes.projects import BUSYBOX, project
from tests.fakes.stack import Bench

from containers.model.outcome import Committed, RolledBack
from containers.planning.down import plan_down
from containers.planning.options import DownOptions, UpOptions


def stack(version: str, **changes: Any) -> Any:
    """One service, whose image has a volume at /data."""
    return project(services={"db": {"environment": {"VERSION": version}, **changes}})


@pytest.fixture
def bench() -> Bench:
    """The image has a volume."""
    made = Bench(BUSYBOX)
    made.engine.image_volumes[BUSYBOX] = ("/data",)
    return made


async def volumes(bench: Bench) -> dict[str, str]:
    """What the service's container has, by place."""
    (container,) = await bench.engine.containers_of(stack("1").name)
    return dict(await bench.engine.anonymous_volumes(container.id))


async def test_a_container_that_is_made_anew_has_the_volume_of_the_one_before(bench: Bench) -> None:
    """What a database has written is there after each change of its configuration."""
    await bench.up(stack("1"))
    before = await volumes(bench)
    assert list(before) == ["/data"]
    assert isinstance(await bench.up(stack("2")), Committed)
    assert isinstance(await bench.up(stack("3")), Committed)
    assert await volumes(bench) == before


async def test_new_volumes_are_made_where_that_is_asked_for(bench: Bench) -> None:
    """`up --renew-anon-volumes`."""
    await bench.up(stack("1"))
    before = await volumes(bench)
    assert isinstance(await bench.up(stack("2"), UpOptions(renew_volumes=True)), Committed)
    assert not set(before.values()) & set((await volumes(bench)).values())


async def test_what_is_mounted_there_now_comes_first(bench: Bench) -> None:
    """The file says what is at that place."""
    await bench.up(stack("1"))
    before = await volumes(bench)
    mount = {"type": "tmpfs", "target": "/data"}
    assert isinstance(await bench.up(stack("1", volumes=[mount])), Committed)
    assert not set(before.values()) & set((await volumes(bench)).values())


async def test_what_the_image_does_not_ask_for_any_more_is_not_taken_over(bench: Bench) -> None:
    """As docker compose does."""
    await bench.up(stack("1"))
    bench.engine.image_volumes.clear()
    assert isinstance(await bench.up(stack("2")), Committed)
    assert await volumes(bench) == {}


async def test_a_change_that_fails_leaves_the_volume_with_the_old_container(bench: Bench) -> None:
    """Removing the new one takes nothing away."""
    await bench.up(stack("1"))
    before = await volumes(bench)
    bench.engine.script("db", Behaviour(exits_after_s=0.01, exit_code=1))
    assert isinstance(await bench.up(stack("2")), RolledBack)
    assert await volumes(bench) == before


@pytest.mark.parametrize("asked", [True, False])
async def test_taking_the_stack_down_removes_it_only_where_that_is_asked_for(
    bench: Bench, *, asked: bool
) -> None:
    """Also one that was taken over, which Podman itself would leave."""
    await bench.up(stack("1"))
    await bench.up(stack("2"))
    (volume,) = (await volumes(bench)).values()
    there = await bench.engine.snapshot(stack("2").name)
    down = plan_down(stack("2").name, stack("2"), there, DownOptions(volumes=asked))
    assert isinstance(await bench.carry_out(down, stack("2")), Committed)
    assert (("remove_volume", volume) in bench.engine.calls) is asked
