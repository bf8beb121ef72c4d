"""The Compose Specification's services."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from containers.compose.schema_deploy import Deploy, Develop
from containers.compose.schema_extension import OWN_KEY, OwnKeys
from containers.compose.schema_mounts import Device, NetworkAttachment, Port, VolumeMount
from containers.compose.schema_parts import (
    ABSENT,
    Ahead,
    Command,
    DeviceRequest,
    Flag,
    Grants,
    Hook,
    Hosts,
    Keyed,
    ListOfStrings,
    ListOrDict,
    NotNegative,
    Number,
    Rule,
    Shape,
    StringOrList,
    Ulimits,
    Unique,
    Whole,
)


class Build(Shape):
    """How a service's image is built."""

    context: str = ABSENT
    """The folder or URL to build from. Default: the folder of the file."""
    dockerfile: str = ABSENT
    """The Dockerfile, relative to the context. Default: `Dockerfile`."""
    dockerfile_inline: str = ABSENT
    """The Dockerfile's content itself."""
    entitlements: list[str] = ABSENT
    """Privileges that the build is granted."""
    args: ListOrDict = ABSENT
    """Build arguments."""
    ssh: ListOrDict = ABSENT
    """SSH agents or keys that the build may use."""
    labels: ListOrDict = ABSENT
    """Metadata of the image."""
    cache_from: list[str] = ABSENT
    """Images whose layers are reused."""
    cache_to: list[str] = ABSENT
    """Where the build's cache is written."""
    no_cache: Flag = ABSENT
    """Whether every layer is built anew. Default: false."""
    no_cache_filter: StringOrList = ABSENT
    """The stages that are built anew."""
    additional_contexts: ListOrDict = ABSENT
    """Further contexts, by name."""
    network: str = ABSENT
    """The network that `RUN` uses."""
    provenance: str | bool = ABSENT
    """Whether to attest where the image comes from."""
    sbom: str | bool = ABSENT
    """Whether to attest what is in the image."""
    pull: Flag = ABSENT
    """Whether base images are always pulled. Default: false."""
    target: str = ABSENT
    """The stage to build."""
    shm_size: Whole = ABSENT
    """The size of `/dev/shm` during the build."""
    extra_hosts: Hosts = ABSENT
    """Host names that the build can reach."""
    isolation: str = ABSENT
    """The isolation technology."""
    privileged: Flag = ABSENT
    """Whether the build has extended privileges. Default: false."""
    secrets: Grants = ABSENT
    """Secrets that the build may read."""
    tags: list[str] = ABSENT
    """Further names of the image."""
    ulimits: Ulimits = ABSENT
    """Resource limits of the build."""
    platforms: list[str] = ABSENT
    """Platforms to build for."""


class RateLimit(Shape):
    """A device's limit."""

    path: str = ABSENT
    """The device."""
    rate: Whole = ABSENT
    """Bytes or operations a second."""


class Weight(Shape):
    """A device's weight."""

    path: str = ABSENT
    """The device."""
    weight: Annotated[int, NotNegative] = ABSENT
    """From 10 to 1000."""


class BlockIo(Shape):
    """Limits on reading and writing."""

    device_read_bps: list[RateLimit] = ABSENT
    """Bytes a second when reading."""
    device_read_iops: list[RateLimit] = ABSENT
    """Operations a second when reading."""
    device_write_bps: list[RateLimit] = ABSENT
    """Bytes a second when writing."""
    device_write_iops: list[RateLimit] = ABSENT
    """Operations a second when writing."""
    weight: Annotated[int, NotNegative] = ABSENT
    """The share among containers, from 10 to 1000."""
    weight_device: list[Weight] = ABSENT
    """The share on single devices."""


class CredentialSpec(Shape):
    """Credentials of a managed service account."""

    config: str = ABSENT
    """The config that holds them."""
    file: str = ABSENT
    """The file that holds them."""
    registry: str = ABSENT
    """The registry value that holds them."""


