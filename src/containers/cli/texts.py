"""Writing a text where a person asked for it."""

import os
from pathlib import Path

from containers.model.errors import ErrorCode, PodkeeperError


def write_out(path: Path, text: str) -> None:
    """Write a file all at once or not at all.

    Raises:
        PodkeeperError: `file_unreadable`: it cannot be written there.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(text)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise PodkeeperError(
            ErrorCode.FILE_UNREADABLE, f"{path} cannot be written: {error.strerror}", remedy="check the path"
        ) from error
