"""The verbs of the palette, on one stack; each answers what the command line prints with `--json`."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta

from containers.compose_manager import ComposeManager
from containers.health.health_text import footer_lines, incident_lines, report_json, table_lines
from containers.lsp.protocol import CommandArguments
from containers.model.base import ServiceName
from containers.model.errors import ErrorCode, PodkeeperError
from containers.model.outcome import ComposeResult, Problem, TaskResult
from containers.model.plan import Plan
from containers.planning.options import DownOptions, UpOptions
from containers.planning.plan_text import plan_lines
from containers.project_changes import ChangeOptions

HEALTH_WINDOW = timedelta(hours=24)
"""What `health` looks back on, as the command line does where nothing else is said."""

Verb = Callable[[ComposeManager, CommandArguments], Awaitable[TaskResult]]


async def run_verb(manager: ComposeManager, verb: str, args: CommandArguments) -> TaskResult:
    """Run a verb by its name; what goes wrong is in the result."""
    run = _VERBS.get(verb)
    if run is None:
        known = ", ".join(sorted(_VERBS))
        error = PodkeeperError(ErrorCode.USAGE, f"there is no task {verb!r}", remedy=f"choose from: {known}")
        return failed(verb, error)
    if args.environment is not None:
        manager.environment = args.environment
    try:
        return await run(manager, args)
    except PodkeeperError as error:
        return failed(verb, error)


def failed(verb: str, error: PodkeeperError) -> TaskResult:
    """An error as a result."""
    return TaskResult(task=verb, ok=False, message=str(error), problems=(Problem.of_error(error),))


def _of_compose(verb: str, result: ComposeResult, well: str) -> TaskResult:
    message = well if result.ok else "; ".join(p.message for p in result.problems)
    return TaskResult(
        task=verb,
        ok=result.ok,
        message=message,
        data=result.model_dump(mode="json", include={"project", "services"}),
        problems=result.problems,
    )


def _choices(args: CommandArguments) -> ChangeOptions:
    return ChangeOptions(has_consent=args.consent)


async def _up(manager: ComposeManager, args: CommandArguments) -> TaskResult:
    options = UpOptions(services=tuple(ServiceName(s) for s in args.services))
    result = await manager.start_services(manager.environment, options, _choices(args))
    count = sum(s.is_well for s in result.services.values())
    return _of_compose(
        "up", result, f"{result.project} is up: {count} of {len(result.services)} services well"
    )


async def _down(manager: ComposeManager, args: CommandArguments) -> TaskResult:
    options = DownOptions(services=tuple(ServiceName(s) for s in args.services), volumes=args.volumes)
    result = await manager.down(options, _choices(args))
    return _of_compose("down", result, f"{result.project} is down")


async def _restart(manager: ComposeManager, args: CommandArguments) -> TaskResult:
    result = await manager.restart_services(args.services)
    return _of_compose("restart", result, f"{', '.join(args.services) or result.project} restarted")


async def _start(manager: ComposeManager, args: CommandArguments) -> TaskResult:
    result = await manager.start(args.services)
    return _of_compose("start", result, f"{', '.join(args.services) or result.project} started")


async def _rollback(manager: ComposeManager, args: CommandArguments) -> TaskResult:
    result = await manager.history.roll_back(args.revision, _choices(args))
    to = f"revision {args.revision}" if args.revision else "the revision before"
    return _of_compose("rollback", result, f"{result.project} is back at {to}")


async def _reconcile(manager: ComposeManager, args: CommandArguments) -> TaskResult:
    services = tuple(ServiceName(s) for s in args.services)
    result = await manager.history.reconcile(services, _choices(args))
    return _of_compose("reconcile", result, f"{result.project} is as it was applied")


async def _reload(manager: ComposeManager, args: CommandArguments) -> TaskResult:
    told = await manager.reloads.reload(args.services)
    reloaded = tuple(each for each in told if each.problem is None)
    problems = tuple(each.problem for each in told if each.problem is not None)
    said = [*(f"{each.service} reloaded" for each in reloaded), *(problem.message for problem in problems)]
    return TaskResult(
        task="reload",
        ok=not problems,
        message=", ".join(said) or "nothing runs that could reload",
        problems=problems,
        data={"services": [each.model_dump(mode="json") for each in reloaded]},
    )


async def _hold(manager: ComposeManager, args: CommandArguments) -> TaskResult:
    held = await manager.override.hold(args.services)
    return TaskResult(task="hold", ok=True, message=f"{', '.join(held)} held: left alone until released")


async def _release(manager: ComposeManager, args: CommandArguments) -> TaskResult:
    released = await manager.override.release(args.services)
    return TaskResult(task="release", ok=True, message=f"{', '.join(released)} released")


async def _retry(manager: ComposeManager, args: CommandArguments) -> TaskResult:
    tried = await manager.override.retry(args.services)
    return TaskResult(task="retry", ok=True, message=f"{', '.join(tried)} tried again")


async def _recover(manager: ComposeManager, args: CommandArguments) -> TaskResult:
    result = await manager.history.recover(_choices(args))
    return _of_compose("recover", result, f"{result.project} is at its last good revision")


async def _history(manager: ComposeManager, _args: CommandArguments) -> TaskResult:
    known = await manager.history.revisions()
    rows = [
        {
            "revision": info.number,
            "label": f"{info.number}: {info.created_at.astimezone():%Y-%m-%d %H:%M:%S}",
            "description": f"{info.verb}, {len(info.services)} services{'' if info.good else ', not gated'}",
        }
        for info in known
    ]
    text = "\n".join(f"{row['label']}  {row['description']}" for row in rows) or "nothing was applied yet"
    message = f"{len(rows)} revisions"
    return TaskResult(task="history", ok=True, message=message, data={"revisions": rows, "text": text})


async def _health(manager: ComposeManager, args: CommandArguments) -> TaskResult:
    since = datetime.now(UTC) - HEALTH_WINDOW
    report = await manager.health.report(since, args.services)
    incidents = await manager.health.incidents(since, args.services)
    parts = [table_lines(tuple(report.services.values()), report.until), footer_lines(report)]
    if incidents:
        parts.append(incident_lines(incidents))
    text = "\n\n".join("\n".join(lines) for lines in parts)
    unwell = [name for name, service in report.services.items() if not service.well]
    message = f"not well: {', '.join(unwell)}" if unwell else "all is well"
    return TaskResult(task="health", ok=True, message=message, data={**report_json(report), "text": text})


async def _drift(manager: ComposeManager, _args: CommandArguments) -> TaskResult:
    report = await manager.drift.find()
    lines = [f"{d.message}\n  {d.remedy}" for d in report.open]
    text = "\n".join(lines) or "everything runs as it was applied"
    data = {**report.model_dump(mode="json"), "text": text}
    return TaskResult(task="drift", ok=True, message=f"{len(report.open)} differ", data=data)


async def _selftest(manager: ComposeManager, _args: CommandArguments) -> TaskResult:
    checks = await manager.history.self_test()
    text = "\n".join(f"{'ok' if c.ok else 'error'}: {c.name}: {c.value}" for c in checks)
    data = {"checks": [c.model_dump(mode="json") for c in checks], "text": text}
    wrong = [c.value for c in checks if not c.ok]
    return TaskResult(task="selftest", ok=not wrong, message="; ".join(wrong) or "all is well", data=data)


async def _stop(manager: ComposeManager, args: CommandArguments) -> TaskResult:
    result = await manager.stop(args.services)
    return _of_compose("stop", result, f"{', '.join(args.services) or result.project} stopped")


async def _status(manager: ComposeManager, _args: CommandArguments) -> TaskResult:
    statuses = await manager.get_service_status()
    data = [s.model_dump(mode="json") for s in statuses.values()]
    well = sum(s.is_well for s in statuses.values())
    return TaskResult(task="status", ok=True, message=f"{well} of {len(statuses)} services well", data=data)


async def _logs(manager: ComposeManager, args: CommandArguments) -> TaskResult:
    services = args.services or tuple(
        name for name, status in (await manager.get_service_status()).items() if status.container
    )
    texts = {s: await manager.get_service_logs(s, args.lines) for s in services}
    return TaskResult(task="logs", ok=True, data=texts)


async def _plan(manager: ComposeManager, args: CommandArguments) -> TaskResult:
    plan: Plan = await manager.plan(UpOptions(services=tuple(ServiceName(s) for s in args.services)))
    lines = plan_lines(plan)
    data = {**plan.model_dump(mode="json"), "text": "\n".join(lines)}
    return TaskResult(task="plan", ok=True, message=f"{len(plan.changes)} changes", data=data)


async def _validate(manager: ComposeManager, _args: CommandArguments) -> TaskResult:
    result = await manager.validate_compose_files()
    text = "\n".join(str(d) for d in result.diagnostics) or "the compose files are valid"
    data = {**result.model_dump(mode="json"), "text": text}
    count = len(result.diagnostics)
    message = "valid" if not count else f"{count} problem{'s' if count > 1 else ''}"
    return TaskResult(task="validate", ok=result.ok, message=message, data=data)


async def _doctor(manager: ComposeManager, _args: CommandArguments) -> TaskResult:
    checks = await manager.examine()
    lines = [f"{c.name}: {c.value}{f' ({c.remedy})' if c.remedy else ''}" for c in checks]
    data = {"checks": [c.model_dump(mode="json") for c in checks], "text": "\n".join(lines)}
    wrong = [c.value for c in checks if not c.ok]
    return TaskResult(task="doctor", ok=not wrong, message="; ".join(wrong) or "all is well", data=data)


_VERBS: Mapping[str, Verb] = {
    "up": _up,
    "down": _down,
    "restart": _restart,
    "start": _start,
    "stop": _stop,
    "rollback": _rollback,
    "reconcile": _reconcile,
    "reload": _reload,
    "hold": _hold,
    "release": _release,
    "retry": _retry,
    "recover": _recover,
    "history": _history,
    "health": _health,
    "drift": _drift,
    "selftest": _selftest,
    "status": _status,
    "logs": _logs,
    "plan": _plan,
    "validate": _validate,
    "doctor": _doctor,
}