class DependsOn(Shape):
    """What a service waits for."""

    condition: Literal["service_started", "service_healthy", "service_completed_successfully"]
    """How far the other service must have come."""
    restart: Flag = ABSENT
    """Whether this service restarts when the other one is updated. Default: false."""
    required: bool = ABSENT
    """Whether it is an error when the other service is not there. Default: true."""


class EnvFile(Shape):
    """A file with variables in its long form."""

    path: str
    """The file."""
    format: str = ABSENT
    """`raw` takes values as they are, without quotes and variables."""
    required: Flag = ABSENT
    """Whether it is an error when the file is missing. Default: true."""


class Extends(Shape):
    """The service that this one begins as a copy of."""

    service: str
    """Its name."""
    file: str = ABSENT
    """The file that defines it; by default this one."""


class HealthCheck(Shape):
    """How to find out whether a container is well."""

    test: str | list[str] = ABSENT
    """The command: a text for the shell, or a list that begins with `CMD`, `CMD-SHELL` or `NONE`."""
    interval: str = ABSENT
    """How long between two checks; `30s` by default."""
    timeout: str = ABSENT
    """How long a check may take; `30s` by default."""
    retries: Annotated[float, NotNegative] | str = ABSENT
    """How many failures in a row make the container unhealthy; 3 by default."""
    start_period: str = ABSENT
    """How long failures do not count while the container starts. Default: `0s`."""
    start_interval: str = ABSENT
    """How long between two checks within the start period. Default: `5s`."""
    disable: Flag = ABSENT
    """Whether the image's own check is switched off. Default: false."""


class Logging(Shape):
    """Where a container's output goes."""

    driver: str = ABSENT
    """The driver, such as `journald` or `k8s-file`."""
    options: Mapping[str, str | float | None] = ABSENT
    """Options of the driver."""


class ModelBinding(Shape):
    """How a service learns of a language model."""

    endpoint_var: str = ABSENT
    """The variable that gets the model's URL."""
    model_var: str = ABSENT
    """The variable that gets the model's name."""


class Provider(Shape):
    """A program that manages the service instead of a container engine."""

    type: str
    """The program."""
    options: Mapping[str, str | float | bool | list[str | float | bool]] = ABSENT
    """Options of the program."""


