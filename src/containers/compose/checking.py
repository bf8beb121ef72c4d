"""Walking written trees along the models of the specification, and saying everything that does not fit."""

import re
import types
from collections.abc import Iterable, Mapping
from functools import cache
from math import isfinite
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from typing_extensions import override

from containers.compose.nodes import Map, Seq, Spot, Template, kind_of
from containers.compose.reporting import Report
from containers.compose.schema_parts import Ahead, Rule, Shape
from containers.model.errors import ErrorCode
from containers.model.source import Location

Where = tuple[str, ...]
_NO_RULE: Final = Rule()
_FILLED_IN: Final = frozenset({"str", "int", "float", "bool"})
"""What a text becomes once its variables are filled in; never a list or a mapping."""
_SUGGESTION_CUTOFF: Final = 0.6


class Check:
    """Accepts a value, or reports what is wrong with it."""

    __slots__ = ()
    kinds: frozenset[str] = frozenset()
    wanted: str = "anything"

    def run(self, value: Any, where: Where, spot: Spot | None, report: Report) -> None:
        """Report everything that is wrong with a value whose kind is among `kinds`."""


def _kind(value: Any) -> str:  # noqa: PLR0911  (one line a kind)
    """The kind of a value; `.inf` and `.nan` are of one that nothing accepts."""
    if isinstance(value, str):
        return "str"
    if isinstance(value, Map):
        return "map"
    if isinstance(value, Seq):
        return "seq"
    if isinstance(value, bool):
        return "bool"
    if value is None:
        return "null"
    if isinstance(value, int) or value.is_integer():
        return "int"
    return "float" if isfinite(value) else "infinite"


_SCALARS: Final[dict[Any, tuple[frozenset[str], str]]] = {
    str: (frozenset({"str"}), "a string"),
    bool: (frozenset({"bool"}), "true or false"),
    int: (frozenset({"int"}), "a whole number"),
    float: (frozenset({"int", "float"}), "a number"),
    types.NoneType: (frozenset({"null"}), "nothing"),
}


class _Scalar(Check):
    __slots__ = ("_pattern", "_rule", "kinds", "wanted")

    def __init__(self, kinds: frozenset[str], wanted: str, rule: Rule) -> None:
        self.kinds = kinds
        self.wanted = wanted
        self._rule = rule
        # in a JSON schema `$` is the very end, here also before a last line break
        self._pattern = re.compile(re.sub(r"\$$", r"\\Z", rule.pattern)) if rule.pattern else None

    @override
    def run(self, value: Any, where: Where, spot: Spot | None, report: Report) -> None:
        rule = self._rule
        if self._pattern is not None and not self._pattern.search(value):
            _wrong(f"does not accept `{value}`", where, spot, report, rule.instead)
        elif rule.at_least is not None and value < rule.at_least:
            _wrong(f"must be at least {rule.at_least:g}, not {value}", where, spot, report)
        elif rule.at_most is not None and value > rule.at_most:
            _wrong(f"must be at most {rule.at_most:g}, not {value}", where, spot, report)


class _Choice(Check):
    __slots__ = ("_values", "wanted")
    kinds = frozenset({"str"})

    def __init__(self, values: tuple[str, ...]) -> None:
        self._values = values
        self.wanted = " or ".join(f"`{value}`" for value in values)

    @override
    def run(self, value: Any, where: Where, spot: Spot | None, report: Report) -> None:
        if value not in self._values:
            near = _nearest(value, self._values)
            listed = ", ".join(self._values)
            hint = (
                f"did you mean `{near}`? it must be one of {listed}"
                if near
                else f"it must be one of {listed}"
            )
            _wrong(f"does not accept `{value}`", where, spot, report, hint)


