"""Collecting what is wrong, so that a reader sees everything at once and not only the first thing."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from containers.compose.nodes import Spot
from containers.model.diagnostics import Diagnostic, Severity
from containers.model.errors import ErrorCode
from containers.model.source import Location, Range

VALUE_LIMIT: Final = 50_000
"""How many values a project may have once aliases, includes and extended services are written out; real
projects have some thousands."""
_MESSAGE_LIMIT: Final = 1000
"""In characters: messages show values, and these have any length."""
_DIAGNOSTIC_LIMIT: Final = 500
"""How many errors, and how many warnings, are listed; nobody reads more, and each takes its time."""


class Report:
    """The diagnostics of one load, in order, each said once; and what it may still read."""

    __slots__ = ("_counts", "_seen", "broken", "diagnostics", "failed", "values_left")

    def __init__(self) -> None:
        self.diagnostics: list[Diagnostic] = []
        self.failed = False
        self.broken: set[tuple[str, ...]] = set()
        """The services and resources whose shape is wrong, as `("services", name)`."""
        self.values_left = VALUE_LIMIT
        self._seen: set[tuple[str, str]] = set()
        self._counts = {Severity.ERROR: 0, Severity.WARNING: 0}

    def spend(self, values: int, place: Spot | Location | None) -> bool:
        """Count values that come in beside what is read; false once the project has too many of them."""
        if self.values_left < 0:
            return False
        self.values_left -= values
        if self.values_left < 0:
            message = f"from here on there are more than {VALUE_LIMIT} values"
            self.error(ErrorCode.TOO_COMPLEX, message, place, hint="extend, include and list less")
        return self.values_left >= 0

    @property
    def is_full(self) -> bool:
        """Whether further errors are counted out: what they would say need not be worked out."""
        return self._counts[Severity.ERROR] > _DIAGNOSTIC_LIMIT

    def error(
        self,
        code: ErrorCode,
        message: str,
        place: Spot | Location | None = None,
        *,
        on_key: bool = False,
        hint: str | None = None,
        service: str | None = None,
        related: Iterable[Location] = (),
    ) -> None:
        """Add an error; with `on_key` it points at the key rather than at its value."""
        self.failed = True
        self._add(code, message, Severity.ERROR, place, on_key, hint, service, tuple(related))

    def warning(
        self,
        code: ErrorCode,
        message: str,
        place: Spot | Location | None = None,
        *,
        on_key: bool = False,
        hint: str | None = None,
        service: str | None = None,
        related: Iterable[Location] = (),
    ) -> None:
        """Add a warning."""
        self._add(code, message, Severity.WARNING, place, on_key, hint, service, tuple(related))

    def _add(
        self,
        code: ErrorCode,
        message: str,
        severity: Severity,
        place: Spot | Location | None,
        on_key: bool,  # noqa: FBT001  (private: the two public methods pass it on)
        hint: str | None,
        service: str | None,
        related: tuple[Location, ...],
    ) -> None:
        if self._counts[severity] > _DIAGNOSTIC_LIMIT:
            return
        if isinstance(place, Spot):
            place = place.key_location() if on_key else place.location()
        if len(message) > _MESSAGE_LIMIT:
            message = f"{message[:_MESSAGE_LIMIT]}..."
        key = (message, str(place))
        if key in self._seen:
            return
        self._seen.add(key)
        self._counts[severity] += 1
        if self._counts[severity] > _DIAGNOSTIC_LIMIT:
            code, hint, related = ErrorCode.TOO_COMPLEX, "mend these first", ()
            message = f"there are more than {_DIAGNOSTIC_LIMIT} {severity}s; the rest is not listed"
        self.diagnostics.append(
            Diagnostic(
                code=code,
                message=message,
                severity=severity,
                location=place,
                hint=hint,
                service=service,
                related=related,
            )
        )


def start_of(path: Path) -> Location:
    """The first character of a file, for what concerns it as a whole."""
    return Location(path=path, range=Range.of(0, 0, 0, 0))
