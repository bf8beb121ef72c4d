"""What Podman makes of a project: the keys that it ignores, refuses, or treats in another way."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from containers.compose.podman_options import lost
from containers.compose.podman_table import TABLE, Effect, Entry, Provider
from containers.model.diagnostics import Diagnostic, Severity
from containers.model.errors import ErrorCode
from containers.model.observed import EngineInfo, EngineVersion
from containers.model.project import KeyPath, ResolvedProject

_SEVERITY: Final = {
    Effect.IGNORED: Severity.WARNING,
    Effect.BROKEN: Severity.WARNING,
    Effect.DIFFERENT: Severity.INFORMATION,
}
_ABLE_TO_NOTHING: Final = EngineInfo(
    version="0",
    rootless=True,
    socket="",
    chosen_because="",
    first_unprivileged_port=65536,
    unenforced=("cpu", "cpuset", "io", "memory", "pids"),
)
"""What matters on any engine matters on this one."""


def podman_view(
    project: ResolvedProject, engine: EngineInfo, provider: Provider = Provider.PODMAN
) -> tuple[Diagnostic, ...]:
    """What a person should know about running this project on this engine, each at the key it is about.

    Args:
        project: what was resolved.
        engine: what was found.
        provider: who would run it. `podman` is Podkeeper on Podman; `podman-compose` is that program alone,
            which does less.
    """
    found = list(treated_otherwise(project, engine, provider))
    for name, service in project.document["services"].items():
        for key, reason in lost(service):
            path: KeyPath = ("services", name, *key.split("."))
            found.append(_diagnostic(project, path, Effect.IGNORED, reason, "remove it"))
    return tuple(sorted(dict.fromkeys(found), key=_order))


def treated_otherwise(
    project: ResolvedProject, engine: EngineInfo, provider: Provider = Provider.PODMAN
) -> Iterator[Diagnostic]:
    """What this engine treats in another way than the Specification says, such as limits without effect."""
    for entry in TABLE:
        if entry.applies(engine, provider):
            yield from _uses(project, entry, engine)


def may_have_losses(
    project: ResolvedProject, version: EngineVersion, *, rootless: bool | None, selinux: bool | None
) -> bool:
    """Whether only asking the engine what it can do tells that nothing of the project is lost on it.

    Asking takes Podman a third of a second. `rootless` and `selinux`: None where they are not known either.
    """
    return any(
        _SEVERITY[entry.effect] is Severity.WARNING
        and entry.may_apply(version, rootless=rootless, selinux=selinux)
        and any(
            entry.matters is None or entry.matters(value, _ABLE_TO_NOTHING)
            for _, value in _matches(project.document, entry.path, ())
        )
        for entry in TABLE
    )


def _uses(project: ResolvedProject, entry: Entry, engine: EngineInfo) -> Iterator[Diagnostic]:
    for path, value in _matches(project.document, entry.path, ()):
        if entry.matters is None or entry.matters(value, engine):
            because = entry.because.format(value=value, engine=engine, port=engine.first_unprivileged_port)
            yield _diagnostic(project, path, entry.effect, because, entry.remedy)


def _diagnostic(
    project: ResolvedProject, path: KeyPath, effect: Effect, because: str, remedy: str
) -> Diagnostic:
    shown = ".".join(str(part) for part in path)
    return Diagnostic(
        code=ErrorCode.UNSUPPORTED_BY_PODMAN,
        severity=_SEVERITY[effect],
        message=f"{shown} {effect}: {because}",
        location=project.location_of(*path),
        service=str(path[1]) if path[0] == "services" else None,
        hint=remedy or None,
    )


def _matches(value: Any, pattern: tuple[str, ...], path: KeyPath) -> Iterator[tuple[KeyPath, Any]]:
    """Every value on a path; `*` stands for any key and any item."""
    if value is None:
        return
    if not pattern:
        yield path, value
        return
    first, *rest = pattern
    if first != "*":
        if isinstance(value, Mapping) and first in value:
            yield from _matches(value[first], tuple(rest), (*path, first))
    elif isinstance(value, Mapping):
        for key, entry in value.items():
            yield from _matches(entry, tuple(rest), (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _matches(item, tuple(rest), (*path, index))


def _order(diagnostic: Diagnostic) -> tuple[str, int, str]:
    place = diagnostic.location
    return (str(place.path), place.range.start.line, "") if place else ("", 0, diagnostic.message)
