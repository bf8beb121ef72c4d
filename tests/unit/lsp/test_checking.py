"""The Problems panel while several projects share files, come and go."""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from lsprotocol import types
from tests.fakes.manual_clock import ManualClock
from tests.fakes.tasks import LoopTasks
from typing_extensions import override

from containers.lsp.client import EditorClient
from containers.lsp.features.checking import Checker, Scope
from containers.model.diagnostics import Diagnostic, ValidationResult
from containers.model.errors import ErrorCode
from containers.model.source import Location

PATIENCE_S = 10.0
FILE, OTHER = Path("/w/compose.yaml"), Path("/w/compose.prod.yaml")


class Project:
    """A set of files, with what a test wants to be wrong in them."""

    def __init__(self, key: str, *files: Path, environment: str | None = None) -> None:
        self.key = key
        self.files = files
        self.environment = key if environment is None else environment
        self.wrong: dict[Path, str] = {}
        self.is_there = True
        self.may_answer = threading.Event()
        self.may_answer.set()

    def validate(self) -> ValidationResult:
        """What is wrong now, as soon as it may be told."""
        self.may_answer.wait()
        found = tuple(
            Diagnostic(code=ErrorCode.INVALID_VALUE, message=message, location=Location.start_of(path))
            for path, message in self.wrong.items()
        )
        return ValidationResult(diagnostics=found, files=tuple(map(str, self.files)))

    @property
    def scope(self) -> Scope:
        """As the checker knows it."""
        return Scope(self.key, self.files[0], self.validate, lambda: self.is_there, self.environment)


class Client(EditorClient):
    """Remembers every list that was sent for a file."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: dict[str, list[list[str]]] = {}

    @override
    def publish_diagnostics(
        self, uri: str, diagnostics: list[types.Diagnostic], version: int | None = None
    ) -> None:
        """Remember it."""
        self.sent.setdefault(uri, []).append([d.message for d in diagnostics])


class NoDocuments:
    """The port `Documents`; no file has a text."""

    def read_text(self, path: Path) -> str:
        """Nothing."""
        raise FileNotFoundError(path)

    def is_file(self, path: Path) -> bool:
        """No."""
        del path
        return False

    def open_document(self, path: Path, text: str) -> None:
        """Not needed."""

    def close_document(self, path: Path) -> None:
        """Not needed."""


class Desk:
    """A checker with its projects, and the editor that it tells."""

    def __init__(self) -> None:
        self.client = Client()
        self.tasks = LoopTasks()
        self.projects: list[Project] = []
        self.checker = Checker(
            client=self.client,
            documents=NoDocuments(),
            scopes_of=lambda path: tuple(p.scope for p in self.projects if p.is_there and path in p.files),
            clock=ManualClock(),
            group=self.tasks,
        )

    def project(self, key: str, *files: Path, environment: str | None = None) -> Project:
        """One more project."""
        self.projects.append(Project(key, *files, environment=environment))
        return self.projects[-1]

    def lists(self, path: Path = FILE) -> list[list[str]]:
        """Every list that was sent for a file."""
        return self.client.sent.get(path.as_uri(), [])

    async def settle(self) -> None:
        """Until every check that may answer has."""
        held = sum(not project.may_answer.is_set() for project in self.projects)
        async with asyncio.timeout(PATIENCE_S):
            await self.tasks.until_left(held)

    async def opened(self, path: Path = FILE) -> None:
        """A document that is open, and checked."""
        self.checker.opened(path, "", 1)
        await self.settle()

    async def saved(self, *paths: Path) -> None:
        """Files that changed on disk, and were checked."""
        self.checker.changed_on_disk(paths, wait_s=0.0)
        await self.settle()


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    """No project yet."""
    made = Desk()
    yield made
    for project in made.projects:
        project.may_answer.set()
    await made.tasks.cancel()


async def test_what_one_environment_finds_is_not_wiped_by_another_that_finds_nothing(desk: Desk) -> None:
    """Symptom: an error only in development was shown and at once gone; an editor replaces the whole list."""
    development = desk.project("development", FILE)
    desk.project("production", FILE, OTHER)
    development.wrong[FILE] = "no such volume"
    await desk.opened()
    assert desk.lists()[-1] == ["no such volume (in development)"]
    desk.client.sent.clear()
    await desk.saved(FILE)
    assert desk.lists() == []  # what is shown is right
    development.wrong.clear()
    await desk.saved(FILE)
    assert desk.lists() == [[]]


async def test_a_list_waits_for_every_project_that_is_being_checked(desk: Desk) -> None:
    """Else a problem of two environments that has moved stands in it twice, or goes and comes back."""
    first, second = desk.project("development", FILE), desk.project("production", FILE)
    first.wrong[FILE] = second.wrong[FILE] = "before"
    await desk.opened()
    desk.client.sent.clear()
    first.wrong[FILE] = second.wrong[FILE] = "after"
    second.may_answer.clear()
    await desk.saved(FILE)
    assert desk.lists() == []
    second.may_answer.set()
    await desk.settle()
    assert desk.lists() == [["after"]]


async def test_nothing_is_wrong_in_a_project_that_is_gone(desk: Desk) -> None:
    """Symptom: what was wrong with a deleted environment stood there until the editor was started anew."""
    desk.project("development", FILE)
    production = desk.project("production", OTHER, FILE)
    production.wrong = {OTHER: "unknown key", FILE: "too big"}
    await desk.opened()
    assert desk.lists(OTHER) == [["unknown key"]]
    production.is_there = False
    await desk.saved(Path("/w/something/else"))
    assert desk.lists(OTHER)[-1] == []
    assert desk.lists()[-1] == []


async def test_an_answer_about_a_project_that_went_meanwhile_is_not_shown(desk: Desk) -> None:
    """It was deleted while it was checked for the first time."""
    project = desk.project("development", FILE)
    project.wrong[FILE] = "no"
    project.may_answer.clear()
    await desk.opened()
    project.is_there = False
    project.may_answer.set()
    await desk.settle()
    assert desk.lists() == []


async def test_a_file_that_could_not_be_read_is_checked_when_it_changes(desk: Desk) -> None:
    """No project names it among what it has read, only among what is wrong."""
    project = desk.project("development", FILE)
    project.wrong[OTHER] = "is not UTF-8"
    await desk.opened()
    project.wrong.clear()
    await desk.saved(OTHER)
    assert desk.lists(OTHER) == [["is not UTF-8"], []]


async def test_a_file_stands_alone_only_as_long_as_no_environment_reads_it(desk: Desk) -> None:
    """And again when none does any more, although nobody has touched it."""
    alone = desk.project("alone", FILE, environment="")
    alone.wrong[FILE] = "has no image"
    await desk.opened()
    assert desk.lists() == [["has no image"]]
    alone.is_there = False
    including = desk.project("development", OTHER, FILE)
    await desk.saved(OTHER)
    assert desk.lists()[-1] == []
    including.files, alone.is_there = (OTHER,), True
    await desk.saved(OTHER)
    assert desk.lists()[-1] == ["has no image"]
