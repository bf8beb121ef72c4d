"""The part of `docs/events.md` that the models of the events say themselves.

Run as `python -m containers.model.events_page FILE`, with `PODKEEPER_DESCRIBE_MODELS` set: it writes all that
is between the two marks of the file anew. With `--check` after it, it only says whether that would change it.
"""

import json
import sys
import types
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, Final, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from containers.model.events import Event, EventBase

BEGIN: Final = "<!-- generated from src/containers/model/events.py: ./dev protocol -->"
END: Final = "<!-- end of what is generated -->"

_MEANINGS: Final = {
    "action": "What was done.",
    "after": "The health that it has now.",
    "attempt": "How many restarts there were in the window, this one included.",
    "attempts": "How many restarts were tried.",
    "before": "The health that it had.",
    "changes": "How many steps would change something.",
    "check_output": "What its health check said last.",
    "container": "The container's id.",
    "containers": "How many containers were seen.",
    "data": "What the caller told beside.",
    "dropped": "How many events it has missed so far.",
    "duration_s": "How long it took, in seconds.",
    "error": "The exception's type and text.",
    "errors": "How many errors there are.",
    "event_id": "The event that it was handling.",
    "event_type": "What happened, in the caller's word.",
    "exit_code": "The exit code of its process, where it is known.",
    "hook": "The hook, by name.",
    "how": "Who or what made it well.",
    "incident": "The incident's ULID.",
    "is_ours": "Whether it is this process.",
    "kind": "What happened.",
    "message": "What went wrong, in words; empty where nothing did.",
    "name": "The container's name.",
    "ok": "Whether it ended well.",
    "out_of_memory": "Whether its memory limit ended it.",
    "outcome": "What it came to.",
    "output": "What the health check said.",
    "override": "What the person did.",
    "part": "The part, by name.",
    "paths": "The files, absolute.",
    "problems": "A sentence each.",
    "project": "The Compose project; null where it is about none.",
    "reason": "Why, in words.",
    "restarts": "How many restarts there were meanwhile.",
    "revision": "The revision that counts; null where nothing was applied.",
    "service": "The service's name.",
    "socket": "Where Podman answers.",
    "step": "The step's id in its plan.",
    "step_kind": "What kind of step it is, such as `create_container`.",
    "steps": "How many steps it has.",
    "subject": "What it is done to, by name.",
    "subscriber": "The subscriber, by name.",
    "verb": "The verb, such as `up`.",
    "warnings": "How many warnings there are.",
}
"""Of fields that mean the same wherever they are, and have no words of their own in the model."""

_EXAMPLES: Final[Mapping[str, Any]] = {
    "at": "2026-03-01T09:30:00.125Z",
    "attempt": 1,
    "attempts": 5,
    "cause": None,
    "changes": 2,
    "container": "8cd045b0b255",
    "containers": 6,
    "duration_s": 1.25,
    "error": "ValueError: no such colour",
    "event_id": "01KJM3Y5ZT8V9Q2C4E6G8J0K1M",
    "event_type": "reload",
    "exit_code": 137,
    "holder": "podkeeper monitor, process 4242",
    "hook": "tell-me",
    "id": "01KJM3Y5ZT8V9Q2C4E6G8J0K2N",
    "incident": "01KJM3Y5ZT8V9Q2C4E6G8J0K3P",
    "name": "shop_web_1",
    "part": "event stream",
    "paths": ["/home/ann/shop/compose.yaml"],
    "project": "shop",
    "reason": "exit code 137",
    "restarts": 1,
    "revision": 3,
    "sequence": 42,
    "service": "web",
    "socket": "unix:///run/podman/podman.sock",
    "step": "create:web",
    "step_kind": "create_container",
    "steps": 6,
    "subject": "shop_web_1",
    "subscriber": "view",
    "topic": "container.died",
    "verb": "up",
}


def models() -> tuple[type[EventBase], ...]:
    """The class of each event, in the order in which they are written."""
    union, *_ = get_args(Event)
    return get_args(union)


