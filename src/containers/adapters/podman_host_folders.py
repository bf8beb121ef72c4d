"""Folders on this machine that containers mount: Docker makes those that are missing, Podman refuses them."""

import os
from collections.abc import Iterable
from pathlib import Path

from containers.model.errors import EngineError, ErrorCode


def make_folders(paths: Iterable[str]) -> None:
    """Make every folder that is not there; what exists, a file too, is left as it is.

    Raises:
        EngineError: one can not be made.
    """
    for path in map(Path, paths):
        if os.path.exists(path):  # noqa: PTH110  (`Path.exists` raises where we may not look)
            continue
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EngineError(
                ErrorCode.START_FAILED,
                f"the folder {path}, which a service mounts, can not be made: {error.strerror}",
                remedy="Create the folder, or correct the path in the compose file.",
            ) from error
