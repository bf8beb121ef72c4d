"""Revisions on the disk: whole or not at all, checked when they are read, and the last good one kept."""

import os
import stat
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from containers.adapters.revision_files import RevisionFiles
from containers.model.base import ImageId, ProjectName, ServiceName, TransactionId
from containers.model.errors import ErrorCode, StateError
from containers.model.revision import Revision, RevisionInfo

DEMO = ProjectName("demo")
STORE = "/var/lib/containers"


def revision(number: int, *, good: bool = True, document: Mapping[str, Any] | None = None) -> Revision:
    """A revision of a small project."""
    return Revision(
        info=RevisionInfo(
            project=DEMO,
            store=STORE,
            number=number,
            transaction=TransactionId(f"01T{number}"),
            created_at=datetime(2026, 1, 1, tzinfo=UTC),
            environment="development",
            verb="up",
            good=good,
            working_dir=Path("/srv/demo"),
            files=(Path("/srv/demo/compose.yaml"),),
            services={ServiceName("web"): "f" * 64},
            images={"busybox": ImageId("0" * 64)},
            fingerprint=f"{number}",
        ),
        document=document or {"name": "demo", "services": {"web": {"image": "busybox"}}},
    )


async def applied(files: RevisionFiles, *revisions: Revision) -> None:
    """Stage and keep each."""
    for each in revisions:
        await files.stage(each)
        await files.keep(DEMO, STORE, each.info.number)


def place(tmp_path: Path, name: str) -> Path:
    """Where a revision is, or what is staged."""
    (folder,) = (tmp_path / "revisions").iterdir()
    return folder / name


async def test_what_is_staged_does_not_count_until_it_is_kept(tmp_path: Path) -> None:
    """Then it is read as it was written."""
    files = RevisionFiles(tmp_path)
    assert await files.next_number(DEMO, STORE) == 1
    odd = {"name": "demo", "services": {"é": {"labels": {"a": "\ud800 \x00 😀"}}}}
    await files.stage(revision(1, document=odd))
    assert await files.latest(DEMO, STORE) is None
    await files.keep(DEMO, STORE, 1)
    assert await files.read(DEMO, STORE, 1) == revision(1, document=odd)
    assert await files.latest(DEMO, STORE) == revision(1).info
    assert await files.next_number(DEMO, STORE) == 2


async def test_keeping_twice_is_keeping_once(tmp_path: Path) -> None:
    """The process that kept it may have been killed before it could say so."""
    files = RevisionFiles(tmp_path)
    await applied(files, revision(1))
    await files.keep(DEMO, STORE, 1)
    assert [info.number for info in await files.known(DEMO, STORE)] == [1]


async def test_what_was_staged_before_gives_way_and_can_be_dropped(tmp_path: Path) -> None:
    """Whoever staged it is gone."""
    files = RevisionFiles(tmp_path)
    await files.stage(revision(1, document={"name": "demo", "services": {"gone": {}}}))
    await files.stage(revision(1))
    await files.keep(DEMO, STORE, 1)
    assert (await files.read(DEMO, STORE, 1)).document == revision(1).document
    await files.stage(revision(2))
    await files.drop_staged(DEMO, STORE)
    await files.keep(DEMO, STORE, 2)
    assert [info.number for info in await files.known(DEMO, STORE)] == [1]
    await files.drop_staged(ProjectName("never"), STORE)


async def test_only_the_owner_can_open_them(tmp_path: Path) -> None:
    """They say what runs and where."""
    files = RevisionFiles(tmp_path)
    await applied(files, revision(1))
    for path in (place(tmp_path, "1"), *place(tmp_path, "1").iterdir()):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


async def test_engines_and_projects_have_their_own(tmp_path: Path) -> None:
    """Whatever characters a name is made of."""
    files = RevisionFiles(tmp_path)
    await applied(files, revision(1))
    assert await files.known(DEMO, "/elsewhere") == ()
    assert await files.known(ProjectName("../demo"), STORE) == ()


