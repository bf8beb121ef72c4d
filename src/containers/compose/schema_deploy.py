"""The Compose Specification's `deploy` and `develop` sections of a service."""

from typing import Literal

from containers.compose.schema_parts import (
    ABSENT,
    Count,
    DeviceRequest,
    Hook,
    ListOrDict,
    Number,
    Shape,
    StringOrList,
    Whole,
)


class Rollout(Shape):
    """How containers are replaced, or brought back."""

    parallelism: Count = ABSENT
    """How many containers at a time; 0 is all at once. Default: 1."""
    delay: str = ABSENT
    """How long to wait between groups, such as `10s`. Default: `0s`."""
    failure_action: str = ABSENT
    """What to do when it fails: `continue`, `pause` or `rollback`. Default: `pause`."""
    monitor: str = ABSENT
    """How long to watch a new container for failures. Default: `0s`."""
    max_failure_ratio: Number = ABSENT
    """The share of failures that is tolerated, from 0 to 1. Default: 0."""
    order: Literal["start-first", "stop-first"] = ABSENT
    """Whether the new container starts before the old one stops. Default: `stop-first`."""


class Limits(Shape):
    """The most that a container may use."""

    cpus: Number = ABSENT
    """Processor cores, such as `0.5`."""
    memory: str = ABSENT
    """Memory, such as `512m`."""
    pids: Whole = ABSENT
    """Processes."""


class DiscreteResource(Shape):
    """A countable resource."""

    kind: str = ABSENT
    """What it is, such as `SSD`."""
    value: Number = ABSENT
    """How many."""


class GenericResource(Shape):
    """A resource that only the platform knows."""

    discrete_resource_spec: DiscreteResource = ABSENT
    """A countable resource."""


class Reservations(Shape):
    """What a container must be able to get."""

    cpus: Number = ABSENT
    """Processor cores."""
    memory: str = ABSENT
    """Memory, such as `256m`."""
    generic_resources: list[GenericResource] = ABSENT
    """Resources that only the platform knows."""
    devices: list[DeviceRequest] = ABSENT
    """Devices, such as GPUs."""


class Resources(Shape):
    """Limits and reservations."""

    limits: Limits = ABSENT
    """The most that a container may use."""
    reservations: Reservations = ABSENT
    """What a container must be able to get."""


class DeployRestart(Shape):
    """When containers are started again."""

    condition: str = ABSENT
    """`none`, `on-failure` or `any`. Default: `any`."""
    delay: str = ABSENT
    """How long to wait before a restart. Default: `0s`."""
    max_attempts: Count = ABSENT
    """How often to try before giving up. Default: never give up."""
    window: str = ABSENT
    """How long a container must run for the restart to count as a success. Default: decide at once."""


class Preference(Shape):
    """A preference for where containers run."""

    spread: str = ABSENT
    """The node label to spread containers over."""


class Placement(Shape):
    """Where containers may run."""

    constraints: list[str] = ABSENT
    """Conditions that a node must meet."""
    preferences: list[Preference] = ABSENT
    """Preferences among the nodes that do."""
    max_replicas_per_node: Count = ABSENT
    """The most containers on one node."""


class Deploy(Shape):
    """How a service is deployed."""

    mode: str = ABSENT
    """`replicated` or `global`. Default: `replicated`."""
    endpoint_mode: str = ABSENT
    """`vip` or `dnsrr`. Default: the platform's."""
    replicas: Whole = ABSENT
    """How many containers run. Default: 1."""
    labels: ListOrDict = ABSENT
    """Metadata of the service, not of its containers."""
    rollback_config: Rollout = ABSENT
    """How a failed update is undone."""
    update_config: Rollout = ABSENT
    """How an update is carried out."""
    resources: Resources = ABSENT
    """Limits and reservations."""
    restart_policy: DeployRestart = ABSENT
    """When containers are started again; stronger than `restart`."""
    placement: Placement = ABSENT
    """Where containers may run."""


class WatchRule(Shape):
    """What to do when files change."""

    path: str
    """The file or folder to watch."""
    action: Literal["rebuild", "sync", "restart", "sync+restart", "sync+exec"]
    """What to do about a change."""
    target: str = ABSENT
    """Where in the container files are copied to."""
    ignore: StringOrList = ABSENT
    """Patterns of files that do not count."""
    include: StringOrList = ABSENT
    """Patterns of the only files that count."""
    exec: Hook = ABSENT
    """What `sync+exec` runs in the container."""
    initial_sync: bool = ABSENT
    """Whether everything is copied once at the beginning. Default: false."""


class Develop(Shape):
    """Help while developing a service."""

    watch: list[WatchRule] = ABSENT
    """What to do when files change."""
