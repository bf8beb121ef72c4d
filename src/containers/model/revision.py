"""Revisions: what was applied, numbered, with all that it takes to have it again."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from containers.model.base import ImageId, Model, ProjectName, ServiceName, TransactionId


class RevisionInfo(Model):
    """What is known of a revision without reading its document."""

    project: ProjectName
    store: str
    """Which engine's: `ContainerEngine.store`."""
    number: int
    """From one, in the order of being applied."""
    transaction: TransactionId
    created_at: datetime
    environment: str
    verb: str
    good: bool
    """Whether every gate passed; the newest such revision is the last known good one."""
    working_dir: Path
    files: tuple[Path, ...]
    profiles: tuple[str, ...] = ()
    services: Mapping[ServiceName, str]
    """The fingerprint of each service: those applied now, and those kept from the revision before."""
    disabled_services: tuple[ServiceName, ...] = ()
    images: Mapping[str, ImageId]
    """What each image reference meant then."""
    sources: Mapping[str, str] = {}
    """Each file that took part, and the SHA-256 of its content."""
    inputs: Mapping[ServiceName, Mapping[str, str]] = {}
    """For each service the fingerprints of the contents that it was given, such as `config app.conf`."""
    resources: Mapping[str, str] = {}
    """The identity of each network and volume, by its name on the engine."""
    fingerprint: str
    """SHA-256 over the concealed document and each service's own fingerprint."""


class Revision(Model):
    """A revision in full."""

    info: RevisionInfo
    document: Mapping[str, Any]
    """The canonical document, with what is secret concealed (`compose/concealing`): secrets are taken from
    where they are today, and never kept."""


class RevisionDamage(Model):
    """What is wrong with a stored revision."""

    number: int
    message: str
