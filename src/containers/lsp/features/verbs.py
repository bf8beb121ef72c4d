"""The verbs of the palette, on one stack; each answers what the command line prints with `--json`."""

from collections.abc import Awaitable, Callable, Mapping

from containers.compose_manager import ComposeManager
from containers.lsp.protocol import CommandArguments
from containers.model.base import ServiceName
from containers.model.errors import ErrorCode, PodkeeperError
from containers.model.outcome import ComposeResult, Problem, TaskResult
from containers.model.plan import Plan
from containers.planning.options import DownOptions, UpOptions
from containers.planning.plan_text import plan_lines

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


async def _up(manager: ComposeManager, args: CommandArguments) -> TaskResult:
    options = UpOptions(services=tuple(ServiceName(s) for s in args.services))
    result = await manager.start_services(manager.environment, options)
    count = sum(s.is_well for s in result.services.values())
    return _of_compose(
        "up", result, f"{result.project} is up: {count} of {len(result.services)} services well"
    )


async def _down(manager: ComposeManager, args: CommandArguments) -> TaskResult:
    options = DownOptions(services=tuple(ServiceName(s) for s in args.services), volumes=args.volumes)
    result = await manager.down(options)
    return _of_compose("down", result, f"{result.project} is down")


async def _restart(manager: ComposeManager, args: CommandArguments) -> TaskResult:
    result = await manager.restart_services(args.services)
    return _of_compose("restart", result, f"{', '.join(args.services) or result.project} restarted")


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
    "stop": _stop,
    "status": _status,
    "logs": _logs,
    "plan": _plan,
    "validate": _validate,
    "doctor": _doctor,
}
