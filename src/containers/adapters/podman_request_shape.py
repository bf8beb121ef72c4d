"""What of a recipe shapes the request that creates its container, and what is only carried along.

Podman's own client turns `podman create` arguments into a request. Its work depends on the options, not on
what a variable, a label or a word of the command says, so containers that differ in nothing else have the
same shape: the client is asked once for each shape, with placeholders where values go, and the values are
filled in when the request is posted. So values are in no argument list either.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from containers.ports.translation import ContainerRecipe

IMAGE = "localhost/podkeeper/placeholder:image"
_ENV_FLAGS = frozenset({"-e", "--env"})
_LABEL_FLAGS = frozenset({"-l", "--label"})
_NETWORK_FLAGS = frozenset({"--net", "--network"})
_WORD_FLAGS = frozenset({"--entrypoint", "--health-cmd"})
_OPTIONS_WITH_VALUES = _ENV_FLAGS | _LABEL_FLAGS | _NETWORK_FLAGS | _WORD_FLAGS
_READS_FILES = ("--authfile", "--cidfile", "--env-file", "--label-file", "--pod-id-file")
"""Options that name a file of the client's: what it says may be another thing the next time."""
_TRANSPORT = re.compile(r"(?:[a-z-]+:/|(?:dir|docker|docker-archive|docker-daemon|oci|oci-archive|sif):)")
"""How an image begins that is no name: the client asks the engine what it has fetched from there."""
_CHECK_WORDS = frozenset({"CMD", "CMD-SHELL", "NONE"})
"""First words of a health check that the client understands."""
_PLACEHOLDER = re.compile(r"@podkeeper-(\d+)@")


@dataclass(frozen=True, slots=True)
class Shape:
    """One recipe, taken apart."""

    options: tuple[str, ...]
    """For the client; the same for all recipes of this shape."""
    image: str
    command: tuple[str, ...]
    values: tuple[str, ...] = ()
    """What the placeholders stand for."""
    environment: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


def shape_of(recipe: ContainerRecipe) -> Shape | None:
    """Take a recipe apart; None where the client's work depends on more than its arguments."""
    if _TRANSPORT.match(recipe.image) or any(o.startswith(_READS_FILES) for o in recipe.options):
        return None
    options: list[str] = []
    values: list[str] = []
    environment: dict[str, str] = {}
    labels: dict[str, str] = {}

    def hidden(value: str) -> str:
        values.append(value)
        return f"@podkeeper-{len(values) - 1}@"

    for flag, value in _split(recipe.options):
        name, equals, rest = value.partition("=")
        if flag in _ENV_FLAGS and equals and name:
            environment[name] = rest
        elif flag in _LABEL_FLAGS and name:
            labels[name] = rest
        elif flag in _NETWORK_FLAGS:
            options += [flag, _without_aliases(value, hidden)]
        elif flag in _WORD_FLAGS:
            options += [flag, _without_words(value, hidden)]
        else:
            options += [flag, value] if flag else [value]
    return Shape(tuple(options), recipe.image, recipe.command, tuple(values), environment, labels)


def _split(options: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Pairs of an option that has values of interest and its argument; everything else without an option."""
    waiting = iter(options)
    for option in waiting:
        name, equals, inline = option.partition("=")
        if option in _OPTIONS_WITH_VALUES:
            argument = next(waiting, None)
            yield ("", option) if argument is None else (option, argument)
        elif equals and name in _OPTIONS_WITH_VALUES:
            yield name, inline
        else:
            yield "", option


def _without_aliases(network: str, hidden: Any) -> str:
    """`NAME:alias=A,ip=I` with a placeholder for A: every service has another alias in the same network."""
    name, colon, settings = network.partition(":")
    parts = [
        f"alias={hidden(setting.removeprefix('alias='))}" if setting.startswith("alias=") else setting
        for setting in settings.split(",")
    ]
    return f"{name}{colon}{','.join(parts)}"


def _without_words(words: str, hidden: Any) -> str:
    """A list of words in JSON with placeholders for those that only the container understands."""
    try:
        parsed = json.loads(words)
    except ValueError:
        return words
    if not isinstance(parsed, list) or not all(isinstance(word, str) for word in parsed):
        return words
    if parsed and parsed[0].upper() in _CHECK_WORDS:
        return words
    return json.dumps([hidden(word) for word in parsed])


def is_whole(body: Mapping[str, Any], shape: Shape) -> bool:
    """Whether every placeholder has come through the client."""
    found = set(_PLACEHOLDER.findall(json.dumps(body)))
    return all(str(number) in found for number in range(len(shape.values)))


def fill(
    body: Mapping[str, Any], shape: Shape, name: str, labels: Mapping[str, str], command_line: Sequence[str]
) -> dict[str, Any]:
    """The request for one container.

    Args:
        body: what the client posted for this shape.
        shape: the container's own values.
        name: its name.
        labels: on top of the recipe's.
        command_line: what Podman is to remember as the command that created the container.
    """
    filled: dict[str, Any] = {key: _revealed(value, shape.values) for key, value in body.items()}
    filled["name"] = name
    filled["image"] = filled["raw_image_name"] = shape.image
    filled["containerCreateCommand"] = list(command_line)
    environment = {**(filled.get("env") or {}), **shape.environment}
    labels = {**(filled.get("labels") or {}), **shape.labels, **labels}
    # the client leaves out what is empty
    whole = {"env": environment, "labels": labels, "command": list(shape.command)}
    return filled | {key: value for key, value in whole.items() if value}


def _revealed(value: Any, values: Sequence[str]) -> Any:
    match value:
        case str():
            return _PLACEHOLDER.sub(
                lambda match: values[int(match[1])] if int(match[1]) < len(values) else match[0], value
            )
        case list():
            return [_revealed(each, values) for each in value]
        case dict():
            return {key: _revealed(each, values) for key, each in value.items()}
        case _:
            return value
