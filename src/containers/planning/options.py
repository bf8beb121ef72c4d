"""What a person may ask of a plan."""

from collections.abc import Mapping
from enum import StrEnum

from containers.model.base import Model, ServiceName


class Recreate(StrEnum):
    """Which existing containers are replaced."""

    CHANGED = "changed"
    ALWAYS = "always"
    NEVER = "never"


class Mode(StrEnum):
    """What a change has to pass."""

    SAFE = "safe"
    """Every service is ready, and stays so for a moment."""
    FAST = "fast"
    """Podman did what it was told; only what others depend on is waited for."""


class UpOptions(Model):
    """Options of `up`; the defaults are docker compose's."""

    services: tuple[ServiceName, ...] = ()
    """Empty means all that the active profiles enable."""
    recreate: Recreate = Recreate.CHANGED
    always_recreate_dependencies: bool = False
    """With `recreate` ALWAYS and services named: their dependencies, too."""
    with_dependencies: bool = True
    build: bool = False
    """Build also where the image exists."""
    no_build: bool = False
    """Build nothing, also where an image is missing."""
    pull: str | None = None
    """`always`, `missing` or `never`, over every service's own `pull_policy`."""
    remove_orphans: bool = False
    start: bool = True
    """False creates what is missing and starts nothing."""
    renew_volumes: bool = False
    """New containers get new anonymous volumes, in place of those of the ones before."""
    scale: Mapping[ServiceName, int] = {}
    """How many containers a service gets, over what its file says."""
    mode: Mode = Mode.SAFE


class DownOptions(Model):
    """Options of `down`."""

    services: tuple[ServiceName, ...] = ()
    """Empty means the whole project, with its networks."""
    volumes: bool = False
    """Remove the volumes too, and the data in them."""
    remove_orphans: bool = False
    images: str | None = None
    """Remove the services' images, too: `all`, or `local` for those without a name of their own."""
