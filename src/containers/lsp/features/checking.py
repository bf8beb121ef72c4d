"""Validating what is open and what changed: debounced, and never a stale answer."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

from lsprotocol import types

from containers.lsp.client import EditorClient
from containers.lsp.features.diagnostics import by_file, united
from containers.model.diagnostics import ValidationResult
from containers.ports.machine import Clock, TaskOwner

DEBOUNCE_S = 0.12
"""After the last keystroke."""


class Scope(NamedTuple):
    """A set of files that make one project together."""

    key: str
    main: Path
    """The file where problems without a place are shown."""
    validate: Callable[[], ValidationResult]
    is_there: Callable[[], bool]
    """Whether there still is such a project."""
    environment: str = ""
    """Its environment; empty for a file that is checked alone, as long as no environment reads it."""


class Documents(Protocol):
    """Files whose open, unsaved texts come before the disk."""

    def read_text(self, path: Path) -> str:
        """As `ports.Files`."""
        ...

    def is_file(self, path: Path) -> bool:
        """As `ports.Files`."""
        ...

    def open_document(self, path: Path, text: str) -> None:
        """Take this text for the file's."""
        ...

    def close_document(self, path: Path) -> None:
        """Take what is on disk again."""
        ...


class _Answer(NamedTuple):
    """What the last check of a scope came to."""

    scope: Scope
    files: frozenset[Path]
    found: Mapping[Path, list[types.Diagnostic]]

    @property
    def paths(self) -> frozenset[Path]:
        """Each file that it says something about, be it that nothing is wrong."""
        return self.files.union(self.found)


class Checker:
    """Keeps the Problems panel true for every project that has an open file.

    Each check starts from the texts as they are at that moment, and one that a newer change overtook is
    dropped before it is sent. An editor knows one list for each file, so what is sent is what all the
    projects say of it; while one of them is being checked again, the list waits for it, lest the same problem
    stand in it at its old and its new place.
    """

    def __init__(
        self,
        *,
        client: EditorClient,
        documents: Documents,
        scopes_of: Callable[[Path], tuple[Scope, ...]],
        clock: Clock,
        group: TaskOwner,
    ) -> None:
        self._client = client
        self._documents = documents
        self._scopes_of = scopes_of
        self._clock = clock
        self._group = group
        self._generation: Counter[str] = Counter()
        self._under_way: Counter[str] = Counter()
        """How many checks of each scope have not ended."""
        self._answers: dict[str, _Answer] = {}
        self._due: set[Path] = set()
        """Files of which something else may be said than was sent."""
        self._sent: dict[Path, tuple[list[types.Diagnostic], int | None]] = {}
        """What the editor shows, with the version of the document."""
        self._open: dict[Path, int | None] = {}

    def opened(self, path: Path, text: str, version: int | None) -> None:
        """Take an open document into account, and check it."""
        self._open[path] = version
        self._documents.open_document(path, text)
        self._look_at((path,), wait_s=0.0)

    def changed(self, path: Path, text: str, version: int | None) -> None:
        """Take a new text into account, and check it when the typing pauses."""
        self._open[path] = version
        self._documents.open_document(path, text)
        self._look_at((path,))

    def closed(self, path: Path) -> None:
        """Go by the disk again."""
        self._open.pop(path, None)
        self._documents.close_document(path)
        self._look_at((path,), wait_s=0.0)

    def changed_on_disk(self, paths: tuple[Path, ...], *, wait_s: float = DEBOUNCE_S) -> None:
        """Check every project that one of the files belongs to; nothing is wrong in those that are gone."""
        for answer in tuple(self._answers.values()):
            if not answer.scope.is_there():
                self._forget(answer.scope)
        self._look_at(paths, wait_s=wait_s)
        self._look_at_orphans()
        self._send()

    def _look_at(self, paths: tuple[Path, ...], *, wait_s: float = DEBOUNCE_S) -> None:
        """Check what the files are a part of, and what they were a part of when that was last looked at."""
        scopes = {a.scope.key: a.scope for a in self._answers.values() if not a.paths.isdisjoint(paths)}
        scopes |= {scope.key: scope for path in paths for scope in self._scopes_of(path)}
        for scope in scopes.values():
            self._generation[scope.key] += 1
            self._under_way[scope.key] += 1
            check = self._check(scope, self._generation[scope.key], wait_s)
            _ = self._group.create_task(check, name=f"check:{scope.key}")

    async def _check(self, scope: Scope, generation: int, wait_s: float) -> None:
        try:
            await self._clock.sleep(wait_s)
            if self._generation[scope.key] != generation:
                return
            result = await asyncio.to_thread(scope.validate)
            if self._generation[scope.key] == generation:
                self._take(scope, result)
        finally:
            self._under_way[scope.key] -= 1
            self._send()

    def _take(self, scope: Scope, result: ValidationResult) -> None:
        """Keep an answer, unless there is nothing any more that it is about."""
        self._forget(scope)
        if scope.is_there():
            found = by_file(result.diagnostics, scope.main, self._lines_of())
            answer = _Answer(scope, frozenset(Path(file) for file in result.files), found)
            self._answers[scope.key] = answer
            self._due |= answer.paths
        read = {path for a in self._answers.values() if a.scope.environment for path in a.files}
        for other in tuple(self._answers.values()):
            if not other.scope.environment and other.scope.main in read:
                self._forget(other.scope)
        self._look_at_orphans()

    def _look_at_orphans(self) -> None:
        """Check open files that no project reads any more: each may stand alone now."""
        spoken_of = frozenset[Path]().union(*(answer.paths for answer in self._answers.values()))
        orphans = tuple(path for path in self._due if path in self._open and path not in spoken_of)
        if orphans:
            self._look_at(orphans, wait_s=0.0)

    def _forget(self, scope: Scope) -> None:
        answer = self._answers.pop(scope.key, None)
        if answer is not None:
            self._due |= answer.paths

    def _send(self) -> None:
        """Send what is due, except for files of projects that are being checked."""
        under_way = (self._answers.get(key) for key, count in self._under_way.items() if count)
        waiting = frozenset[Path]().union(*(answer.paths for answer in under_way if answer is not None))
        due = self._due - waiting
        self._due &= waiting
        for path in sorted(due):
            about = (answer for answer in self._answers.values() if path in answer.paths)
            said = [(answer.scope.environment, answer.found.get(path, [])) for answer in about]
            news = united(said), self._open.get(path)
            if news != self._sent.get(path, ([], None)):
                self._sent[path] = news
                self._client.publish_diagnostics(path.as_uri(), *news)

    def _lines_of(self) -> Callable[[Path], list[str]]:
        """Reads the lines of files, each once."""
        lines: dict[Path, list[str]] = {}

        def read_lines(path: Path) -> list[str]:
            if path not in lines:
                try:
                    lines[path] = self._documents.read_text(path).splitlines()
                except (OSError, UnicodeDecodeError):
                    lines[path] = []
            return lines[path]

        return read_lines
