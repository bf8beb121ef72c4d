"""Placeholders: what another program carries and does not read."""

from hypothesis import given
from hypothesis import strategies as st

from containers.compose.hiding import Hidden, unescaped, without_folder


@given(st.lists(st.text()))
def test_lists_come_back_as_they_were(values: list[str]) -> None:
    """Whatever is in them, placeholders of others included, with `$$` for each `$` on the way in."""
    hidden = Hidden()
    hidden.hide("another")
    placeholder = hidden.hide_list(value.replace("$", "$$") for value in values)
    assert hidden.reveal_list(["before", f"name={placeholder}", "after"]) == ("before", *values, "after")


@given(st.text())
def test_values_come_back_inside_of_other_text(value: str) -> None:
    """A value that looks like a placeholder is not looked at again."""
    hidden = Hidden()
    first = hidden.hide("@podkeeper-1@")
    second = hidden.hide(value)
    assert hidden.reveal(f"{first}:{second}:ro") == f"@podkeeper-1@:{value}:ro"


def test_a_placeholder_has_nothing_of_its_value() -> None:
    """Nor a character that compose files, mounts or shells give a meaning to."""
    hidden = Hidden()
    placeholders = hidden.hide("s3cret") + hidden.hide_list(["s3cret"])
    assert "s3cret" not in placeholders
    assert not set(placeholders) & set(":,=$~ /")


def test_the_folder_a_program_ran_in_is_forgotten() -> None:
    """Relative placeholders become absolute there; what else is in that folder stays."""
    hidden = Hidden()
    path = hidden.hide_path("/data")
    absolute = f"/run/private/{path.removeprefix('./')}:/x:ro"
    assert without_folder([absolute, "/run/private/other"], "/run/private") == (
        "@podkeeper-0@:/x:ro",
        "/run/private/other",
    )


def test_canonical_dollars_are_single_again() -> None:
    """The document doubles every one."""
    assert unescaped("$${HOME} and $$$$") == "${HOME} and $$"
