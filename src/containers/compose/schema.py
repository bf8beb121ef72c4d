"""The Compose Specification's top level. The descriptions are what completion and hover show."""

from collections.abc import Mapping
from typing import Annotated, Literal

from containers.compose.schema_parts import ABSENT, Flag, Keyed, Model, Shape, StringOrList
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


class Schedule(Shape):
    """A time at which a job runs."""

    cron: str
    """When, as a crontab expression."""
    timezone: str = ABSENT
    """Where that time is. Default: the host's."""
    concurrency: Literal["forbid", "queue"] = ABSENT
    """What happens while the run before it goes on. Default: forbid."""
    missed_fires: Literal["one", "skip"] = ABSENT
    """What happens to runs that were missed while nothing could start them. Default: one."""


class Triggers(Shape):
    """What starts a job."""

    manual: Flag = ABSENT
    """Whether a person may start it. Default: true."""
    schedule: list[str | Schedule] = ABSENT
    """The times at which it runs."""


class Job(Service):
    """A container that runs to its end each time something triggers it."""

    triggers: Triggers
    """What starts it; at least one."""


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
    jobs: Annotated[Mapping[str, Job], Keyed] = ABSENT
    """Containers that run to their end each time something triggers them."""
    models: Mapping[str, Model] = ABSENT
    """Language models that services use."""
