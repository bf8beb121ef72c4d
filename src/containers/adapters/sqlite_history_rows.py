"""Samples as rows of our database, and back."""

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from containers.model.base import ServiceName
from containers.model.health import HealthState
from containers.model.metrics import Figures, Sample
from containers.model.observed import ContainerState
from containers.model.place import Place

FIGURES = (
    "cpu_percent",
    "memory_bytes",
    "memory_limit_bytes",
    "network_in_bytes",
    "network_out_bytes",
    "block_in_bytes",
    "block_out_bytes",
    "processes",
)
COLUMNS = ", ".join(("state", "health", "checked_at", "response_s", "restarts", "uptime_s", *FIGURES))
_SERIES = "INSERT OR IGNORE INTO series (project, store, service, container) VALUES (?, ?, ?, ?)"
_SAMPLE = (
    f"INSERT OR REPLACE INTO samples (series, span_s, at, {COLUMNS})"  # noqa: S608  (our own names)
    f" SELECT id, {', '.join('?' * 16)} FROM series"
    " WHERE project = ? AND store = ? AND service = ? AND container = ?"
)


def to_ms(at: datetime) -> int:
    """A time as the database has it."""
    return round(at.timestamp() * 1000)


def to_time(ms: int) -> datetime:
    """A time of the database."""
    return datetime.fromtimestamp(ms / 1000, UTC)


def insert_samples(connection: sqlite3.Connection, place: Place, samples: Iterable[Sample]) -> None:
    """Write samples of one project."""
    for sample in samples:
        series = (place.project, place.store, sample.service, sample.container)
        connection.execute(_SERIES, series)
        figures = [getattr(sample.figures, name) for name in FIGURES]
        connection.execute(
            _SAMPLE,
            (
                sample.span_s,
                to_ms(sample.at),
                sample.state.value,
                sample.health.value,
                to_ms(sample.checked_at) if sample.checked_at is not None else None,
                sample.response_s,
                sample.restarts,
                sample.uptime_s,
                *figures,
                *series,
            ),
        )


def sample_of(row: Sequence[Any]) -> Sample:
    """A row of service, container, span, time and `COLUMNS`."""
    service, container, span_s, at, state, health, checked_at, response_s, *more = row
    restarts, uptime_s, *figures = more
    return Sample(
        service=ServiceName(service),
        container=container,
        at=to_time(at),
        span_s=span_s,
        state=ContainerState(state),
        health=HealthState(health),
        checked_at=to_time(checked_at) if checked_at is not None else None,
        response_s=response_s,
        restarts=restarts,
        uptime_s=uptime_s,
        figures=Figures.model_validate(dict(zip(FIGURES, figures, strict=True))),
    )
