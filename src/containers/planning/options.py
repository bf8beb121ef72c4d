"""What a person may ask of a plan."""

from enum import StrEnum

from containers.model.base import Model, ServiceName


class Recreate(StrEnum):
    """Which existing containers are replaced."""

    CHANGED = "changed"
    ALWAYS = "always"
    NEVER = "never"


class UpOptions(Model):
    """Options of `up`; the defaults are docker compose's."""

    services: tuple[ServiceName, ...] = ()
    """Empty means all that the active profiles enable."""
    recreate: Recreate = Recreate.CHANGED
    with_dependencies: bool = True
    build: bool = False
    """Build also where the image exists."""
    pull: str | None = None
    """`always`, `missing` or `never`, over every service's own `pull_policy`."""
    remove_orphans: bool = False


class DownOptions(Model):
    """Options of `down`."""

    services: tuple[ServiceName, ...] = ()
    """Empty means the whole project, with its networks."""
    volumes: bool = False
    """Remove the volumes too, and the data in them."""
    remove_orphans: bool = False
