"""The Compose Specification's networks, volumes, secrets and configs."""

from collections.abc import Mapping

from containers.compose.schema_parts import ABSENT, Flag, ListOrDict, Options, Shape


class External(Shape):
    """An older way of naming something that exists already."""

    name: str = ABSENT
    """Deprecated: write `name` beside `external: true`."""


class AddressPool(Shape):
    """Addresses that a network hands out."""

    subnet: str = ABSENT
    """The network's addresses, such as `172.28.0.0/16`."""
    ip_range: str = ABSENT
    """The part of the subnet that containers get addresses from."""
    gateway: str = ABSENT
    """The gateway's address."""
    aux_addresses: Mapping[str, str] = ABSENT
    """Addresses that the driver uses itself, by host name."""


class AddressManagement(Shape):
    """How a network's addresses are managed."""

    driver: str = ABSENT
    """The driver, instead of the default one."""
    config: list[AddressPool] = ABSENT
    """The pools of addresses."""
    options: Mapping[str, str] = ABSENT
    """Options of the driver."""


class Network(Shape):
    """A network that services join."""

    name: str = ABSENT
    """Its name. Default: `<project>_<key>`."""
    driver: str = ABSENT
    """The driver, such as `bridge` or `macvlan`. Default: `bridge`."""
    driver_opts: Options = ABSENT
    """Options of the driver."""
    ipam: AddressManagement = ABSENT
    """How its addresses are managed."""
    external: bool | str | External = ABSENT
    """Whether it exists already; it is then neither created nor removed. Default: false."""
    internal: Flag = ABSENT
    """Whether it is cut off from the outside. Default: false."""
    enable_ipv4: Flag = ABSENT
    """Whether containers get IPv4 addresses. Default: true."""
    enable_ipv6: Flag = ABSENT
    """Whether containers get IPv6 addresses. Default: false."""
    attachable: Flag = ABSENT
    """Whether containers outside the project may join. Default: false."""
    labels: ListOrDict = ABSENT
    """Metadata."""


class Volume(Shape):
    """Storage that outlives containers."""

    name: str = ABSENT
    """Its name. Default: `<project>_<key>`."""
    driver: str = ABSENT
    """The driver; `local` by default."""
    driver_opts: Options = ABSENT
    """Options of the driver, such as `type`, `o` and `device` of `local`."""
    external: bool | str | External = ABSENT
    """Whether it exists already; it is then neither created nor removed. Default: false."""
    labels: ListOrDict = ABSENT
    """Metadata."""


class Secret(Shape):
    """Sensitive data that services get as a file."""

    name: str = ABSENT
    """Its name. Default: `<project>_<key>`."""
    environment: str = ABSENT
    """The environment variable that holds the value."""
    file: str = ABSENT
    """The file that holds the value."""
    external: bool | str | External = ABSENT
    """Whether it exists already. Default: false."""
    labels: ListOrDict = ABSENT
    """Metadata."""
    driver: str = ABSENT
    """The driver that keeps it."""
    driver_opts: Options = ABSENT
    """Options of the driver."""
    template_driver: str = ABSENT
    """The driver that fills in the value as a template."""


class Config(Shape):
    """Configuration that services get as a file."""

    name: str = ABSENT
    """Its name. Default: `<project>_<key>`."""
    content: str = ABSENT
    """The content itself; variables in it are filled in."""
    environment: str = ABSENT
    """The environment variable that holds the content."""
    file: str = ABSENT
    """The file that holds the content."""
    external: bool | str | External = ABSENT
    """Whether it exists already. Default: false."""
    labels: ListOrDict = ABSENT
    """Metadata."""
    template_driver: str = ABSENT
    """The driver that fills in the content as a template."""
