"""What becomes of each container of one service: keep, create, replace, start, restart or remove."""

from typing import NamedTuple

from containers.model.health import HealthState
from containers.model.observed import ContainerState, ObservedContainer, ObservedState
from containers.model.project import ResolvedProject, ServiceConfig
from containers.planning.adoption import differences, program_of
from containers.planning.described import Described, in_words
from containers.planning.labels import CONFIG_HASH, Inputs, changed_fields, changed_inputs
from containers.planning.options import Recreate


class Decision(NamedTuple):
    """What becomes of one replica, and why."""

    verb: str
    """`keep`, `create`, `replace`, `start` or `restart`."""
    cause: str
    number: int
    existing: ObservedContainer | None = None


def decide(
    project: ResolvedProject,
    service: ServiceConfig,
    observed: ObservedState,
    recreate: Recreate,
    *,
    is_job: bool,
    image_will_change: bool,
    inputs: Inputs,
    described: Described | None = None,
) -> tuple[tuple[Decision, ...], tuple[ObservedContainer, ...]]:
    """Decide for every replica; second, the containers that are too many.

    Args:
        project: whose service it is.
        service: the service as it should be.
        observed: what is.
        recreate: what the person asked for.
        is_job: others wait for it to complete, so one that exited with 0 is done and stays.
        image_will_change: the image is built or pulled anew in this plan.
        inputs: the fingerprints of the contents that it is given.
        described: how it differs from what was applied last.
    """
    existing = [c for c in observed.of_service(service.name) if not c.is_left_over and not c.is_one_off]
    left_over = tuple(c for c in observed.of_service(service.name) if c.is_left_over)
    decisions = []
    for number in range(1, service.replicas + 1):
        name = project.container_name(service, number)
        mine = _pick(existing, number, name)
        if mine is None:
            decisions.append(Decision("create", "it does not exist yet", number))
            continue
        existing.remove(mine)
        decisions.append(
            _decide_one(
                mine,
                recreate,
                is_job=is_job,
                reason=replace_reason(
                    project,
                    service,
                    mine,
                    observed,
                    image_will_change=image_will_change,
                    inputs=inputs,
                    described=described,
                ),
            )
        )
    return tuple(decisions), (*existing, *left_over)


def _pick(existing: list[ObservedContainer], number: int, name: str) -> ObservedContainer | None:
    """The container that is this replica; of several (an interrupted apply) the one with the right name."""
    candidates = [c for c in existing if c.number == number]
    return next((c for c in candidates if c.name == name), candidates[0] if candidates else None)


def _decide_one(  # noqa: PLR0911  (one line a case reads better than nesting)
    mine: ObservedContainer, recreate: Recreate, *, is_job: bool, reason: str
) -> Decision:
    if recreate is Recreate.ALWAYS:
        return Decision("replace", reason or "asked to recreate", mine.number, mine)
    if reason and recreate is Recreate.CHANGED:
        return Decision("replace", reason, mine.number, mine)
    if mine.state is ContainerState.RUNNING:
        if mine.health is HealthState.UNHEALTHY:
            return Decision("restart", "it is unhealthy", mine.number, mine)
        return Decision("keep", _unchanged(mine), mine.number, mine)
    if is_job and mine.state is ContainerState.EXITED and mine.exit_code == 0:
        return Decision("keep", "it has completed", mine.number, mine)
    if mine.state is ContainerState.RESTARTING:
        return Decision("restart", "it keeps restarting", mine.number, mine)
    return Decision("start", _why_not_running(mine), mine.number, mine)


def _unchanged(mine: ObservedContainer) -> str:
    return f"unchanged; started by {program_of(mine)}" if CONFIG_HASH not in mine.labels else "unchanged"


def _why_not_running(mine: ObservedContainer) -> str:
    if mine.state is ContainerState.EXITED:
        return f"it has exited with {mine.exit_code}"
    return f"it is {mine.state}"


def replace_reason(
    project: ResolvedProject,
    service: ServiceConfig,
    mine: ObservedContainer,
    observed: ObservedState,
    *,
    image_will_change: bool,
    inputs: Inputs,
    described: Described | None = None,
) -> str:
    """Why the container is not what the file says, field by field; empty when it is."""
    before = mine.labels.get(CONFIG_HASH)
    if before is None:
        found = differences(project, service, mine, observed)
        if image_will_change and not found:
            found = f"image {service.image} is made anew"
        return f"it was started by {program_of(mine)}, and {found}" if found else ""
    if before != service.config_hash:
        return _describe_changes(service, mine, described)
    current = observed.images.get(service.image)
    if image_will_change:
        return f"image {service.image} is made anew"
    if current is not None and current != mine.image_id:
        return f"image {service.image} is now {_short(current)}, it runs {_short(mine.image_id)}"
    if contents := changed_inputs(mine, inputs):
        return f"the content of {', '.join(contents)} changed"
    return ""


def _describe_changes(service: ServiceConfig, mine: ObservedContainer, described: Described | None) -> str:
    fields = changed_fields(mine, service)
    if not fields:
        return "its configuration changed"
    parts = []
    if "image" in fields:
        parts.append(f"image {mine.image} -> {service.image}")
    rest = [f for f in fields if f != "image"]
    if rest:
        parts.append(in_words(rest, described, mine.labels.get(CONFIG_HASH, "")))
    return "; ".join(parts)


def _short(image_id: str) -> str:
    return image_id.removeprefix("sha256:")[:12]
