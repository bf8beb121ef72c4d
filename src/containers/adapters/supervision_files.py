"""Who supervises a project, and what supervisors tell one another: files below the state folder."""

import asyncio
import contextlib
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from filelock import FileLock, Timeout
from pydantic import ValidationError

from containers.adapters.private_files import make_private_folder, state_errors, write_private
from containers.model.base import ProjectName
from containers.model.errors import ErrorCode, StateError
from containers.model.supervision import SupervisionNote

_CHANGE_S = 5.0
"""For another process to write its change: it takes milliseconds."""


class FileSupervisorLeases:
    """Leases as locks of the kernel, `supervision/<project>.lease`: free as soon as the process is gone.

    Args:
        state_dir: ours alone, outside every workspace.
    """

    def __init__(self, state_dir: Path) -> None:
        self._folder = state_dir / "supervision"
        self._others = state_dir / "locks"
        self._held: dict[ProjectName, FileLock] = {}
        self._inodes: dict[ProjectName, int] = {}
        """Which file each lock is of: another in its place is nobody's."""

    async def take(self, project: ProjectName) -> str | None:
        """Take the lease, or find that one has it already: None; else who has it, in words.

        One whose file is gone is lost, and taken anew.
        """
        with state_errors():
            return await asyncio.to_thread(self._take, project)

    async def prove(self, project: ProjectName) -> None:
        """Write what is written for a lease, and for a change."""
        with state_errors():
            await asyncio.to_thread(self._prove, project)

    async def holder(self, project: ProjectName) -> str | None:
        """Who has it, in words; None where nobody does."""
        if project in self._held:
            return self._describe(project)
        with state_errors():
            return await asyncio.to_thread(self._holder, project)

    async def let_go(self, project: ProjectName) -> None:
        """Let another process take it; no error when one does not have it."""
        lock = self._held.pop(project, None)
        if lock is not None:
            await asyncio.to_thread(lock.release)

    def _path(self, project: ProjectName) -> Path:
        return self._folder / f"{quote(project, safe='')}.lease"

    def _lock(self, project: ProjectName) -> FileLock | None:
        make_private_folder(self._folder)
        lock = FileLock(self._path(project), timeout=0, mode=0o600, thread_local=False)
        try:
            lock.acquire()
        except Timeout:
            return None
        return lock

    def _prove(self, project: ProjectName) -> None:
        for folder in (self._folder, self._others):
            make_private_folder(folder)
            proof = folder / f"{quote(project, safe='')}.proof"
            write_private(proof, b"podkeeper")
            proof.unlink()
        # those of another user, whose `sudo` it was, stay so in a folder of ours
        locks = (self._path(project), self._others / f"{quote(project, safe='')}.lock")
        for lock in locks:
            with contextlib.suppress(FileNotFoundError):
                os.close(os.open(lock, os.O_RDWR | os.O_CLOEXEC))

    def _take(self, project: ProjectName) -> str | None:
        held = self._held.get(project)
        if held is not None:
            with contextlib.suppress(FileNotFoundError):
                if self._path(project).stat().st_ino == self._inodes[project]:
                    return None
            del self._held[project]
            held.release()
        lock = self._lock(project)
        if lock is None:
            return self._describe(project)
        self._held[project] = lock
        self._inodes[project] = self._path(project).stat().st_ino
        holder = {"pid": os.getpid(), "since": datetime.now(UTC).isoformat()}
        with contextlib.suppress(OSError):  # it only says whose the lease is, for people
            write_private(self._path(project).with_suffix(".holder"), json.dumps(holder).encode())
        return None

    def _holder(self, project: ProjectName) -> str | None:
        lock = self._lock(project)
        if lock is None:
            return self._describe(project)
        lock.release()
        return None

    def _describe(self, project: ProjectName) -> str:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            holder = json.loads(self._path(project).with_suffix(".holder").read_bytes())
            since = datetime.fromisoformat(holder["since"]).astimezone()
            return f"process {holder['pid']} since {since:%Y-%m-%d %H:%M:%S}"
        return "another process"


class FileSupervisionNotes:
    """Notes as JSON, `supervision/<project>.json`, each written whole; a lock keeps writers apart.

    Args:
        state_dir: ours alone, outside every workspace.
    """

    def __init__(self, state_dir: Path) -> None:
        self._folder = state_dir / "supervision"
        self._read: dict[ProjectName, tuple[tuple[int, int], SupervisionNote]] = {}

    async def read(self, project: ProjectName) -> SupervisionNote:
        """What is noted; read anew only when the file is another than it was."""
        return await asyncio.to_thread(self._now, project)

    async def change(
        self, project: ProjectName, change: Callable[[SupervisionNote], SupervisionNote]
    ) -> SupervisionNote:
        """Change what is noted, one process at a time; the new note."""
        with state_errors():
            return await asyncio.to_thread(self._change, project, change)

    def _path(self, project: ProjectName) -> Path:
        return self._folder / f"{quote(project, safe='')}.json"

    def _now(self, project: ProjectName) -> SupervisionNote:
        path = self._path(project)
        try:
            status = path.stat()
            mark = (status.st_ino, status.st_mtime_ns)
            known = self._read.get(project)
            if known is None or known[0] != mark:
                known = (mark, SupervisionNote.model_validate_json(path.read_bytes()))
                self._read[project] = known
            return known[1]
        except (OSError, ValidationError):
            return SupervisionNote()

    def _change(
        self, project: ProjectName, change: Callable[[SupervisionNote], SupervisionNote]
    ) -> SupervisionNote:
        make_private_folder(self._folder)
        path = self._path(project)
        lock = FileLock(path.with_suffix(".lock"), timeout=_CHANGE_S, mode=0o600, thread_local=False)
        try:
            with lock:
                before = self._now(project)
                after = change(before)
                if after != before:
                    write_private(path, after.model_dump_json().encode())
                return after
        except Timeout as error:
            raise StateError(
                ErrorCode.STATE_UNUSABLE,
                f"{path} is being written by another process, for longer than that takes",
                remedy="End that process, and try again.",
            ) from error
