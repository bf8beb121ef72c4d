"""What carrying out a plan needs of the world, and how its steps are named on the engine."""

import asyncio
from collections.abc import Coroutine, Mapping

from containers.model.base import ContainerId, Model, StepId, TransactionId
from containers.model.errors import ErrorCode
from containers.model.outcome import Problem
from containers.model.plan import CreateContainer, ReplaceContainer
from containers.model.project import ResolvedProject
from containers.ports import Clock, ContainerEngine, EventPublisher, Translation
from containers.settings import Settings


class Names(Model):
    """The names a transaction gives to containers that step aside or are not in place yet."""

    transaction: TransactionId

    def waiting(self, step: CreateContainer | ReplaceContainer) -> str:
        """The new container's, while the old one still has the final name."""
        return f"{step.name}_new_{self.transaction[-8:].lower()}"

    def aside(self, step: ReplaceContainer) -> str:
        """The old container's, until the transaction has passed."""
        return f"{step.name}_old_{self.transaction[-8:].lower()}"


class Context:
    """One transaction's surroundings; the same for all its steps.

    Attributes:
        stop: set when nothing more may be begun: a step failed, or the person asked to stop.
        probes: how many health probes may be under way at once.
        slots: how many creates and starts may be under way at once.
        containers: what each step that made a container made. Kept by step id, since the engine is
            never asked what it just told us.
        labels: for each service, the labels of a new container.
        warnings: what a person should know although it goes on.
    """

    def __init__(
        self,
        *,
        transaction: TransactionId,
        project: ResolvedProject | None,
        translation: Translation | None,
        labels: Mapping[str, Mapping[str, str]],
        engine: ContainerEngine,
        publisher: EventPublisher,
        clock: Clock,
        settings: Settings,
    ) -> None:
        self.transaction = transaction
        self.project = project
        self.translation = translation
        self.labels = labels
        self.engine = engine
        self.publisher = publisher
        self.clock = clock
        self.settings = settings
        self.names = Names(transaction=transaction)
        self.stop = asyncio.Event()
        self.slots = asyncio.Semaphore(settings.engine.max_parallel)
        self.probes = asyncio.Semaphore(settings.engine.max_parallel)
        self.containers: dict[StepId, ContainerId] = {}
        self.group: asyncio.TaskGroup | None = None
        self.warnings = [
            Problem(code=ErrorCode.UNSUPPORTED_BY_PODMAN, message=message)
            for message in (translation.warnings if translation else ())
        ]

    def afterwards(self, work: Coroutine[None, None, None]) -> None:
        """Have `work` done beside the steps; the transaction waits for it before it ends."""
        if self.group is None:
            msg = "only while the plan is carried out"
            raise RuntimeError(msg)
        self.group.create_task(work)

    def grace_s(self, service: str) -> float | None:
        """How long stopping a service may take; None leaves it to the container."""
        if self.settings.stop_timeout_s is not None:
            return self.settings.stop_timeout_s
        config = self.project.services.get(service) if self.project else None  # type: ignore[call-overload]
        return config.stop_grace_period_s if config else None
