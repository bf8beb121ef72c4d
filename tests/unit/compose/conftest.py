"""Loading compose files that exist only in memory."""

from collections.abc import Mapping
from typing import Any, Protocol

import pytest
from tests.fakes.memory_files import HERE, MemoryFiles

from containers.compose.loading import LoadRequest, LoadResult, load_project
from containers.model.diagnostics import Diagnostic, Severity
from containers.model.project import ResolvedProject


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
