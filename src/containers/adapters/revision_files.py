"""The port `RevisionStore`: a folder a revision, in the state folder, with checksums."""

import asyncio
import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from pydantic import ValidationError

from containers.adapters.private_files import make_private_folder, state_errors, write_private
from containers.model.base import ProjectName
from containers.model.errors import ErrorCode, StateError
from containers.model.revision import Revision, RevisionDamage, RevisionInfo

_T = TypeVar("_T")
_KEPT = 20
_INFO, _DOCUMENT, _SUMS = "revision.json", "compose.json", "checksums.json"
_DROPPED = ".dropped-"
"""What is forgotten gets this name first: who is killed while removing it leaves no half of one."""
_STAGED = "staged"


class RevisionFiles:
    """Revisions below `revisions/<project>-<engine>/<number>/`; only their owner can open them.

    Args:
        state_dir: ours alone, outside every workspace.
    """

    def __init__(self, state_dir: Path) -> None:
        self._root = state_dir / "revisions"

    async def next_number(self, project: ProjectName, store: str) -> int:
        """The number of the revision that comes next."""
        numbers = await _in_thread(lambda: _numbers(self._folder(project, store)))
        return max(numbers, default=0) + 1

    async def latest(self, project: ProjectName, store: str) -> RevisionInfo | None:
        """The newest revision that can be read; None where there is none."""
        return await _in_thread(lambda: next(_infos(self._folder(project, store)), None))

    async def stage(self, revision: Revision) -> None:
        """Write a revision that does not count yet; one that was staged before gives way."""
        await _in_thread(lambda: self._stage(revision))

    async def keep(self, project: ProjectName, store: str, number: int) -> None:
        """Let the staged revision count; no error when it does already. The oldest are dropped."""
        await _in_thread(lambda: _keep(self._folder(project, store), number))

    async def drop_staged(self, project: ProjectName, store: str) -> None:
        """Forget what is staged."""
        folder = self._folder(project, store) / _STAGED
        await _in_thread(lambda: shutil.rmtree(folder, ignore_errors=True))

    async def known(self, project: ProjectName, store: str) -> tuple[RevisionInfo, ...]:
        """The revisions that count, newest first; those that can not be read are left out."""
        return await _in_thread(lambda: tuple(_infos(self._folder(project, store))))

    async def project_of(self, working_dir: Path, store: str) -> ProjectName | None:
        """The project that was last applied from a folder, or one above it; None where none was."""
        return await _in_thread(lambda: self._project_of(working_dir, store))

    async def read(self, project: ProjectName, store: str, number: int) -> Revision:
        """One revision in full.

        Raises:
            StateError: `revision_unknown`, or `state_damaged` where it is not what was written.
        """
        return await _in_thread(lambda: _read(self._folder(project, store), number))

    async def damages(self, project: ProjectName, store: str) -> tuple[RevisionDamage, ...]:
        """What is wrong with what is stored."""
        return await _in_thread(lambda: tuple(_damages(self._folder(project, store))))

    def _project_of(self, working_dir: Path, store: str) -> ProjectName | None:
        if not self._root.is_dir():
            return None
        newest = (next(_infos(folder), None) for folder in self._root.iterdir() if folder.is_dir())
        folders = (working_dir, *working_dir.parents)
        here = [info for info in newest if info and info.store == store and info.working_dir in folders]
        return max(here, key=lambda info: info.created_at).project if here else None

    def _folder(self, project: ProjectName, store: str) -> Path:
        return self._root / f"{quote(project, safe='')}-{hashlib.sha256(store.encode()).hexdigest()[:8]}"

    def _stage(self, revision: Revision) -> None:
        folder = self._folder(revision.info.project, revision.info.store)
        for part in (self._root, folder):
            make_private_folder(part)
        staged = folder / _STAGED
        shutil.rmtree(staged, ignore_errors=True)
        make_private_folder(staged)
        contents = {
            _INFO: revision.info.model_dump_json(indent=1).encode(),
            _DOCUMENT: _json(revision.document),
        }
        contents[_SUMS] = _json({name: _sha256(content) for name, content in contents.items()})
        for name, content in contents.items():
            write_private(staged / name, content)
        _sync(staged)
        _sync(folder)  # what is to be kept must be there after a power cut, too


def _numbers(folder: Path) -> list[int]:
    """Newest first."""
    with contextlib.suppress(FileNotFoundError):
        return sorted((int(p.name) for p in folder.iterdir() if p.name.isdecimal()), reverse=True)
    return []


def _keep(folder: Path, number: int) -> None:
    staged = folder / _STAGED
    if not staged.exists():
        return
    staged.rename(folder / str(number))
    _sync(folder)
    old = _numbers(folder)[_KEPT:]
    if old:
        good = next((info.number for info in _infos(folder) if info.good), None)
        for number_ in old:
            if number_ != good:
                (folder / str(number_)).rename(folder / f"{_DROPPED}{number_}")
    for dropped in folder.glob(f"{_DROPPED}*"):
        shutil.rmtree(dropped, ignore_errors=True)


def _infos(folder: Path) -> Iterator[RevisionInfo]:
    for number in _numbers(folder):
        with contextlib.suppress(StateError):
            yield _checked(folder, number)[0]


def _read(folder: Path, number: int) -> Revision:
    info, text = _checked(folder, number)
    return Revision(info=info, document=json.loads(text))


def _checked(folder: Path, number: int) -> tuple[RevisionInfo, bytes]:
    """What is known of a revision, and its document, each as its checksum says."""
    place = folder / str(number)
    if not place.is_dir():
        known = ", ".join(str(n) for n in _numbers(folder))
        raise StateError(
            ErrorCode.REVISION_UNKNOWN,
            f"there is no revision {number}",
            remedy=f"There are {known}: see `podkeeper history`."
            if known
            else "There is none yet: `podkeeper up` makes the first.",
        )
    try:
        sums = json.loads((place / _SUMS).read_bytes())
        contents = {name: (place / name).read_bytes() for name in (_INFO, _DOCUMENT)}
        for name, content in contents.items():
            if sums[name] != _sha256(content):
                raise _damaged(folder, number, f"{name} is not what was written")
        return RevisionInfo.model_validate_json(contents[_INFO]), contents[_DOCUMENT]
    except (OSError, ValueError, LookupError, TypeError, ValidationError) as error:
        raise _damaged(folder, number, str(error)) from error


def _damages(folder: Path) -> Iterator[RevisionDamage]:
    for number in _numbers(folder):
        try:
            _checked(folder, number)
        except StateError as error:
            yield RevisionDamage(number=number, message=str(error))


def _damaged(folder: Path, number: int, why: str) -> StateError:
    return StateError(
        ErrorCode.STATE_DAMAGED,
        f"revision {number} is damaged: {why}",
        remedy=f"Choose another of `podkeeper history`; this one is in {folder / str(number)}.",
    )


async def _in_thread(work: Callable[[], _T]) -> _T:
    with state_errors():
        return await asyncio.to_thread(work)


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False).encode(errors="surrogatepass")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
