"""What a plan does to services, in words for somebody who is about to save a file."""

from typing import Final

from containers.model.plan import Plan, Step

_WORDS: Final = {
    "build_image": "builds",
    "create_container": "creates",
    "replace_container": "recreates",
    "start_container": "starts",
    "restart_container": "restarts",
    "stop_container": "stops",
    "remove_container": "removes",
    "create_network": "creates the network",
    "create_volume": "creates the volume",
    "remove_network": "removes the network",
    "remove_volume": "removes the volume",
    "remove_image": "removes the image",
    "pull_image": "pulls",
}
_REMOVALS: Final = frozenset({"remove_container", "remove_network", "remove_volume", "remove_image"})


def effects_of(plan: Plan) -> tuple[str, ...]:
    """A few words each, such as "recreates `api`"; a service with several containers is named once."""
    replaced = {step.service for step in plan.changes if step.kind == "replace_container"}
    said: dict[str, None] = {}
    for step in plan.changes:
        if step.kind == "create_container" and step.service in replaced:
            continue
        if step.kind == "start_container" and step.created_by is not None:
            continue
        if (words := _WORDS.get(step.kind)) is not None:
            said[f"{words} `{_whom(step)}`"] = None
    return tuple(said)


def is_safe(plan: Plan) -> bool:
    """Whether a plan may be carried out with nobody asked: it removes nothing, and can be undone."""
    return not plan.irreversible and not any(step.kind in _REMOVALS for step in plan.changes)


def _whom(step: Step) -> str:
    """The service that a step is about, or what it makes or removes."""
    service = getattr(step, "service", None)
    if service:
        return str(service)
    return str(getattr(step, "image", "") or getattr(step, "name", ""))
