"""What a person wrote wrong: data, never an exception."""

from enum import StrEnum

from typing_extensions import override

from containers.model.base import Model
from containers.model.errors import ErrorCode
from containers.model.source import Location


class Severity(StrEnum):
    """How bad a diagnostic is; only an error stops an apply."""

    ERROR = "error"
    WARNING = "warning"
    INFORMATION = "information"
    HINT = "hint"


class Diagnostic(Model):
    """One thing that is wrong, where, and what to do about it."""

    code: ErrorCode
    message: str
    """What is wrong, in one sentence, naming the key or value."""
    severity: Severity = Severity.ERROR
    location: Location | None = None
    """The offending token; None where nothing was written (a file that is missing)."""
    service: str | None = None
    hint: str | None = None
    """What to do, where there is more to say than the message does."""
    related: tuple[Location, ...] = ()
    """Other places that take part: the first of two duplicates, each edge of a cycle."""

    @override
    def __str__(self) -> str:
        """One line: place, severity, message, code, and the hint if there is one."""
        place = f"{self.location}: " if self.location else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{place}{self.severity}: {self.message}{hint} [{self.code}]"


class ValidationResult(Model):
    """What validating came to."""

    diagnostics: tuple[Diagnostic, ...] = ()
    files: tuple[str, ...] = ()
    """Every file that was read, absolute, in the order it was read."""

    @property
    def ok(self) -> bool:
        """Whether nothing stands in the way of an apply."""
        return not any(d.severity is Severity.ERROR for d in self.diagnostics)
