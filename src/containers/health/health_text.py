"""Health and incidents in the words of a table; what is unknown is `-`, never 0."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from containers.model.health import HealthState
from containers.model.metrics import Incident, Reliability, ServiceHealth, StackHealthReport
from containers.model.observed import ContainerState
from containers.model.text_columns import columns

_HOW = {
    "restarted": "restarted",
    "by_itself": "by itself",
    "by_hand": "by hand",
    "unobserved": "nobody looked",
}
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def service_cells(service: ServiceHealth, now: datetime) -> tuple[str, ...]:
    """One service's row."""
    figures, past = service.figures, service.reliability
    checked = service.last_check_at
    return (
        service.service,
        health_word(service),
        f"{age((now - checked).total_seconds())} ago" if checked is not None else "-",
        duration(service.response_s) if service.response_s is not None else "-",
        f"{figures.cpu_percent:.1f} %" if figures.cpu_percent is not None else "-",
        _memory(figures.memory_bytes, figures.memory_limit_bytes),
        age(service.uptime_s) if service.uptime_s is not None else "-",
        str(service.totals.restarts),
        percent(past.availability_percent),
        duration(past.mean_recovery_s) if past.mean_recovery_s is not None else "-",
        str(past.incidents),
    )


def health_word(service: ServiceHealth) -> str:
    """State and health in one word."""
    if service.state is ContainerState.RUNNING:
        return "running" if service.health is HealthState.NONE else str(service.health)
    return "not created" if service.state == "absent" else str(service.state)


def _incident_rows(found: Iterable[Incident]) -> Iterator[tuple[str, ...]]:
    """A row for each incident."""
    for each in found:
        yield (
            f"{each.opened_at.astimezone():%Y-%m-%d %H:%M:%S}",
            each.service,
            duration(each.duration_s) if each.duration_s is not None else "",
            str(each.restarts),
            _HOW[each.how] if each.how else "open",
            each.reason,
        )


def with_rates(past: Reliability) -> dict[str, object]:
    """As JSON, with what is computed from it."""
    return {
        **past.model_dump(mode="json"),
        "availability_percent": past.availability_percent,
        "observed_percent": past.observed_percent,
    }


def report_json(report: StackHealthReport) -> dict[str, object]:
    """The report with what is computed from it."""
    services = {
        name: {**service.model_dump(mode="json"), "reliability": with_rates(service.reliability)}
        for name, service in report.services.items()
    }
    return {
        **report.model_dump(mode="json"),
        "services": services,
        "whole": with_rates(report.whole),
        "well": report.is_well,
    }


def table_lines(services: Sequence[ServiceHealth], now: datetime) -> list[str]:
    """The table of services."""
    return columns(
        (
            *("SERVICE", "HEALTH", "CHECKED", "TOOK", "CPU", "MEMORY", "UP", "RESTARTS"),
            *("AVAILABLE", "MTTR", "INCIDENTS"),
        ),
        [service_cells(service, now) for service in services],
    )


def footer_lines(report: StackHealthReport) -> list[str]:
    """What has to be said beside the table."""
    if report.history_problem:
        return [f"nothing is known of the past: {report.history_problem}"]
    if not report.whole.observed_s:
        return ["nobody looked in this window: availability is known while `podkeeper monitor` runs"]
    return [f"since {report.since.astimezone():%Y-%m-%d %H:%M}: {reliability_words(report.whole)}"]


def incident_lines(found: Sequence[Incident]) -> list[str]:
    """The table of incidents."""
    if not found:
        return ["no incidents"]
    return columns(("BEGAN", "SERVICE", "LASTED", "RESTARTS", "ENDED", "WHY"), tuple(_incident_rows(found)))


def reliability_words(past: Reliability) -> str:
    """How a stack did, in a line."""
    mean = f", {duration(past.mean_recovery_s)} to recover" if past.mean_recovery_s is not None else ""
    count = f"{past.incidents} incident{'' if past.incidents == 1 else 's'}"
    return (
        f"{percent(past.availability_percent)} available, {count}{mean};"
        f" observed {percent(past.observed_percent)} of the time"
    )


def percent(value: float | None) -> str:
    """With as many digits as make a difference; 100 % only where nothing was lost."""
    if value is None:
        return "-"
    text = f"{value:.2f}"
    if text == "100.00" and value < 100:  # noqa: PLR2004  (all of it)
        text = "99.99"
    return f"{text.rstrip('0').rstrip('.') if text == '100.00' else text} %"


def duration(seconds: float) -> str:
    """Milliseconds, seconds, or larger units."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 100 else age(seconds)  # noqa: PLR2004  (three digits)


def age(seconds: float) -> str:
    """How long, in the largest unit that fits."""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{int(max(seconds, 0))}s"


def _memory(used: int | None, limit: int | None) -> str:
    if used is None:
        return "-"
    return f"{_size(used)} / {_size(limit)}" if limit is not None else _size(used)


def _size(count: float) -> str:
    for unit in _UNITS[:-1]:
        if count < 1024:  # noqa: PLR2004  (what the units are made of)
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} {_UNITS[-1]}"
