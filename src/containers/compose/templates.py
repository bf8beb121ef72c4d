"""What the values of a project name in variables, before anything is filled in."""

from collections.abc import Iterator
from typing import Any

from containers.compose.interpolation import InterpolationError, uses
from containers.compose.nodes import Map, Seq, Spot
from containers.compose.reading import Override
from containers.model.source import Location
from containers.model.variables import Variable


def used_variables(tree: Map) -> tuple[Variable, ...]:
    """Every variable that the values of a tree name, by name."""
    found: dict[str, Variable] = {}
    places: dict[str, list[Location]] = {}
    for text, spot in _texts(tree, None):
        if "$" not in text:
            continue
        try:
            named = uses(text)
        except InterpolationError:
            continue  # filling in says what is wrong with it
        for use in named:
            known = found.get(use.name, Variable(name=use.name))
            update: dict[str, Any] = {}
            if use.operator.endswith("?"):
                update = {"required": True, "message": known.message or use.operand}
            elif use.operator.endswith("-"):
                update = {"default": known.default or use.operand}
            elif use.operator.endswith("+"):
                update = {"alternative": known.alternative or use.operand}
            found[use.name] = known.model_copy(update=update)
            if spot is not None:
                places.setdefault(use.name, []).append(spot.location())
    return tuple(
        found[name].model_copy(update={"uses": tuple(dict.fromkeys(places.get(name, ())))})
        for name in sorted(found)
    )


def _texts(value: Any, spot: Spot | None) -> Iterator[tuple[str, Spot | None]]:
    if isinstance(value, Override):
        value = value.value
    if isinstance(value, str):
        yield value, spot
    elif isinstance(value, Map):
        for key, entry in value.items():
            yield from _texts(entry, value.spots.get(key))
    elif isinstance(value, Seq):
        for item, place in value.pairs():
            yield from _texts(item, place)
