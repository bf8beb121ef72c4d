"""Secrets and configs as files that containers mount."""

import stat
from pathlib import Path

import pytest

from containers.adapters.secret_files import SecretFiles
from containers.compose.rendering_resources import Material
from containers.model.errors import ErrorCode, TranslationError

TOKEN = Material("secrets", "token", "environment", "TOKEN", 0o400)


def place(folder: Path, value: str) -> Path:
    """Where the token is when the variable has this value."""
    return Path(SecretFiles(folder, {"TOKEN": value}).place("demo", [TOKEN])[TOKEN])


def test_a_variables_value_is_in_a_file_of_its_mode(tmp_path: Path) -> None:
    """Only its owner can get to it, whatever the mode: every folder above is private."""
    folder = tmp_path / "secrets"
    path = place(folder, "s3cret")
    assert path.read_text() == "s3cret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o400
    above = path
    while above != folder:
        above = above.parent
        assert stat.S_IMODE(above.stat().st_mode) == 0o700
    assert "s3cret" not in str(path)


def test_the_same_value_stays_where_it_is(tmp_path: Path) -> None:
    """A container made earlier mounts that path."""
    assert place(tmp_path, "a") == place(tmp_path, "a")


def test_a_new_value_leaves_the_old_one_in_place(tmp_path: Path) -> None:
    """A container that is rolled back to starts with its own value; going back finds it again."""
    first, second = place(tmp_path, "a"), place(tmp_path, "b")
    assert first != second
    assert first.read_text() == "a"
    assert place(tmp_path, "a") == first


def test_old_values_do_not_pile_up(tmp_path: Path) -> None:
    """The last five remain."""
    places = [place(tmp_path, str(number)) for number in range(8)]
    assert [path.exists() for path in places] == [False] * 3 + [True] * 5
    assert place(tmp_path, "new").name == "9"


def test_content_and_files_need_no_variable(tmp_path: Path) -> None:
    """A file stays where it is, content is written."""
    source = tmp_path / "cert.pem"
    source.touch()
    cert = Material("secrets", "cert", "file", str(source), 0o444)
    page = Material("configs", "page", "content", "héllo", 0o444)
    places = SecretFiles(tmp_path / "state", {}).place("demo", [cert, page])
    assert places[cert] == str(source)
    assert Path(places[page]).read_text(encoding="utf-8") == "héllo"


@pytest.mark.parametrize(
    ("material", "message"),
    [
        (TOKEN, "secret token: the variable TOKEN is not set"),
        (Material("configs", "c", "file", "/no/such", 0o444), "config c: there is no file /no/such"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, material: Material, message: str) -> None:
    """By key and source, never by value."""
    with pytest.raises(TranslationError, match=message) as caught:
        SecretFiles(tmp_path, {}).place("demo", [material])
    assert caught.value.code is ErrorCode.SECRET_MISSING
