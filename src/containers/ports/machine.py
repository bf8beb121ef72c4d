"""The machine beneath: time, tasks, processes and what is true of the host."""

from collections.abc import Callable, Coroutine, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from containers.model.base import ContainerId
from containers.model.observed import PublishedPort

if TYPE_CHECKING:
    import asyncio


class Clock(Protocol):
    """Time, so that tests can own it."""

    def now(self) -> datetime:
        """The wall clock: aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class HostFacts(Protocol):
    """What this machine has left to give. Nothing raises: what can not be told is no obstacle."""

    def holders(self, ports: Iterable[PublishedPort]) -> Mapping[PublishedPort, str]:
        """Those of `ports` that can not be bound, with the process that has them, or nothing."""
        ...

    def exists(self, path: Path) -> bool:
        """Whether there is something at `path`, as far as can be seen."""
        ...

    def is_readable(self, path: Path, uid: int) -> bool:
        """Whether a container of `uid`'s Podman can read `path`, which exists; True where that is unclear."""
        ...

    def free_bytes(self, path: Path) -> int | None:
        """What may still be written at `path`, or where it will be made; None where it can not be told."""
        ...

    def image_store(self, uid: int) -> Path | None:
        """Where Podman usually keeps the images of `uid`; None where it does not."""
        ...

    def subnets(self) -> Mapping[str, str]:
        """Subnets that this machine reaches directly, in CIDR notation, each with its network device."""
        ...


class ProcessWatch(Protocol):
    """Learns of the end of processes on this machine from the kernel, as it happens."""

    def watch(self, container: ContainerId, pid: int, ended: Callable[[], None]) -> bool:
        """Have `ended` called, once and in the event loop, when a container's first process ends.

        False where that can not be done: the process is not on this machine, is another one than the
        container's, has ended already, or the system has no means for it.
        """
        ...

    def forget(self, container: ContainerId) -> None:
        """Watch it no longer; no error where it is not watched."""
        ...

    def close(self) -> None:
        """Watch nothing any longer."""
        ...


class TaskOwner(Protocol):
    """Who owns background tasks; a TaskGroup is one. What a task raises is its owner's to deal with."""

    def create_task(self, coro: Coroutine[Any, Any, Any], *, name: str | None = None) -> "asyncio.Task[Any]":
        """Run `coro` until it ends or its owner does."""
        ...
