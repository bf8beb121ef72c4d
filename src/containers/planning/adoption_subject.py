"""What is compared: a service as it is written, and a container that somebody else made for it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from containers.model.base import ContainerId, ServiceName
from containers.model.described import ContainerDescription
from containers.model.project import ResolvedProject, ServiceConfig


class Finding(NamedTuple):
    """Something in which a container is not what its service says, or may not be."""

    field: str
    """The key, and within it what it is about: `environment DEBUG`."""
    known: bool = True
    """False where it can not be found out."""


Findings = Iterator[Finding]


@dataclass(frozen=True, slots=True)
class Subject:
    """Both sides of a comparison.

    Attributes:
        project: the project.
        service: the service, typed.
        document: the service in canonical form, with each `$` as containers get it.
        seen: the container.
        containers: the containers of each service, to know whose namespace one shares.
    """

    project: ResolvedProject
    service: ServiceConfig
    document: Mapping[str, Any]
    seen: ContainerDescription
    containers: Mapping[ServiceName, Sequence[ContainerId]]

    @property
    def deploy_limits(self) -> Mapping[str, Any]:
        """`deploy.resources.limits`."""
        return ((self.document.get("deploy") or {}).get("resources") or {}).get("limits") or {}

    @property
    def deploy_reservations(self) -> Mapping[str, Any]:
        """`deploy.resources.reservations`."""
        return ((self.document.get("deploy") or {}).get("resources") or {}).get("reservations") or {}

    @property
    def shares_network(self) -> bool:
        """Whether it has no network of its own."""
        return self.seen.network_mode == "host" or self.seen.network_mode.startswith("container:")

    def is_namespace_of(self, mode: str, seen: str) -> bool | None:
        """Whether `container:<id>` is what `service:x` or `container:x` means; None where nobody knows."""
        kind, _, name = mode.partition(":")
        found = seen.removeprefix("container:")
        if kind == "service":
            return found in self.containers.get(ServiceName(name), ())
        return None if seen.startswith("container:") and found != name else found == name


def plain(value: Any) -> Any:
    """A part of the canonical document with each doubled `$` written once, as containers get it."""
    if isinstance(value, str):
        return value.replace("$$", "$") if "$" in value else value
    if isinstance(value, Mapping):
        return {plain(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def size_of(text: Any) -> int:
    """`64m` in bytes; -1 where it is no size."""
    words = str(text).strip().lower().removesuffix("b").removesuffix("i")
    powers = {"k": 1, "m": 2, "g": 3, "t": 4}
    power = powers.get(words[-1:], 0)
    try:
        return int(float(words[:-1] if power else words) * 1024**power)
    except ValueError:
        return -1
