"""The canonical document: what is empty is left out, durations and sizes have one form, keys are sorted."""

from collections.abc import Callable
from typing import Any, Final

from containers.compose.measures import duration_ns, duration_text, size_bytes
from containers.compose.nodes import Map, Seq, Spot, Template
from containers.compose.reporting import Report
from containers.compose.scalars import written
from containers.model.errors import ErrorCode
from containers.model.project import KeyPath

Spots = dict[KeyPath, Spot]


class Writer:
    """Writes trees as plain values and notes where each came from."""

    def __init__(self, report: Report, *, spots: bool = True) -> None:
        """`spots` says whether to note where each value came from, which takes as long as the writing."""
        self._report = report
        self._notes = spots
        self.spots: Spots = {}
        self.problems = 0
        """Values that could not be written."""

    def plain(self, value: Any, rules: dict[str, Any], path: KeyPath) -> Any:
        """Write one value; `rules` say what is special about the keys below it."""
        if isinstance(value, dict):
            return self._mapping(value, rules, path)
        if isinstance(value, list):
            return self._sequence(value, rules, path)
        if isinstance(value, float) and value.is_integer() and abs(value) < _LARGEST_PLAIN:
            return int(value)
        return str(value) if isinstance(value, Template) else value

    def _mapping(self, value: dict[str, Any], rules: dict[str, Any], path: KeyPath) -> dict[str, Any]:
        result: dict[str, Any] = {}
        spots = value.spots if isinstance(value, Map) else {}
        any_key = rules.get("*")
        for key in sorted(value):
            entry = value[key]
            rule = rules.get(key, any_key)
            if rule is _DROPPED or (rule is None and any_key is None and key.startswith("x-") and path):
                continue
            here = (*path, key)
            spot = spots.get(key)
            if callable(rule):
                entry = self._measured(entry, rule, here, spot)
            elif isinstance(entry, (dict, list, Template, float)):
                entry = self.plain(entry, rule if isinstance(rule, dict) else _FREE, here)
            if (
                _is_blank(entry)
                and rule is not _ALWAYS
                and rule is not _count
                and any_key is None
                and not (_keeps(rule) and entry is not None)
                and key[:2] != "x-"
            ):
                continue
            if spot is not None and self._notes:
                self.spots[here] = spot
            result[str(key) if isinstance(key, Template) else key] = entry
        return result

    def _sequence(self, value: list[Any], rules: dict[str, Any], path: KeyPath) -> list[Any]:
        rule = rules.get("[]")
        result: list[Any] = []
        spots: list[Spot | None] = value.spots if isinstance(value, Seq) else [None] * len(value)
        for item, spot in zip(value, spots, strict=True):
            here = (*path, len(result))
            if spot is not None and self._notes:
                self.spots[here] = spot
            if callable(rule):
                result.append(self._measured(item, rule, here, spot))
            else:
                result.append(self.plain(item, rule if isinstance(rule, dict) else _FREE, here))
        return result

    def _measured(self, value: Any, rule: Callable[[Any], Any], path: KeyPath, spot: Spot | None) -> Any:
        if value is None:
            return "" if rule is _text else None
        if isinstance(value, Template):
            return str(value)
        try:
            return rule(value)
        except (ValueError, TypeError, OverflowError):
            self.problems += 1
            self._report.error(
                ErrorCode.INVALID_VALUE,
                f"{'.'.join(map(str, path))}: `{value}` is not {_WANTED.get(rule, 'valid')}",
                spot,
                hint=_EXAMPLE.get(rule),
                service=str(path[1]) if path[0] == "services" else None,
            )
            return None


def _is_blank(value: Any) -> bool:
    return not value


def _keeps(rule: Any) -> bool:
    return isinstance(rule, dict) and "keep" in rule


def _duration(value: Any) -> Any:
    return duration_text(duration_ns(str(value)))


def _size(value: Any) -> Any:
    if isinstance(value, float):
        return None
    number = value if isinstance(value, int) else size_bytes(value)
    return str(number) if number else None


def _rate(value: Any) -> Any:
    return str(value) if isinstance(value, int) else str(size_bytes(value))


def _mode(value: Any) -> Any:
    return f"{int(value, 8) if isinstance(value, str) else int(value):04o}"


def _whole(value: Any) -> Any:
    return int(value)


def _count(value: Any) -> Any:
    """A whole number that is shown even when it is zero."""
    return int(value)


def _text(value: Any) -> Any:
    return written(value)


