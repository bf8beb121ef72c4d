"""Durations and sizes: reading what people write, and writing it the way compose does."""

import re
from typing import Final

_UNITS: Final = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
    "w": 604_800_000_000_000,
}
_PART: Final = re.compile(r"(\d*\.\d+|\d+\.?)(ns|us|µs|μs|ms|[smhdw])")
_SIZE: Final = re.compile(
    r"(\+?(?:\d+(?:_\d+)*(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?) ?([kmgtp]?)i?b?\Z", re.IGNORECASE | re.ASCII
)
_POWERS: Final = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
NANOSECONDS: Final = 1_000_000_000
_LONGEST_NS: Final = 2**63
_LARGEST: Final = 2**63


def duration_ns(text: str) -> int:
    """Read `1h30m`, `90s`, `1.5s`, `500ms`, `1w`.

    Raises:
        ValueError: it is no duration.
    """
    rest = text.removeprefix("-").removeprefix("+")
    if rest == "0":
        return 0
    total: float = 0
    position = 0
    while position < len(rest):
        part = _PART.match(rest, position)
        if not part:
            raise ValueError(text)
        total += float(part[1]) * _UNITS[part[2]] if "." in part[1] else int(part[1]) * _UNITS[part[2]]
        position = part.end()
    if not rest or not total < _LONGEST_NS:
        raise ValueError(text)
    return -int(total) if text.startswith("-") else int(total)


def duration_text(nanoseconds: int) -> str:
    """Write a duration as compose does: `1m30s`, `500ms`, `168h0m0s`."""
    if nanoseconds == 0:
        return "0s"
    sign, rest = ("-", -nanoseconds) if nanoseconds < 0 else ("", nanoseconds)
    if rest < NANOSECONDS:
        for unit in ("ms", "us", "ns"):
            if rest >= _UNITS[unit]:
                return f"{sign}{_fraction(rest, _UNITS[unit])}{'µs' if unit == 'us' else unit}"
    minutes, seconds = divmod(rest, 60 * NANOSECONDS)
    hours, minutes = divmod(minutes, 60)
    text = f"{_fraction(seconds, NANOSECONDS)}s"
    if hours or minutes:
        text = f"{minutes}m{text}"
    return sign + (f"{hours}h{text}" if hours else text)


def _fraction(value: int, unit: int) -> str:
    whole, rest = divmod(value, unit)
    digits = len(str(unit)) - 1
    fraction = f".{rest:0{digits}d}".rstrip("0").rstrip(".") if rest else ""
    return f"{whole}{fraction}"


def size_bytes(text: str) -> int:
    """Read `64m`, `1.5GB`, `512 KiB`, `1024`, `-1`.

    Raises:
        ValueError: it is no size.
    """
    if re.fullmatch(r"-\d+", text):
        return int(text)
    match = _SIZE.match(text)
    if not match:
        raise ValueError(text)
    size = float(match[1]) * 1024 ** _POWERS[match[2].lower()]
    if not size < _LARGEST:
        raise ValueError(text)
    return int(size)


def size_words(text: str) -> str:
    """A number of bytes as people say it: `512 MiB`."""
    number = float(text)
    for unit in ("B", "KiB", "MiB"):
        if number < 1024:  # noqa: PLR2004  (the size of a unit)
            return f"{number:g} {unit}"
        number /= 1024
    return f"{number:g} GiB"
