"""Does a figure grow for good, or does it go up and down?"""

import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

WARM_UP = 0.25
"""This part of the time does not count: modules are loaded, threads and connections are made."""


@dataclass(frozen=True, slots=True)
class Trend:
    """What a figure did over some time."""

    name: str
    begin: float
    """Where the line through it begins, after warming up."""
    growth: float
    """How much higher it ends."""
    allowed: float

    @property
    def grows(self) -> bool:
        """Whether that is more than is allowed."""
        return self.growth > self.allowed


def trend(
    name: str, samples: Sequence[tuple[float, float]], allowed: float, allowed_part: float = 0.0
) -> Trend:
    """The line through samples of (seconds, figure), and how far it rises.

    The line is Theil and Sen's: the median of the slopes between all pairs. A leak moves every pair, so it is
    seen; a peak of a garbage collection or a burst of checks moves only the pairs that it is part of, and up
    to 29 % of the samples may be such without an effect. What may be added once, such as a cache that fills
    or a thread more at a busy moment, is `allowed`, and `allowed_part` of what there is at the beginning.
    """
    end = samples[-1][0]
    begin = samples[0][0] + (end - samples[0][0]) * WARM_UP
    warm = [(at, value) for at, value in samples if at >= begin]
    slopes = [(y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in itertools.combinations(warm, 2) if x2 > x1]
    slope = statistics.median(slopes) if slopes else 0.0
    level = statistics.median(value - slope * (at - begin) for at, value in warm)
    return Trend(name, level, slope * (end - begin), max(allowed, allowed_part * level))
