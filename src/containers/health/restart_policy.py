"""How long to wait before the next restart, and when to stop trying."""

from containers.model.base import Model


class RestartLimits(Model):
    """Bounds of automatic restarts of one service."""

    first_backoff_s: float = 0.5
    longest_backoff_s: float = 60.0
    max_attempts: int = 5
    window_s: float = 600.0


def backoff_s(attempt: int, limits: RestartLimits) -> float:
    """Seconds to wait after the `attempt`-th restart (from 1) before the next: doubling, bounded."""
    return min(limits.first_backoff_s * 2.0 ** (attempt - 1), limits.longest_backoff_s)