class _List(Check):
    __slots__ = ("_item", "_unique")
    kinds = frozenset({"seq"})
    wanted = "a list"

    def __init__(self, item: "_Union", rule: Rule) -> None:
        self._item = item
        self._unique = rule.unique

    @override
    def run(self, value: Any, where: Where, spot: Spot | None, report: Report) -> None:
        accept = self._item.accept
        for index, (item, place) in enumerate(value.pairs()):
            accept(item, (*where, str(index)), place or spot, report)
        if self._unique and len(value) > 1:
            self._find_repeats(value, where, spot, report)

    def _find_repeats(self, value: Seq, where: Where, spot: Spot | None, report: Report) -> None:
        seen: dict[Any, Spot | None] = {}
        for item, place in value.pairs():
            key = item if not isinstance(item, (Map, Seq)) else repr(item)
            if key in seen:
                first = seen[key]
                _say(
                    report,
                    where,
                    ErrorCode.INVALID_VALUE,
                    f"{_name(where)} says `{item}` twice",
                    place or spot,
                    hint="remove one of the two",
                    related=[first.location()] if first is not None else [],
                )
            seen.setdefault(key, place)


class _Entries(Check):
    __slots__ = ("_entry", "_keys")
    kinds = frozenset({"map"})
    wanted = "a mapping"

    def __init__(self, entry: "_Union", rule: Rule) -> None:
        self._entry = entry
        self._keys = re.compile(rule.keys) if rule.keys else None

    @override
    def run(self, value: Any, where: Where, spot: Spot | None, report: Report) -> None:
        accept = self._entry.accept
        for key, entry in value.items():
            place = value.spots.get(key, spot)
            if self._keys is not None and not self._keys.fullmatch(key):
                _say(
                    report,
                    where,
                    ErrorCode.INVALID_VALUE,
                    f"{_name(where)} has the name `{key}`, which is not allowed",
                    place,
                    on_key=True,
                    hint="use letters, digits, `.`, `_` and `-`",
                )
            accept(entry, (*where, key), place, report)


class _Fields(Check):
    __slots__ = ("_ahead", "_fields", "_required", "_shape")
    kinds = frozenset({"map"})
    wanted = "a mapping"

    def __init__(self, shape: type[Shape]) -> None:
        self._shape = shape
        self._fields: dict[str, _Union] | None = None
        self._required: tuple[str, ...] = ()
        self._ahead: frozenset[str] = frozenset()

    def _declared(self) -> dict[str, "_Union"]:
        """The checks of the fields, made when the shape is met for the first time."""
        if self._fields is None:
            declared = {field.alias or name: field for name, field in self._shape.model_fields.items()}
            self._fields = {name: _compiled(_annotation(field)) for name, field in declared.items()}
            self._required = tuple(name for name, field in declared.items() if field.is_required())
            self._ahead = frozenset(name for name, field in declared.items() if Ahead() in field.metadata)
        return self._fields

    @override
    def run(self, value: Any, where: Where, spot: Spot | None, report: Report) -> None:
        fields = self._fields or self._declared()
        spots = value.spots
        for key, entry in value.items():
            check = fields.get(key)
            if key in self._ahead:
                message = f"{_name(where)} has the key `{key}`, which docker compose does not take yet"
                place = spots.get(key, spot)
                _say(report, where, ErrorCode.UNKNOWN_KEY, message, place, on_key=True, hint="leave it out")
            elif check is not None:
                check.accept(entry, (*where, key), spots.get(key, spot), report)
            elif not key.startswith("x-"):
                self._unknown(key, where, spots.get(key, spot), report, fields)
        for key in self._required:
            if key not in value:
                _say(
                    report,
                    where,
                    ErrorCode.INVALID_COMPOSE,
                    f"{_name(where)} has no `{key}`",
                    spot,
                    hint=f"add `{key}:`",
                )

    def _unknown(
        self, key: str, where: Where, spot: Spot | None, report: Report, fields: Mapping[str, Any]
    ) -> None:
        if report.is_full:
            report.broken.add(where[:2])
            return
        near = _nearest(key, tuple(fields))
        listed = "valid keys: " + ", ".join(sorted(fields))
        _say(
            report,
            where,
            ErrorCode.UNKNOWN_KEY,
            f"{_name(where)} has no key `{key}`",
            spot,
            on_key=True,
            hint=f"did you mean `{near}`? {listed}" if near else listed,
        )


