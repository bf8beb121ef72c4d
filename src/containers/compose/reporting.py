"""Collecting what is wrong, so that a reader sees everything at once and not only the first thing."""

from collections.abc import Iterable
from pathlib import Path

from containers.compose.nodes import Spot
from containers.model.diagnostics import Diagnostic, Severity
from containers.model.errors import ErrorCode
from containers.model.source import Location, Range


class Report:
    """The diagnostics of one load, in the order they were found, each said once."""

    __slots__ = ("_seen", "broken", "diagnostics", "failed")

    def __init__(self) -> None:
        self.diagnostics: list[Diagnostic] = []
        self.failed = False
        self.broken: set[tuple[str, ...]] = set()
        """The services and resources whose shape is wrong, as `("services", name)`."""
        self._seen: set[tuple[str, str]] = set()

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
        if isinstance(place, Spot):
            place = place.key_location() if on_key else place.location()
        key = (message, str(place))
        if key in self._seen:
            return
        self._seen.add(key)
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
