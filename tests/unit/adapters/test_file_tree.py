"""Looking at files and packing them, whatever stands in the way."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from containers.adapters.file_tree import LocalFileTree
from containers.model.errors import ErrorCode
from containers.model.files import FileCopy


def test_what_lies_beyond_a_loop_of_links_is_refused_and_not_raised(tmp_path: Path) -> None:
    """A path's own `resolve` raises a `RuntimeError` there, and nothing else was copied either."""
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    (tmp_path / "well").write_text("x")
    copies = [
        FileCopy(source=tmp_path / name, base=tmp_path, kind="file", target=f"/app/{name}")
        for name in ("a/x", "well")
    ]
    packed = LocalFileTree().pack(copies)
    assert packed.count == 1
    assert [error.code for error in packed.refused] == [ErrorCode.PATH_ESCAPES]


def test_what_may_not_be_looked_at_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It lies in a folder that may not be searched; its neighbours are seen."""
    closed, file = tmp_path / "private", tmp_path / "a"
    file.write_text("x")
    ask = os.stat

    def refuse(path: Any, *args: Any, **options: Any) -> os.stat_result:
        if closed in Path(path).parents:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return ask(path, *args, **options)

    monkeypatch.setattr(os, "stat", refuse)
    found = LocalFileTree().look((closed / "sub" / "key", file))
    assert found[closed / "sub" / "key"] is None
    assert found[file] is not None
