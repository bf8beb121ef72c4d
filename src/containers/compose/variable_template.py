"""A `.env.example`: every variable of a stack, with what is known about it."""

from collections.abc import Mapping
from pathlib import Path

from containers.model.variables import Variable

_HEADING = """\
# The variables of this stack. Copy this file to `.env`, or to an environment's env file, and fill in
# what has no default. The environment of the process that starts the stack wins over these.
"""
_SHOWN = 3
"""Places that are named; a variable is often used in many."""


def variable_template(variables: Mapping[str, Variable], set_by: Mapping[str, tuple[str, ...]]) -> str:
    """The text of the file.

    Args:
        variables: by name.
        set_by: name to the environments that set it themselves.
    """
    blocks = [_HEADING]
    ordered = sorted(variables.values(), key=lambda v: (not v.required, v.name))
    blocks += [_block(variable, set_by.get(variable.name, ())) for variable in ordered]
    return "\n".join(blocks)


def _block(variable: Variable, environments: tuple[str, ...]) -> str:
    lines: list[str] = []
    if variable.required:
        lines.append("Required" + (f": {variable.message}" if variable.message else "."))
    if variable.default:
        lines.append(f"Default: {variable.default}")
    if variable.alternative:
        lines.append(f"Where it is set, {variable.alternative} is taken.")
    if environments:
        lines.append(f"Set by: {', '.join(environments)}")
    places = [f"{place.path.name}:{place.range.start.line + 1}" for place in variable.uses]
    more = f" and {len(places) - _SHOWN} more" if len(places) > _SHOWN else ""
    if places:
        lines.append(f"Used in {', '.join(places[:_SHOWN])}{more}")
    text = "".join(f"# {part}\n" for line in lines for part in line.splitlines())
    assignment = f"{variable.name}={_quoted(variable.default)}"
    optional = bool(variable.default or environments) and not variable.required
    return f"{text}{'#' if optional else ''}{assignment}\n"


def _quoted(value: str) -> str:
    if value and (value != value.strip() or any(char in value for char in "#'\"\\\n")):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'"{escaped}"'
    return value


def merged(variables: list[tuple[Variable, ...]], folder: Path) -> dict[str, Variable]:
    """The variables of several environments as one set; places are those below `folder` first."""
    found: dict[str, Variable] = {}
    for listed in variables:
        for each in listed:
            known = found.get(each.name, Variable(name=each.name))
            uses = dict.fromkeys((*known.uses, *each.uses))
            found[each.name] = Variable(
                name=each.name,
                required=known.required or each.required,
                default=known.default or each.default,
                alternative=known.alternative or each.alternative,
                message=known.message or each.message,
                uses=tuple(sorted(uses, key=lambda place: folder not in place.path.parents)),
            )
    return found
