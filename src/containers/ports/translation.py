"""From a project to what Podman is told, by way of podman-compose."""

from collections.abc import Mapping
from typing import Protocol

from containers.model.base import Model, ServiceName
from containers.model.observed import EngineVersion
from containers.model.project import ResolvedProject


class ContainerRecipe(Model):
    """How podman-compose would create a service's first container."""

    service: ServiceName
    options: tuple[str, ...]
    """The options of `podman create`, without `--name` and its value."""
    image: str
    command: tuple[str, ...] = ()
    """What follows the image."""
    numbered_options: tuple[tuple[str, ...], ...] = ()
    """Further options of each replica, the first one's first; empty where all are alike."""
    volumes: tuple[str, ...] = ()
    """Engine names of the anonymous volumes it mounts; their options are in `Translation.volumes`. No step
    creates them: whoever creates the container does so before, so that they carry the project's labels."""
    host_folders: tuple[str, ...] = ()
    """Bind mounts' sources on the host; one that is missing becomes a folder before the container is created,
    since Podman, other than Docker, makes none."""


class Translation(Model):
    """A whole project as Podman commands; options only, without `podman` and the verb."""

    containers: Mapping[ServiceName, ContainerRecipe]
    networks: Mapping[str, tuple[str, ...]]
    """Engine name to the options of `podman network create`, without the name."""
    volumes: Mapping[str, tuple[str, ...]]
    """Engine name to the options of `podman volume create`, without the name."""
    warnings: tuple[str, ...] = ()
    """What podman-compose had to say."""


class ComposeTranslator(Protocol):
    """Turns a project into `podman create` arguments."""

    async def describe(self) -> str:
        """Which program translates: its version and path.

        Raises:
            TranslationError: there is none.
        """
        ...

    async def translate(self, project: ResolvedProject, engine: EngineVersion) -> Translation:
        """Translate every service, network and volume of `project`.

        Raises:
            TranslationError: podman-compose is missing, or did not accept the project.
        """
        ...
