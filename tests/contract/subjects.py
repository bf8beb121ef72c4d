"""What the contract suite is run against: an engine, and words for containers that both kinds understand."""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from tests.fakes.fake_container import Behaviour
from tests.fakes.fake_engine import FakeEngine
from tests.fakes.manual_clock import ManualClock
from typing_extensions import override

from containers.model.base import ContainerId, ProjectName, ServiceName
from containers.model.errors import EngineError, ErrorCode
from containers.ports.engine import ContainerEngine
from containers.ports.translation import ContainerRecipe


@dataclass(frozen=True, slots=True)
class Act:
    """How a container acts, said twice: as a shell script, and as the fake's behaviour."""

    script: str
    behaviour: Behaviour
    options: tuple[str, ...] = ()


_FOREVER = "trap 'exit 0' TERM; while :; do sleep 0.1; done"
CHECK = ("test", "-e", "/tmp/ok")  # noqa: S108  (inside a container)
_CHECKED = ("--health-cmd", " ".join(CHECK), "--health-retries", "2", "--health-interval", "1h")

RUNS = Act(_FOREVER, Behaviour())
ENDS_IN_PEACE = Act("trap 'exit 0' TERM; echo ready; while :; do sleep 0.1; done", Behaviour(log=("ready",)))
"""Once it has said so."""
TICKS = Act("trap 'exit 0' TERM; while :; do echo tick; sleep 0.1; done", Behaviour())
TALKS = Act(
    f"echo one; sleep 0.5; echo two >&2; sleep 0.5; echo three; {_FOREVER}",
    Behaviour(log=("one", "two", "three")),
)
TALKS_AND_ENDS = Act(
    "echo one; sleep 2; echo two; sleep 2; exit 0", Behaviour(log=("one", "two"), exits_after_s=0.5)
)
FAILS = Act("exit 7", Behaviour(exits_after_s=0.0, exit_code=7))
HEALTHY = Act(f"touch /tmp/ok; {_FOREVER}", Behaviour(), _CHECKED)
HEALTHY_LATER = Act(_FOREVER, Behaviour(healthy_after_s=0.6), _CHECKED)
"""From `get_well` on."""
NEVER_HEALTHY = Act(_FOREVER, Behaviour(healthy_after_s=None), _CHECKED)
CANNOT_START = Act(
    "",
    Behaviour(start_error=EngineError(ErrorCode.START_FAILED, "could not start it: no such program")),
    ("--entrypoint", "/no/such/program"),
)


@dataclass(slots=True)
class Subject(ABC):
    """An engine under the contract."""

    engine: ContainerEngine
    project: ProjectName
    image: str
    made: list[ContainerId] = field(default_factory=list)

    @abstractmethod
    async def sleep(self, seconds: float) -> None:
        """Let the engine's time pass."""

    @abstractmethod
    def acting(self, service: str, act: Act) -> None:
        """Tell the engine how a service's containers act, where telling is needed."""

    @abstractmethod
    def now_ns(self) -> int:
        """The engine's time, for asking for events from this moment on, however late the stream begins."""

    @abstractmethod
    async def get_well(self, container: ContainerId) -> None:
        """Have the check of a container that is `HEALTHY_LATER` pass from now on."""

    async def create(
        self, service: str = "web", act: Act = RUNS, *options: str, name: str = "", image: str = ""
    ) -> ContainerId:
        """Create a container of the project."""
        self.acting(service, act)
        recipe = ContainerRecipe(
            service=ServiceName(service),
            options=(*act.options, "--stop-timeout", "2", *options),
            image=image or self.image,
            command=("sh", "-c", act.script) if act.script else (),
        )
        container = await self.engine.create_container(
            name or self.name(service), recipe, self.labels(service)
        )
        self.made.append(container)
        return container

    def name(self, service: str) -> str:
        """The usual name of a service's container."""
        return f"{self.project}-{service}-1"

    def labels(self, service: str) -> Mapping[str, str]:
        """What makes a container one of the project's."""
        return {
            "com.docker.compose.project": self.project,
            "com.docker.compose.service": service,
            "com.docker.compose.container-number": "1",
        }

    @property
    def project_label(self) -> tuple[str, ...]:
        """Options that make a network or volume one of the project's."""
        return ("--label", f"com.docker.compose.project={self.project}")

    async def started(self, service: str = "web", act: Act = RUNS, *options: str) -> ContainerId:
        """Create a container and start it."""
        container = await self.create(service, act, *options)
        await self.engine.start_container(container)
        return container

    async def until(self, holds: Callable[[], Awaitable[bool]], what: str, within_s: float = 30.0) -> None:
        """Wait for something to become true."""
        deadline = time.monotonic() + within_s
        while not await holds():
            assert time.monotonic() < deadline, f"not within {within_s} seconds: {what}"
            await self.sleep(0.05)


class LiveSubject(Subject):
    """Podman itself."""

    @override
    async def sleep(self, seconds: float) -> None:
        """Its time is ours."""
        await asyncio.sleep(seconds)

    @override
    def acting(self, service: str, act: Act) -> None:
        """The script is the act."""

    @override
    def now_ns(self) -> int:
        """It has the same clock."""
        return time.time_ns()

    @override
    async def get_well(self, container: ContainerId) -> None:
        """Its check looks for a file."""
        assert (await self.engine.execute(container, ("touch", CHECK[-1]), 5)).exit_code == 0


@dataclass(slots=True)
class FakeSubject(Subject):
    """The fake, on its own clock."""

    clock: ManualClock = field(default_factory=ManualClock)

    @override
    async def sleep(self, seconds: float) -> None:
        """Its time is the clock's."""
        await self.clock.advance(seconds)

    @override
    def acting(self, service: str, act: Act) -> None:
        """The fake can not read scripts."""
        assert isinstance(self.engine, FakeEngine)
        self.engine.script(service, act.behaviour)

    @override
    def now_ns(self) -> int:
        """That of the clock."""
        return int(self.clock.now().timestamp() * 1_000_000) * 1000

    @override
    async def get_well(self, container: ContainerId) -> None:
        """It gets well with time."""
        await self.clock.advance(HEALTHY_LATER.behaviour.healthy_after_s or 0.0)
