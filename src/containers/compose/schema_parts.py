"""What the models of the Compose Specification are made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final, TypeAlias

from pydantic import BaseModel, ConfigDict

from containers.model.base import DESCRIBED

ABSENT: Final[Any] = None
"""The default of every optional key. Writing `key: null` is something else, and often wrong."""


class Shape(BaseModel):
    """One mapping of a compose file: which keys it may have, and what each holds.

    The fields are declarations. `checking` walks written trees along them, so nothing is ever instantiated,
    and pydantic need not build its validators.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=DESCRIBED, defer_build=True
    )
    any_key: ClassVar[bool] = False
    """Whether unknown keys are fine."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A constraint beside the type."""

    pattern: str | None = None
    """A text must contain a match."""
    instead: str = ""
    """What to write instead of a text that has none."""
    at_least: float | None = None
    at_most: float | None = None
    unique: bool = False
    """A list must not say the same twice."""
    keys: str | None = None
    """A mapping's keys must match wholly."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """Marks a key that the Specification has and docker compose does not take yet; neither do we."""


Unique: Final = Rule(unique=True)
Keyed: Final = Rule(keys=r"[a-zA-Z0-9._-]+")
NonEmptyKeys: Final = Rule(keys=r".+")
NotNegative: Final = Rule(at_least=0)

Scalar: TypeAlias = str | float | bool | None
ListOfStrings: TypeAlias = Annotated[list[str], Unique]
StringOrList: TypeAlias = str | ListOfStrings
ListOrDict: TypeAlias = Annotated[Mapping[str, Scalar], NonEmptyKeys] | ListOfStrings
Hosts: TypeAlias = Annotated[Mapping[str, str | list[str]], NonEmptyKeys] | ListOfStrings
Command: TypeAlias = str | list[str] | None
Number: TypeAlias = float | str
Whole: TypeAlias = int | str
Count: TypeAlias = Annotated[int, NotNegative] | str
Flag: TypeAlias = bool | str
Options: TypeAlias = Mapping[str, str | float]


class Ulimit(Shape):
    """A resource limit with a soft and a hard value."""

    hard: Whole
    """The most that the soft limit may be raised to."""
    soft: Whole
    """The limit that is enforced."""


Ulimits: TypeAlias = Mapping[str, Whole | Ulimit]


class Grant(Shape):
    """Access to a secret or config."""

    source: str = ABSENT
    """The key of the secret or config at the top level."""
    target: str = ABSENT
    """Where it is mounted; by default `/run/secrets/<source>` for secrets and `/<source>` for configs."""
    uid: str = ABSENT
    """The numeric owner of the file. Default: 0."""
    gid: str = ABSENT
    """The numeric group of the file. Default: 0."""
    mode: Number = ABSENT
    """The file's permissions, such as `0440`. Default: `0444`."""


Grants: TypeAlias = list[str | Grant]


class Hook(Shape):
    """A command that runs in the container at a moment of its life."""

    command: Command
    """What to run."""
    user: str = ABSENT
    """The user to run it as. Default: the service's."""
    privileged: Flag = ABSENT
    """Whether it runs with extended privileges. Default: false."""
    working_dir: str = ABSENT
    """The folder it runs in. Default: the service's."""
    environment: ListOrDict = ABSENT
    """Variables for the command alone."""


class DeviceRequest(Shape):
    """Devices, such as GPUs, that a container needs."""

    capabilities: ListOfStrings = ABSENT
    """What the device must be able to do, such as `gpu`."""
    count: Whole = ABSENT
    """How many devices; `all` for every one. Default: `all`."""
    device_ids: ListOfStrings = ABSENT
    """Particular devices, instead of a count."""
    driver: str = ABSENT
    """The driver to ask, such as `nvidia`."""
    options: ListOrDict = ABSENT
    """Options of the driver."""


class Model(Shape):
    """A language model."""

    model: str
    """The model to run."""
    name: str = ABSENT
    """Its name, instead of `<project>_<key>`."""
    context_size: int = ABSENT
    """The largest number of tokens it keeps in view."""
    runtime_flags: list[str] = ABSENT
    """Flags for the inference engine."""
