"""Filling in variables across a tree, and then giving values the type that their key asks for."""

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from containers.compose.interpolation import InterpolationError, interpolate
from containers.compose.nodes import Map, Seq, Spot, Template
from containers.compose.reading import Override
from containers.compose.reporting import Report
from containers.model.errors import ErrorCode

_Cast: TypeAlias = Callable[[str], Any]
_Casts: TypeAlias = dict[str, Any]

_TRUE: Final = {"true", "y", "yes", "on"}
_FALSE: Final = {"false", "n", "no", "off"}


def fill_in(
    tree: Map | Seq, report: Report, casts: _Casts | None = None, *, as_written: bool = False
) -> None:
    """Fill in the variables of every value, in place; keys are left as they are.

    Each value sees the variables of the file it stands in. A required variable that is missing is one
    error, however many values name it. With `as_written` values with variables become `Template`s instead.
    """
    filler = Filler(report, as_written=as_written)
    filler.fill(tree, PROJECT_CASTS if casts is None else casts)
    filler.report_missing()


_GROWTH_LIMIT: Final = 4 << 20
"""How much text the variables of one load may make."""


class Filler:
    """Fills in the variables of the documents of one load."""

    def __init__(self, report: Report, *, as_written: bool) -> None:
        self._report = report
        self._as_written = as_written
        self._filled = False
        self._spot: Spot | None = None
        self._unset_seen: set[str] = set()
        self._grown = 0
        self.unset: list[Spot] = []
        """Every value that names a variable that nobody has set."""
        self._missing: dict[tuple[str, str], list[tuple[str, Spot]]] = {}
        """What is said of a required variable, to the values that need it."""

    def report_missing(self, told: frozenset[str] = frozenset()) -> None:
        """Report each required variable once, with every place that needs it; but not those in `told`."""
        for (name, message), places in self._missing.items():
            if name in told:
                self._report.failed = True
                continue
            (path, first), *others = places
            also = f" (and {len(others)} more places)" if len(others) > 1 else ""
            also = f" (and {others[0][0]})" if len(others) == 1 else also
            self._report.error(
                ErrorCode.VARIABLE_REQUIRED,
                f"{path}: {message}{also}",
                first,
                hint=f"set {name} in the environment or in `.env`",
                service=_service(path),
                related=[spot.location() for _, spot in others],
            )

    def cast(self, tree: Map) -> None:
        """Cast what compose reads as written until every file is merged; its variables are filled in."""
        self._filled = True
        self._walk(tree, _MERGED_CASTS, ())

    def fill(self, tree: Map | Seq, casts: _Casts | None = None) -> None:
        """Fill in one tree, in place; without `casts` it is a whole document."""
        self._walk(tree, PROJECT_CASTS if casts is None else casts, ())

    def _walk(self, tree: Map | Seq, casts: _Casts, path: tuple[str, ...]) -> None:
        if isinstance(tree, Map):
            self._walk_mapping(tree, casts, path)
            return
        rule = casts.get("[]") if casts else None
        for index, value in enumerate(tree):
            if isinstance(value, str):
                if "$" in value or rule is not None:
                    tree[index] = self._scalar(value, rule, tree.spots[index], path, str(index))
            elif isinstance(value, (Map, Seq)):
                self._walk(value, rule if isinstance(rule, dict) else _NO_CASTS, (*path, str(index)))

    def _walk_mapping(self, tree: Map, casts: _Casts, path: tuple[str, ...]) -> None:
        spots, below = tree.spots, casts.get("*")
        for key, value in tree.items():
            rule = casts.get(key, below) if casts else None
            if rule == _LATER:
                continue
            if isinstance(value, str):
                rule = rule.get("=") if isinstance(rule, dict) else rule
                if "$" in value or rule is not None:
                    dict.__setitem__(tree, key, self._scalar(value, rule, spots.get(key), path, key))
            elif isinstance(value, (Map, Seq)):
                self._walk(value, rule if isinstance(rule, dict) else _NO_CASTS, (*path, key))
            elif isinstance(value, Override):
                holder = Map()
                holder.put(key, value.value, spots.get(key))
                self._walk(holder, {key: rule}, path)
                dict.__setitem__(tree, key, Override(holder[key]))

    def _scalar(self, text: str, rule: Any, spot: Spot | None, path: tuple[str, ...], key: str) -> Any:
        if self._as_written and "$" in text:
            return Template(text)
        if "$" in text and spot is not None and not self._filled:
            self._spot = spot
            if self._grown > _GROWTH_LIMIT:
                return text  # that has been said
            try:
                text = self._interpolated(text, spot)
            except InterpolationError as error:
                where = ".".join((*path, key))
                if error.required:
                    self._missing.setdefault((error.required, str(error)), []).append((where, spot))
                else:
                    self._report.error(
                        ErrorCode.INTERPOLATION_FAILED,
                        f"{where}: {error}",
                        spot,
                        hint="write `${NAME}`, or `$$` for a dollar sign",
                    )
                return text
        if not callable(rule):
            return text
        try:
            return rule(text)
        except ValueError:
            self._report.error(
                ErrorCode.INVALID_TYPE,
                f"{'.'.join((*path, key))} must be {_WANTED[rule]}, not `{text}`",
                spot,
            )
            return _DEFAULT[rule]

    def _interpolated(self, text: str, spot: Spot) -> str:
        filled = interpolate(text, spot.origin.environment, self._unset)
        self._grown += len(filled)
        if self._grown > _GROWTH_LIMIT:
            raise InterpolationError(f"variables make the project longer than {_GROWTH_LIMIT >> 20} MiB")
        return filled

    def _unset(self, name: str) -> None:
        if self._spot is not None:
            self.unset.append(self._spot)
        if name in self._unset_seen:
            return
        self._unset_seen.add(name)
        self._report.warning(
            ErrorCode.VARIABLE_UNSET,
            f"the variable {name} is not set; a blank string is taken",
            self._spot,
            hint=f"set it in `.env`, or give a default: ${{{name}:-default}}",
        )


