"""Times, sizes and states in the words that people know from docker compose."""

from datetime import datetime

from containers.model.health import HealthState
from containers.model.observed import ContainerDetail, ContainerState, ObservedContainer

_MINUTE, _HOUR = 60, 3600
_SPANS = ((48, 1, "hours"), (24 * 14, 24, "days"), (24 * 60, 24 * 7, "weeks"), (24 * 730, 24 * 30, "months"))
"""Up to how many hours, how many hours each is, and what they are called."""
_DECIMAL = ("B", "kB", "MB", "GB", "TB", "PB")
_BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_OTHER = {
    ContainerState.CREATED: "Created",
    ContainerState.REMOVING: "Removal In Progress",
    ContainerState.UNKNOWN: "Unknown",
}
_HEALTH = {
    HealthState.HEALTHY: " (healthy)",
    HealthState.UNHEALTHY: " (unhealthy)",
    HealthState.STARTING: " (health: starting)",
}


def span(seconds: float) -> str:
    """How long: `Less than a second`, `About an hour`, `3 days`."""
    whole = max(int(seconds), 0)
    if whole < _MINUTE:
        return "Less than a second" if whole == 0 else "1 second" if whole == 1 else f"{whole} seconds"
    if whole < _HOUR:
        minutes = whole // _MINUTE
        return "About a minute" if minutes == 1 else f"{minutes} minutes"
    hours = int(seconds / _HOUR + 0.5)
    if hours == 1:
        return "About an hour"
    for most, size, name in _SPANS:
        if hours < most:
            return f"{hours // size} {name}"
    return f"{hours // (24 * 365)} years"


def ago(moment: datetime | None, now: datetime) -> str:
    """How long ago: `3 days ago`; empty where there is no moment."""
    return f"{span((now - moment).total_seconds())} ago" if moment is not None else ""


def decimal_size(size_bytes: float) -> str:
    """`2.13MB`."""
    return _size(size_bytes, 1000.0, _DECIMAL, 3)


def binary_size(size_bytes: float) -> str:
    """`632KiB`."""
    return _size(size_bytes, 1024.0, _BINARY, 4)


def _size(size: float, base: float, units: tuple[str, ...], digits: int) -> str:
    unit = 0
    while size >= base and unit < len(units) - 1:
        size /= base
        unit += 1
    return f"{size:.{digits}g}{units[unit]}"


def shortened(text: str, most: int) -> str:
    """At most `most` characters, the last of them an ellipsis where something is left out."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def status_words(container: ObservedContainer, detail: ContainerDetail, now: datetime) -> str:
    """`Up 3 minutes (healthy)`, `Exited (1) 2 hours ago`."""
    up = span((now - container.started_at).total_seconds()) if container.started_at else ""
    match container.state:
        case ContainerState.RUNNING:
            return f"Up {up}{_HEALTH.get(container.health, '')}"
        case ContainerState.PAUSED:
            return f"Up {up} (Paused)"
        case ContainerState.RESTARTING:
            return f"Restarting ({detail.exit_code}) {ago(detail.finished_at, now)}"
        case ContainerState.EXITED:
            return f"Exited ({container.exit_code or 0}) {ago(detail.finished_at, now)}".rstrip()
        case _:
            return _OTHER[container.state]
