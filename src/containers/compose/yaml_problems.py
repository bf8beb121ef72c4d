"""What is wrong with text that is not YAML, in words that say what to do about it."""

from typing import NamedTuple

import yaml

from containers.compose.nodes import Span


class YamlProblem(NamedTuple):
    """One syntax error."""

    message: str
    span: Span
    hint: str | None


_ADVICE = (
    (
        "found character that cannot start any token",
        "indent with spaces; YAML forbids tabs and a leading @ or `",
    ),
    ("found a tab character", "indent with spaces; YAML forbids tabs"),
    ("mapping values are not allowed", "check the indentation, and put text that contains `: ` in quotes"),
    (
        "did not find expected key",
        "check the indentation of this line and the one above, and unclosed quotes",
    ),
    ("did not find expected '-' indicator", "every item of a list begins with `- ` in the same column"),
    ("could not find expected ':'", "a key needs a colon and a space after it"),
    ("found unexpected end of stream", "close the quote, bracket or brace that is still open"),
    ("did not find expected ',' or ']'", "close the list with `]`"),
    ("did not find expected ',' or '}'", "close the mapping with `}`"),
    ("found unknown escape character", "use single quotes, or write the backslash twice"),
    ("block sequence entries are not allowed", "begin the list on the line below its key"),
    ("control characters are not allowed", "remove the invisible character"),
    ("found undefined tag handle", "quote text that begins with `!`"),
)


def describe(error: yaml.YAMLError, text: str) -> YamlProblem:
    """Say where and what a parser error is."""
    problem = str(getattr(error, "problem", None) or getattr(error, "reason", None) or "it does not parse")
    context = getattr(error, "context", None)
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        position = getattr(error, "position", 0)
        before = text[: position if isinstance(position, int) else 0]
        line, column = before.count("\n"), len(before) - before.rfind("\n") - 1
    else:
        line, column = mark.line, mark.column
    hint = next((advice for part, advice in _ADVICE if part in problem), None)
    if _starts_with_tab(text, line):
        hint = "indent with spaces; YAML forbids tabs"
    message = f"this is not valid YAML: {problem}" + (f" ({context})" if context else "")
    return YamlProblem(message, (line, column, line, column + 1), hint)


def _starts_with_tab(text: str, line: int) -> bool:
    lines = text.split("\n")
    return line < len(lines) and "\t" in lines[line][: len(lines[line]) - len(lines[line].lstrip())]
