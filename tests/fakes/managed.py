"""A compose manager over fakes: its files, Podman and state are memory, and what it tells is remembered."""

from typing import Any, cast

from tests.fakes.fake_engine import FakeEngine
from tests.fakes.manual_clock import ManualClock
from tests.fakes.memory_files import HERE, MemoryFiles
from tests.fakes.memory_journal import MemoryJournal
from tests.fakes.memory_revisions import MemoryRevisions
from tests.fakes.stack import Recorder
from tests.fakes.supervision import Lease, MemoryNotes
from tests.fakes.workshop import FakeTranslator, MemoryLocks, NoFingerprints

from containers.compose_manager import ComposeManager
from containers.environment_manager import EnvironmentManager, Selection
from containers.execution.apply import Applier
from containers.model.base import ServiceName
from containers.model.project import ResolvedProject
from containers.ports.stores import RevisionStore
from containers.ports.translation import ContainerRecipe
from containers.project_changes import ProjectChanges
from containers.settings import Settings


class Managed:
    """One project in memory, with its manager."""

    def __init__(self, compose: str, *images: str) -> None:
        """`compose` is the text of its `compose.yaml`."""
        self.clock = ManualClock()
        self.engine = FakeEngine(self.clock, images=images)
        self.told = Recorder()
        self.files = MemoryFiles({"compose.yaml": compose})
        self.journal = MemoryJournal()
        settings = Settings.model_validate({"state_dir": "/nowhere"})
        applier = Applier(
            engine=self.provide,
            translator=FakeTranslator,
            locks=MemoryLocks(),
            journal=self.journal,
            revisions=cast("RevisionStore", MemoryRevisions()),
            publisher=self.told,
            clock=self.clock,
        )
        changes = ProjectChanges(
            applier=applier,
            engine=self.provide,
            fingerprints=NoFingerprints(),
            preflight=None,
            clock=self.clock,
            settings=settings,
        )
        self.manager = ComposeManager(
            environments=EnvironmentManager(selection=Selection(folder=HERE), files=self.files, environ={}),
            engine=self.provide,
            translator=FakeTranslator,
            changes=changes,
            journal=self.journal,
            health_history=cast("Any", None),  # no verb of these tests asks for it
            notes=MemoryNotes(),
            leases=Lease("one"),
            publisher=self.told,
            clock=self.clock,
            settings=settings,
        )

    async def provide(self) -> FakeEngine:
        """The engine."""
        return self.engine

    async def create(self, service: str) -> str:
        """A service's first container, not started; its name."""
        resolved: ResolvedProject = self.manager.require_project()
        recipe = ContainerRecipe(
            service=ServiceName(service),
            options=(
                *("--label", f"com.docker.compose.project={resolved.name}"),
                *("--label", f"com.docker.compose.service={service}"),
                *("--label", "com.docker.compose.container-number=1"),
            ),
            image=resolved.services[ServiceName(service)].image,
        )
        name = f"{resolved.name}_{service}_1"
        await self.engine.create_container(name, recipe, {})
        return name

    def times_loaded(self) -> int:
        """How often the files were read."""
        return sum(getattr(event, "kind", "") == "config.validated" for event in self.told.events)
