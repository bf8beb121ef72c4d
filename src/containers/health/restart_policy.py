"""How long to wait before the next restart, and when to stop trying."""

from containers.model.base import Model
from containers.model.own_config import RestartRules
from containers.settings import MonitorSettings

JITTER = 0.2
"""A wait is so much shorter or longer at most: what failed together does not return together."""


class RestartLimits(Model):
    """Bounds of automatic restarts of one service."""

    enabled: bool = True
    after: int = 1
    """Failures in a row that it takes."""
    first_backoff_s: float = 0.5
    longest_backoff_s: float = 60.0
    max_attempts: int = 5
    window_s: float = 600.0


def limits_of(settings: MonitorSettings, rules: RestartRules) -> RestartLimits:
    """What holds for a service: what it says itself, else what its environment says."""
    return RestartLimits(
        enabled=settings.enabled if rules.enabled is None else rules.enabled,
        after=rules.after,
        first_backoff_s=_first(rules.first_backoff_s, settings.first_backoff_s),
        longest_backoff_s=_first(rules.longest_backoff_s, settings.longest_backoff_s),
        max_attempts=settings.max_attempts if rules.max_attempts is None else rules.max_attempts,
        window_s=_first(rules.window_s, settings.window_s),
    )


def backoff_s(attempt: int, limits: RestartLimits, jitter: float = 0.5) -> float:
    """Seconds to wait after the `attempt`-th restart (from 1) before the next: doubling, bounded.

    Args:
        attempt: how many there were.
        limits: the bounds.
        jitter: a random number from 0 to 1; 0.5 changes nothing.
    """
    exact_s = min(limits.first_backoff_s * 2.0 ** min(attempt - 1, 32), limits.longest_backoff_s)
    return exact_s * (1.0 + JITTER * (2.0 * jitter - 1.0))


def _first(own_s: float | None, environment_s: float) -> float:
    return environment_s if own_s is None else own_s
