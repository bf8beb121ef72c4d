"""The project's own cases: small compose projects, by topic, each about one rule.

A file of `cases/` is a topic. It maps what a case shows to the project: a text alone is its `compose.yaml`; a
mapping has files by their path, and may have `arguments` (of docker compose, beside `config`) and
`environment`. What is right is not written down: docker compose says it.
"""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

CASES: Final = Path(__file__).with_name("cases")


@dataclass(frozen=True, slots=True)
class Case:
    """One compose project."""

    id: str
    files: Mapping[str, str]
    arguments: tuple[str, ...]
    environment: Mapping[str, str]

    def write(self, folder: Path) -> None:
        """Write its files into a folder."""
        for name, text in self.files.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")


def all_cases() -> Iterator[Case]:
    """Every case of every topic."""
    for topic in sorted(CASES.glob("*.yaml")):
        for title, written in yaml.safe_load(topic.read_text(encoding="utf-8")).items():
            yield _case(f"{topic.stem}: {title}", written)


def _case(identity: str, written: str | dict[str, Any]) -> Case:
    parts: dict[str, Any] = {"compose.yaml": written} if isinstance(written, str) else dict(written)
    arguments: str = parts.pop("arguments", "-p p")
    environment: dict[str, str] = parts.pop("environment", {})
    return Case(identity, parts, tuple(shlex.split(arguments)), environment)
