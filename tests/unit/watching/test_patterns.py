"""Patterns as Docker reads them."""

import pytest

from containers.watching.patterns import PatternError, Patterns, ignore_lines


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("node_modules", "node_modules/a/b.js", True),
        ("node_modules/", "node_modules/a.js", True),
        ("/node_modules", "node_modules", True),
        ("node_modules", "src/node_modules/a.js", False),
        ("**/node_modules", "src/node_modules/a.js", True),
        ("**/node_modules", "node_modules/a.js", True),
        ("*.log", "a.log", True),
        ("*.log", "deep/a.log", False),
        ("**/*.log", "deep/er/a.log", True),
        ("**/*.log", "a.log", True),
        ("src/**", "src/a/b", True),
        ("src/**/b", "src/b", True),
        ("a?c", "abc", True),
        ("a?c", "a/c", False),
        ("a[b-d]c", "acc", True),
        ("a[!b-d]c", "acc", False),
        (r"a\*c", "a*c", True),
        (r"a\*c", "abc", False),
        ("a.c", "abc", False),
        ("./src/../lib", "lib/x", True),
        (".", "anything", False),
        ("*", "a/b", True),
    ],
)
def test_a_pattern_matches_as_it_does_in_a_dockerignore(pattern: str, path: str, matches: bool) -> None:  # noqa: FBT001
    """One without a slash is about the top folder only, unlike in a gitignore."""
    assert Patterns([pattern]).match(path) is matches


def test_the_last_pattern_that_matches_decides() -> None:
    """An exception takes back, a later pattern takes again."""
    patterns = Patterns(["docs", "!docs/keep.md", "docs/keep.md.bak"])
    assert [patterns.match(p) for p in ("docs/a", "docs/keep.md", "docs/keep.md.bak")] == [True, False, True]


def test_comments_and_empty_lines_are_no_patterns() -> None:
    """In an ignore file."""
    assert ignore_lines("\ufeff# a\n\n  b \n!c\n") == ("b", "!c")


def test_what_is_no_pattern_is_said() -> None:
    """Rather than matching anything."""
    with pytest.raises(PatternError, match=r"\[b-a\]"):
        Patterns(["[b-a]"])