def kinds_of(model: type[EventBase]) -> tuple[str, ...]:
    """The kinds that a class stands for."""
    return get_args(model.model_fields["kind"].annotation)


def page() -> str:
    """Everything that is generated."""
    blocks = [_table(EventBase.model_fields.items(), "## Every event has")]
    topic = ""
    for model in sorted(models(), key=_topic):
        if _topic(model) != topic:
            topic = _topic(model)
            blocks.append(f"## {topic}.*")
        blocks.append(_section(model))
    return "\n\n".join(blocks)


def example(model: type[EventBase]) -> EventBase:
    """An event of a class, as it may be."""
    values = {name: _example(name, field) for name, field in model.model_fields.items()}
    return model.model_validate_json(json.dumps({**values, "source": _SOURCES[_topic(model)]}))


_SOURCES: Final = {
    "bus": "bus",
    "config": "watching",
    "container": "engine",
    "drift": "drift",
    "file": "watching",
    "health": "health",
    "incident": "health",
    "plan": "transaction",
    "server": "server",
    "transaction": "transaction",
}


def _topic(model: type[EventBase]) -> str:
    return kinds_of(model)[0].partition(".")[0]


def _section(model: type[EventBase]) -> str:
    own = [(n, f) for n, f in model.model_fields.items() if n not in EventBase.model_fields and n != "kind"]
    heading = "### " + ", ".join(f"`{kind}`" for kind in kinds_of(model))
    words = " ".join((model.__doc__ or "").split())
    blocks = [heading, words]
    if own:
        blocks.append(_table(own))
    blocks.append(f"```json\n{json.dumps(example(model).model_dump(mode='json'), indent=2)}\n```")
    return "\n\n".join(blocks)


def _table(fields: Iterable[tuple[str, FieldInfo]], heading: str = "") -> str:
    rows = [f"| `{name}` | {_type(field.annotation)} | {meaning(name, field)} |" for name, field in fields]
    table = "\n".join(["| field | type | meaning |", "|---|---|---|", *rows])
    return f"{heading}\n\n{table}" if heading else table


def meaning(name: str, field: FieldInfo) -> str:
    """What a field says; empty where nobody has written it down."""
    return " ".join((field.description or _MEANINGS.get(name, "")).split())


def _type(annotation: Any) -> str:
    """A type in the words of JSON."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin in {Union, types.UnionType}:
        return " or ".join(_type(argument) for argument in arguments)
    if origin is tuple:
        return f"list of {_type(arguments[0])}s"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return ", ".join(f"`{member.value}`" for member in annotation)
    if origin is not None:
        return "object"
    plain = getattr(annotation, "__supertype__", annotation)
    return _WORDS[plain]


_WORDS: Final[Mapping[Any, str]] = {
    str: "string",
    int: "whole number",
    float: "number",
    bool: "boolean",
    datetime: "time",
    type(None): "null",
}


def _example(name: str, field: FieldInfo) -> Any:
    annotation = field.annotation
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return arguments[0]
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return list(annotation)[1 if name == "after" else 0].value
    if name in _EXAMPLES:
        return _EXAMPLES[name]
    if not field.is_required():
        return field.get_default()
    plain = getattr(annotation, "__supertype__", annotation)
    usual: Mapping[Any, Any] = {str: "…", int: 1, float: 0.5, bool: True}
    return ["…"] if origin is tuple else usual[plain]


def renewed(text: str) -> str:
    """A page with what is between its marks written anew.

    Raises:
        ValueError: a mark is missing.
    """
    before, _, rest = text.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise ValueError(f"the page has no two marks: {BEGIN} … {END}")
    return f"{before}{BEGIN}\n\n{page()}\n\n{END}{after}"


def main(arguments: list[str]) -> int:
    """Write the page, or check it."""
    path = Path(arguments[0])
    text = path.read_text()
    if "--check" in arguments:
        if renewed(text) != text:
            sys.stderr.write(f"{path} is stale: run `./dev protocol`\n")
            return 1
        return 0
    path.write_text(renewed(text))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
