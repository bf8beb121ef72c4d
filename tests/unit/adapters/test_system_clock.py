"""Real time."""

from datetime import timedelta

from containers.adapters.system_clock import SystemClock


async def test_time_goes_on_while_sleeping() -> None:
    """The wall clock is aware and in UTC, the other one never goes back."""
    clock = SystemClock()
    before, started = clock.now(), clock.monotonic()
    await clock.sleep(0.001)
    assert before.utcoffset() == timedelta(0)
    assert clock.monotonic() - started >= 0.001
    assert clock.now() >= before
