"""Which hooks an event sets off, and how often a hook may run."""

import re
from collections.abc import Sequence
from typing import Final

from containers.model.events import EventBase, covers
from containers.model.hooks import EventHook, RestartService, RunVerb

PART: Final = "hook"
"""How a hook is called among the parts that may fail: `hook NAME`."""
WITHIN_S: Final = 60.0
MOST_RUNS: Final = 30
"""Within `WITHIN_S`, so that no hook keeps the machine busy."""
MOST_CHANGES: Final = 5
"""The same of hooks that change the stack: what they change makes events, which may set them off again."""
_PLACEHOLDER: Final = re.compile(r"\{([a-z_]+)\}")
_SILENT: Final = frozenset({"server.hook_finished"})
_ONLY_BY_NAME: Final = frozenset({"server.world_changed"})
"""It follows nearly every other event, and says nothing of its own."""


def matches(hook: EventHook, event: EventBase) -> bool:
    """Whether an event sets off a hook; what hooks do and how it ends never does."""
    kind: str = getattr(event, "kind", "")
    if kind in _SILENT or str(getattr(event, "part", "")).startswith(f"{PART} "):
        return False
    wanted = kind in hook.topics if kind in _ONLY_BY_NAME else covers(hook.topics, kind)
    return wanted and all(_has(event, field, values) for field, values in hook.when.items())


def _has(event: EventBase, field: str, values: Sequence[object]) -> bool:
    """Whether a field is, or if it is a list has, one of the values; 1 is not true."""
    found = getattr(event, field, None)
    each = found if isinstance(found, tuple) else (found,)
    return any(f == v and isinstance(f, bool) == isinstance(v, bool) for f in each for v in values)


def is_changing(hook: EventHook) -> bool:
    """Whether running it may change the stack, and so make events."""
    return isinstance(hook.action, RunVerb | RestartService)


def may_run(hook: EventHook, began: Sequence[float], now: float) -> bool:
    """Whether it has not run too often lately; `began` are the moments when it did."""
    most = MOST_CHANGES if is_changing(hook) else MOST_RUNS
    return sum(now - moment < WITHIN_S for moment in began) < most


def filled_in(text: str, event: EventBase) -> str:
    """A message with the event's fields for placeholders such as `{service}`; other braces stay."""
    fields = event.model_dump(mode="json")

    def value(match: re.Match[str]) -> str:
        found = fields.get(match[1], match[0])
        if isinstance(found, list):
            return ", ".join(str(each) for each in found)
        return "" if found is None else str(found)

    return _PLACEHOLDER.sub(value, text)
