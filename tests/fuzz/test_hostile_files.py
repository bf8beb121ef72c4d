"""Files on a real disk that are hostile by what they are: pipes, devices, loops, endless ones.

None of these may hang or fill the memory; each is refused where it is named.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from containers.adapters.local_files import LocalFiles
from containers.compose.loading import LoadRequest, LoadResult, load_project
from containers.model.diagnostics import Diagnostic, Severity
from containers.model.errors import ErrorCode
from containers.ports.files import TEXT_LIMIT_BYTES

SERVICE = "services: {a: {image: x}}\n"
ZERO = Path("/dev/zero")


def load(folder: Path) -> LoadResult:
    """Load a folder as the server does."""
    return load_project(LoadRequest(working_dir=folder, project_name="p"), LocalFiles())


def errors(folder: Path) -> list[Diagnostic]:
    """What is wrong with it."""
    return [d for d in load(folder).diagnostics if d.severity is Severity.ERROR]


def sparse(path: Path) -> None:
    """A file of four gigabytes that takes no room."""
    with path.open("wb") as file:
        file.truncate(4 << 30)


HOSTILE: dict[str, tuple[Callable[[Path], object], ErrorCode, str]] = {
    "folder": (Path.mkdir, ErrorCode.FILE_UNREADABLE, "is a folder"),
    "pipe": (os.mkfifo, ErrorCode.FILE_UNREADABLE, "no regular file"),
    "device": (lambda path: path.symlink_to(ZERO), ErrorCode.FILE_UNREADABLE, "no regular file"),
    "loop": (lambda path: path.symlink_to(path), ErrorCode.FILE_UNREADABLE, "symbolic links"),
    "endless": (sparse, ErrorCode.TOO_COMPLEX, "larger than 1 MiB"),
    "dangling": (lambda path: path.symlink_to("nowhere"), ErrorCode.FILE_NOT_FOUND, "does not exist"),
    "latin": (lambda path: path.write_bytes(b"a: \xe9\n"), ErrorCode.FILE_UNREADABLE, "not UTF-8"),
    "utf-16": (lambda path: path.write_text(SERVICE, "utf-16"), ErrorCode.FILE_UNREADABLE, "not UTF-8"),
}
each_hostile = pytest.mark.parametrize(("make", "code", "words"), HOSTILE.values(), ids=HOSTILE.keys())


@each_hostile
@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("services:\n  a: {image: x, env_file: bad}\n", "2:27"),
        ("services:\n  a: {image: x, label_file: bad}\n", "2:29"),
        ("services:\n  a: {extends: {service: a, file: bad}}\n", "2:26"),
        ("include:\n  - bad\n" + SERVICE, "2:5"),
        ("include:\n  - {path: good.yaml, env_file: bad}\n" + SERVICE, "2:5"),
    ],
    ids=["env_file", "label_file", "extends", "include", "include-env_file"],
)
def test_a_hostile_file_is_refused_where_it_is_named(
    tmp_path: Path, text: str, place: str, make: Callable[[Path], object], code: ErrorCode, words: str
) -> None:
    """Whichever key names it."""
    (tmp_path / "compose.yaml").write_text(text)
    (tmp_path / "good.yaml").write_text(SERVICE)
    make(tmp_path / "bad")
    error = errors(tmp_path)[0]
    assert error.code is code
    assert words in error.message
    assert str(error.location) == f"{tmp_path}/compose.yaml:{place}"


@each_hostile
def test_a_hostile_compose_file_is_refused(
    tmp_path: Path, make: Callable[[Path], object], code: ErrorCode, words: str
) -> None:
    """It is found by its name like any other."""
    make(tmp_path / "compose.yaml")
    (error,) = errors(tmp_path)
    assert error.code is code
    assert words in error.message


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to(ZERO)])
def test_a_dotenv_that_is_no_file_is_not_read(tmp_path: Path, make: Callable[[Path], object]) -> None:
    """Nobody has named it, and docker compose passes it by as well."""
    (tmp_path / "compose.yaml").write_text(SERVICE)
    make(tmp_path / ".env")
    assert load(tmp_path).project is not None


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to(ZERO), sparse])
def test_an_env_file_of_the_project_that_is_no_file_is_refused(
    tmp_path: Path, make: Callable[[Path], object]
) -> None:
    """Somebody has asked for it."""
    (tmp_path / "compose.yaml").write_text(SERVICE)
    make(tmp_path / "named.env")
    request = LoadRequest(working_dir=tmp_path, project_name="p", env_files=(Path("named.env"),))
    result = load_project(request, LocalFiles())
    assert result.project is None
    assert result.diagnostics[0].code in {ErrorCode.FILE_UNREADABLE, ErrorCode.TOO_COMPLEX}
    assert result.diagnostics[0].location is not None


def test_includes_through_a_loop_of_folders_end(tmp_path: Path) -> None:
    """Each has a path of its own, though it is always the same file."""
    (tmp_path / "again").symlink_to(".")
    (tmp_path / "compose.yaml").write_text(f"include: [again/compose.yaml]\n{SERVICE}")
    codes = {error.code for error in errors(tmp_path)}
    assert codes <= {ErrorCode.TOO_COMPLEX, ErrorCode.FILE_UNREADABLE, ErrorCode.DEPENDENCY_CYCLE}
    assert codes


@pytest.mark.parametrize("name", ["a" * 300, "a/" * 3000, "a\\0b"])
@pytest.mark.parametrize("key", ["env_file", "label_file"])
def test_names_that_no_file_can_have_are_refused(tmp_path: Path, key: str, name: str) -> None:
    """Too long for the file system, or with a NUL in them."""
    (tmp_path / "compose.yaml").write_text(f'services: {{a: {{image: x, {key}: "{name}"}}}}')
    (error,) = errors(tmp_path)
    assert error.code in {ErrorCode.FILE_UNREADABLE, ErrorCode.FILE_NOT_FOUND}
    assert error.location is not None


def test_a_folder_that_may_not_be_read_has_no_compose_file(tmp_path: Path) -> None:
    """Looking for one goes on above it, and ends with an error."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o000)
    assert errors(closed)


def test_a_file_of_the_largest_size_is_read(tmp_path: Path) -> None:
    """The limit is the first size that is refused."""
    text = SERVICE + "# " + "x" * (TEXT_LIMIT_BYTES - len(SERVICE) - 2)
    (tmp_path / "compose.yaml").write_text(text)
    assert load(tmp_path).project is not None
    (tmp_path / "compose.yaml").write_text(text + "x")
    (error,) = errors(tmp_path)
    assert error.code is ErrorCode.TOO_COMPLEX
