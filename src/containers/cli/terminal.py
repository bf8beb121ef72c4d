"""Where text goes: results to standard output, everything said about them to standard error."""

import asyncio
import json
import logging
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from containers.cli.globals import Ansi, Globals, Progress
from containers.cli.writing import Writer

if TYPE_CHECKING:
    from rich.console import Console

FLUSH_S = 1.0
"""For what waits to be written at the end: a reader that has stalled must not keep the process."""

_UNBROKEN_COLUMNS = 2000
"""Where no terminal reads: what a program searches or stores is neither wrapped nor cut short."""


class Terminal:
    """Both streams, as `--ansi` and `--progress` ask; rich is loaded when something is drawn."""

    def __init__(self, chosen: Globals) -> None:
        self._chosen = chosen
        self._notes: Writer | None = None
        """Who writes notes in the background."""

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
        if self._notes is not None:
            self._notes.offer(text)
            return
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()

    @asynccontextmanager
    async def in_background(self, log_level: int = logging.WARNING) -> AsyncIterator[Writer]:
        """For what must go on whether or not somebody reads: notes, and what is logged, wait for nobody.

        Args:
            log_level: from which on, as `logging` counts it.

        Yields who writes the result. At the end all is written that somebody reads within a second.
        """
        out, notes = Writer.to(sys.stdout), Writer.to(sys.stderr)
        logged = _Logged(notes, log_level)
        self._notes = notes
        root = logging.getLogger()
        before = root.level
        root.addHandler(logged)
        root.setLevel(log_level)
        try:
            yield out
        finally:
            root.removeHandler(logged)
            root.setLevel(before)
            with suppress(TimeoutError):
                async with asyncio.timeout(FLUSH_S):
                    await notes.flushed()
                    self._notes = None  # else nobody reads: who wrote another note would be stuck as well
                    await out.flushed()
            notes.close()
            out.close()

    def _console(self, *, stderr: bool) -> "Console":
        from rich.console import Console  # noqa: PLC0415  (start-up time)

        force = {Ansi.AUTO: None, Ansi.ALWAYS: True, Ansi.NEVER: False}[self._chosen.ansi]
        no_color = True if self._chosen.ansi is Ansi.NEVER else None
        is_read_by_person = (sys.stderr if stderr else sys.stdout).isatty() or "COLUMNS" in os.environ
        width = None if is_read_by_person else _UNBROKEN_COLUMNS
        return Console(stderr=stderr, force_terminal=force, no_color=no_color, highlight=False, width=width)


class _Logged(logging.Handler):
    """What is logged; Python writes warnings to standard error itself where nobody else does."""

    def __init__(self, notes: Writer, level: int) -> None:
        super().__init__(level)
        self._writer = notes
        if level < logging.WARNING:
            self.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
        self.addFilter(
            lambda record: record.levelno >= logging.WARNING or record.name.startswith("containers.")
        )

    @override
    def emit(self, record: logging.LogRecord) -> None:
        self._writer.offer(self.format(record))
