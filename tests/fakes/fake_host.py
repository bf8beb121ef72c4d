"""This machine as a test wants it."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from containers.model.observed import PublishedPort


class FakeHost:
    """The port `HostFacts`.

    Attributes:
        listening: ports that are taken, each with the process that has it.
        there: the paths that exist.
        closed: those of them that Podman's user can not read.
        free: free bytes by folder; elsewhere there is plenty.
        routes: subnets with their network devices.
    """

    def __init__(self) -> None:
        self.listening: dict[int, str] = {}
        self.there: set[Path] = set()
        self.closed: set[Path] = set()
        self.free: dict[Path, int] = {}
        self.routes: dict[str, str] = {}

    def holders(self, ports: Iterable[PublishedPort]) -> Mapping[PublishedPort, str]:
        """On every interface."""
        return {p: self.listening[p.host_port] for p in ports if p.host_port in self.listening}

    def exists(self, path: Path) -> bool:
        """Only what is `there`."""
        return path in self.there

    def is_readable(self, path: Path, uid: int) -> bool:
        """Root reads everything."""
        return uid == 0 or path not in self.closed

    def free_bytes(self, path: Path) -> int | None:
        """What was set, or plenty."""
        return self.free.get(path, 1 << 40)

    def image_store(self, uid: int) -> Path | None:
        """One a user."""
        return Path(f"/images/{uid}")

    def subnets(self) -> Mapping[str, str]:
        """What was set."""
        return self.routes
