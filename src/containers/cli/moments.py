"""Moments as people write them: a time, or how long ago."""

import re
from datetime import UTC, datetime, timedelta

from containers.model.errors import ErrorCode, PodkeeperError

_UNITS_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h|d)")
_DURATION = re.compile(rf"(?:{_PART.pattern})+")
_SECONDS = re.compile(r"\d+(?:\.\d+)?")


def parse_moment(text: str, now: datetime) -> datetime:
    """`2026-01-02T13:23:37Z`, `2026-01-02`, seconds since 1970, or `1h30m` before `now`.

    A time without a zone is this machine's.

    Raises:
        PodkeeperError: `usage`: it is none of these.
    """
    try:
        if _DURATION.fullmatch(text):
            passed_s = sum(float(count) * _UNITS_S[unit] for count, unit in _PART.findall(text))
            return now - timedelta(seconds=passed_s)
        if _SECONDS.fullmatch(text):
            return datetime.fromtimestamp(float(text), UTC)
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo else moment.astimezone()
    except (ValueError, OverflowError, OSError) as error:  # the last two: before or after all calendars
        raise PodkeeperError(
            ErrorCode.USAGE,
            f"{text} is no time",
            remedy="write a time such as 2026-01-02T13:23:37Z, or how long ago, such as 42m",
        ) from error
