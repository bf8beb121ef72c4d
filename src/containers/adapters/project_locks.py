"""One writer a project, across processes: file locks that the kernel drops with the process."""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from filelock import FileLock, Timeout

from containers.adapters.private_files import make_private_folder, state_errors, write_private
from containers.model.base import ProjectName
from containers.model.errors import ErrorCode, LockHeldError


class FileProjectLocks:
    """Locks below the state folder: `locks/<project>.lock`, and who has it in `locks/<project>.json`.

    The lock itself is the kernel's, so it is free as soon as its process is gone; the JSON only says whose
    it is, and counts for nothing when the lock can be had.

    Args:
        state_dir: ours alone, outside every workspace.
    """

    def __init__(self, state_dir: Path) -> None:
        self._folder = state_dir / "locks"

    @asynccontextmanager
    async def hold(self, project: ProjectName, purpose: str) -> AsyncIterator[None]:
        """Hold the project's lock.

        Raises:
            LockHeldError: another process, or another part of this one, has it.
            StateError: the lock can not be made.
        """
        with state_errors():
            lock = await asyncio.to_thread(self._acquire, project, purpose)
        try:
            yield
        finally:
            await asyncio.to_thread(self._release, project, lock)

    def _holder(self, project: ProjectName) -> Path:
        return self._folder / f"{quote(project, safe='')}.json"

    def _acquire(self, project: ProjectName, purpose: str) -> FileLock:
        make_private_folder(self._folder)
        path = self._holder(project).with_suffix(".lock")
        # Each hold has a lock of its own, and it is let go by whichever thread the loop runs in.
        lock = FileLock(path, timeout=0, mode=0o600, thread_local=False)
        try:
            lock.acquire()
        except Timeout as error:
            raise LockHeldError(
                ErrorCode.LOCK_HELD,
                f"{project} is locked: {self._describe(project)}",
                remedy="Wait until it is done, or end that process, and try again.",
            ) from error
        holder = {"pid": os.getpid(), "purpose": purpose, "since": datetime.now(UTC).isoformat()}
        with contextlib.suppress(OSError):  # it counts for nothing, so its lack keeps nobody from anything
            write_private(self._holder(project), json.dumps(holder).encode())
        return lock

    def _release(self, project: ProjectName, lock: FileLock) -> None:
        with contextlib.suppress(OSError):
            self._holder(project).unlink(missing_ok=True)
        lock.release()

    def _describe(self, project: ProjectName) -> str:
        """Who holds it. The lock comes before the note, so for a moment there is no note."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            holder = json.loads(self._holder(project).read_bytes())
            since = datetime.fromisoformat(holder["since"]).astimezone()
            return f"process {holder['pid']} has it for {holder['purpose']} since {since:%Y-%m-%d %H:%M:%S}"
        return "another process has just taken it"
