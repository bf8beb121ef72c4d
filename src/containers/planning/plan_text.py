"""A plan as a person reads it, and as planner tests compare it."""

from containers.model.plan import Plan, Step

_SIGNS = {
    "pull_image": ("v", "pull"),
    "build_image": ("*", "build"),
    "create_network": ("+", "create network"),
    "create_volume": ("+", "create volume"),
    "create_container": ("+", "create"),
    "start_container": (">", "start"),
    "replace_container": ("~", "recreate"),
    "restart_container": ("~", "restart"),
    "stop_container": ("-", "stop"),
    "remove_container": ("-", "remove"),
    "remove_network": ("-", "remove network"),
    "remove_volume": ("-", "remove volume"),
    "remove_image": ("-", "remove image"),
    "keep_container": ("=", "keep"),
}


def subject(step: Step) -> str:
    """What a step is done to: a container's, image's, network's or volume's name."""
    return str(getattr(step, "name", "") or getattr(step, "image", "") or getattr(step, "service", ""))


def describe(step: Step) -> str:
    """One line without the sign, such as `recreate demo_api_1`."""
    if step.kind == "gate":
        return f"wait for {step.service} to be {step.gate}"
    return f"{_SIGNS[step.kind][1]} {subject(step)}"


def plan_lines(plan: Plan, *, with_kept: bool = False) -> tuple[str, ...]:
    """One line a step with its cause.

    Creating and then starting a container is one line, and so is creating and putting in place; gates
    are left out. Nothing to do is said in so many words.
    """
    lines = []
    for step in plan.steps:
        if step.kind == "gate" or (step.kind == "keep_container" and not with_kept):
            continue
        if step.kind == "create_container" and step.replaces is not None:
            continue
        if step.kind == "start_container" and step.created_by is not None:
            continue
        sign, _ = _SIGNS[step.kind]
        lines.append(f"{sign} {describe(step)}: {step.cause}")
    if not plan.changes:
        lines.append(f"{plan.project}: nothing to do")
    return (*lines, *(f"! {w}" for w in (*plan.irreversible, *plan.warnings)))
