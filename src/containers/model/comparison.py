"""How the environments of one stack differ."""

from collections.abc import Mapping

from containers.model.base import Model


class Difference(Model):
    """One value that two environments do not have in common."""

    where: str
    """Such as `services.api`, `networks.default` or `project`."""
    key: str
    """Such as `environment.LOG_LEVEL`; empty where the whole is only on one side."""
    before: str | None
    """In the first environment; None where it is not there."""
    after: str | None
    """In the second environment; None where it is not there."""


class MatrixRow(Model):
    """One aspect of one service, in every environment."""

    service: str
    aspect: str
    """Such as `health check` or `limits`."""
    values: Mapping[str, str]
    """Environment to what it says; one without the service is left out."""

    @property
    def differs(self) -> bool:
        """Whether not all environments say the same."""
        return len(set(self.values.values())) > 1


class Matrix(Model):
    """What reviewers want to know of every service, side by side."""

    environments: tuple[str, ...]
    rows: tuple[MatrixRow, ...]
    """By service, then in the order of `ASPECTS`."""
