"""Loading compose files that exist only in memory."""

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any, Protocol

import pytest

from containers.compose.loading import LoadRequest, LoadResult, load_project
from containers.model.diagnostics import Diagnostic, Severity
from containers.model.project import ResolvedProject

HERE = Path("/srv/demo")


class MemoryFiles:
    """The `Files` port over a dictionary; a value that is an exception is raised when it is read."""

    def __init__(self, texts: Mapping[str, str | Exception]) -> None:
        """Take texts by path, relative to the demo folder or absolute."""
        self._texts = {
            HERE / path: text if isinstance(text, Exception) else dedent(text) for path, text in texts.items()
        }

    def read_text(self, path: Path) -> str:
        """The text, or the exception that stands for it."""
        text = self._texts.get(path)
        if text is None:
            raise FileNotFoundError(path)
        if isinstance(text, Exception):
            raise text
        return text

    def is_file(self, path: Path) -> bool:
        """Whether there is a text."""
        return path in self._texts

    def is_dir(self, path: Path) -> bool:
        """Whether a text lies below it."""
        return any(path in file.parents for file in self._texts)

    def list_dir(self, path: Path) -> tuple[str, ...]:
        """The names of the files in a folder."""
        return tuple(sorted(file.name for file in self._texts if file.parent == path))


class Load(Protocol):
    """Loads a project from texts by path; a text alone is `compose.yaml`."""

    def __call__(self, texts: str | Mapping[str, str | Exception], **options: Any) -> LoadResult:
        """Load it."""
        ...


class Resolve(Protocol):
    """Loads a project that is right."""

    def __call__(self, texts: str | Mapping[str, str | Exception], **options: Any) -> ResolvedProject:
        """Load it."""
        ...


class Errors(Protocol):
    """Loads a project that is wrong."""

    def __call__(self, texts: str | Mapping[str, str | Exception], **options: Any) -> tuple[Diagnostic, ...]:
        """Load it."""
        ...


@pytest.fixture
def load() -> Load:
    """Load whatever there is."""

    def run(texts: str | Mapping[str, str | Exception], **options: Any) -> LoadResult:
        files = MemoryFiles({"compose.yaml": texts} if isinstance(texts, str) else texts)
        return load_project(LoadRequest(**{"working_dir": HERE, **options}), files)

    return run


@pytest.fixture
def resolve(load: Load) -> Resolve:
    """Load a project and insist that nothing is wrong with it."""

    def run(texts: str | Mapping[str, str | Exception], **options: Any) -> ResolvedProject:
        result = load(texts, **options)
        assert result.project is not None, [str(diagnostic) for diagnostic in result.diagnostics]
        return result.project

    return run


@pytest.fixture
def errors(load: Load) -> Errors:
    """Load a project, insist that it is refused, and give the reasons."""

    def run(texts: str | Mapping[str, str | Exception], **options: Any) -> tuple[Diagnostic, ...]:
        result = load(texts, **options)
        assert result.project is None
        return tuple(d for d in result.diagnostics if d.severity is Severity.ERROR)

    return run
