"""Many samples of a container into the mean of a longer time."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

from containers.model.metrics import Figures, Sample

_MEANS = ("cpu_percent", "memory_bytes", "processes")
_SUMS = ("network_in_bytes", "network_out_bytes", "block_in_bytes", "block_out_bytes")
_WHOLE = ("memory_bytes", "processes")


def bucket_of(at: datetime, span_s: int) -> datetime:
    """The beginning of the span of `span_s` that a moment is in; spans begin at multiples since 1970."""
    return datetime.fromtimestamp(at.timestamp() // span_s * span_s, UTC)


def fold(samples: Iterable[Sample], span_s: int) -> tuple[Sample, ...]:
    """One sample for each container and span: means of what goes up and down, sums of what is counted.

    State, health, uptime and limit are those of the last one. What no sample has is None afterwards, too,
    and what some lack is the mean of the others: an engine that gave no figures did not measure 0.
    """
    groups: dict[tuple[datetime, str, str], list[Sample]] = {}
    for sample in sorted(samples, key=lambda s: s.at):
        key = (bucket_of(sample.at, span_s), sample.service, sample.container)
        groups.setdefault(key, []).append(sample)
    return tuple(_mean(group, at, span_s) for (at, _, _), group in groups.items())


def _mean(group: Sequence[Sample], at: datetime, span_s: int) -> Sample:
    last = group[-1]
    figures: dict[str, float | int | None] = {
        "memory_limit_bytes": _of(group, "memory_limit_bytes", lambda found: found[-1])
    }
    figures |= {name: _of(group, name, _average) for name in _MEANS}
    figures |= {name: _of(group, name, sum) for name in _SUMS}
    for name in _WHOLE:
        value = figures[name]
        figures[name] = round(value) if value is not None else None
    responses = [s.response_s for s in group if s.response_s is not None]
    return last.model_copy(
        update={
            "at": at,
            "span_s": span_s,
            "response_s": _average(responses) if responses else None,
            "restarts": sum(s.restarts for s in group),
            "figures": Figures.model_validate(figures),
        }
    )


def _of(group: Sequence[Sample], name: str, made: Callable[[list[float]], float]) -> float | None:
    found = [value for s in group if (value := getattr(s.figures, name)) is not None]
    return made(found) if found else None


def _average(found: list[float]) -> float:
    return sum(found) / len(found)
