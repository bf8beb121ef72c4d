"""Laying one compose tree over another: what is merged, what is appended, and what is replaced."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeAlias

from containers.compose.nodes import Map, Seq, Spot
from containers.compose.reading import Override, Reset
from containers.compose.scalars import written

_Merger: TypeAlias = Callable[["Written", "Written", "Rules"], Any]


class Written(NamedTuple):
    """A value and where it was written."""

    value: Any
    spot: Spot | None


class Rules:
    """The special rules below one place of the tree; a name of `*` stands for every key."""

    __slots__ = ("_below", "merger")

    def __init__(self, merger: _Merger | None = None, below: "dict[str, Rules] | None" = None) -> None:
        self.merger: Final = merger
        self._below: Final = below or {}

    def under(self, key: str) -> "Rules":
        """The rules for what stands under `key`."""
        return self._below.get(key) or self._below.get("*") or _NONE


def _merge(below: Written, above: Written, rules: Rules) -> Any:
    """Lay one value onto another, which is changed in place where it can be.

    A mapping laid onto a scalar, or a scalar onto a mapping, changes nothing.
    """
    base, over = below.value, above.value
    if isinstance(over, Override):
        return over.value
    if rules.merger is not None:
        return rules.merger(below, above, rules)
    if isinstance(base, Map):
        return _mappings(base, over, rules) if isinstance(over, Map) else base
    if isinstance(base, Seq):
        return _appended(base, over) if isinstance(over, Seq) else base
    return base if over is None else over


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


def _mappings(base: Map, over: Map, rules: Rules) -> Map:
    for key, entry in over.items():
        spot = over.spots.get(key)
        if isinstance(entry, Reset):
            base.drop(key)
        elif key not in base or key.startswith("x-"):
            base.put(key, settle(entry), spot)
        else:
            result = _merge(Written(base[key], base.spots.get(key)), Written(entry, spot), rules.under(key))
            below = base.spots.get(key)
            kept = result is base[key] and (entry is None or isinstance(result, (Map, Seq)))
            place = below if kept or spot is None else spot.laid_over(below)
            base.put(key, settle(result), place)
    return base


def _appended(base: Seq, over: Seq) -> Seq:
    result = Seq([*base, *over])
    result.spots = [*base.spots, *over.spots]
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
                    result.add(f"{key}={written(item)}", value.spots.get(key))
            elif not isinstance(entry, (Map, Reset)):
                result.add(key if entry is None else f"{key}={written(entry)}", value.spots.get(key))
    elif value is not None:
        result.add(value, spot)
    return result


def _lists(below: Written, above: Written, _rules: Rules) -> Any:
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


def _replaced(_below: Written, above: Written, _rules: Rules) -> Any:
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

    def merger(below: Written, above: Written, rules: Rules) -> Any:
        base, over = as_mapping(below.value), as_mapping(above.value)
        if isinstance(base, Map) and isinstance(over, Map):
            return _mappings(base, over, rules)
        return base if over is None else over

    return merger


def _build(below: Written, above: Written, rules: Rules) -> Any:
    def as_mapping(build: Written) -> Any:
        if isinstance(build.value, str):
            result = Map()
            result.put("context", build.value, build.spot)
            return result
        return build.value

    base, over = as_mapping(below), as_mapping(above)
    if isinstance(base, Map) and isinstance(over, Map):
        return _mappings(base, over, rules)
    return base if over is None else over


def _logging(below: Written, above: Written, rules: Rules) -> Any:
    """Options are merged only where both sides mean the same driver."""
    base, over = below.value, above.value
    if not (isinstance(base, Map) and isinstance(over, Map)):
        return base if over is None else over
    ours, theirs = base.get("driver"), over.get("driver")
    if ours == theirs or ours is None or theirs is None:
        return _mappings(base, over, rules)
    return over


def _limits(below: Written, above: Written, rules: Rules) -> Any:
    base, over = below.value, above.value
    if isinstance(base, Map) and isinstance(over, Map):
        return _mappings(base, over, rules)
    return over


def _address_pools(below: Written, above: Written, rules: Rules) -> Any:
    """Pools with the same subnet are merged, others appended."""
    base, over = below.value, above.value
    if not (isinstance(base, Seq) and isinstance(over, Seq)):
        return base
    result = Seq()
    for pool, spot in base.pairs():
        result.add(pool, spot)
    for pool, spot in over.pairs():
        same = [
            known
            for known in result
            if isinstance(known, Map) and isinstance(pool, Map) and known.get("subnet") == pool.get("subnet")
        ]
        if same:
            _mappings(same[0], pool, rules)
        else:
            result.add(pool, spot)
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


def merge_projects(base: Map, over: Map) -> Map:
    """Lay a later compose file onto an earlier one."""
    merged = _merge(Written(base, None), Written(over, None), _PROJECT)
    return merged if isinstance(merged, Map) else base


def merge_services(base: Map, over: Map) -> Map:
    """Lay a service onto the one that it extends."""
    merged = _merge(Written(base, None), Written(over, None), _SERVICE)
    return merged if isinstance(merged, Map) else over


def merge_environments(base: Map, over: Map) -> Map:
    """Lay an environment onto the one that it extends."""
    merged = _merge(Written(base, None), Written(over, None), _ENVIRONMENT)
    return merged if isinstance(merged, Map) else over
