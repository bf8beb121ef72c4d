"""What is wrong with the compose files, for the Problems panel: while typing, after a save, on changes."""

from collections.abc import Callable, Iterable, Sequence
from copy import copy
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


def united(said: Sequence[tuple[str, Sequence[types.Diagnostic]]]) -> list[types.Diagnostic]:
    """What several environments say of one file, each thing once and in the order of the file.

    Where only some of them say it, they are named.

    Args:
        said: each environment's name, with what it says, be it nothing; no name where there is none.
    """
    found: dict[tuple[object, ...], tuple[types.Diagnostic, list[str]]] = {}
    for environment, diagnostics in said:
        for each in diagnostics:
            start, end = each.range.start, each.range.end
            key = (start.line, start.character, end.line, end.character, each.severity, each.message)
            found.setdefault(key, (each, []))[1].append(environment)
    everybody = {environment for environment, _ in said if environment}
    in_order = sorted(found.items(), key=lambda entry: (*entry[0][:2], entry[1][0].message))
    result: list[types.Diagnostic] = []
    for _, (each, who) in in_order:
        names = [name for name in dict.fromkeys(who) if name]
        result.append(_naming(names, each) if 0 < len(names) < len(everybody) else each)
    return result


def _naming(environments: list[str], diagnostic: types.Diagnostic) -> types.Diagnostic:
    named = copy(diagnostic)
    first, *rest = diagnostic.message.split("\n")  # a hint is on a line of its own
    named.message = "\n".join((f"{first} (in {', '.join(environments)})", *rest))
    return named


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
