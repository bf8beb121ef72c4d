"""A working folder that the image does not have: Docker makes it at the start, Podman refuses."""

import io
import re
import time
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from containers.adapters.podman_calls import GONE, PodmanCalls, path_of
from containers.model.base import ContainerId
from containers.model.errors import EngineError

if TYPE_CHECKING:
    from podman.api.client import APIClient

_MISSING = re.compile(r'workdir "(/[^"]*)" does not exist on container')
_FIRST_ERROR = 400
_MODE = 0o755


def missing_working_folder(error: EngineError) -> PurePosixPath | None:
    """The folder that a container could not start in."""
    match = _MISSING.search(str(error))
    return PurePosixPath(match[1]) if match else None


async def make_working_folder(
    calls: PodmanCalls, container: ContainerId, folder: PurePosixPath, timeout_s: float, *, doing: str
) -> bool:
    """Make the folder, with what is missing above it, as root's; False where Podman did not let us.

    Raises:
        EngineError: Podman could not be reached.
    """
    path = path_of("containers", container, "archive")

    def work(client: "APIClient") -> bool:
        missing = [folder]
        while len(missing[-1].parts) > 1:
            above = missing[-1].parent
            response = client.head(path, params={"path": str(above)}, timeout=timeout_s)
            if response.status_code != GONE:
                break
            missing.append(above)
        written = client.put(
            path,
            params={"path": str(missing[-1].parent)},
            data=_archive_of(missing[-1].name, folder.relative_to(missing[-1])),
            headers={"Content-Type": "application/x-tar"},
            timeout=timeout_s,
        )
        return bool(written.status_code < _FIRST_ERROR)

    return await calls.run(work, timeout_s, doing=doing)


def _archive_of(top: str, below: PurePosixPath) -> bytes:
    """A tar archive of a folder and one folder in the other below it; what exists is not in it."""
    import tarfile  # noqa: PLC0415  (start-up time)

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for depth in range(len(below.parts) + 1):
            entry = tarfile.TarInfo("/".join((top, *below.parts[:depth])))
            entry.type, entry.mode, entry.mtime = tarfile.DIRTYPE, _MODE, time.time()
            archive.addfile(entry)
    return buffer.getvalue()
