"""Files and folders that only their owner can read, written all at once or not at all."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from containers.model.errors import ErrorCode, StateError

PRIVATE = 0o600
_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})


@contextmanager
def state_errors() -> Iterator[None]:
    """Raise what a disk refuses as a `StateError`, with what can be done about it."""
    try:
        yield
    except OSError as error:
        code = ErrorCode.NO_SPACE if error.errno in _NO_SPACE else ErrorCode.STATE_UNUSABLE
        raise StateError(
            code,
            f"{error.filename or 'the state folder'} can not be used: {error.strerror}",
            remedy="Make room or look at its owner, or set PODKEEPER_STATE_DIR to another folder.",
        ) from error


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
