"""What a person asks of single containers and images, and what comes back."""

from collections.abc import Mapping
from datetime import datetime

from containers.model.base import ContainerId, ImageId, Model


class ExecRequest(Model):
    """A command to run in a running container, with this process's streams."""

    command: tuple[str, ...]
    detach: bool = False
    """Do not wait for it, and show nothing of it."""
    environment: Mapping[str, str] = {}
    user: str | None = None
    working_dir: str | None = None
    privileged: bool = False
    tty: bool = False


class AttachRequest(Model):
    """How this process's streams are joined to a container's."""

    stdin: bool = True
    detach_keys: str | None = None
    """None leaves Podman's own, `ctrl-p,ctrl-q`."""
    proxy_signals: bool = True


class LogQuery(Model):
    """Which part of a container's log."""

    lines: int | None = None
    """From the end; None: all."""
    follow: bool = False
    since: datetime | None = None
    until: datetime | None = None
    timestamps: bool = False
    """Each line begins with its time."""


class ProcessTable(Model):
    """The processes of one container, as the engine lists them."""

    titles: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class ImageFacts(Model):
    """One local image."""

    id: ImageId
    tags: tuple[str, ...] = ()
    """Complete references."""
    platform: str = ""
    """`linux/amd64`, say."""
    size_bytes: int = 0
    created_at: datetime | None = None
    volumes: tuple[str, ...] = ()
    """Where a container of it has a volume of its own, unless something else is mounted there."""


class UsageSample(Model):
    """What a container has used by one moment; counters go up from its start."""

    container: ContainerId
    name: str
    cpu_ns: int
    at_ns: int
    """The engine's clock, to set two samples apart."""
    memory_bytes: int = 0
    memory_limit_bytes: int = 0
    network_in_bytes: int = 0
    network_out_bytes: int = 0
    block_in_bytes: int = 0
    block_out_bytes: int = 0
    processes: int = 0


class Usage(Model):
    """What a container uses."""

    sample: UsageSample
    cpu_percent: float
    """Of one processor, between two samples."""

    @property
    def memory_percent(self) -> float:
        """Of the limit that it has, or the machine."""
        limit = self.sample.memory_limit_bytes
        return 100.0 * self.sample.memory_bytes / limit if limit else 0.0


def usage_between(before: UsageSample, after: UsageSample) -> Usage:
    """What was used from one sample to the next."""
    passed_ns = after.at_ns - before.at_ns
    percent = 100.0 * (after.cpu_ns - before.cpu_ns) / passed_ns if passed_ns > 0 else 0.0
    return Usage(sample=after, cpu_percent=max(percent, 0.0))
