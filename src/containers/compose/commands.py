"""Commands written as one text: which words they are."""

from typing import Final

_SPACES: Final = " \t\r\n"
_ENDS: Final = ";&|<>"
_ESCAPED: Final = {"n": "\n", "t": "\t"}


def split_command(text: str) -> list[str]:
    """The words of a command, as compose reads them: without a shell.

    Quotes hold words together and go away; backquotes and `$(...)` hold them together and stay. What begins
    with `;`, `&`, `|`, `<` or `>` is a matter for a shell, so nothing from there on is taken.

    Raises:
        ValueError: something that was opened is not closed.
    """
    splitter = _Splitter()
    for char in text:
        if not splitter.take(char):
            break
    return splitter.finish()


class _Splitter:
    """Takes a text character by character."""

    def __init__(self) -> None:
        self._words: list[str] = []
        self._word: list[str] = []
        self._begun = False
        self._escaped = False
        self._inside = ""
        """Which of `'`, `"`, the backquote and `(` is open."""

    def take(self, char: str) -> bool:
        """Take one character; false at the end of what is no matter for a shell."""
        if self._escaped:
            self._escaped = False
            self._add(_ESCAPED.get(char, char))
        elif char == "\\" and self._inside != "'":
            self._escaped = True
        elif char in _SPACES:
            if self._inside:
                self._word.append(char)
            else:
                self._end_word()
        elif char in "'\"" and self._inside in {"", char}:
            self._begun = self._begun or bool(self._inside)
            self._inside = "" if self._inside else char
        elif char in "`()":
            self._hold(char)
        elif char in _ENDS and not self._inside:
            if char == ">" and self._word and self._word[0].isdigit():
                self._begun = False  # it is the number of what is redirected
            return False
        else:
            self._add(char)
        return True

    def finish(self) -> list[str]:
        """The words."""
        if self._escaped or self._inside:
            raise ValueError("a quote, a bracket or a backslash is left open")
        self._end_word()
        return self._words

    def _add(self, char: str) -> None:
        self._word.append(char)
        self._begun = True

    def _end_word(self) -> None:
        if self._begun:
            self._words.append("".join(self._word))
        self._word, self._begun = [], False

    def _hold(self, char: str) -> None:
        """A backquote or a bracket: open or close what holds words together, outside of quotes."""
        if char == "`" and self._inside in {"", "`"}:
            self._inside = "" if self._inside else "`"
        elif char == "(" and self._inside in {"", "("}:
            if self._inside or self._word[-1:] != ["$"]:
                raise ValueError("a bracket stands outside of `$(...)`")
            self._inside = "("
        elif char == ")" and self._inside in {"", "("}:
            if not self._inside:
                raise ValueError("a bracket is closed that was not opened")
            self._inside = ""
        self._add(char)
