"""What is open in an editor comes before the disk."""

from pathlib import Path

import pytest

from containers.adapters.local_files import LocalFiles


def test_the_disk_speaks_when_nothing_is_open(tmp_path: Path) -> None:
    """A byte-order mark is left out, line ends stay."""
    path = tmp_path / "compose.yaml"
    path.write_bytes(b"\xef\xbb\xbfname: a\r\n")
    assert LocalFiles().read_text(path) == "name: a\r\n"


def test_an_open_document_hides_the_file_until_it_is_closed(tmp_path: Path) -> None:
    """However its path is written; closing twice is no error."""
    path = tmp_path / "compose.yaml"
    path.write_text("old")
    files = LocalFiles()
    files.open_document(tmp_path / "sub" / ".." / "compose.yaml", "new")
    assert files.read_text(path) == "new"
    files.open_document(path, "newer")
    assert files.read_text(path) == "newer"
    files.close_document(path)
    files.close_document(path)
    assert files.read_text(path) == "old"


def test_a_document_that_is_not_saved_is_a_file(tmp_path: Path) -> None:
    """It is found where it will be."""
    files = LocalFiles()
    path = tmp_path / "compose.yaml"
    assert not files.is_file(path)
    files.open_document(path, "name: a")
    (tmp_path / "b").mkdir()
    assert files.is_file(path)
    assert files.list_dir(tmp_path) == ("b", "compose.yaml")
    assert files.list_dir(tmp_path / "b") == ()


def test_folders_are_folders(tmp_path: Path) -> None:
    """One that is missing has nothing in it, and so has a file."""
    path = tmp_path / "file"
    path.touch()
    files = LocalFiles()
    assert files.is_dir(tmp_path)
    assert not files.is_dir(path)
    assert not files.is_file(tmp_path)
    assert files.list_dir(tmp_path / "missing") == ()
    assert files.list_dir(path) == ()


def test_each_obstacle_has_its_error(tmp_path: Path) -> None:
    """Those that the port promises."""
    files = LocalFiles()
    (tmp_path / "latin").write_bytes(b"\xe9")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(FileNotFoundError):
        files.read_text(tmp_path / "missing")
    with pytest.raises(IsADirectoryError):
        files.read_text(tmp_path)
    with pytest.raises(UnicodeDecodeError):
        files.read_text(tmp_path / "latin")
    with pytest.raises(OSError, match=r"loop|symbolic"):
        files.read_text(tmp_path / "loop")