def _service(path: str) -> str | None:
    section, _, rest = path.partition(".")
    return rest.partition(".")[0] if section == "services" else None


def _integer(text: str) -> int:
    if "_" in text or text != text.strip():
        raise ValueError(text)
    return int(text)


def _number(text: str) -> float:
    if text != text.strip():
        raise ValueError(text)
    return float(text)


def _boolean(text: str) -> bool:
    lowered = text.lower()
    if lowered in _TRUE:
        return True
    if lowered in _FALSE:
        return False
    raise ValueError(text)


_WANTED: Final[dict[_Cast, str]] = {
    _integer: "a whole number",
    _number: "a number",
    _boolean: "true or false",
}
_DEFAULT: Final[dict[_Cast, Any]] = {_integer: 0, _number: 0.0, _boolean: False}
_NO_CASTS: Final[_Casts] = {}
_LATER: Final = "later"
"""What is followed to other files: whoever does that fills it in."""
# The casts of a tree's values, by key: `*` is every other key, `[]` every item of a list, and `=` stands
# beside the keys of a mapping for the single value that may be written in its place.
_ULIMITS: Final[_Casts] = {"*": {"=": _integer, "hard": _integer, "soft": _integer}}
_HOOKS: Final[_Casts] = {"[]": {"privileged": _boolean}}
_ROLLOUT: Final[_Casts] = {"parallelism": _integer, "max_failure_ratio": _number}
_SERVICE: Final[_Casts] = {
    "cpu_count": _integer,
    "cpu_percent": _number,
    "cpu_period": _integer,
    "cpu_quota": _integer,
    "cpu_rt_period": _integer,
    "cpu_rt_runtime": _integer,
    "cpu_shares": _integer,
    "cpus": _number,
    "init": _boolean,
    "deploy": {
        "replicas": _integer,
        "update_config": _ROLLOUT,
        "rollback_config": _ROLLOUT,
        "restart_policy": {"max_attempts": _integer},
        "placement": {"max_replicas_per_node": _integer},
        "resources": {"limits": {"cpus": _number, "pids": _integer}, "reservations": {"cpus": _number}},
    },
    "healthcheck": {"retries": _integer, "disable": _boolean},
    "oom_kill_disable": _boolean,
    "oom_score_adj": _integer,
    "pids_limit": _integer,
    "ports": {"[]": {"target": _integer}},
    "privileged": _boolean,
    "read_only": _boolean,
    "scale": _integer,
    "stdin_open": _boolean,
    "tty": _boolean,
    "use_api_socket": _boolean,
    "ulimits": _ULIMITS,
    "volumes": {
        "[]": {"read_only": _boolean, "volume": {"nocopy": _boolean}, "bind": {"create_host_path": _boolean}}
    },
    "build": {"no_cache": _boolean, "pull": _boolean, "privileged": _boolean, "ulimits": _ULIMITS},
    "depends_on": {"*": {"required": _boolean, "restart": _boolean}},
    "env_file": {"[]": {"required": _boolean}},
    "extends": _LATER,
}
_NETWORK: Final[_Casts] = {
    "external": _boolean,
    "internal": _boolean,
    "attachable": _boolean,
    "enable_ipv4": _boolean,
    "enable_ipv6": _boolean,
}
_EXTERNAL: Final[_Casts] = {"external": _boolean}
_MERGED_CASTS: Final[_Casts] = {
    "services": {
        "*": {
            "attach": _boolean,
            "post_start": _HOOKS,
            "pre_start": {"[]": {"per_replica": _boolean}},
            "pre_stop": _HOOKS,
        }
    }
}
PROJECT_CASTS: Final[_Casts] = {
    "include": _LATER,
    "services": {"*": _SERVICE},
    "jobs": {"*": _SERVICE},
    "networks": {"*": _NETWORK},
    "volumes": {"*": _EXTERNAL},
    "secrets": {"*": _EXTERNAL},
    "configs": {"*": _EXTERNAL},
}
