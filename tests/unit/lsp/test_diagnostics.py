"""What several environments say of one file, in the one list that an editor has for it."""

from lsprotocol import types

from containers.lsp.features.diagnostics import united


def problem(message: str, line: int = 0) -> types.Diagnostic:
    """A problem at the beginning of a line."""
    at = types.Position(line, 0)
    return types.Diagnostic(types.Range(at, at), message, severity=types.DiagnosticSeverity.Error)


def messages(*said: tuple[str, list[types.Diagnostic]]) -> list[str]:
    """What a reader sees."""
    return [each.message for each in united(said)]


def test_what_all_environments_say_is_there_once_and_as_they_say_it() -> None:
    """They share most of their files."""
    assert messages(("development", [problem("no")]), ("production", [problem("no")])) == ["no"]


def test_what_only_some_environments_say_names_them_before_the_hint() -> None:
    """Nobody finds out otherwise why a file that works in one is wrong in the other."""
    said = [problem("no\ndo this")]
    assert messages(("a", said), ("b", []), ("c", said)) == ["no (in a, c)\ndo this"]


def test_a_file_of_one_environment_alone_names_none() -> None:
    """There is nothing to tell apart; nor where a file is no environment's."""
    assert messages(("development", [problem("no")])) == ["no"]
    assert messages(("", [problem("no")])) == ["no"]
    assert messages(("", [problem("no")]), ("development", [])) == ["no"]


def test_the_list_is_in_the_order_of_the_file_whoever_answered_first() -> None:
    """The same things said are the same list, and are not sent again."""
    first, second = problem("a", 1), problem("b", 7)
    assert united([("x", [second]), ("y", [first])]) == united([("y", [first]), ("x", [second])])
    assert messages(("x", [second, first])) == ["a", "b"]
