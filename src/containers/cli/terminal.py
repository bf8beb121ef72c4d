"""Where text goes: results to standard output, everything said about them to standard error."""

import json
import sys
from functools import cached_property
from typing import TYPE_CHECKING, Any

from containers.cli.globals import Ansi, Globals, Progress

if TYPE_CHECKING:
    from rich.console import Console


class Terminal:
    """Both streams, as `--ansi` and `--progress` ask; rich is loaded when something is drawn."""

    def __init__(self, chosen: Globals) -> None:
        self._chosen = chosen

    @cached_property
    def out(self) -> "Console":
        """Standard output."""
        return self._console(stderr=False)

    @cached_property
    def err(self) -> "Console":
        """Standard error."""
        return self._console(stderr=True)

    @property
    def is_live(self) -> bool:
        """Whether progress is drawn in place, rather than line by line."""
        if self._chosen.progress is Progress.AUTO:
            return sys.stderr.isatty() and self._chosen.ansi is not Ansi.NEVER
        return self._chosen.progress is Progress.TTY

    @property
    def is_quiet(self) -> bool:
        """Whether progress is not shown at all."""
        return self._chosen.progress is Progress.QUIET

    def json(self, data: Any) -> None:
        """Print data for programs."""
        sys.stdout.write(json.dumps(data, indent=2, default=str) + "\n")

    def line(self, text: str) -> None:
        """Print a line as it is."""
        sys.stdout.write(text if text.endswith("\n") else f"{text}\n")
        sys.stdout.flush()

    def note(self, text: str) -> None:
        """Say something beside the result."""
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()

    def _console(self, *, stderr: bool) -> "Console":
        from rich.console import Console  # noqa: PLC0415  (start-up time)

        force = {Ansi.AUTO: None, Ansi.ALWAYS: True, Ansi.NEVER: False}[self._chosen.ansi]
        no_color = True if self._chosen.ansi is Ansi.NEVER else None
        return Console(stderr=stderr, force_terminal=force, no_color=no_color, highlight=False)