class Container(Shape):
    """What can be said about any container of a project."""

    annotations: ListOrDict = ABSENT
    """Annotations of the container."""
    attach: Flag = ABSENT
    """Whether its output is shown by `up`."""
    blkio_config: BlockIo = ABSENT
    """Limits on reading and writing."""
    cap_add: ListOfStrings = ABSENT
    """Capabilities that it gets beside the usual ones."""
    cap_drop: ListOfStrings = ABSENT
    """Capabilities that it does not get."""
    cgroup: Literal["host", "private"] = ABSENT
    """The control-group namespace."""
    cgroup_parent: str = ABSENT
    """The control group above it."""
    command: Command = ABSENT
    """What to run, instead of the image's command. Default: the image's."""
    configs: Grants = ABSENT
    """Configs that it may read."""
    container_name: Annotated[
        str,
        Rule(
            pattern=r"[a-zA-Z0-9][a-zA-Z0-9_.-]+",
            instead="use letters, digits, `.`, `_` and `-`, two or more",
        ),
    ] = ABSENT
    """Its name, instead of a generated one; the service can then run only once."""
    cpu_count: str | Annotated[int, NotNegative] = ABSENT
    """The number of processors."""
    cpu_percent: str | Annotated[int, Rule(at_least=0, at_most=100)] = ABSENT
    """The share of the processors."""
    cpu_shares: Number = ABSENT
    """Its weight when processors are scarce. Default: 1024."""
    cpu_quota: Number = ABSENT
    """Microseconds of processor time in a period."""
    cpu_period: Number = ABSENT
    """The length of a period in microseconds."""
    cpu_rt_period: Number = ABSENT
    """The length of a real-time period."""
    cpu_rt_runtime: Number = ABSENT
    """The time for real-time tasks in a period."""
    cpus: Number = ABSENT
    """How many processor cores it may use, such as `0.5`. Default: no limit."""
    cpuset: str = ABSENT
    """The processors it may use, such as `0-3`."""
    credential_spec: CredentialSpec = ABSENT
    """Credentials of a managed service account."""
    device_cgroup_rules: ListOfStrings = ABSENT
    """Rules for the devices it may use."""
    devices: list[str | Device] = ABSENT
    """Devices of the host that it may use."""
    dns: StringOrList = ABSENT
    """Name servers."""
    dns_opt: ListOfStrings = ABSENT
    """Options of the resolver."""
    dns_search: StringOrList = ABSENT
    """Domains to search."""
    domainname: str = ABSENT
    """Its domain name."""
    entrypoint: Command = ABSENT
    """What to run, instead of the image's entry point. Default: the image's."""
    env_file: str | list[str | EnvFile] = ABSENT
    """Files with variables for the container."""
    environment: ListOrDict = ABSENT
    """Variables for the container; they win over `env_file`."""
    expose: Annotated[list[str | int], Unique] = ABSENT
    """Ports that other services may reach, without publishing them."""
    external_links: ListOfStrings = ABSENT
    """Containers of other projects that it reaches by name."""
    extra_hosts: Hosts = ABSENT
    """Further lines of `/etc/hosts`."""
    gpus: Literal["all"] | list[DeviceRequest] = ABSENT
    """GPUs that it may use."""
    group_add: Annotated[list[str | float], Unique] = ABSENT
    """Further groups of its user."""
    healthcheck: HealthCheck = ABSENT
    """How to find out whether it is well."""
    hostname: str = ABSENT
    """Its host name. Default: the container's id."""
    image: str = ABSENT
    """The image to run, such as `docker.io/library/postgres:17`."""
    init: Flag = ABSENT
    """Whether a small init process forwards signals and reaps children. Default: false."""
    ipc: str = ABSENT
    """The namespace for inter-process communication. Default: private."""
    isolation: str = ABSENT
    """The isolation technology."""
    label_file: str | list[str] = ABSENT
    """Files with labels."""
    labels: ListOrDict = ABSENT
    """Metadata of the container."""
    links: ListOfStrings = ABSENT
    """Services it reaches under another name, as `service:alias`."""
    logging: Logging = ABSENT
    """Where its output goes."""
    mac_address: str = ABSENT
    """Its hardware address."""
    mem_limit: Number = ABSENT
    """The most memory it may use, such as `512m`. Default: no limit."""
    mem_reservation: Whole = ABSENT
    """The memory it should get when memory is scarce."""
    mem_swappiness: Whole = ABSENT
    """How readily its memory is swapped, from 0 to 100."""
    memswap_limit: Number = ABSENT
    """The most memory and swap together; -1 for any amount."""
    models: ListOfStrings | Mapping[str, ModelBinding | None] = ABSENT
    """Language models that it uses."""
    network_mode: str = ABSENT
    """`host`, `none`, `bridge`, `service:<name>` or `container:<name>`. Default: its networks."""
    networks: ListOfStrings | Annotated[Mapping[str, NetworkAttachment | None], Keyed] = ABSENT
    """Networks that it joins; by default the project's `default` network."""
    oom_kill_disable: Flag = ABSENT
    """Whether it is spared when memory runs out. Default: false."""
    oom_score_adj: str | Annotated[int, Rule(at_least=-1000, at_most=1000)] = ABSENT
    """How readily it is killed when memory runs out, from -1000 to 1000."""
    pid: str | None = ABSENT
    """The namespace for processes."""
    pids_limit: Number = ABSENT
    """The most processes; -1 for any number. Default: no limit."""
    platform: str = ABSENT
    """The platform of its image, such as `linux/arm64`. Default: the engine's."""
    privileged: Flag = ABSENT
    """Whether it has extended privileges. Default: false."""
    pull_policy: Annotated[
        str,
        Rule(
            pattern=r"^(always|never|build|if_not_present|missing|refresh|daily|weekly|every_([0-9]+[wdhms])+)$",
            instead="write always, never, missing, build, daily, weekly, or how often, such as `every_12h`",
        ),
    ] = ABSENT
    """When its image is pulled: `missing` by default."""
    pull_refresh_after: str = ABSENT
    """After how long the image is pulled again, with `pull_policy: refresh`."""
    read_only: Flag = ABSENT
    """Whether its root file system is read-only. Default: false."""
    runtime: str = ABSENT
    """The runtime, such as `runc` or `crun`."""
    secrets: Grants = ABSENT
    """Secrets that it may read."""
    security_opt: ListOfStrings = ABSENT
    """Security options, such as labels and seccomp profiles."""
    shm_size: Number = ABSENT
    """The size of `/dev/shm`. Default: `64m`."""
    stdin_open: Flag = ABSENT
    """Whether its standard input stays open. Default: false."""
    stop_grace_period: str = ABSENT
    """How long it may take to stop before it is killed; `10s` by default."""
    stop_signal: str = ABSENT
    """The signal that stops it; SIGTERM by default."""
    storage_opt: Mapping[str, str | int] = ABSENT
    """Options of the storage driver."""
    sysctls: ListOrDict = ABSENT
    """Kernel parameters."""
    tmpfs: StringOrList = ABSENT
    """Folders kept in memory."""
    tty: Flag = ABSENT
    """Whether it has a terminal. Default: false."""
    ulimits: Ulimits = ABSENT
    """Resource limits of its processes."""
    use_api_socket: Flag = ABSENT
    """Whether it may talk to the container engine. Default: false."""
    umask: Annotated[Whole, Ahead()] = ABSENT
    """The permissions that new files do not get. Default: what the runtime has."""
    user: str = ABSENT
    """The user it runs as, such as `1000:1000`. Default: the image's."""
    userns_mode: str = ABSENT
    """The user namespace."""
    uts: str = ABSENT
    """The namespace for host names."""
    volumes: Annotated[list[str | VolumeMount], Unique] = ABSENT
    """What is mounted: `source:target[:ro]`, or the long form."""
    volumes_from: ListOfStrings = ABSENT
    """Services or containers whose mounts it gets as well."""
    working_dir: str = ABSENT
    """The folder its command runs in. Default: the image's."""


