"""Variables in values: `$NAME`, `${NAME}` and every operator."""

import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

_NAME: Final = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*")
_OPERATOR: Final = re.compile(r":-|:\?|:\+|-|\?|\+")
_BRACE: Final = re.compile(r"\$\{|\}")
_NESTING_LIMIT: Final = 50
_LENGTH_LIMIT: Final = 1 << 20
"""Linux takes no argument and no variable that is longer than an eighth of this."""


class InterpolationError(Exception):
    """A value whose variables cannot be filled in.

    Attributes:
        required: the variable that has to be set; None when the syntax is wrong.
    """

    def __init__(self, message: str, *, required: str | None = None) -> None:
        super().__init__(message)
        self.required = required


class Use(NamedTuple):
    """One variable that a value names."""

    name: str
    operator: str
    """Such as `:-`; empty for a plain variable."""
    operand: str
    """What follows the operator, as written."""


def uses(text: str) -> list[Use]:
    """The variables that a value names, in order; those in the operands of others come after them.

    Raises:
        InterpolationError: the syntax is wrong.
    """
    found: list[Use] = []
    position = 0
    while (dollar := text.find("$", position)) >= 0:
        following = text[dollar + 1 : dollar + 2]
        position = dollar + 2
        if following == "{":
            end = _closing(text, dollar)
            inner = text[dollar + 2 : end]
            name = _NAME.match(inner)
            if not name:
                raise InterpolationError(_invalid(text))
            operator = _OPERATOR.match(inner, name.end())
            operand = inner[operator.end() :] if operator else ""
            found.append(Use(name[0], operator[0] if operator else "", operand))
            found += uses(operand)
            position = end + 1
        elif following != "$":
            plain = _NAME.match(text, dollar + 1)
            if plain:
                found.append(Use(plain[0], "", ""))
            position = plain.end() if plain else dollar + 1
    return found


def interpolate(text: str, variables: Mapping[str, str], unset: Callable[[str], None], depth: int = 0) -> str:
    """Fill in the variables of one value.

    Args:
        text: the value as written; `$$` stands for one dollar, and so does a `$` before anything else.
        variables: what may be named.
        unset: told the name of each variable that is empty because nobody set it.
        depth: how deep this text is nested in the operands of others.

    Raises:
        InterpolationError: the syntax is wrong, or a required variable is missing.
    """
    if "$" not in text:
        return text
    if depth > _NESTING_LIMIT:
        raise InterpolationError("variables are nested too deeply")
    parts: list[str] = []
    position = size = 0
    while (dollar := text.find("$", position)) >= 0:
        parts.append(text[position:dollar])
        following = text[dollar + 1 : dollar + 2]
        if following == "$":
            parts.append("$")
            position = dollar + 2
        elif following == "{":
            end = _closing(text, dollar)
            parts.append(_braced(text[dollar + 2 : end], text, variables, unset, depth))
            size += len(parts[-1])
            position = end + 1
        elif name := _NAME.match(text, dollar + 1):
            parts.append(_plain(name[0], variables, unset))
            size += len(parts[-1])
            position = name.end()
        else:
            parts.append("$")
            position = dollar + 1
        if size > _LENGTH_LIMIT:
            raise InterpolationError(f"its variables make it longer than {_LENGTH_LIMIT >> 20} MiB")
    parts.append(text[position:])
    return "".join(parts)


def _closing(text: str, dollar: int) -> int:
    """The index of the brace that closes the one after `dollar`; braces of nested variables are skipped."""
    depth = 0
    for brace in _BRACE.finditer(text, dollar):
        depth += 1 if brace[0] == "${" else -1
        if depth == 0:
            return brace.start()
        if depth > _NESTING_LIMIT:
            raise InterpolationError("variables are nested too deeply")
    raise InterpolationError(_invalid(text))


def _braced(
    inner: str, whole: str, variables: Mapping[str, str], unset: Callable[[str], None], depth: int
) -> str:
    name = _NAME.match(inner)
    if not name:
        raise InterpolationError(_invalid(whole))
    rest = inner[name.end() :]
    if not rest:
        return _plain(name[0], variables, unset)
    operator = _OPERATOR.match(rest)
    if not operator or "\n" in rest:
        raise InterpolationError(_invalid(whole))
    value = variables.get(name[0])
    present = bool(value) if operator[0].startswith(":") else value is not None
    if present and value is not None and operator[0][-1] != "+":
        return value
    if not present and operator[0][-1] == "+":
        return ""
    operand = interpolate(rest[operator.end() :], variables, unset, depth + 1)
    if operator[0][-1] != "?":
        return operand
    raise InterpolationError(
        f"the required variable {name[0]} is missing a value" + (f": {operand}" if operand else ""),
        required=name[0],
    )


def _plain(name: str, variables: Mapping[str, str], unset: Callable[[str], None]) -> str:
    value = variables.get(name)
    if value is None:
        unset(name)
        return ""
    return value


def _invalid(text: str) -> str:
    shown = text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004  (fits a line)
    return f"the variable in `{shown}` is not written correctly"