@pytest.mark.parametrize("name", ["revision.json", "compose.json", "checksums.json"])
@pytest.mark.parametrize("content", [None, b"", b"{}", b"[]", b"\xff\x00", b"null"])
async def test_one_that_is_not_what_was_written_is_named_and_passed_over(
    tmp_path: Path, name: str, content: bytes | None
) -> None:
    """The one before it counts; reading it says that it is damaged, and never what is in it."""
    files = RevisionFiles(tmp_path)
    await applied(files, revision(1), revision(2))
    if content is None:
        (place(tmp_path, "2") / name).unlink()
    else:
        (place(tmp_path, "2") / name).write_bytes(content)
    with pytest.raises(StateError, match="revision 2 is damaged") as caught:
        await files.read(DEMO, STORE, 2)
    assert caught.value.code is ErrorCode.STATE_DAMAGED
    assert [info.number for info in await files.known(DEMO, STORE)] == [1]
    assert [damage.number for damage in await files.damages(DEMO, STORE)] == [2]
    assert await files.next_number(DEMO, STORE) == 3


async def test_one_that_is_not_there_is_said_to_be_unknown(tmp_path: Path) -> None:
    """With those that are."""
    files = RevisionFiles(tmp_path)
    with pytest.raises(StateError, match="there is no revision 4") as caught:
        await files.read(DEMO, STORE, 4)
    assert "makes the first" in caught.value.remedy
    await applied(files, revision(1), revision(2))
    with pytest.raises(StateError) as caught:
        await files.read(DEMO, STORE, 4)
    assert (caught.value.code, caught.value.remedy) == (
        ErrorCode.REVISION_UNKNOWN,
        "There are 2, 1: see `podkeeper history`.",
    )


async def test_twenty_are_kept_and_the_last_known_good_one(tmp_path: Path) -> None:
    """However long ago it was."""
    files = RevisionFiles(tmp_path)
    await applied(files, revision(1, good=False), revision(2))
    await applied(files, *(revision(number, good=False) for number in range(3, 26)))
    numbers = [info.number for info in await files.known(DEMO, STORE)]
    assert numbers == [*range(25, 5, -1), 2]


async def test_one_that_is_half_forgotten_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process may be killed amid removing it; the next one removes the rest."""
    files = RevisionFiles(tmp_path)
    await applied(files, *(revision(number) for number in range(1, 21)))

    def killed(folder: Path, **_: object) -> None:
        (folder / "checksums.json").unlink(missing_ok=True)

    with monkeypatch.context() as patch:
        patch.setattr("shutil.rmtree", killed)
        await applied(files, revision(21))
    assert await files.damages(DEMO, STORE) == ()
    assert [info.number for info in await files.known(DEMO, STORE)] == list(range(21, 1, -1))
    await applied(files, revision(22))
    assert not [p.name for p in place(tmp_path, "").iterdir() if not p.name.isdecimal()]


async def test_a_state_folder_that_can_not_be_written_is_said_with_a_code(tmp_path: Path) -> None:
    """Something else is in its place."""
    (tmp_path / "revisions").write_text("")
    with pytest.raises(StateError) as caught:
        await RevisionFiles(tmp_path).stage(revision(1))
    assert caught.value.code is ErrorCode.STATE_UNUSABLE
    assert caught.value.remedy


async def test_half_a_staged_revision_never_counts(tmp_path: Path) -> None:
    """A power cut in the middle of staging: what is kept then is seen to be damaged."""
    files = RevisionFiles(tmp_path)
    await applied(files, revision(1))
    await files.stage(revision(2))
    os.truncate(place(tmp_path, "staged") / "compose.json", 3)
    await files.keep(DEMO, STORE, 2)
    latest = await files.latest(DEMO, STORE)
    assert latest is not None
    assert latest.number == 1
