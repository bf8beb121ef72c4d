"""The models know the whole Compose Specification, and say of every key what it does."""

import json
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

import pytest
from tests.fakes.memory_files import MemoryFiles

from containers.compose.loading import LoadRequest, load_project
from containers.compose.schema import ComposeFile
from containers.compose.schema_parts import Shape
from containers.model.errors import ErrorCode

SPECIFICATION: Final[dict[str, Any]] = json.loads(
    files("check_jsonschema")
    .joinpath("builtin_schemas", "vendor", "compose-spec.json")
    .read_text(encoding="utf-8")
)
AHEAD: Final = {
    "services: {a: {image: x, umask: 18}}": "umask",
    "services: {a: {image: x, networks: {n: {use_service_name_alias: true}}}}\nnetworks: {n: }": (
        "use_service_name_alias"
    ),
}
"""What the official schema has and docker compose does not take yet."""


def _alternatives(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """A node and everything it may be instead, through references, lists and mappings with free keys."""
    while "$ref" in node:
        node = SPECIFICATION["$defs"][node["$ref"].rpartition("/")[2]]
    yield node
    below = [other for key in ("oneOf", "anyOf", "allOf") for other in node.get(key, ())]
    below += [node[key] for key in ("items", "additionalProperties") if isinstance(node.get(key), dict)]
    below += [entry for pattern, entry in node.get("patternProperties", {}).items() if "x-" not in pattern]
    for other in below:
        yield from _alternatives(other)


def _properties(node: Mapping[str, Any]) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for alternative in _alternatives(node):
        for name, property_ in alternative.get("properties", {}).items():
            found.setdefault(name, []).append(property_)
    return found


def _shapes(annotation: Any) -> Iterator[type[Shape]]:
    """The models that an annotation leads to."""
    if isinstance(annotation, type) and issubclass(annotation, Shape):
        yield annotation
    elif get_origin(annotation) is Annotated:
        yield from _shapes(get_args(annotation)[0])
    elif get_origin(annotation) in {Union, UnionType, list, Mapping}:
        for argument in get_args(annotation):
            yield from _shapes(argument)


def _keys(
    node: Mapping[str, Any], shapes: tuple[type[Shape], ...], above: tuple[str, ...] = ()
) -> Iterator[tuple[str, list[Mapping[str, Any]], list[Any]]]:
    """Every key of the specification: its path, what the schema says of it, and its fields in the models."""
    for name, properties in _properties(node).items():
        path = (*above, name)
        fields = [shape.model_fields[name] for shape in shapes if name in shape.model_fields]
        yield ".".join(path), properties, fields
        below = tuple(dict.fromkeys(each for field in fields for each in _shapes(field.annotation)))
        if below:
            for property_ in properties:
                yield from _keys(property_, below, path)


KEYS: Final = {path: (said, fields) for path, said, fields in _keys(SPECIFICATION, (ComposeFile,))}


def test_every_key_of_the_specification_is_known() -> None:
    """There is a field for each, with its type and description."""
    assert [path for path, (_, fields) in KEYS.items() if not fields] == []


@pytest.mark.parametrize("text", AHEAD, ids=AHEAD.values())
def test_a_key_that_docker_compose_does_not_take_yet_is_told_as_such(text: str) -> None:
    """It is no typing error, and nothing is guessed about it."""
    files_ = MemoryFiles({"/w/compose.yaml": f"{text}\n"})
    (said,) = load_project(LoadRequest(working_dir=Path("/w")), files_).diagnostics
    assert said.code is ErrorCode.UNKNOWN_KEY
    assert f"`{AHEAD[text]}`, which docker compose does not take yet" in said.message


def _every_model() -> tuple[type[Shape], ...]:
    found: list[type[Shape]] = [ComposeFile]
    for shape in found:
        for field in shape.model_fields.values():
            found += [each for each in _shapes(field.annotation) if each not in found]
    return tuple(found)


@pytest.mark.parametrize("shape", _every_model(), ids=lambda shape: shape.__name__)
def test_every_key_is_described(shape: type[Shape]) -> None:
    """Completion and hover have something to show."""
    assert [name for name, field in shape.model_fields.items() if not field.description] == []


def test_every_default_of_the_specification_is_stated() -> None:
    """What happens without a key is part of what it does."""

    def has_default(node: Mapping[str, Any]) -> bool:
        return "default" in node or "Defaults to" in node.get("description", "")

    silent = [
        path
        for path, (said, fields) in KEYS.items()
        if fields
        and any(map(has_default, said))
        and not any("efault" in (field.description or "") for field in fields)
    ]
    assert silent == []
