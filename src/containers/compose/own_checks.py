"""Whether what a service says about watching, and to Podkeeper itself, can work."""

import re
import shlex
from collections.abc import Mapping
from typing import Any, Final, Protocol

from containers.compose.measures import duration_ns
from containers.compose.nodes import Map, Spot
from containers.compose.schema_extension import OWN_KEY
from containers.model.errors import ErrorCode

_WAYS: Final = {"reload": ("signal", "exec"), "health": ("tcp", "http")}
"""Parts that say how in one of two ways."""
_FLAGS: Final = frozenset({"true", "false", "yes", "no", "y", "n", "on", "off", "1", "0", ""})
_SIGNAL: Final = re.compile(
    r"ABRT|ALRM|BUS|CHLD|CLD|CONT|FPE|HUP|ILL|INT|IO|IOT|KILL|PIPE|POLL|PROF|PWR|QUIT|SEGV|STKFLT|STOP|SYS|TERM"
    r"|TRAP|TSTP|TTIN|TTOU|URG|USR1|USR2|VTALRM|WINCH|XCPU|XFSZ"
    r"|RTMIN(\+([1-9]|1[0-5]))?|RTMAX(-([1-9]|1[0-4]))?"
)
"""Those of Linux, where containers run, with their other names: what Podman knows."""
_TIMES: Final = {
    "restart": ("window", "first_backoff", "longest_backoff"),
    "health": ("interval", "timeout", "start_period"),
}
_NEVER_ZERO: Final = frozenset({"interval", "timeout"})


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
        if ".." in str(target or "").split("/"):
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


def check_own_keys(service: Mapping[str, Any], error: Say, warning: Say) -> None:
    """Say what in `x-podkeeper` contradicts itself, and what in it does nothing."""
    own = service.get(OWN_KEY)
    if not isinstance(own, Map):
        return
    for key, ways in _WAYS.items():
        if isinstance(part := own.get(key), Map):
            _check_ways(key, part, ways, own.spots.get(key), error, warning)
    _check_flag(own, "essential", error)
    if isinstance(restart := own.get("restart"), Map):
        _check_flag(restart, "enabled", error)
        _check_backoff(restart, error)
    for key, times in _TIMES.items():
        if isinstance(part := own.get(key), Map):
            _check_times(key, part, times, error)
    if isinstance(reload := own.get("reload"), Map):
        _check_signal(reload, error)
        if isinstance(command := reload.get("exec"), str) and _words(command) is None:
            error(
                ErrorCode.INVALID_VALUE,
                f"has a quotation in `{OWN_KEY}.reload.exec` that does not end",
                reload.spots.get("exec"),
                "write the command as a list, or close the quotation",
            )


def _check_ways(
    key: str, part: Map, ways: tuple[str, str], spot: Spot | None, error: Say, warning: Say
) -> None:
    first, second = ways
    said = [way for way in ways if _is_said(part.get(way))]
    if len(said) == len(ways):
        error(
            ErrorCode.CONFLICT,
            f"has both `{first}` and `{second}` in `{OWN_KEY}.{key}`",
            part.spots.get(second),
            "remove one of the two",
            on_key=True,
        )
    elif not said:  # an override may have switched it off so
        warning(
            ErrorCode.INVALID_VALUE,
            f"has neither `{first}` nor `{second}` in `{OWN_KEY}.{key}`, which so does nothing",
            spot,
            "add one of the two, or remove the key",
        )


def _is_said(value: Any) -> bool:
    """Whether a way is named at all: blanks, and a list of them, are nothing."""
    if isinstance(value, str):
        return bool(_words(value))
    if isinstance(value, list):
        return any(str(word).strip() for word in value)
    return value is not None


def _words(text: str) -> list[str] | None:
    """As a shell would split it; None where it would not."""
    try:
        return shlex.split(text)
    except ValueError:
        return None


def _check_times(part: str, written: Map, times: tuple[str, ...], error: Say) -> None:
    for key in times:
        value = written.get(key)
        if not isinstance(value, str):
            continue
        if (length := _ns(value)) is None:
            problem = f"says a time for `{OWN_KEY}.{part}.{key}` that is too long to be one"
        elif length == 0 and key in _NEVER_ZERO:
            problem = f"has no time for `{OWN_KEY}.{part}.{key}`: it is 0"
        else:
            continue
        error(ErrorCode.INVALID_VALUE, problem, written.spots.get(key), "write a time such as `5s`")


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
    if not _SIGNAL.fullmatch(name):
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
