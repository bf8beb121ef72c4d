"""Where the paths in compose files point to."""

import os.path
import re
from collections.abc import Mapping
from typing import Final

from containers.compose.nodes import Template
from containers.compose.short_forms import is_windows_drive

_REMOTE_FILE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|git@|github\.com/")
_REMOTE_CONTEXT: Final = re.compile(r"(?:git@|github\.com/|.*://)")


def is_remote_context(text: str) -> bool:
    """Whether a build context is a URL or another build rather than a folder."""
    return bool(_REMOTE_CONTEXT.match(text)) or text.startswith(("service:", "target:"))


def is_remote_file(text: str) -> bool:
    """Whether a compose file would have to be fetched first: by HTTP, with Git, or from a registry."""
    return bool(_REMOTE_FILE.match(text))


def absolute(path: str, folder: str, environment: Mapping[str, str]) -> str:
    """A path of the host as absolute; `~` is the home folder, relative paths begin at `folder`."""
    if isinstance(path, Template):
        return path
    home = environment.get("HOME", "")
    if home and (path == "~" or path.startswith("~/")):
        path = home + path[1:]
    if path.startswith(("/", "\\\\")) or (is_windows_drive(path) and path[2:3] in {"/", "\\"}):
        return path
    return os.path.normpath(os.path.join(folder, path))  # noqa: PTH118  (pathlib would not fold `..`)