class _Union:
    """Accepts what one of several checks accepts; the value's kind decides which one looks at it."""

    __slots__ = ("_by_kind", "_wanted")

    def __init__(self, checks: list[Check]) -> None:
        self._by_kind: dict[str, Check] = {}
        for check in checks:
            for kind in check.kinds:
                self._by_kind.setdefault(kind, check)
        self._wanted = " or ".join(
            dict.fromkeys(check.wanted for check in checks if "null" not in check.kinds)
        )

    def accept(self, value: Any, where: Where, spot: Spot | None, report: Report) -> None:
        """Report everything that is wrong with a value."""
        if type(value) is Template and not self._by_kind.keys().isdisjoint(_FILLED_IN):
            return  # what it will be is not known yet
        check = self._by_kind.get(_kind(value))
        if check is not None:
            check.run(value, where, spot, report)
            return
        _say(
            report,
            where,
            ErrorCode.INVALID_TYPE,
            f"{_name(where)} must be {self._wanted}, not {kind_of(value)}",
            spot,
            on_key=value is None,
            hint="remove the key, or give it a value" if value is None else None,
        )


def _annotation(field: Any) -> Any:
    return Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation


def _compiled(annotation: Any) -> _Union:
    return _Union(_checks(annotation, _NO_RULE))


def _checks(annotation: Any, rule: Rule) -> list[Check]:
    """The checks of an annotation; a union has one for each member."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        found = next((item for item in arguments[1:] if isinstance(item, Rule)), rule)
        return _checks(arguments[0], found)
    if origin in {Union, types.UnionType}:
        return [check for member in arguments for check in _checks(member, _NO_RULE)]
    return [_single(annotation, origin, arguments, rule)]


def _single(annotation: Any, origin: Any, arguments: tuple[Any, ...], rule: Rule) -> Check:
    if origin is Literal:
        return _Choice(arguments)
    if origin is list:
        return _List(_compiled(arguments[0]), rule)
    if origin is Mapping:
        return _Entries(_compiled(arguments[1]), rule)
    if annotation in _SCALARS:
        return _Scalar(*_SCALARS[annotation], rule)
    return _fields(annotation)


@cache
def _fields(shape: type[Shape]) -> _Fields:
    return _Fields(shape)


def check_shape(tree: Map, shape: type[Shape], report: Report) -> None:
    """Check a whole tree against a shape."""
    _fields(shape).run(tree, (), None, report)


def _wrong(problem: str, where: Where, spot: Spot | None, report: Report, hint: str | None = None) -> None:
    _say(report, where, ErrorCode.INVALID_VALUE, f"{_name(where)} {problem}", spot, hint=hint)


def _say(
    report: Report,
    where: Where,
    code: ErrorCode,
    message: str,
    spot: Spot | None,
    *,
    on_key: bool = False,
    hint: str | None = None,
    related: Iterable[Location] = (),
) -> None:
    """Report an error, and note that the service or resource it is in cannot be built upon."""
    report.broken.add(where[:2])
    report.error(code, message, spot, on_key=on_key, hint=hint, service=_service(where), related=related)


def _name(where: Where) -> str:
    return ".".join(where) or "the top level"


def _service(where: Where) -> str | None:
    return where[1] if len(where) > 1 and where[0] == "services" else None


def _nearest(word: str, words: tuple[str, ...]) -> str | None:
    from difflib import get_close_matches  # noqa: PLC0415  (only needed once something is wrong)

    return next(iter(get_close_matches(word.lower(), words, n=1, cutoff=_SUGGESTION_CUTOFF)), None)
