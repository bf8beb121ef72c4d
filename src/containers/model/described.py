"""How a container was made, as far as the engine can tell; what its image brings along is kept apart."""

from collections.abc import Mapping

from pydantic import Field

from containers.model.base import ContainerId, ImageId, Model
from containers.model.project import HealthCheck, PortMapping, RestartPolicy


class ImageDefaults(Model):
    """What containers of an image have where nothing else was said."""

    command: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    environment: Mapping[str, str] = Field(default={}, repr=False)
    labels: Mapping[str, str] = {}
    user: str = ""
    working_dir: str = ""
    stop_signal: str = ""
    volumes: frozenset[str] = frozenset()
    """Folders that get an anonymous volume each."""
    health_check: HealthCheck | None = None
    platform: str = ""
    """Such as `linux/amd64`."""


class EngineDefaults(Model):
    """What containers of an engine have where nothing else was said."""

    log_driver: str = ""
    runtime: str = ""
    capabilities: frozenset[str] = frozenset()


class DescribedMount(Model):
    """Something mounted into a container, but for `tmpfs`."""

    type: str
    source: str
    """A path of the host, or a volume's name."""
    target: str
    read_only: bool = False
    propagation: str = ""


class Attachment(Model):
    """How a container is in one network."""

    aliases: frozenset[str] = frozenset()
    ipv4_address: str = ""
    """Empty while it does not run; so are the other addresses."""
    ipv6_address: str = ""
    mac_address: str = ""


class ContainerDescription(Model):
    """One container as it was made, whoever made it."""

    id: ContainerId
    name: str
    image_id: ImageId
    running: bool = False
    image: ImageDefaults = ImageDefaults()
    engine: EngineDefaults = EngineDefaults()
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = Field(default={}, repr=False)
    """May hold secrets: for comparing only, never to be shown or kept."""
    working_dir: str = ""
    user: str = ""
    hostname: str = ""
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
    mounts: tuple[DescribedMount, ...] = ()
    tmpfs: Mapping[str, tuple[str, ...]] = {}
    """Where, and with which options."""
    secrets: frozenset[str] = frozenset()
    """The engine's secrets that it is given, by name."""
    ports: tuple[PortMapping, ...] = ()
    """Published ones, each with one host port."""
    networks: Mapping[str, Attachment] = {}
    network_mode: str = ""
    restart_policy: RestartPolicy = RestartPolicy()
    health_check: HealthCheck | None = None
    privileged: bool = False
    read_only: bool = False
    capabilities: frozenset[str] = frozenset()
    """All that it may have, without `CAP_`."""
    security_options: frozenset[str] = frozenset()
    devices: frozenset[tuple[str, str]] = frozenset()
    """Each path on the host, with that in the container."""
    dns: tuple[str, ...] = ()
    dns_options: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    extra_hosts: frozenset[tuple[str, str]] = frozenset()
    groups: frozenset[str] = frozenset()
    limits: Mapping[str, int | str] = {}
    """By the key that a compose file has for each, in its smallest unit; zero where there is none."""
    ulimits: Mapping[str, tuple[int, int]] = {}
    """Soft and hard, by lower-case name."""
    stop_signal: int = 0
    init: bool = False
    tty: bool = False
    stdin_open: bool = False
    ipc_mode: str = ""
    pid_mode: str = ""
    uts_mode: str = ""
    userns_mode: str = ""
    cgroup_mode: str = ""
    cgroup_parent: str = ""
    log_driver: str = ""
    log_size: str = ""
    log_tag: str = ""
    runtime: str = ""
    umask: str = ""
    options: Mapping[str, tuple[str, ...]] | None = None
    """What the engine's command line was told and inspecting does not show, by option; None where the
    container was made over the API, so that nobody can tell."""
    needs: tuple[ContainerId, ...] = ()
    """Containers that can not be removed while this one is there."""
    pod: str = ""
    """The id of the pod that it is in."""
