"""The options that stand before every verb, as docker compose has them."""

import logging
import os
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from containers.environment_manager import Selection

STANDARD_INPUT = "<stdin>"
"""How the file that `-f -` reads is called in messages."""


class Progress(StrEnum):
    """How progress is shown."""

    AUTO = "auto"
    TTY = "tty"
    PLAIN = "plain"
    QUIET = "quiet"


class Ansi(StrEnum):
    """When colours and cursor movements are used."""

    AUTO = "auto"
    NEVER = "never"
    ALWAYS = "always"


class LogLevel(StrEnum):
    """From what weight on what happens inside is written to standard error."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"

    @property
    def number(self) -> int:
        """As Python's `logging` counts it."""
        return logging.getLevelNamesMapping()[self.value.upper()]


@dataclass(slots=True)
class Globals:
    """What was given before the verb."""

    files: tuple[Path, ...] = ()
    project_name: str | None = None
    profiles: tuple[str, ...] = ()
    env_files: tuple[Path, ...] = ()
    project_directory: Path | None = None
    environment: str | None = None
    """None takes what was chosen for the folder."""
    progress: Progress = Progress.AUTO
    ansi: Ansi = Ansi.AUTO
    engine_url: str | None = None
    environ: dict[str, str] = field(default_factory=lambda: dict(os.environ))

    def selection(self) -> Selection:
        """What the managers take."""
        folder = Path.cwd()
        return Selection(
            folder=folder,
            files=tuple(folder / (STANDARD_INPUT if str(f) == "-" else f) for f in self.files),
            project_directory=folder / self.project_directory if self.project_directory else None,
            project_name=self.project_name,
            profiles=self.profiles,
            env_files=tuple(folder / f for f in self.env_files),
        )

    @property
    def arguments(self) -> tuple[str, ...]:
        """The options that choose the same stack on the same engine again."""
        pairs: list[tuple[str, object]] = [
            *(("--file", file) for file in self.files),
            ("--project-name", self.project_name),
            *(("--profile", profile) for profile in self.profiles),
            *(("--env-file", file) for file in self.env_files),
            ("--project-directory", self.project_directory),
            ("--env", self.environment),
            ("--engine", self.engine_url),
        ]
        return tuple(word for name, value in pairs if value is not None for word in (name, str(value)))
