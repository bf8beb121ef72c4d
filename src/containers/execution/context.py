"""What carrying out a plan needs of the world, and how its steps are named on the engine."""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Coroutine, Mapping

from containers.execution.slots import Slots
from containers.model.base import ContainerId, ImageId, Model, ServiceName, StepId, TransactionId
from containers.model.errors import ErrorCode, PodkeeperError
from containers.model.outcome import Problem
from containers.model.plan import CreateContainer, ReplaceContainer
from containers.model.project import ResolvedProject
from containers.ports.engine import ContainerEngine
from containers.ports.events import EventPublisher
from containers.ports.machine import Clock
from containers.ports.stores import Journal
from containers.ports.translation import Translation
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
        awaited: how many services are waited for until their check passes.
        slots: how many creates and starts may be under way at once.
        anonymous_volumes: those of containers that made way, for the ones in their place; by final name.
        containers: what each step that made a container made. Kept by step id, since the engine is
            never asked what it just told us.
        labels: for each service, the labels of a new container.
        resource_labels: for each network and volume, by its name on the engine, the labels of a new one.
        pins: the image to take, by id, instead of a reference: that of an earlier time.
        hosts: for each service, those whose very container it is bound to.
        before_commit: what to do when everything has passed, before there is no way back; the number of
            the revision that it made, if it made one.
        pending: what is done beside the steps, and must have ended before there is no way back.
        late: what failed after its step was done.
        warnings: what a person should know although it goes on.
        is_unfinished: whether Podman was gone for too long to put back or tidy up all there is: the next
            process does.
    """

    def __init__(
        self,
        *,
        transaction: TransactionId,
        project: ResolvedProject | None,
        translation: Translation | None,
        labels: Mapping[str, Mapping[str, str]],
        engine: ContainerEngine,
        journal: Journal,
        publisher: EventPublisher,
        clock: Clock,
        settings: Settings,
        resource_labels: Mapping[str, Mapping[str, str]] | None = None,
        pins: Mapping[str, ImageId] | None = None,
        hosts: Mapping[ServiceName, frozenset[ServiceName]] | None = None,
        before_commit: Callable[[], Awaitable[int | None]] | None = None,
    ) -> None:
        self.transaction = transaction
        self.project = project
        self.translation = translation
        self.labels = labels
        self.resource_labels = resource_labels or {}
        self.pins = pins or {}
        self.hosts = hosts or {}
        self.before_commit = before_commit
        self.engine = engine
        self.journal = journal
        self.publisher = publisher
        self.clock = clock
        self.settings = settings
        self.names = Names(transaction=transaction)
        self.stop = asyncio.Event()
        self.slots = Slots(settings.engine.max_parallel, clock)
        self.probes = asyncio.Semaphore(settings.engine.max_parallel)
        self.awaited = 0
        self.anonymous_volumes: dict[str, Mapping[str, str]] = {}
        self.containers: dict[StepId, ContainerId] = {}
        self.group: asyncio.TaskGroup | None = None
        self.pending: list[asyncio.Task[None]] = []
        self.late: list[Problem] = []
        self.is_unfinished = False
        self.warnings = [
            Problem(code=ErrorCode.UNSUPPORTED_BY_PODMAN, message=message)
            for message in (translation.warnings if translation else ())
        ]

    def beside(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Have `work` done beside the steps."""
        if self.group is None:
            msg = "only while the plan is carried out"
            raise RuntimeError(msg)
        return self.group.create_task(work)

    def afterwards(self, work: Coroutine[None, None, None]) -> None:
        """Have `work` done beside the steps; the transaction waits for it before it ends."""
        self.pending.append(self.beside(work))

    def fail(self, problem: Problem) -> None:
        """Have the transaction fail for something that a step had let pass."""
        self.late.append(problem)

    @functools.cached_property
    def depths(self) -> Mapping[str, int]:
        """For each service how many others, one after the other, have to start before it."""
        services = self.project.services if self.project else {}
        found: dict[str, int] = {}

        def depth(name: ServiceName) -> int:
            if name not in found:
                found[name] = 0  # a cycle is refused long before; this only ends it
                needed = {*services[name].depends_on, *self.hosts.get(name, ())}
                found[name] = max((depth(n) + 1 for n in needed if n in services), default=0)
            return found[name]

        for name in services:
            depth(name)
        return found

    def warn(self, error: PodkeeperError) -> None:
        """Have a person told of something that stops nothing."""
        self.warnings.append(Problem.of_error(error))

    def grace_s(self, service: str) -> float | None:
        """How long stopping a service may take; None leaves it to the container."""
        if self.settings.stop_timeout_s is not None:
            return self.settings.stop_timeout_s
        config = self.project.services.get(service) if self.project else None  # type: ignore[call-overload]
        return config.stop_grace_period_s if config else None