class InitContainer(Container):
    """A container that runs to its end before the service's own one starts."""

    per_replica: Flag = ABSENT
    """Whether it runs before every container of the service, or once before all. Default: false."""


class Service(Container):
    """One kind of container, running once or several times."""

    build: str | Build = ABSENT
    """How its image is built: a folder, or the long form."""
    depends_on: ListOfStrings | Annotated[Mapping[str, DependsOn], Keyed] = ABSENT
    """The services that have to be there first."""
    deploy: Deploy | None = ABSENT
    """How it is deployed: replicas, limits, restarts."""
    develop: Develop | None = ABSENT
    """Help while developing it."""
    extends: str | Extends = ABSENT
    """The service that it begins as a copy of."""
    ports: Annotated[list[float | str | Port], Unique] = ABSENT
    """Published ports: `[ip:][host:]container[/protocol]`, or the long form."""
    post_start: list[Hook] = ABSENT
    """Commands that run in the container after it has started."""
    pre_start: list[InitContainer] = ABSENT
    """Containers that run to their end before it starts."""
    pre_stop: list[Hook] = ABSENT
    """Commands that run in the container before it stops."""
    profiles: ListOfStrings = ABSENT
    """The profiles that enable it; without any it is always enabled."""
    provider: Provider = ABSENT
    """A program that manages it instead of a container engine."""
    restart: str = ABSENT
    """When it is started again: `no`, `always`, `on-failure[:retries]` or `unless-stopped`. Default: `no`."""
    scale: Whole = ABSENT
    """How many containers run; `deploy.replicas` is the newer key. Default: 1."""
    own: OwnKeys = Field(default=ABSENT, alias=OWN_KEY)
    """What Podkeeper does for it beyond the Compose Specification."""