_WANTED: Final[dict[Any, str]] = {
    _duration: "a duration",
    _size: "a size",
    _rate: "a size",
    _mode: "a file mode",
    _whole: "a whole number",
    _count: "a whole number",
}
_EXAMPLE: Final[dict[Any, str]] = {
    _duration: "such as `90s` or `1m30s`",
    _size: "such as `512m` or `1g`",
    _mode: "such as 0440",
}
_LARGEST_PLAIN: Final = 1e21
"""From here on numbers are written with an exponent."""
_ALWAYS: Final = "always"
_DROPPED: Final = "dropped"
_FREE: Final[dict[str, Any]] = {"*": _ALWAYS}
_KEEP: Final[dict[str, Any]] = {"keep": True}
_GRANTS: Final[dict[str, Any]] = {"[]": {"mode": _mode}}
_DEVICES: Final[dict[str, Any]] = {"[]": {"options": _FREE}}
_RATES: Final[dict[str, Any]] = {"[]": {"Path": _ALWAYS, "Rate": _rate}}
_LIMIT: Final[dict[str, Any]] = {"*": {"soft": None, "hard": None}}
_HOOK: Final[dict[str, Any]] = {"command": _ALWAYS, "environment": _FREE}
_ROLLOUT: Final[dict[str, Any]] = {**_KEEP, "delay": _duration, "monitor": _duration, "parallelism": _ALWAYS}
SERVICE_RULES: Final[dict[str, Any]] = {
    "annotations": _FREE,
    "attach": _ALWAYS,
    "blkio_config": {
        **_KEEP,
        "device_read_bps": _RATES,
        "device_read_iops": _RATES,
        "device_write_bps": _RATES,
        "device_write_iops": _RATES,
        "weight_device": {"[]": {"Path": _ALWAYS, "Weight": _ALWAYS}},
    },
    "build": {
        "additional_contexts": _FREE,
        "args": _FREE,
        "labels": _FREE,
        "secrets": _GRANTS,
        "shm_size": _size,
        "ulimits": _LIMIT,
        "provenance": _text,
        "sbom": _text,
        "pull": None,
    },
    "command": _ALWAYS,
    "configs": _GRANTS,
    "cpu_period": _whole,
    "cpu_quota": _whole,
    "cpu_rt_period": _whole,
    "cpu_rt_runtime": _whole,
    "cpu_shares": _whole,
    "credential_spec": _KEEP,
    "depends_on": {"*": {"required": _ALWAYS}},
    "deploy": {
        "labels": _FREE,
        "placement": {**_KEEP},
        "replicas": _ALWAYS,
        "resources": {
            **_KEEP,
            "limits": {**_KEEP, "memory": _size},
            "reservations": {**_KEEP, "memory": _size, "devices": _DEVICES},
        },
        "restart_policy": {**_KEEP, "delay": _duration, "window": _duration, "max_attempts": _ALWAYS},
        "rollback_config": _ROLLOUT,
        "update_config": _ROLLOUT,
    },
    "devices": {"[]": {}},
    "develop": {**_KEEP, "watch": {"[]": {"exec": _HOOK}}},
    "entrypoint": _ALWAYS,
    "environment": _FREE,
    "env_file": _DROPPED,
    "expose": {"[]": _text},
    "gpus": _DEVICES,
    "group_add": {"[]": _text},
    "healthcheck": {
        **_KEEP,
        "interval": _duration,
        "timeout": _duration,
        "start_period": _duration,
        "start_interval": _duration,
        "retries": _count,
    },
    "init": _ALWAYS,
    "labels": _FREE,
    "logging": {**_KEEP, "options": {"*": _text}},
    "mem_limit": _size,
    "mem_reservation": _size,
    "mem_swappiness": _size,
    "memswap_limit": _size,
    "models": {"*": {}},
    "networks": {"*": {"driver_opts": {"*": _text}}},
    "oom_score_adj": None,
    "pids_limit": _whole,
    "ports": {"[]": {}},
    "post_start": {"[]": _HOOK},
    "pre_stop": {"[]": _HOOK},
    "pre_start": {"[]": {**_HOOK, "entrypoint": _ALWAYS, "networks": _FREE}},
    "provider": {**_KEEP, "options": {**_FREE, "keep": False}},
    "scale": _ALWAYS,
    "secrets": _GRANTS,
    "shm_size": _size,
    "stop_grace_period": _duration,
    "storage_opt": {"*": _text},
    "sysctls": _FREE,
    "ulimits": _LIMIT,
    "volumes": {
        "[]": {
            "bind": {**_KEEP, "create_host_path": _ALWAYS},
            "volume": {**_KEEP, "labels": _FREE},
            "tmpfs": {**_KEEP, "size": _size, "mode": None},
            "image": {**_KEEP},
        }
    },
    "x-podkeeper": {**_KEEP},
}
_NETWORK: Final[dict[str, Any]] = {
    "driver_opts": _FREE,
    "enable_ipv4": _ALWAYS,
    "enable_ipv6": _ALWAYS,
    "ipam": {**_KEEP, "options": _FREE, "config": {"[]": {"aux_addresses": _FREE}}},
    "labels": _FREE,
}
_RESOURCE: Final[dict[str, Any]] = {"driver_opts": _FREE, "labels": _FREE}
PROJECT_RULES: Final[dict[str, Any]] = {
    "services": {"*": SERVICE_RULES, **_KEEP},
    "jobs": {"*": SERVICE_RULES},
    "networks": {"*": _NETWORK},
    "volumes": {"*": _RESOURCE},
    "secrets": {"*": _RESOURCE},
    "configs": {"*": _RESOURCE},
    "models": _DROPPED,
    "include": _DROPPED,
    "version": _DROPPED,
}
TEMPLATE_RULES: Final[dict[str, Any]] = {
    **PROJECT_RULES,
    "services": {"*": {**SERVICE_RULES, "env_file": {"[]": {"required": _ALWAYS}}}, **_KEEP},
}
"""Where variables are left as they are, so are the files that services take theirs from."""


def located(tree: Map) -> Spots:
    """Where each value of a project's canonical document was written."""
    writer = Writer(Report())
    writer.plain(tree, PROJECT_RULES, ())
    return writer.spots
