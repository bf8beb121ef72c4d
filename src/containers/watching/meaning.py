"""What a file is to a project: whether changing it changes the project, an image, or what a service reads."""

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from containers.model.base import ServiceName
from containers.model.files import WatchRoot
from containers.model.project import ResolvedProject, ServiceConfig
from containers.watching.noise import is_noise


class Role(StrEnum):
    """What a file is to a project."""

    SOURCE = "source"
    """A compose file, an `extends` or `include` target, an env file: the project is read from it."""
    CONFIG = "config"
    SECRET = "secret"  # noqa: S105  (a role, not a secret)
    CONTAINERFILE = "containerfile"
    BIND = "bind"
    """Mounted configuration."""


class Part(NamedTuple):
    """A file or folder that a project has to do with."""

    path: Path
    role: Role
    services: tuple[ServiceName, ...] = ()
    """Whose it is; none for what is the whole project's."""


def parts_of(project: ResolvedProject) -> tuple[Part, ...]:
    """Everything on this machine that the project is made from or gives to its services."""
    found = [Part(path, Role.SOURCE) for path in dict.fromkeys((*project.files, *project.sources))]
    services = project.services.values()
    for key, config in project.configs.items():
        if config.file:
            users = tuple(s.name for s in services if key in s.configs)
            found.append(Part(Path(config.file), Role.CONFIG, users))
    for key, secret in project.secrets.items():
        if secret.file:
            users = tuple(s.name for s in services if key in s.secrets)
            found.append(Part(Path(secret.file), Role.SECRET, users))
    for service in services:
        build = service.build
        if build is not None and build.context.startswith("/") and build.dockerfile_inline is None:
            file = Path(build.context) / build.dockerfile
            found.append(Part(file, Role.CONTAINERFILE, (service.name,)))
        found += _binds(service)
    return tuple(found)


def roots_of(parts: Iterable[Part]) -> tuple[WatchRoot, ...]:
    """What to watch so that every change of the parts is seen."""
    return tuple(dict.fromkeys(WatchRoot(part.path, part.role is Role.BIND) for part in parts))


def touched(parts: Iterable[Part], paths: Iterable[Path]) -> tuple[Part, ...]:
    """The parts that changed paths belong to."""
    changed = {path for path in paths if not is_noise(Path(path.name))}
    above = {parent for path in changed for parent in path.parents}
    return tuple(
        part
        for part in parts
        if part.path in changed
        or (part.role is Role.BIND and part.path in above)
        or not changed.isdisjoint(part.path.parents)
    )


def services_to_reload(parts: Iterable[Part], services: Iterable[ServiceConfig]) -> tuple[ServiceName, ...]:
    """The services that read one of the parts when they are told to."""
    users = {name for part in parts if part.role is not Role.CONTAINERFILE for name in part.services}
    return tuple(s.name for s in services if s.name in users and s.own.reload is not None)


def _binds(service: ServiceConfig) -> Iterable[Part]:
    """Mounted configuration: what the service may not write, what is in `/etc`, and single files.

    A folder that it writes to, such as that of a database, changes all the time.
    """
    for mount in service.volumes:
        if mount.type != "bind" or not mount.source.startswith("/"):
            continue
        is_config = mount.read_only or mount.target == "/etc" or mount.target.startswith("/etc/")
        if is_config or Path(mount.target).suffix:
            yield Part(Path(mount.source), Role.BIND, (service.name,))
