"""`environments/<name>/environment.yaml`. The descriptions are what completion and hover show."""

from collections.abc import Mapping
from typing import Annotated, Literal

from containers.compose.schema_hooks import EventHooks
from containers.compose.schema_parts import (
    ABSENT,
    Flag,
    ListOfStrings,
    NonEmptyKeys,
    Number,
    Rule,
    Shape,
    Whole,
)


class SecretSource(Shape):
    """Where a secret comes from in this environment; never its value."""

    file: str = ABSENT
    """A file, relative to this one."""
    environment: str = ABSENT
    """The variable that holds it."""
    external: Flag = ABSENT
    """Whether it exists in Podman already. Default: false."""
    name: str = ABSENT
    """What Podman calls an external one. Default: its key."""


class ResourceLimits(Shape):
    """Limits for services that set none of their own."""

    memory: Number = ABSENT
    """The most memory, such as `512m`. Default: no limit."""
    cpus: Number = ABSENT
    """The most processor time, in cores, such as `0.5`. Default: no limit."""
    pids: Whole = ABSENT
    """The most processes and threads. Default: what the engine has, 2048 in Podman."""


class Monitoring(Shape):
    """How the stack is kept well in this environment."""

    enabled: Flag = ABSENT
    """Whether unhealthy and dead services are restarted. Default: true."""
    poll: str = ABSENT
    """How often everything is looked at, beside the engine's events. Default: `5s`."""
    max_attempts: Annotated[int, Rule(at_least=0)] = ABSENT
    """Restarts within the window before a service is given up. Default: 5."""
    window: str = ABSENT
    """The time in which attempts are counted. Default: `10m`."""
    first_backoff: str = ABSENT
    """The wait before the second attempt; it doubles from there. Default: `500ms`."""
    longest_backoff: str = ABSENT
    """The longest wait between two attempts. Default: `1m`."""


class EnvironmentFile(Shape):
    """One environment of a stack. Paths are relative to this file's folder."""

    description: str = ABSENT
    """For people; shown where environments are listed."""
    extends: str = ABSENT
    """Another environment to begin with: mappings are merged, lists are appended, the rest is replaced."""
    compose_files: list[str] = ABSENT
    """The compose files, in merging order: the base first, overlays after it."""
    variables: Annotated[Mapping[str, str | float | bool], NonEmptyKeys] = ABSENT
    """For interpolation; stronger than the env files, weaker than the process environment."""
    required_variables: ListOfStrings = ABSENT
    """Variables that must have a value; all that are missing are reported at once."""
    env_files: list[str] = ABSENT
    """Files of variables; later ones win. `.env` of the project directory is then not read."""
    profiles: ListOfStrings = ABSENT
    """Profiles that are active beside those asked for."""
    project_name: str = ABSENT
    """The project's name. Default: the files' `name` or the folder's name, with `-<environment>` after it
    in every environment but `development`."""
    project_directory: str = ABSENT
    """What relative paths in the compose files start from. Default: the first file's folder."""
    secrets_config: Mapping[str, SecretSource] = ABSENT
    """Where secrets that the compose files declare come from, in place of what these say."""
    resource_limits: ResourceLimits = ABSENT
    """Limits for services that set none of their own."""
    monitoring_config: Monitoring = ABSENT
    """How the stack is kept well in this environment."""
    policy_strictness: Literal["off", "advise", "enforce"] = ABSENT
    """What findings about the files do: nothing, be shown, or stop an apply. Default: `advise`."""
    access: Mapping[str, ListOfStrings] = ABSENT
    """Who may do what: a verb, such as `up`, to the users and groups that may use it. Default: everyone."""
    hooks: EventHooks = ABSENT
    """What is done when something happens, by name; beside and before those of `podkeeper.yaml`."""
    allow_hosts: ListOfStrings = ABSENT
    """Hosts, beside this machine, that webhooks may be sent to."""
    connection: str = ABSENT
    """The Podman to use: a name of `podman system connection`, or a URL. Default: the one that is found."""
