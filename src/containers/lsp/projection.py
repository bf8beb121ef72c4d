"""Pure: the state of a stack to what the editor shows of it."""

from collections.abc import Mapping

from containers.model.base import ServiceName
from containers.model.drift import Drift
from containers.model.health import HealthState
from containers.model.observed import ContainerState
from containers.model.outcome import ServiceStatus
from containers.model.project import ResolvedProject
from containers.model.supervision import Standing, SupervisionNote
from containers.model.view import EngineView, ProjectView, ServicePhase, ServiceView, ViewPatch, ViewState

_OF_HEALTH: dict[HealthState, ServicePhase] = {
    HealthState.NONE: "running",
    HealthState.STARTING: "starting",
    HealthState.HEALTHY: "healthy",
    HealthState.UNHEALTHY: "unhealthy",
}
_OF_STATE: dict[str, ServicePhase] = {
    "absent": "absent",
    ContainerState.CREATED: "created",
    ContainerState.PAUSED: "paused",
    ContainerState.RESTARTING: "starting",
}
_WELL = frozenset({"running", "healthy", "completed"})


def phase_of(status: ServiceStatus) -> ServicePhase:
    """State and health in one word."""
    if status.state == ContainerState.RUNNING:
        return _OF_HEALTH[status.health]
    if status.state == ContainerState.EXITED:
        return "completed" if status.exit_code == 0 and status.one_shot else "exited"
    return _OF_STATE.get(status.state, "unknown")


def service_view(status: ServiceStatus, busy: str) -> ServiceView:
    """One line of the tree."""
    phase = phase_of(status)
    ports = tuple(str(p) for p in status.ports)
    words = [busy or _words(phase, status)]
    words.extend(port.partition("->")[0] for port in ports[:2])
    return ServiceView(
        service=status.service,
        phase=phase,
        description=" · ".join(words),
        tooltip=_tooltip(status, phase, ports),
        image=status.image,
        container=status.container,
        ports=ports,
        busy=busy,
    )


def _with_drift(view: ServiceView, drift: tuple[Drift, ...]) -> ServiceView:
    """The line, with what of the service is not as it was applied."""
    mine = [d for d in drift if d.service == view.service]
    if not mine or view.busy:
        return view
    told = "  \n".join(f"Drift: {d.message} (`{d.remedy}`)" for d in mine)
    update = {"tooltip": f"{view.tooltip}  \n{told}"}
    if any(d.kind.is_of_what_runs for d in mine):
        update["description"] = f"{view.description} · drifted"
    elif view.phase != "absent":
        update["description"] = f"{view.description} · edited"
    return view.model_copy(update=update)


def _with_standing(view: ServiceView, standing: Standing | None) -> ServiceView:
    """The line, with what a person or the monitor has said about the service."""
    if standing is None or view.busy:
        return view
    remedy = "release" if standing is Standing.HELD else "retry"
    told = f"{view.tooltip}  \nThe monitor: {standing} (`podkeeper {remedy} {view.service}`)"
    return view.model_copy(update={"description": f"{view.description} · {standing}", "tooltip": told})


def _words(phase: ServicePhase, status: ServiceStatus) -> str:
    if phase == "absent":
        return "not created"
    if phase == "exited":
        return f"exited ({status.exit_code})"
    return phase


def _tooltip(status: ServiceStatus, phase: ServicePhase, ports: tuple[str, ...]) -> str:
    rows = [f"**{status.service}**: {_words(phase, status)}", f"Image: `{status.image}`"]
    if status.container:
        rows.append(f"Container: `{status.container}`")
    rows.extend(f"Port: `{port}`" for port in ports)
    return "  \n".join(rows)


def engine_view(socket: str, problem: str | None, failed: Mapping[str, str]) -> EngineView:
    """Whether Podman answers, and which parts of ours do not work; the others do."""
    text = f"Podman at {socket}" if problem is None else problem
    limits = "; ".join(f"{part} does not work: {reason}" for part, reason in failed.items())
    return EngineView(connected=problem is None, text=f"{text} · {limits}" if limits else text)


def project_view(
    project: ResolvedProject,
    folder: str,
    environment: str,
    statuses: Mapping[ServiceName, ServiceStatus],
    busy: Mapping[ServiceName, str],
    engine_problem: str = "",
    drift: tuple[Drift, ...] = (),
    note: SupervisionNote | None = None,
) -> ProjectView:
    """One stack; while the engine does not answer its services are `unknown`, not `stopped`."""
    known = note or SupervisionNote()
    views = tuple(
        _with_standing(_with_drift(service_view(s, busy.get(name, "")), drift), known.standing_of(name))
        for name, s in statuses.items()
    )
    if engine_problem:
        views = tuple(
            v.model_copy(update={"phase": "unknown", "description": "unknown", "busy": ""}) for v in views
        )
    well = sum(v.phase in _WELL for v in views)
    level, word = _level(views, well, engine_problem)
    return ProjectView(
        project=project.name,
        folder=folder,
        environment=environment,
        services=views,
        summary=f"{project.name}: {word}",
        level=level,
        problem=engine_problem,
    )


def _level(views: tuple[ServiceView, ...], well: int, engine_problem: str) -> tuple[str, str]:
    phases = {v.phase for v in views}
    count = f"{well}/{len(views)}"
    if engine_problem:
        return "warning", "unknown"
    if any(v.busy for v in views) or "starting" in phases:
        return "busy", f"{count} up"
    if phases <= {"absent"}:
        return "off", "down"
    if "unhealthy" in phases or "exited" in phases:
        return "error", f"{count} well"
    if well == len(views):
        return "ok", f"{count} healthy"
    return "warning", f"{count} up"


def broken_view(name: str, folder: str, environment: str, problem: str) -> ProjectView:
    """A stack whose files can not be resolved."""
    return ProjectView.model_validate(
        {
            "project": name,
            "folder": folder,
            "environment": environment,
            "summary": f"{name}: invalid",
            "level": "error",
            "problem": problem,
        }
    )


def patch_between(before: ViewState, after: ViewState) -> ViewPatch | None:
    """What a reader of `before` needs to show `after`; None when it shows it already."""
    old = {(p.folder, p.project): p for p in before.projects}
    changed = tuple(p for p in after.projects if old.get((p.folder, p.project)) != p)
    kept = {p.project for p in after.projects}
    removed = tuple(p.project for p in before.projects if p.project not in kept)
    engine = after.engine if after.engine != before.engine else None
    if not changed and not removed and engine is None:
        return None
    return ViewPatch(revision=before.revision + 1, engine=engine, projects=changed, removed=removed)
