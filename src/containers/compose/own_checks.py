"""Whether what a service says about watching, and to Podkeeper itself, can work."""

import re
import signal
from collections.abc import Mapping
from typing import Any, Final, Protocol

from containers.compose.measures import duration_ns
from containers.compose.nodes import Map, Spot
from containers.compose.schema_extension import OWN_KEY
from containers.model.errors import ErrorCode

_WAYS: Final = {"reload": ("signal", "exec"), "health": ("tcp", "http")}
"""Parts that say how in one of two ways."""
_FLAGS: Final = frozenset({"true", "false", "yes", "no", "on", "off", "1", "0"})
_SIGNALS: Final = frozenset(each.name.removeprefix("SIG") for each in signal.Signals)
_REAL_TIME: Final = re.compile(r"RTM(IN(\+\d+)?|AX(-\d+)?)")


class Say(Protocol):
    """Reports what is wrong with the service, at a place."""

    def __call__(
        self,
        code: ErrorCode,
        problem: str,
        spot: Spot | None,
        hint: str | None = None,
        *,
        on_key: bool = False,
    ) -> None:
        """`problem` goes on from the service's name; `on_key`: the place is the key's, not its value's."""


def check_watch_rules(service: Mapping[str, Any], error: Say, warning: Say) -> None:
    """Say which rules of `develop.watch` can not work; what only `watch` refuses keeps nothing else away."""
    for rule in (service.get("develop") or {}).get("watch") or ():
        action, target = rule["action"], rule.get("target")
        copies = action not in {"rebuild", "restart"}
        if copies and not target:
            error(
                ErrorCode.INVALID_VALUE,
                "has a rule in `develop.watch` that copies files, but no `target`",
                rule.spots.get("action"),
                "say where in the container files go",
            )
        if copies and ".." in str(target or "").split("/"):
            warning(
                ErrorCode.PATH_ESCAPES,
                f"has a rule in `develop.watch` whose target `{target}` leads out of itself: `watch` refuses",
                rule.spots.get("target"),
                "write where files go without `..`",
            )
        if action == "sync+exec" and not (rule.get("exec") or {}).get("command"):
            warning(
                ErrorCode.INVALID_VALUE,
                "has a rule in `develop.watch` with `sync+exec`, but no command in `exec`: it only copies",
                rule.spots.get("action"),
                "add `exec: {command: [...]}`, or make it `sync`",
            )


def check_own_keys(service: Mapping[str, Any], error: Say) -> None:
    """Say what in `x-podkeeper` contradicts itself, or means nothing."""
    own = service.get(OWN_KEY)
    if not isinstance(own, Map):
        return
    for key, ways in _WAYS.items():
        if isinstance(part := own.get(key), Map):
            _check_ways(key, part, ways, own.spots.get(key), error)
    _check_flag(own, "essential", error)
    if isinstance(restart := own.get("restart"), Map):
        _check_flag(restart, "enabled", error)
        _check_backoff(restart, error)
    if isinstance(health := own.get("health"), Map):
        for key in ("interval", "timeout"):
            if _ns(health.get(key)) == 0:
                error(
                    ErrorCode.INVALID_VALUE,
                    f"has no time for `{OWN_KEY}.health.{key}`: it is 0",
                    health.spots.get(key),
                    "write a time such as `5s`",
                )
    if isinstance(reload := own.get("reload"), Map):
        _check_signal(reload, error)


def _check_ways(key: str, part: Map, ways: tuple[str, str], spot: Spot | None, error: Say) -> None:
    first, second = ways
    said = [way for way in ways if part.get(way) not in (None, "", [])]
    if len(said) == len(ways):
        error(
            ErrorCode.CONFLICT,
            f"has both `{first}` and `{second}` in `{OWN_KEY}.{key}`",
            part.spots.get(second),
            "remove one of the two",
            on_key=True,
        )
    elif not said:
        error(
            ErrorCode.INVALID_VALUE,
            f"has neither `{first}` nor `{second}` in `{OWN_KEY}.{key}`",
            spot,
            "add one of the two, or remove the key",
        )


def _check_flag(part: Map, key: str, error: Say) -> None:
    value = part.get(key)
    if isinstance(value, str) and value.lower() not in _FLAGS:
        error(
            ErrorCode.INVALID_VALUE,
            f"says `{value}` for `{key}` in `{OWN_KEY}`",
            part.spots.get(key),
            "write true or false",
        )


def _check_backoff(restart: Map, error: Say) -> None:
    first, longest = _ns(restart.get("first_backoff")), _ns(restart.get("longest_backoff"))
    if first is not None and longest is not None and first > longest:
        error(
            ErrorCode.CONFLICT,
            f"has a `first_backoff` in `{OWN_KEY}.restart` that is longer than its `longest_backoff`",
            restart.spots.get("first_backoff"),
            "make it the shorter one",
        )


def _check_signal(reload: Map, error: Say) -> None:
    written = reload.get("signal")
    if not isinstance(written, str) or not written:
        return
    name = written.removeprefix("SIG")
    if name not in _SIGNALS and not _REAL_TIME.fullmatch(name):
        error(
            ErrorCode.INVALID_VALUE,
            f"has the signal `{written}` in `{OWN_KEY}.reload`, which does not exist",
            reload.spots.get("signal"),
            "write one such as `HUP`",
        )


def _ns(value: Any) -> int | None:
    try:
        return duration_ns(value) if isinstance(value, str) else None
    except ValueError:
        return None
