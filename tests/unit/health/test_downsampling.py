"""Samples become means of longer times."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from containers.health.downsampling import bucket_of, fold
from containers.model.base import ServiceName
from containers.model.health import HealthState
from containers.model.metrics import Figures, Sample
from containers.model.observed import ContainerState

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def sample(after_s: float, container: str = "api-1", **values: Any) -> Sample:
    """One sample of a running service, some seconds after noon."""
    figures = {name: values.pop(name) for name in tuple(values) if name in Figures.model_fields}
    return Sample(
        service=ServiceName(container.partition("-")[0]),
        container=container,
        at=NOON + timedelta(seconds=after_s),
        state=values.pop("state", ContainerState.RUNNING),
        figures=Figures.model_validate(figures),
        **values,
    )


def test_what_goes_up_and_down_becomes_a_mean_and_what_is_counted_a_sum() -> None:
    """Over one span, for each container."""
    (mean,) = fold(
        [
            sample(0, cpu_percent=10.0, memory_bytes=100, network_in_bytes=5, restarts=1, response_s=0.1),
            sample(10, cpu_percent=30.0, memory_bytes=301, network_in_bytes=7, restarts=2, response_s=0.3),
        ],
        300,
    )
    assert (mean.at, mean.span_s) == (NOON, 300)
    assert (mean.figures.cpu_percent, mean.figures.memory_bytes) == (20.0, 200)
    assert (mean.figures.network_in_bytes, mean.restarts, mean.response_s) == (12, 3, 0.2)


def test_a_figure_that_is_not_there_is_not_taken_for_zero() -> None:
    """An engine that measured nothing for a while does not halve the mean; none at all stays None."""
    (mean,) = fold([sample(0, cpu_percent=40.0), sample(10)], 300)
    assert mean.figures.cpu_percent == 40.0
    assert mean.figures.memory_bytes is None
    assert mean.response_s is None


def test_state_and_health_are_those_of_the_last_sample_whatever_their_order() -> None:
    """A span that ended badly is shown as bad."""
    (mean,) = fold(
        [
            sample(20, state=ContainerState.EXITED, health=HealthState.UNHEALTHY),
            sample(0, health=HealthState.HEALTHY),
        ],
        300,
    )
    assert (mean.state, mean.health) == (ContainerState.EXITED, HealthState.UNHEALTHY)


def test_each_container_and_each_span_has_a_mean_of_its_own() -> None:
    """Two containers over two spans are four means."""
    found = fold([sample(s, c) for s in (0, 299, 300, 301) for c in ("api-1", "api-2")], 300)
    begins = sorted((m.at - NOON).total_seconds() for m in found)
    assert begins == [0, 0, 300, 300]


@given(st.lists(st.tuples(st.integers(0, 7200), st.integers(0, 1000)), min_size=1, unique_by=lambda t: t[0]))
def test_nothing_counted_is_lost_or_made_up_over_two_foldings(counted: list[tuple[int, int]]) -> None:
    """However samples fall into spans, the sums stay, and the means of means cover the same time."""
    samples = [sample(at, network_in_bytes=n, restarts=1) for at, n in counted]
    twice = fold(fold(samples, 300), 3600)
    assert sum(m.figures.network_in_bytes or 0 for m in twice) == sum(n for _, n in counted)
    assert sum(m.restarts for m in twice) == len(counted)
    assert {m.at for m in twice} == {bucket_of(s.at, 3600) for s in samples}
