"""What a checked `x-podkeeper` of a service means."""

import shlex
from collections.abc import Mapping
from typing import Any

from containers.compose.measures import NANOSECONDS, duration_ns
from containers.model.own_config import OutsideProbe, OwnConfig, Reload, RestartRules


def own_keys(written: Mapping[str, Any]) -> OwnConfig:
    """Read it; whatever is left out has its default."""
    return OwnConfig.model_construct(
        essential=_flag(written.get("essential"), default=False),
        restart=_restart(written.get("restart") or {}),
        probe=_probe(written.get("health") or {}),
        reload=_reload(written.get("reload") or {}),
    )


def _restart(written: Mapping[str, Any]) -> RestartRules:
    enabled = written.get("enabled")
    return RestartRules.model_construct(
        enabled=None if enabled is None else _flag(enabled, default=True),
        after=written.get("after", 1),
        max_attempts=written.get("max_attempts"),
        window_s=_seconds(written.get("window")),
        first_backoff_s=_seconds(written.get("first_backoff")),
        longest_backoff_s=_seconds(written.get("longest_backoff")),
    )


def _probe(written: Mapping[str, Any]) -> OutsideProbe | None:
    kind = next((kind for kind in ("http", "tcp") if kind in written), None)
    if kind is None:
        return None
    times = {
        f"{key}_s": seconds
        for key in ("interval", "timeout", "start_period")
        if (seconds := _seconds(written.get(key))) is not None
    }
    return OutsideProbe.model_validate(
        {
            "kind": kind,
            "port": written[kind],
            "path": written.get("path", "/"),
            "statuses": tuple(written.get("status") or ()),
            "retries": written.get("retries", 3),
            **times,
        }
    )


def _reload(written: Mapping[str, Any]) -> Reload | None:
    command = written.get("exec") or ()
    signal = str(written.get("signal") or "").removeprefix("SIG")
    argv = shlex.split(command) if isinstance(command, str) else command
    if not any(word.strip() for word in argv):
        argv = ()
    if not argv and not signal:
        return None
    return Reload(signal=signal, command=tuple(argv), user=written.get("user", ""))


def _flag(value: Any, *, default: bool) -> bool:
    if value in (None, ""):
        return default
    return value if isinstance(value, bool) else str(value).lower() in {"true", "yes", "y", "on", "1"}


def _seconds(text: str | None) -> float | None:
    return None if text is None else duration_ns(text) / NANOSECONDS
