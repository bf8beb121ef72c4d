"""How changes went over time."""

from containers.model.base import Model


class ChangeReport(Model):
    """Figures over the transactions that are remembered."""

    transactions: int
    committed: int
    rolled_back: int
    torn: int
    """Neither old nor new: a rollback failed and nothing mended it. Must be 0."""
    recovered: int
    """Ended by a later process than the one that began them."""
    mean_apply_s: float | None = None
    """Of those that were committed."""
    mean_recovery_s: float | None = None
    """From the first failed step to the stack being as it was."""

    @property
    def failure_rate(self) -> float | None:
        """Which part of the changes failed, from 0 to 1."""
        return (self.rolled_back + self.torn) / self.transactions if self.transactions else None

    @property
    def rollback_success_rate(self) -> float | None:
        """Which part of those that failed came back whole, from 0 to 1."""
        failed = self.rolled_back + self.torn
        return self.rolled_back / failed if failed else None
