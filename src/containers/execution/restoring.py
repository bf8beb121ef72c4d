"""Pure: what it takes to get from what there is now back to what there was.

It compares two looks at the engine and needs no account of what was done between them, so it is right for
whatever a step left behind: one that failed, one of unknown end, or one that a killed process had begun.
"""

from collections.abc import Collection

from containers.model.base import ContainerId, Model, TransactionId
from containers.model.health import HealthState
from containers.model.observed import ObservedContainer, ObservedState
from containers.model.plan import Plan


class Restoration(Model):
    """What is to be done, in this order."""

    removed: tuple[ObservedContainer, ...] = ()
    """Containers that the transaction made."""
    renamed: tuple[tuple[ObservedContainer, str], ...] = ()
    """Containers under another name than they had, with that name."""
    stopped: tuple[ObservedContainer, ...] = ()
    """Containers that run and did not."""
    stopping: tuple[ObservedContainer, ...] = ()
    """Containers that ran and were told to stop: they have to have, before they can be started again."""
    started: tuple[ObservedContainer, ...] = ()
    """Containers that ran and do not, as they were."""
    networks: tuple[str, ...] = ()
    """Networks that the transaction made, by name."""
    volumes: tuple[str, ...] = ()
    """Volumes that the transaction made, by name."""
    lost: tuple[ObservedContainer, ...] = ()
    """Containers that are gone: nothing brings these very ones back."""
    unready: tuple[ObservedContainer, ...] = ()
    """Containers that were healthy and run, but are not healthy now: nothing to do but wait."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not any(getattr(self, name) for name in type(self).model_fields if name != "unready")


def restoration(
    plan: Plan,
    before: ObservedState,
    now: ObservedState,
    transaction: TransactionId,
    *,
    services: Collection[str] | None = None,
) -> Restoration:
    """Compare `now` with `before`, as far as `plan` could have changed something.

    What the plan does not touch is nobody's to put back: a person may have stopped it meanwhile.

    Args:
        plan: what was carried out, wholly or in part.
        before: the look that it was planned from.
        now: a fresh look.
        transaction: whose containers may be removed.
        services: only these, and neither networks nor volumes; None means everything.
    """
    touched = {i for step in plan.steps if (i := _touched(step)) is not None}
    old = {c.id: c for c in before.containers if c.id in touched}
    here = {c.id: c for c in now.containers}
    known = {c.id for c in before.containers}
    if services is not None:
        old = {i: c for i, c in old.items() if c.service in services}
    pairs = [(c, here[i]) for i, c in old.items() if i in here]
    is_new = [
        c
        for c in now.containers
        if c.id not in known and c.transaction == transaction and (services is None or c.service in services)
    ]
    made_networks = {s.name for s in plan.steps if s.kind == "create_network"}
    networks = {n.name for n in now.networks} - {n.name for n in before.networks}
    volumes = {v.name for v in now.volumes if v.project == plan.project} - {v.name for v in before.volumes}
    return Restoration(
        removed=tuple(is_new),
        renamed=tuple((c, was.name) for was, c in pairs if c.name != was.name),
        stopped=tuple(c for was, c in pairs if _stays(c) and not _stays(was)),
        stopping=tuple(c for was, c in pairs if _stays(was) and c.is_running and c.is_stopping),
        started=tuple(was for was, c in pairs if _stays(was) and not _stays(c)),
        networks=() if services is not None else tuple(sorted(networks & made_networks)),
        volumes=() if services is not None else tuple(sorted(volumes)),
        lost=tuple(c for i, c in old.items() if i not in here),
        unready=tuple(
            was
            for was, c in pairs
            if was.health is HealthState.HEALTHY and _stays(c) and c.health is not HealthState.HEALTHY
        ),
    )


def _stays(container: ObservedContainer) -> bool:
    """Whether it runs, and nobody has told it to stop."""
    return container.is_running and not container.is_stopping


def _touched(step: object) -> ContainerId | None:
    """The container that was there before which a step does something to."""
    found: ContainerId | None = getattr(step, "old", None) or getattr(step, "container", None)
    return None if getattr(step, "kind", "") == "keep_container" else found
