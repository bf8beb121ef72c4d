"""Laying one compose tree over another: what is merged, what is appended, and what is replaced."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeAlias

from containers.compose.nodes import Map, Seq, Spot, copied, kind_of
from containers.compose.reading import Override, Reset
from containers.compose.reporting import Report
from containers.compose.scalars import written
from containers.model.errors import ErrorCode

_Merger: TypeAlias = Callable[["Written", "Written", "Rules", "Place"], Any]


class Written(NamedTuple):
    """A value and where it was written."""

    value: Any
    spot: Spot | None


class Place(NamedTuple):
    """Where in the tree two values meet, and whom to tell when they cannot be merged."""

    path: tuple[str, ...]
    report: Report

    def under(self, key: str) -> "Place":
        """The place below a key."""
        return Place((*self.path, key), self.report)

    def clash(self, below: Written, above: Written) -> Any:
        """Say that the kinds do not fit; the lower value stays."""
        self.report.broken.add(self.path[:2])
        self.report.error(
            ErrorCode.INVALID_TYPE,
            f"{'.'.join(self.path)} is {kind_of(below.value)} below and {kind_of(above.value)} here",
            above.spot,
            hint="write it in the same form, or put `!override` before the value",
            service=self.path[1] if self.path[0] == "services" and len(self.path) > 1 else None,
            related=[below.spot.location()] if below.spot is not None else (),
        )
        return below.value


class Rules:
    """The special rules below one place of the tree; a name of `*` stands for every key."""

    __slots__ = ("_below", "merger")

    def __init__(self, merger: _Merger | None = None, below: "dict[str, Rules] | None" = None) -> None:
        self.merger: Final = merger
        self._below: Final = below or {}

    def under(self, key: str) -> "Rules":
        """The rules for what stands under `key`."""
        return self._below.get(key) or self._below.get("*") or _NONE


def _merge(below: Written, above: Written, rules: Rules, place: Place) -> Any:
    """Lay one value onto another, which is changed in place where it can be.

    What takes the place of a mapping or a list must be one itself; nothing at all changes nothing.
    """
    base, over = below.value, above.value
    if isinstance(over, Override):
        return over.value
    if rules.merger is not None:
        return rules.merger(below, above, rules, place)
    if over is None:
        return base
    if isinstance(base, Map):
        return _mappings(base, over, rules, place) if isinstance(over, Map) else place.clash(below, above)
    if isinstance(base, Seq):
        return _appended(base, over) if isinstance(over, Seq) else place.clash(below, above)
    return over


def settle(value: Any) -> Any:
    """Take the tags out of a tree that is laid onto nothing: what was reset is gone, overrides are plain."""
    if isinstance(value, Override):
        return settle(value.value)
    if isinstance(value, Map):
        for key in [key for key, entry in value.items() if isinstance(entry, Reset)]:
            value.drop(key)
        for key, entry in value.items():
            if isinstance(entry, (Map, Seq, Override)):
                dict.__setitem__(value, key, settle(entry))
    elif isinstance(value, Seq):
        for index, item in enumerate(value):
            if isinstance(item, (Map, Seq, Override)):
                value[index] = settle(item)
    return value


def _mappings(base: Map, over: Map, rules: Rules, place: Place) -> Map:
    for key, entry in over.items():
        spot = over.spots.get(key)
        if isinstance(entry, Reset):
            base.drop(key)
        elif key not in base:
            base.put(key, settle(entry), spot)
        else:
            below = base.spots.get(key)
            under = Written(base[key], below)
            result = _merge(under, Written(entry, spot), rules.under(key), place.under(key))
            kept = result is base[key] and (entry is None or isinstance(result, (Map, Seq)))
            base.put(key, settle(result), below if kept or spot is None else spot.laid_over(below))
    return base


def _appended(base: Seq, over: Seq) -> Seq:
    """What is there already, value for value, is not appended again."""
    result = Seq(base)
    result.spots = list(base.spots)
    for item, spot in over.pairs():
        if item not in result:
            result.add(item, spot)
    return result


def _as_list(written_value: Written) -> Seq:
    """A mapping as a list of `key=value`, a single value as a list of one."""
    value, spot = written_value
    if isinstance(value, Seq):
        return value
    result = Seq()
    if isinstance(value, Map):
        for key in sorted(value):
            entry = value[key]
            if isinstance(entry, Override):
                entry = entry.value
            if isinstance(entry, Seq):
                for item in entry:
                    if not isinstance(item, (Map, Seq)):
                        result.add(f"{key}={written(item)}", value.spots.get(key))
            elif not isinstance(entry, (Map, Reset)):
                result.add(key if entry is None else f"{key}={written(entry)}", value.spots.get(key))
    elif isinstance(value, str):
        result.add(value, spot)
    return result


def _lists(below: Written, above: Written, _rules: Rules, _place: Place) -> Any:
    base = _as_list(below)
    if isinstance(above.value, Map):
        removed = {key for key, entry in above.value.items() if isinstance(entry, Reset)}
        if removed:
            kept = Seq()
            for item, spot in base.pairs():
                if not (isinstance(item, str) and item.partition("=")[0] in removed):
                    kept.add(item, spot)
            base = kept
    return _appended(base, _as_list(above))


def _gpus(below: Written, above: Written, _rules: Rules, place: Place) -> Any:
    """`all` is a list of one request, onto which a list is laid."""
    base, over = below.value, above.value
    if isinstance(base, str):
        base = Seq()
        base.add(Map({"count": -1}), below.spot)
    if not (isinstance(base, Seq) and isinstance(over, Seq)):
        return base if over is None else place.clash(below, above)
    return _appended(base, over)


def _replaced(_below: Written, above: Written, _rules: Rules, _place: Place) -> Any:
    return above.value


def _keyed(default: Callable[[], Any]) -> _Merger:
    """Merge lists of names and mappings of settings as mappings; a bare name has the default settings."""

    def as_mapping(value: Any) -> Any:
        if not isinstance(value, Seq):
            return value
        result = Map()
        for item, spot in value.pairs():
            if isinstance(item, str):
                result.put(item, default(), spot)
        return result

    def merger(below: Written, above: Written, rules: Rules, place: Place) -> Any:
        base, over = as_mapping(below.value), as_mapping(above.value)
        if isinstance(base, Map) and isinstance(over, Map):
            return _mappings(base, over, rules, place)
        return base if over is None else over

    return merger


def _build(below: Written, above: Written, rules: Rules, place: Place) -> Any:
    def as_mapping(build: Written) -> Any:
        if isinstance(build.value, str):
            result = Map()
            result.put("context", build.value, build.spot)
            return result
        return build.value

    base, over = as_mapping(below), as_mapping(above)
    if isinstance(base, Map) and isinstance(over, Map):
        return _mappings(base, over, rules, place)
    return base if over is None else over


def _logging(below: Written, above: Written, rules: Rules, place: Place) -> Any:
    """Options are merged only where both sides mean the same driver."""
    base, over = below.value, above.value
    if not (isinstance(base, Map) and isinstance(over, Map)):
        return place.clash(below, above)
    ours, theirs = base.get("driver"), over.get("driver")
    if ours == theirs or ours is None or theirs is None:
        return _mappings(base, over, rules, place)
    return over


def _limits(below: Written, above: Written, rules: Rules, place: Place) -> Any:
    base, over = below.value, above.value
    if isinstance(base, Map) and isinstance(over, Map):
        return _mappings(base, over, rules, place)
    return over


def _address_pools(below: Written, above: Written, rules: Rules, place: Place) -> Any:
    """Pools with the same subnet are merged, and those that only the later file has are taken.

    With several pools in each file this is odd: it follows docker compose step by step, for the same outcome.
    """
    base, over = below.value, above.value
    if not (isinstance(base, Seq) and isinstance(over, Seq)):
        return base
    result = Seq()

    def index_of(subnet: Any) -> int | None:
        return next((index for index, pool in enumerate(result) if pool.get("subnet") == subnet), None)

    for pool, spot in base.pairs():
        for other, other_spot in over.pairs():
            if not (isinstance(pool, Map) and isinstance(other, Map)):
                continue
            subnet = other.get("subnet")
            if subnet != pool.get("subnet") and index_of(subnet) is None:
                result.add(copied(other), other_spot)
                continue
            merged = _mappings(pool, copied(other), rules, place)
            index = index_of(merged.get("subnet"))
            if index is None:
                result.add(merged, spot)
            else:
                result[index] = merged
    return result


def _started() -> Map:
    return Map({"condition": "service_started", "required": True})


_NONE: Final = Rules()
_LISTS: Final = Rules(_lists)
_REPLACED: Final = Rules(_replaced)
_BUILD: Final = Rules(
    _build,
    {
        "additional_contexts": _LISTS,
        "args": _LISTS,
        "extra_hosts": _LISTS,
        "labels": _LISTS,
        "ulimits": Rules(below={"*": Rules(_limits)}),
    },
)
_SERVICE: Final = Rules(
    below={
        "annotations": _LISTS,
        "build": _BUILD,
        "command": _REPLACED,
        "depends_on": Rules(_keyed(_started)),
        "deploy": Rules(below={"labels": _LISTS}),
        "dns": _LISTS,
        "dns_opt": _LISTS,
        "dns_search": _LISTS,
        "entrypoint": _REPLACED,
        "env_file": _LISTS,
        "environment": _LISTS,
        "extra_hosts": _LISTS,
        "gpus": Rules(_gpus),
        "healthcheck": Rules(below={"test": _REPLACED}),
        "label_file": _LISTS,
        "labels": _LISTS,
        "logging": Rules(_logging),
        "models": Rules(_keyed(lambda: None)),
        "networks": Rules(_keyed(lambda: None)),
        "sysctls": _LISTS,
        "tmpfs": _LISTS,
        "ulimits": Rules(below={"*": Rules(_limits)}),
    }
)
_PROJECT: Final = Rules(
    below={
        "services": Rules(below={"*": _SERVICE}),
        "networks": Rules(
            below={
                "*": Rules(below={"labels": _LISTS, "ipam": Rules(below={"config": Rules(_address_pools)})})
            }
        ),
        "volumes": Rules(below={"*": Rules(below={"labels": _LISTS})}),
    }
)
_ENVIRONMENT: Final = Rules(
    below={
        "secrets_config": Rules(below={"*": _REPLACED}),
        "access": Rules(below={"*": _REPLACED}),
    }
)


def merge_projects(base: Map, over: Map, report: Report) -> Map:
    """Lay a later compose file onto an earlier one."""
    merged = _merge(Written(base, None), Written(over, None), _PROJECT, Place((), report))
    return merged if isinstance(merged, Map) else base


def merge_services(base: Map, over: Map, name: str, report: Report) -> Map:
    """Lay a service onto the one that it extends."""
    place = Place(("services", name), report)
    merged = _merge(Written(base, None), Written(over, None), _SERVICE, place)
    return merged if isinstance(merged, Map) else over


def merge_environments(base: Map, over: Map, report: Report) -> Map:
    """Lay an environment onto the one that it extends."""
    merged = _merge(Written(base, None), Written(over, None), _ENVIRONMENT, Place((), report))
    return merged if isinstance(merged, Map) else over
