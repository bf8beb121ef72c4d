"""What is wrong with the compose files, for the Problems panel: while typing, after a save, on changes."""

from collections.abc import Callable, Iterable
from pathlib import Path

from lsprotocol import types

from containers.lsp.positions import to_wire_location, to_wire_range
from containers.model.diagnostics import Diagnostic, Severity
from containers.model.source import Range

SOURCE = "podkeeper"
_SEVERITY = {
    Severity.ERROR: types.DiagnosticSeverity.Error,
    Severity.WARNING: types.DiagnosticSeverity.Warning,
    Severity.INFORMATION: types.DiagnosticSeverity.Information,
    Severity.HINT: types.DiagnosticSeverity.Hint,
}
ReadLines = Callable[[Path], list[str]]


def by_file(
    diagnostics: Iterable[Diagnostic], default: Path, read_lines: ReadLines
) -> dict[Path, list[types.Diagnostic]]:
    """Wire diagnostics by the file they stand in; those with no place stand at the top of `default`."""
    found: dict[Path, list[types.Diagnostic]] = {}
    for diagnostic in diagnostics:
        path = diagnostic.location.path if diagnostic.location else default
        found.setdefault(path, []).append(_to_wire(diagnostic, read_lines))
    return found


def _to_wire(diagnostic: Diagnostic, read_lines: ReadLines) -> types.Diagnostic:
    if diagnostic.location is None:
        where = to_wire_range(Range.of(0, 0, 0, 1), [])
    else:
        where = to_wire_range(diagnostic.location.range, read_lines(diagnostic.location.path))
    hint = f"\n{diagnostic.hint}" if diagnostic.hint else ""
    return types.Diagnostic(
        range=where,
        message=f"{diagnostic.message}{hint}",
        severity=_SEVERITY[diagnostic.severity],
        code=str(diagnostic.code),
        source=SOURCE,
        related_information=[
            types.DiagnosticRelatedInformation(
                location=to_wire_location(place, read_lines(place.path)), message="takes part"
            )
            for place in diagnostic.related
        ]
        or None,
    )
