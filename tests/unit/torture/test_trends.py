"""The rule that tells growth from noise."""

import random

import pytest
from tests.torture.trends import trend

MIB = 1 << 20


def figures(leak_per_s: float, noise: float, *, peaks: int = 0) -> list[tuple[float, float]]:
    """Memory every ten seconds: loading at first, then a leak, noise and some peaks."""
    chance = random.Random(3)  # noqa: S311  (to be repeated)
    found = []
    for second in range(0, 3600, 10):
        loading = min(second, 300) / 300 * 20 * MIB
        found.append((float(second), 60 * MIB + loading + leak_per_s * second + chance.uniform(0, noise)))
    for place in chance.sample(range(len(found)), peaks):
        found[place] = (found[place][0], found[place][1] + 40 * MIB)
    return found


@pytest.mark.parametrize(("noise", "peaks"), [(0.0, 0), (3.0 * MIB, 0), (1.0 * MIB, 60)])
def test_what_loads_at_first_and_then_goes_up_and_down_does_not_grow(noise: float, peaks: int) -> None:
    """Neither noise nor a peak in every sixth sample is a trend."""
    assert not trend("memory", figures(0.0, noise, peaks=peaks), 2 * MIB).grows


@pytest.mark.parametrize(("noise", "peaks"), [(0.0, 0), (3.0 * MIB, 0), (1.0 * MIB, 60)])
def test_a_small_leak_is_found_in_the_noise(noise: float, peaks: int) -> None:
    """Four megabytes an hour, under noise nearly as large."""
    found = trend("memory", figures(4 * MIB / 2700, noise, peaks=peaks), 2 * MIB)
    assert found.grows
    assert found.growth == pytest.approx(4 * MIB, rel=0.2)


def test_one_more_thread_at_a_busy_moment_is_allowed_and_one_each_minute_is_not() -> None:
    """Steps are no noise, but a few are no leak either."""
    once = [(float(s), 20.0 + (s > 1800)) for s in range(0, 3600, 10)]
    assert not trend("threads", once, 2).grows
    each = [(float(s), 20.0 + s // 60) for s in range(0, 3600, 10)]
    assert trend("threads", each, 2).grows
