"""How a YAML scalar becomes a value, by the rules of YAML 1.2 rather than those of YAML 1.1."""

import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Final

_WORDS: Final[dict[str, bool | float | None]] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
    ".nan": float("nan"),
    ".NaN": float("nan"),
    ".NAN": float("nan"),
    ".inf": float("inf"),
    ".Inf": float("inf"),
    ".INF": float("inf"),
    "+.inf": float("inf"),
    "+.Inf": float("inf"),
    "+.INF": float("inf"),
    "-.inf": float("-inf"),
    "-.Inf": float("-inf"),
    "-.INF": float("-inf"),
}
_NUMERIC_START: Final = frozenset("+-.0123456789")
_DECIMAL: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]*)\Z")
_BASED: Final = re.compile(r"[-+]?0(?:[xX]([0-9a-fA-F]+)|[bB]([01]+)|[oO]?([0-7]+))\Z")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_TIMESTAMP: Final = re.compile(
    r"(\d{4})-(\d\d?)-(\d\d?)"
    r"(?:(?:[Tt]|[ \t]+)(\d\d?):(\d\d):(\d\d)(?:\.(\d{1,9}))?[ \t]*(Z|[-+]\d\d?(?::?\d\d)?)?)?\Z"
)
_SMALLEST_INT: Final = -(2**63)
_LARGEST_INT: Final = 2**64 - 1
_LONGEST_INT: Final = len("-") + len(str(_LARGEST_INT))
_EXPONENT_FROM: Final = 6
_EXPONENT_BELOW: Final = -4


def typed(text: str) -> str | int | float | bool | datetime | None:
    """The value of a plain scalar. `yes`, `no`, `on` and `off` are strings."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMERIC_START:
        return text
    number = _number(text.replace("_", "") if "_" in text else text)
    if number is not None:
        return number
    return _timestamp(text) or text


def _number(text: str) -> int | float | None:
    value: float
    if _DECIMAL.match(text):
        value = int(text) if len(text) <= _LONGEST_INT else float(text)
    elif based := _BASED.match(text):
        digits = based[1] or based[2] or based[3]
        value = int(digits, 16 if based[1] else 2 if based[2] else 8)
        value = -value if text[0] == "-" else value
        return value if _SMALLEST_INT <= value <= _LARGEST_INT else None
    elif _FLOAT.match(text):
        return float(text)
    else:
        return None
    return value if _SMALLEST_INT <= value <= _LARGEST_INT else float(value)


def _timestamp(text: str) -> datetime | None:
    match = _TIMESTAMP.match(text)
    if not match:
        return None
    year, month, day = int(match[1]), int(match[2]), int(match[3])
    try:
        if match[4] is None:
            return datetime(year, month, day, tzinfo=UTC)
        zone = UTC if match[8] in {None, "Z"} else timezone(_offset(match[8]))
        micro = int((match[7] or "0").ljust(6, "0")[:6])
        return datetime(year, month, day, int(match[4]), int(match[5]), int(match[6]), micro, tzinfo=zone)
    except ValueError:
        return None


def _offset(text: str) -> timedelta:
    hours, _, minutes = text[1:].partition(":") if ":" in text else (text[1:3], "", text[3:])
    offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
    return -offset if text[0] == "-" else offset


def written(value: str | float | None) -> str:
    """The text of a scalar that was meant as a string: `true`, `31`, `1.5`, `1e+06`."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return _float_text(value)


def moment(value: datetime) -> str:
    """A timestamp as compose writes it into the environment."""
    stamp = value.strftime("%Y-%m-%d %H:%M:%S")
    fraction = f".{value.microsecond:06d}".rstrip("0").rstrip(".") if value.microsecond else ""
    offset = value.strftime("%z")
    return f"{stamp}{fraction} {offset} {'UTC' if offset == '+0000' else offset}"


def _float_text(value: float) -> str:
    if value != value or value in {float("inf"), float("-inf")}:  # noqa: PLR0124  (only NaN differs from itself)
        return {float("inf"): "+Inf", float("-inf"): "-Inf"}.get(value, "NaN")
    if value == 0:
        return "-0" if str(value).startswith("-") else "0"
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    point = int(exponent) + len(digits) - 1
    text = "".join(map(str, digits))
    minus = "-" if sign else ""
    if point < _EXPONENT_BELOW or point >= _EXPONENT_FROM:
        fraction = f".{text[1:]}" if len(text) > 1 else ""
        return f"{minus}{text[0]}{fraction}e{'-' if point < 0 else '+'}{abs(point):02d}"
    return minus + format(Decimal(repr(abs(value))).normalize(), "f")
