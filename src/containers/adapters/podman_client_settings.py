"""What decides, beside its arguments, what Podman's client asks the engine for."""

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from containers.adapters.podman_cli_environment import client_environment

_NAME = "containers/containers.conf"
_SYSTEM = (Path("/usr/share"), Path("/etc"))
_NAMED_BY = ("CONTAINERS_CONF", "CONTAINERS_CONF_OVERRIDE")


def client_fingerprint(podman: str, environ: Mapping[str, str]) -> tuple[object, ...]:
    """Another one whenever the program, its configuration files or its environment are others."""
    program = shutil.which(podman, path=environ.get("PATH")) or podman
    paths = (Path(program), *_configuration(environ))
    return (*map(_mark, paths), *sorted(client_environment(environ).items()))


def _configuration(environ: Mapping[str, str]) -> Iterator[Path]:
    own = environ.get("XDG_CONFIG_HOME") or str(Path(environ.get("HOME", "/")) / ".config")
    for folder in (*_SYSTEM, Path(own)):
        yield folder / _NAME
        yield folder / f"{_NAME}.d"
        yield from sorted((folder / f"{_NAME}.d").glob("*.conf"))
    for name in _NAMED_BY:
        if named := environ.get(name):
            yield Path(named)


def _mark(path: Path) -> tuple[str, int, int]:
    try:
        status = os.stat(path)  # noqa: PTH116  (a path's own takes twice as long)
    except OSError:
        return (str(path), 0, 0)
    return (str(path), status.st_mtime_ns, status.st_size)
