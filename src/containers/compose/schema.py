"""The Compose Specification's top level. The descriptions are what completion and hover show."""

from collections.abc import Mapping
from typing import Annotated

from containers.compose.schema_parts import ABSENT, Keyed, Model, Shape, StringOrList
from containers.compose.schema_resources import Config, Network, Secret, Volume
from containers.compose.schema_service import Service


class Include(Shape):
    """Other compose files that become part of this project."""

    path: StringOrList = ABSENT
    """The compose file to include; further files in a list override the first."""
    env_file: StringOrList = ABSENT
    """Variables for the included files. Default: the `.env` beside them."""
    project_directory: str = ABSENT
    """Where relative paths in the included files begin; by default their own folder."""


class ComposeFile(Shape):
    """A compose file."""

    version: str = ABSENT
    """Obsolete and ignored."""
    name: str = ABSENT
    """The project's name, unless one is given from outside. Default: the folder's name."""
    include: list[str | Include] = ABSENT
    """Other compose files that become part of this project."""
    services: Annotated[Mapping[str, Service | None], Keyed] = ABSENT
    """The services: each is one kind of container, running once or several times."""
    networks: Mapping[str, Network | None] = ABSENT
    """Networks that services join; those in one network reach each other by name."""
    volumes: Annotated[Mapping[str, Volume | None], Keyed] = ABSENT
    """Named volumes: storage that outlives containers."""
    secrets: Annotated[Mapping[str, Secret], Keyed] = ABSENT
    """Sensitive data that services get as files under `/run/secrets`."""
    configs: Annotated[Mapping[str, Config], Keyed] = ABSENT
    """Configuration that services get as files."""
    models: Mapping[str, Model] = ABSENT
    """Language models that services use."""
