"""Validating what is open and what changed: debounced, and never a stale answer."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

from containers.lsp.client import EditorClient
from containers.lsp.features.diagnostics import by_file
from containers.model.diagnostics import ValidationResult
from containers.ports import Clock, TaskOwner

DEBOUNCE_S = 0.12
"""After the last keystroke."""


class Scope(NamedTuple):
    """A set of files that make one project together."""

    key: str
    main: Path
    """The file where problems without a place are shown."""
    validate: Callable[[], ValidationResult]


class Documents(Protocol):
    """Files whose open, unsaved texts come before the disk."""

    def read_text(self, path: Path) -> str:
        """As `ports.Files`."""
        ...

    def open_document(self, path: Path, text: str) -> None:
        """Take this text for the file's."""
        ...

    def close_document(self, path: Path) -> None:
        """Take what is on disk again."""
        ...


class Checker:
    """Keeps the Problems panel true for every project that has an open file.

    Each check starts from the texts as they are at that moment, and one that a newer change overtook is
    dropped before it is sent.
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
        self._generation: dict[str, int] = {}
        self._shown: dict[str, dict[Path, str]] = {}
        self._open: dict[Path, int | None] = {}

    def opened(self, path: Path, text: str, version: int | None) -> None:
        """Take an open document into account, and check it."""
        self._open[path] = version
        self._documents.open_document(path, text)
        self.changed_on_disk((path,), wait_s=0.0)

    def changed(self, path: Path, text: str, version: int | None) -> None:
        """Take a new text into account, and check it when the typing pauses."""
        self._open[path] = version
        self._documents.open_document(path, text)
        self.changed_on_disk((path,))

    def closed(self, path: Path) -> None:
        """Go by the disk again."""
        self._open.pop(path, None)
        self._documents.close_document(path)
        self.changed_on_disk((path,), wait_s=0.0)

    def changed_on_disk(self, paths: tuple[Path, ...], *, wait_s: float = DEBOUNCE_S) -> None:
        """Check every project that one of the files belongs to."""
        scopes = {scope.key: scope for path in paths for scope in self._scopes_of(path)}
        for scope in scopes.values():
            generation = self._generation[scope.key] = self._generation.get(scope.key, 0) + 1
            _ = self._group.create_task(self._check(scope, generation, wait_s), name=f"check:{scope.key}")

    async def _check(self, scope: Scope, generation: int, wait_s: float) -> None:
        await self._clock.sleep(wait_s)
        if self._generation[scope.key] != generation:
            return
        result = await asyncio.to_thread(scope.validate)
        if self._generation[scope.key] == generation:
            self._show(scope, result)

    def _show(self, scope: Scope, result: ValidationResult) -> None:
        """Publish what is wrong now, and clear what is not any more."""
        lines: dict[Path, list[str]] = {}

        def read_lines(path: Path) -> list[str]:
            if path not in lines:
                try:
                    lines[path] = self._documents.read_text(path).splitlines()
                except (OSError, UnicodeDecodeError):
                    lines[path] = []
            return lines[path]

        wire = by_file(result.diagnostics, scope.main, read_lines)
        before = self._shown.get(scope.key, {})
        for path in {*before, *wire, *(p for p in self._open if str(p) in result.files)}:
            diagnostics = wire.get(path, [])
            digest = repr(diagnostics)
            if before.get(path, "[]") != digest or path in self._open:
                self._client.publish_diagnostics(path.as_uri(), diagnostics, self._open.get(path))
        self._shown[scope.key] = {path: repr(found) for path, found in wire.items()}
