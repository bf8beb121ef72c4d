"""Files and folders that only their owner can read, written all at once or not at all."""

import os
import tempfile
from pathlib import Path

PRIVATE = 0o600


def make_private_folder(path: Path) -> None:
    """Make a folder, with those above it, that nobody else can enter."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.chmod(0o700)


def write_private(path: Path, content: bytes, mode: int = PRIVATE) -> None:
    """Write a file by way of a temporary one in the same folder, so that no reader sees half of it."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
