"""An event as one line for a person."""

from containers.model.events import (
    ContainerEvent,
    DriftChanged,
    EventBase,
    FilesSynced,
    HealthChanged,
    HookFinished,
    ImpactComputed,
    IncidentClosed,
    IncidentOpened,
    OverrideChanged,
    PartFailed,
    RestartFailed,
    SelfTestFailed,
    ServiceGivenUp,
    ServiceRestarted,
    SupervisorChanged,
    TransactionFinished,
    TransactionStarted,
)

_NOT_SHOWN = frozenset({"id", "sequence", "at", "source", "kind", "project", "cause"})


def as_line(event: EventBase) -> str:
    """Its time, its kind and what there is to say."""
    at = event.at.astimezone().strftime("%H:%M:%S.%f")[:-3]
    return f"{at} {getattr(event, 'kind', ''):<24} {_words(event)}"


def _words(event: EventBase) -> str:
    """What there is to say of it."""
    return _of_service(event) or _of_stack(event)


def _of_service(event: EventBase) -> str:  # noqa: PLR0911  (one line a kind)
    """What became of a service, and what was done about it."""
    match event:
        case ContainerEvent():
            code = f" (exit code {event.exit_code})" if event.exit_code is not None else ""
            return f"{event.name}{code}"
        case HealthChanged():
            return f"{event.service}: {event.before} -> {event.after}"
        case ServiceRestarted() | RestartFailed():
            return f"{event.service}: attempt {event.attempt}, {event.reason}"
        case ServiceGivenUp():
            return f"{event.service}: {event.reason} (podkeeper retry {event.service}){_cause(event)}"
        case IncidentOpened():
            return f"{event.service}: {event.reason}"
        case IncidentClosed():
            return f"{event.service}: {event.how.replace('_', ' ')} after {event.duration_s:.1f} s"
        case OverrideChanged():
            return f"{event.service}: {event.override}"
        case FilesSynced():
            return f"{event.service}: {event.action}, {event.copied} in, {event.removed} out {event.message}"
        case _:
            return ""


def _of_stack(event: EventBase) -> str:  # noqa: PLR0911  (one line a kind)
    """What concerns more than one service."""
    match event:
        case SupervisorChanged():
            return (
                "this process supervises" if event.is_ours else f"{event.holder} supervises, this one watches"
            )
        case DriftChanged():
            return "; ".join(event.found) or f"as revision {event.revision} says"
        case SelfTestFailed():
            return "; ".join(event.problems)
        case TransactionStarted():
            return f"{event.verb}: {event.steps} steps"
        case TransactionFinished():
            why = f", {event.message}" if event.message else ""
            return f"{event.verb}: {event.outcome.replace('_', ' ')} in {event.duration_s:.1f} s{why}"
        case ImpactComputed():
            return "; ".join(event.effects) or "nothing would change"
        case PartFailed():
            return f"{event.part}: {event.reason}"
        case HookFinished():
            end = "done" if event.ok else "failed"
            return f"{event.hook}: {end} in {event.duration_s:.1f} s {event.message}".rstrip()
        case _:
            rest = {k: v for k, v in event.model_dump(exclude=set(_NOT_SHOWN)).items() if v not in (None, "")}
            return " ".join(f"{k}={v}" for k, v in rest.items())


def _cause(event: ServiceGivenUp) -> str:
    """Why, in further lines: what there is to see without looking for it."""
    found = [f"exit code {event.exit_code}"] if event.exit_code is not None else []
    found += ["out of memory"] if event.out_of_memory else []
    found += [f"its check said: {event.check_output}"] if event.check_output else []
    found += [f"| {line}" for line in event.log_tail]
    return "".join(f"\n    {line}" for line in found)
