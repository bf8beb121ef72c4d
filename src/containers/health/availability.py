"""Availability and mean time to recover over a window, of the time in which somebody looked."""

from collections.abc import Iterable
from datetime import datetime

from containers.model.base import ServiceName
from containers.model.metrics import Incident, Reliability, Span, Wellness


def reliability(
    spans: Iterable[Span], incidents: Iterable[Incident], since: datetime, until: datetime
) -> Reliability:
    """How one service, or several together, did from `since` to `until`.

    Time that no span covers was observed by nobody, and counts neither way; what two spans of a service
    cover, since two processes looked, counts once, as the earlier says. An incident counts where it was open
    for a part of the window; the mean time to recover is that of those whose end was seen within it.
    """
    seconds: dict[Wellness, float] = {"up": 0.0, "down": 0.0, "idle": 0.0}
    counted: dict[ServiceName, datetime] = {}
    for span in sorted(spans, key=lambda s: s.began_at):
        begin = max(span.began_at, counted.get(span.service, since))
        end = min(span.until, until)
        counted[span.service] = max(begin, end) if end > begin else counted.get(span.service, since)
        seconds[span.wellness] += max((end - begin).total_seconds(), 0.0)
    mine = [i for i in incidents if i.opened_at <= until and (i.closed_at is None or i.closed_at >= since)]
    took = [
        i.duration_s
        for i in mine
        if i.duration_s is not None
        and i.how != "unobserved"
        and i.closed_at is not None
        and i.closed_at <= until
    ]
    return Reliability(
        up_s=seconds["up"],
        down_s=seconds["down"],
        idle_s=seconds["idle"],
        window_s=(until - since).total_seconds() * max(len(counted), 1),
        incidents=len(mine),
        mean_recovery_s=sum(took) / len(took) if took else None,
    )
