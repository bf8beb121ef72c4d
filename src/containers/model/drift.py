"""Drift: what runs differs from the last applied revision, or that from what is asked for now."""

from enum import StrEnum

from containers.model.base import Model, ServiceName


class DriftKind(StrEnum):
    """What is not as it should be."""

    CONTAINER_MISSING = "container_missing"
    CONTAINER_STOPPED = "container_stopped"
    CONTAINER_FOREIGN = "container_foreign"
    """One in a service's place that Podkeeper did not make."""
    CONFIGURATION = "configuration"
    """It was made from another configuration than the revision's."""
    ORPHAN = "orphan"
    NETWORK_MISSING = "network_missing"
    NETWORK_ALTERED = "network_altered"
    VOLUME_MISSING = "volume_missing"
    VOLUME_ALTERED = "volume_altered"
    IMAGE_MOVED = "image_moved"
    """The image's tag means another image now."""
    FILE_CHANGED = "file_changed"
    """A secret's or config's content is another now."""
    NOT_APPLIED = "not_applied"
    """The files say something else now."""

    @property
    def is_of_what_runs(self) -> bool:
        """Whether the stack left the revision, rather than what is asked for."""
        return self not in {DriftKind.IMAGE_MOVED, DriftKind.FILE_CHANGED, DriftKind.NOT_APPLIED}


class Drift(Model):
    """One thing that differs."""

    kind: DriftKind
    subject: str
    """The container, network, volume, image or service."""
    service: ServiceName | None = None
    message: str
    remedy: str
    """One command that ends it."""
    ignored: bool = False
    """Whether somebody said that it is all right."""

    @property
    def fingerprint(self) -> str:
        """The same as long as it is the same drift."""
        return f"{self.kind} {self.subject} {self.message}"


class DriftReport(Model):
    """All drift of a project."""

    project: str
    revision: int | None
    """The revision that it was compared with; None where nothing was applied yet."""
    found: tuple[Drift, ...] = ()

    @property
    def open(self) -> tuple[Drift, ...]:
        """What nobody said is all right."""
        return tuple(d for d in self.found if not d.ignored)
