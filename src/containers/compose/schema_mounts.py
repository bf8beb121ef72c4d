"""The Compose Specification's mounts, ports and network attachments of a service."""

from typing import Annotated, Literal

from containers.compose.schema_parts import (
    ABSENT,
    Ahead,
    Flag,
    ListOfStrings,
    ListOrDict,
    NotNegative,
    Options,
    Shape,
)


class BindOptions(Shape):
    """Settings of a bind mount."""

    propagation: str = ABSENT
    """How mounts below it are shared: `[r]private`, `[r]shared` or `[r]slave`. Default: `rprivate`."""
    create_host_path: Flag = ABSENT
    """Whether a missing folder on the host is created. Default: true."""
    recursive: Literal["enabled", "disabled", "writable", "readonly"] = ABSENT
    """Whether mounts below it come along."""
    selinux: Literal["z", "Z"] = ABSENT
    """The SELinux label: `z` for shared, `Z` for private content."""


class VolumeOptions(Shape):
    """Settings of a volume mount."""

    labels: ListOrDict = ABSENT
    """Metadata for a volume that is created for this mount."""
    nocopy: Flag = ABSENT
    """Whether a new volume begins empty rather than with the image's files. Default: false."""
    subpath: str = ABSENT
    """A folder in the volume, instead of its root."""


class TmpfsOptions(Shape):
    """Settings of a mount in memory."""

    size: Annotated[int, NotNegative] | str = ABSENT
    """Its size, in bytes or such as `64m`."""
    mode: int = ABSENT
    """Its permissions, such as `0o1777`."""


class ImageOptions(Shape):
    """Settings of a mount from an image."""

    subpath: str = ABSENT
    """A folder in the image, instead of its root."""


class VolumeMount(Shape):
    """A mount in its long form."""

    type: Literal["bind", "volume", "tmpfs", "cluster", "npipe", "image"]
    """What is mounted."""
    source: str = ABSENT
    """A path on the host, a volume's key, or an image."""
    target: str = ABSENT
    """Where in the container."""
    read_only: Flag = ABSENT
    """Whether the container may only read. Default: false."""
    consistency: str = ABSENT
    """How strict the file system is; only some platforms know it."""
    bind: BindOptions = ABSENT
    """Settings of a bind mount."""
    volume: VolumeOptions = ABSENT
    """Settings of a volume mount."""
    tmpfs: TmpfsOptions = ABSENT
    """Settings of a mount in memory."""
    image: ImageOptions = ABSENT
    """Settings of a mount from an image."""


class Device(Shape):
    """A device of the host in its long form."""

    source: str
    """The device on the host."""
    target: str = ABSENT
    """Its path in the container."""
    permissions: str = ABSENT
    """What the container may do: `r`, `w` and `m`. Default: `rwm`."""


class Port(Shape):
    """A published port in its long form."""

    name: str = ABSENT
    """A name for people."""
    mode: str = ABSENT
    """`ingress`, or `host` for the port of every host. Default: `ingress`."""
    host_ip: str = ABSENT
    """The address of the host; by default all of them."""
    target: int | str = ABSENT
    """The port in the container."""
    published: str | int = ABSENT
    """The port on the host, or a range to choose from; by default any free one."""
    protocol: str = ABSENT
    """`tcp` or `udp`. Default: `tcp`."""
    app_protocol: str = ABSENT
    """What is spoken, such as `http`."""


class NetworkAttachment(Shape):
    """How a service is attached to a network."""

    aliases: ListOfStrings = ABSENT
    """Further names that reach the service in this network."""
    interface_name: str = ABSENT
    """The name of the interface in the container."""
    ipv4_address: str = ABSENT
    """A fixed IPv4 address."""
    ipv6_address: str = ABSENT
    """A fixed IPv6 address."""
    link_local_ips: ListOfStrings = ABSENT
    """Link-local addresses."""
    mac_address: str = ABSENT
    """A fixed hardware address."""
    driver_opts: Options = ABSENT
    """Options of the driver."""
    priority: float = ABSENT
    """Networks with a higher priority are joined first. Default: 0."""
    use_service_name_alias: Annotated[Flag, Ahead()] = ABSENT
    """Whether the service's name reaches it in this network. Default: true."""
    gw_priority: float = ABSENT
    """The network with the highest priority has the default gateway."""
